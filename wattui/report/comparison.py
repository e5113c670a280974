"""The runs of a report compared with the first: ratio, interval and p, as in `wattui compare`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorders.counts import singular
from wattui.analysis.cells import MOST_SHOWN
from wattui.analysis.compare import Comparison, compare, geometric_means
from wattui.analysis.doubts import doubts, doubts_of_samples
from wattui.analysis.sides import LEADING, share_labels
from wattui.report.document import Block, Heading, Notes, PageTable, Picture, Words
from wattui.report.draw.ratios import Ratio, draw_ratios
from wattui.report.joules import MOST_ROWS
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.report.pictures import drawn, suffix
from wattui.show.compare import p_text, ratio_and_ends, ratio_text, value_text, verdict_text
from wattui.show.quantities import prefix_for
from wattui.show.result_sets import figures_of

# More runs are an overview, not a comparison.
MOST_SIDES = 12
MEAN, EVERYTHING = "geometric mean", "everything"


def comparison_blocks(runs: Sequence[ReportRun], wish: ReportOptions) -> Iterator[Block]:
    """The runs of the first one's channel and origin, compared with it; nothing for one run."""
    if len(runs) - 1 > MOST_SIDES:
        return
    first, others, left_out = _comparable(runs, wish)
    if first is None:
        return
    domain = first.domain(wish) or ""
    sides = {run.name: figures_of(run.run, run.name).side for run in (first, *others)}
    alike = [run for run in others if share_labels(sides[first.name], sides[run.name])]
    left_out += [
        f"{run.name} is not compared: it has no label of {first.name}"
        for run in others
        if run not in alike
    ]
    others = alike
    rows = _of_one_figure(
        [
            (run.name, row)
            for run in others
            for row in compare(sides[first.name], sides[run.name], [(domain, domain)])
        ],
        wish,
    )
    if not rows:
        return
    yield Heading(3, f"Compared with {first.name}")
    yield _table(first.name, rows, domain)
    if picture := _picture(first.name, rows, domain):
        yield picture
    yield Words(_method([row for _, row in rows]))
    said = dict.fromkeys(
        text
        for run in others
        for text in _doubts(first, run, [r for n, r in rows if n == run.name])
    )
    if notes := [*said, *left_out]:
        yield Notes.of_texts("Before you quote this comparison", notes)


def _comparable(
    runs: Sequence[ReportRun], wish: ReportOptions
) -> tuple[ReportRun | None, list[ReportRun], list[str]]:
    """The first run with a headline, those like it, and why others are left out."""
    known = [(run, domain) for run in runs if (domain := run.domain(wish))]
    if not known:
        return None, [], []
    first, domain = known[0]
    origin = first.domains[domain].origin
    others, left_out = [], []
    for run, own in known[1:]:
        if own != domain:
            left_out.append(f"{run.name} is not compared: its channel is {own}, not {domain}")
        elif run.domains[own].origin != origin:
            other = run.domains[own].origin
            left_out.append(f"{run.name} is not compared: it is {other}, {first.name} is {origin}")
        else:
            others.append(run)
    return first, others, left_out


def _of_one_figure(
    found: Sequence[tuple[str, Comparison]], wish: ReportOptions
) -> list[tuple[str, Comparison]]:
    """The rows of the leading figure: label by label where a run has some, else of everything."""
    figures = (wish.figure,) if wish.figure else LEADING
    figure = next((name for name in figures if any(row.figure == name for _, row in found)), "")
    own = [(name, row) for name, row in found if row.figure == figure]
    labelled = {name for name, row in own if row.label}
    return [(name, row) for name, row in own if row.label or name not in labelled][:MOST_SHOWN]


def _doubts(a: ReportRun, b: ReportRun, rows: Sequence[Comparison]) -> Iterator[str]:
    names = a.name, b.name
    yield from doubts(a.run, b.run, names)
    yield from doubts_of_samples(rows, names)


def _table(first: str, found: Sequence[tuple[str, Comparison]], domain: str) -> PageTable:
    rows = [row for _, row in found]
    factor, prefix = prefix_for([each.known.value for row in rows for each in (row.a, row.b)])
    names = list(dict.fromkeys(name for name, _ in found))
    lines = []
    for name in names:
        own = [row for other, row in found if other == name]
        lines += [_line(name, row, factor) for row in own]
        lines += [
            (name, MEAN, "", "", "", *ratio_and_ends(mean.ratio, mean.interval), "", "")
            for mean in geometric_means(own)
        ]
    of_one = len(names) == 1
    figure = "energy while running"
    if rows[0].figure != "energy":
        figure = f"{rows[0].figure} energy per {singular(rows[0].per)}"
    unit = f"{prefix}{rows[0].unit}"
    head = (
        "run",
        "label",
        f"{first}, {unit}",
        unit,
        "difference",
        "ratio",
        "95 % interval",
        "p",
        "verdict",
    )
    of_which = f"{names[0]} against {first}, " if of_one else ""
    caption = f"{of_which}{figure}, channel {domain}"
    shown = tuple(line[of_one:] for line in lines)
    return PageTable(caption, head[of_one:], shown)


def _picture(first: str, found: Sequence[tuple[str, Comparison]], domain: str) -> Picture | None:
    """The ratios with their intervals; None if no interval is known."""
    of_one = len({name for name, _ in found}) == 1
    ratios = [
        Ratio(
            (row.label or EVERYTHING) if of_one else f"{name}, {row.label or EVERYTHING}",
            row.ratio,
            row.ratio_interval,
            ratio_text(row.ratio, row.ratio_interval).plain,
            row.verdict == "clear",
        )
        for name, row in found
        if row.ratio is not None
    ]
    if not any(each.interval for each in ratios):
        return None
    shown, figure = ratios[:MOST_ROWS], found[0][1].figure
    title = f"{figure}: ratio to {first}"
    caption = (
        f"Ratio to {first} of {figure}, channel {domain}, with its interval. A filled point is a "
        "clear difference; left of the dashed line is less energy."
    )
    if len(shown) < len(ratios):
        caption += f" {len(ratios) - len(shown)} more are in the table."
    instead = "; ".join(f"{each.name} {each.text}" for each in shown[:12])
    svg = drawn(lambda width_mm: draw_ratios(width_mm, shown, title))
    origin = {word for _, row in found for word in row.origins}
    return Picture("ratios", svg, f"Ratio to {first}{suffix(origin)}", caption, f"{instead}.")


def _line(name: str, row: Comparison, factor: float) -> tuple[str, ...]:
    return (
        name,
        row.label or EVERYTHING,
        value_text(row.a.known, factor),
        value_text(row.b.known, factor),
        value_text(row.difference, factor),
        *ratio_and_ends(row.ratio, row.ratio_interval),
        p_text(row.p_of_all),
        verdict_text(row),
    )


def _method(rows: Sequence[Comparison]) -> str:
    """How ratio, interval and p were found."""
    text = "Ratio: each run over the first one, with Fieller's interval."
    if any(row.p_of_all is not None for row in rows):
        text += " p: Welch's t test of the repeats, with the uncertainties that they share"
        several = len({row.label for row in rows}) > 1
        text += ", and Holm's correction for all labels." if several else "."
    if any(row.unrepeated for row in rows):
        text += (
            " A single run has no p and no verdict: ± covers the instrument and the baseline, not "
            "the variation between runs."
        )
    return text
