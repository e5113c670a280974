"""The pictures of a report, each with title, caption and alternative text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from recorders.counts import plural, singular
from recorders.summary.budget import Budget
from recorders.summary.figures import INVENTED, PhaseFigures
from wattui.analysis.rates import Rates
from wattui.analysis.run_fits import Fits
from wattui.clean import name_of
from wattui.report.document import Picture
from wattui.report.draw import style
from wattui.report.draw.budget import draw_budget
from wattui.report.draw.fit import draw_fit
from wattui.report.draw.fit import shown as shown_series
from wattui.report.draw.joules import draw_joules
from wattui.report.draw.latencies import MOST_CURVES, draw_latencies, draw_rates
from wattui.report.draw.traces import draw_traces
from wattui.report.joules import MOST_ROWS, JouleRows
from wattui.report.panels import label_stretches, panels, stretches
from wattui.runs.latencies import Distribution
from wattui.runs.traces import Traces
from wattui.show.budget import part_text, percent_text, title_text
from wattui.show.fit import line_text
from wattui.show.quantities import number, prefix_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = {"manual": "read by hand", "mixed": "of several origins"}


def traces_picture(shown: Traces, phases: Sequence[PhaseFigures]) -> Picture | None:
    """Power over time; None if no power was read."""
    by_hand = [name for name, trace in shown.traces.items() if trace.by_hand]
    found = panels(list(shown.traces), by_hand)
    if not found:
        return None
    svg = drawn(
        lambda width_mm: draw_traces(
            width_mm, shown, found, stretches(phases), label_stretches(phases)
        )
    )
    origins = {word for panel in found for word in panel.origins}
    caption = (
        f"Power over {number(shown.end_s - shown.start_s, 3)} s, shaded by phase. "
        "Curves are means between readings"
    )
    if any(max(trace.count) > 1 for trace in shown.traces.values()):
        caption += "; pale bands span the smallest to the largest reading in each time step"
    caption += ". Where a curve stops, there were no readings."
    if by_hand:
        caption += " Readings by hand are points and are not joined."
    peaks = ", ".join(
        f"{panel.title} up to {number(_highest(shown, panel.curves), 3)} W" for panel in found
    )
    return Picture(
        "power", svg, f"Power over time{suffix(origins)}", caption, f"Power over time: {peaks}."
    )


def joules_picture(found: JouleRows | None, per: str) -> Picture | None:
    """Energy per inference; None if unknown."""
    if found is None:
        return None
    svg = drawn(lambda width_mm: draw_joules(width_mm, found))
    figures = " and ".join(found.figures) if len(found.figures) < 3 else "total, dynamic, marginal"
    energy = f"Energy per {singular(found.of)}"
    caption = f"{energy} ({figures}) of channel {found.what}, by {per}. Whiskers are ±"
    unknown = any(v.plus_minus is None for row in found.rows for v in row.values.values())
    if found.origin == "estimated":
        caption += "; they leave out the error of the model that estimates are made with"
    elif unknown:
        caption += "; where there are none, ± is unknown"
    if found.logarithmic:
        caption += ". The axis is logarithmic, hence points instead of bars"
    instead = "; ".join(
        f"{row.name} "
        + ", ".join(f"{name} {found.words(row, name)} {found.unit}" for name in row.values)
        for row in found.rows[:12]
    )
    title = f"{energy} by {per}{suffix({found.origin})}"
    caption += f".{_in_the_table(found.left_out)}"
    return Picture("joules", svg, title, caption, instead + ".")


def budget_picture(found: Budget) -> Picture:
    """The parts of a ±, of which at least one is known."""
    svg = drawn(lambda width_mm: draw_budget(width_mm, found))
    caption = f"{title_text(found)}, channel {found.channel}. Parts that are added are refreshed "
    caption += "together; their sum and the others join in quadrature. The line is their ±."
    parts = [f"{part_text(part)} {percent_text(part.plus_minus, found)}" for part in found.parts]
    title = f"What the ± is made of{suffix({found.origin})}"
    return Picture("uncertainty", svg, title, caption, "; ".join(parts) + ".")


def fit_picture(found: Fits) -> Picture | None:
    """Lines and residuals; None if there is nothing to fit."""
    if not found.series or not any(each.ordinary or each.relative for each in found.drawn):
        return None
    svg = drawn(lambda width_mm: draw_fit(width_mm, found))
    asked = found.asked
    caption = (
        f"{asked.figure.capitalize()} energy per {singular(asked.per)} of channel {asked.domain} "
        f"against {asked.against}, with least-squares lines (coefficients ± standard error). "
        "Below: the line minus each point, in per cent of the point."
    )
    series = shown_series(found)
    if len(series) < len(found.drawn):
        caption += f" The {len(series)} costliest of {len(found.drawn)} series are drawn."
    if any(fit and len(fit.lines) == 2 for each in series for fit in (each.ordinary,)):
        caption += (
            " Two lines are used where a single line does not fit (AICc lower by more than 10)."
        )
    lines = [
        f"{name_of(each.name)}: {line_text(fit.line, asked)}"
        for each in series
        if (fit := each.ordinary or each.relative)
    ]
    title = f"Energy per {singular(asked.per)} against {asked.against}{suffix({found.origin})}"
    return Picture("fit", svg, title, caption, "; ".join(lines) + ".")


def latency_picture(found: Sequence[Distribution]) -> Picture:
    """Distributions of call times."""
    every, found = len(found), found[:MOST_ROWS]
    svg = drawn(lambda width_mm: draw_latencies(width_mm, found))
    kinds = {each.kind for each in found}
    caption = (
        "Share of calls that took no longer than a given time, with p50, p90 and p99 marked."
        if len(found) <= MOST_CURVES
        else "p50, p90 and p99 of call times."
    )
    if "latency pass" in kinds:
        caption += " Latency pass: single calls, timed one by one after the running phase."
    if "chunk mean" in kinds:
        caption += " Chunk mean: means of many calls, which hide individual slow ones."
    caption += _in_the_table(every - len(found))
    factor, prefix = prefix_for([each.at(99) for each in found])
    instead = "; ".join(
        f"{name_of(each.label) or 'all calls'} p50 {number(each.at(50) / factor)}, "
        f"p90 {number(each.at(90) / factor)}, p99 {number(each.at(99) / factor)} {prefix}s"
        for each in found[:12]
    )
    return Picture("latencies", svg, "Call times", caption, instead + ".")


def rates_picture(found: Sequence[Rates]) -> Picture | None:
    """Inferences per second of each running phase; None if nothing was counted."""
    if not found:
        return None
    every, found = len(found), found[:MOST_ROWS]
    svg = drawn(lambda width_mm: draw_rates(width_mm, found))
    several = any(len(each.per_s) > 1 for each in found)
    what = f"{plural(found[0].per).capitalize()} per second"
    caption = f"{what} of each running phase" + (
        "; the line is their median, printed at the right." if several else "."
    )
    caption += _in_the_table(every - len(found))
    instead = "; ".join(f"{each.name} {number(each.median)}" for each in found[:12])
    return Picture("rates", svg, what, caption, instead + ".", one_column=True)


def _in_the_table(left_out: int) -> str:
    return f" {left_out} more are in the table." if left_out else ""


def drawn(draw: Callable[[float], Figure]) -> Callable[[float], str]:
    """Draws a figure as SVG at a width in mm, in the style of reports."""

    def svg(width_mm: float) -> str:
        with style.styled():
            return style.svg_of(draw(width_mm))

    return svg


def suffix(origins: set[str]) -> str:
    """The part of a title that gives the origin of figures that are not all measured."""
    invented = " and ".join(word for word in INVENTED if word in origins)
    parts = [WORDS[word] for word in WORDS if word in origins]
    if invented:
        among = "partly " if "measured" in origins else ""
        parts.insert(0, f"{among}{invented}, not measured")
    return f" ({'; '.join(parts)})" if parts else ""


def _highest(shown: Traces, curves: Sequence[Any]) -> float:
    return max(max(shown.traces[curve.column].high) for curve in curves)
