"""Fits against several quantities as Rich tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from wattui.analysis.counter_fit import INTERCEPT, SECONDS, CounterFits, CounterRequest
from wattui.analysis.fitting import CounterResult
from wattui.analysis.plane import Coefficient
from wattui.analysis.regression import LEAST_SQUARES
from wattui.clean import one_line
from wattui.show.fit import (
    MOST_POINTS,
    TIME,
    WORST_POINTS,
    add,
    figure_name,
    mean_error,
    new_table,
    percent,
    scale,
)
from wattui.show.quantities import counted, minus, number, with_uncertainty


def counter_parts(result: CounterResult, published: dict[str, Any]) -> Iterator[Table | Text]:
    """Coefficients, errors beside those from MACs, remarks, and residuals."""
    asked, found = result.asked, result.found
    runs = len({point.run for point in result.points})
    where = "" if asked.figure == "seconds" else f"{asked.domain}, "
    form = ", through the origin" if asked.through_origin else ""
    yield Text.assemble(
        (f"{figure_name(asked.as_line)} against {', '.join(asked.against)}{form}", "bold"),
        f"  {where}{result.origin}; {counted(len(result.points), 'point')} of "
        f"{counted(runs, 'run')}",
    )
    if asked.figure == "seconds":
        yield Text(TIME, "dim")
    if found.fits:
        yield _coefficients(asked, found)
        yield _errors(result)
        if any(fit.left_out_network for fit in found.fits.values()):
            errors = "; ".join(
                f"{row['mean_pct']:.2f} ± {row['sd_pct']} % from {row['from']}"
                for row in published["relative_test_errors"]
            )
            yield Text(
                f"published, {published['source']}: mean relative test error {errors}", "dim"
            )
    for remark in found.remarks:
        yield Text.assemble(("– ", "dim"), remark)
    yield _points(result)


def prediction_parts(found: dict[str, Any]) -> Iterator[Table | Text]:
    """Predictions of a run's labels, beside what was measured."""
    origin = found["origin"]
    kind = "ESTIMATED, not measured" if origin == "estimated" else f"{origin} ({found['domain']})"
    yield Text.assemble(
        (f"{found['figure']} energy per inference, predicted", "bold"),
        f"  {kind}; {found['weights']} least squares of {found['points']} points against "
        f"{', '.join(found['against'])}",
    )
    if error := found["left_out"]:
        sd = "" if error["sd"] is None else f" ± {100 * error['sd']:.1f}"
        what, mean = error["what"], 100 * error["mean"]
        yield Text(f"error for a {what} left out of the fit: {mean:.1f}{sd} %")
    table = new_table("label", "predicted (95 % interval)", "in the run", "error %", "")
    for each in found["predictions"]:
        factor, unit = scale([each["j_per_inference"]], "J")
        value = with_uncertainty(each["j_per_inference"], each["plus_minus_j"], factor)
        own = each["measured_j"]
        add(
            table,
            each["label"] or "running",
            f"{value} {unit}" + (" ± ?" if each["plus_minus_j"] is None else ""),
            "–" if own is None else f"{number(own / factor)} {unit}",
            percent(each["error"], signed=True),
            "! extrapolated" if each["extrapolated"] else "",
        )
    yield table
    for remark in found["remarks"]:
        yield Text.assemble(("– ", "dim"), one_line(remark))


def _coefficients(asked: CounterRequest, found: CounterFits) -> Table:
    """The cost of each unit, with its standard error and interval."""
    what = "time" if asked.as_line.unit == "s" else "energy"
    titles = (f"{what} each ± standard error", "95 % interval", "variance\ninflation")
    table = new_table("", "", *titles, right=2)
    for weights, fit in found.fits.items():
        if fit.plane.intercept:
            add(table, INTERCEPT, weights, *_cells(asked, "inference", fit.plane.intercept), "")
        for name, term in zip(found.names, fit.plane.terms, strict=True):
            inflation = f"{term.inflation:.3g}" if len(found.names) > 1 else "–"
            add(table, name, weights, *_cells(asked, name, term), inflation)
    return table


def _cells(asked: CounterRequest, name: str, term: Coefficient) -> tuple[str, str]:
    """A coefficient with its unit, and its interval in the same unit."""
    unit = asked.as_line.unit
    factor, shown = scale([term.value, term.error], unit)
    if name == SECONDS:
        shown = shown.replace("J", "W")
    value = f"{with_uncertainty(term.value, term.error, factor)} {shown}"
    if term.interval95 is None:
        return value, "–"
    half = term.interval95 / factor
    decimals = min(max(0, 1 - math.floor(math.log10(half))), 6) if half else 6
    low, high = (minus(f"{term.value / factor + side * half:.{decimals}f}") for side in (-1, 1))
    return value, f"{low} to {high}"


def _errors(result: CounterResult) -> Table:
    """How well points and networks are predicted that were left out, beside the fit from MACs."""
    models = [each for each in (result.found, result.from_macs) if each]
    fits = [fit for each in models for fit in each.fits.values()]
    kinds = [("one point out %", "left_out_point")]
    if any(fit.left_out_network for fit in fits):
        kinds.append(("one network out %", "left_out_network"))
    if any(fit.left_out_sums for fit in fits):
        kinds.append(("networks as sums,\none out %", "left_out_sums"))
    table = new_table("from", "", "R²", *(title for title, _ in kinds), right=2)
    for each in models:
        for weights, fit in each.fits.items():
            r2 = "–" if fit.plane.r2 is None else minus(f"{fit.plane.r2:.4f}")
            errors = (mean_error(getattr(fit, attribute)) for _, attribute in kinds)
            add(table, ", ".join(each.names), weights, r2, *errors)
    return table


def _points(result: CounterResult) -> Table:
    """Points with their relative residuals; of many, those with the largest."""
    points, fits = result.points, result.found.fits
    places = list(range(len(points)))
    if len(points) > MOST_POINTS and fits:
        first = next(iter(fits.values())).residuals
        worst = sorted(places, key=lambda place: abs(first[place] or 0.0))[-WORST_POINTS:]
        places = sorted(worst)
    left = len(points) - len(places)
    head = f"label ({left} more have smaller residuals)" if left else "label"
    table = new_table(head, "measured", *(f"{weights} %" for weights in LEAST_SQUARES))
    runs = len({point.run for point in points}) > 1
    for place in places:
        point = points[place]
        factor, unit = scale([point.y], result.asked.as_line.unit)
        label = point.label or "running"
        residuals = (
            percent(fits[weights].residuals[place], signed=True) if weights in fits else "–"
            for weights in LEAST_SQUARES
        )
        name = f"{point.run} {label}" if runs else label
        add(table, name, f"{number(point.y / factor)} {unit}", *residuals)
    return table
