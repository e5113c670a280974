"""The joules of a summary as bars, and as curves over the number in its labels. No Textual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

from rich.console import Group, RenderableType
from rich.text import Text

from recorders.summary.bases import ENERGY, TOTAL
from recorders.summary.figures import Domain, Summary
from wattui.analysis.cells import cells_of
from wattui.analysis.label_numbers import carried
from wattui.clean import name_of
from wattui.show import plot
from wattui.show.bars import Bar, LabelPoint, bars, curve, families, wide
from wattui.show.palette import Palette
from wattui.show.quantities import energy_unit
from wattui.show.summary import origin_word

MOST_BARS, CURVE_ROWS = 40, 12
LEAST_COLUMNS, MOST_CURVE_COLUMNS = 8, 90


def pictures(
    summary: Summary,
    macs: Mapping[str, int],
    palette: Palette,
    glyphs: plot.Glyphs,
    columns: int,
) -> Iterator[RenderableType]:
    """Bars and curves at most `columns` wide; none if no energy is known.

    `macs` are the multiply-accumulates of one inference by label.
    """
    rows, what = _labels(summary, palette), f"{TOTAL.words(summary.per)}, {summary.headline}"
    if not rows:
        rows, what = _domains(summary, palette)
    if not rows:
        return
    factor, unit = energy_unit([row.joules.value for row in rows])
    yield Group(
        Text.assemble((f"{unit} {what}", "bold"), _best(summary)),
        bars(rows[:MOST_BARS], columns, factor, glyphs),
        *([Text(f"and {len(rows) - MOST_BARS} more", "dim")] if len(rows) > MOST_BARS else []),
    )
    values = {row.name: row.joules.value / factor for row in rows}
    for over, numbers in (
        ("the number in the label", families(list(values))),
        ("multiply-accumulates", mac_families(values, macs)),
    ):
        title = f"{unit} per inference over {over}"
        found = {
            name: [
                LabelPoint(x, values[label])
                for label, x in sorted(known.items(), key=itemgetter(1))
            ]
            for name, known in numbers.items()
        }
        yield from _curves(found, title, rows[0].colour, palette, glyphs, columns)


def _best(summary: Summary) -> str:
    """The label that needs the least energy per inference, of several."""
    cells = cells_of(summary)
    is_ranked = cells is not None and cells.basis is TOTAL and len(cells.ranked) > 1
    return f"  best: {name_of(cells.ends[0][0].label)}" if cells and is_ranked else ""


def mac_families(labels: Iterable[str], macs: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Labels of one network, or that differ only in numbers, and their MACs: three or more."""
    by_name: dict[str, dict[str, float]] = {}
    for label in labels:
        network, slash, _ = label.partition("/")
        name = network if slash else carried(label, "macs").family
        if macs.get(label):
            by_name.setdefault(name, {})[label] = float(macs[label])
    return {name: known for name, known in by_name.items() if len(set(known.values())) >= 3}


def _curves(
    found: Mapping[str, list[LabelPoint]],
    title: str,
    colour: str,
    palette: Palette,
    glyphs: plot.Glyphs,
    columns: int,
) -> Iterator[RenderableType]:
    if not found or columns < LEAST_COLUMNS * 3:
        return
    most = len(palette.series)
    costliest = sorted(found, key=lambda name: -max(point.value for point in found[name]))[:most]
    series = {name: points for name, points in found.items() if name in costliest}
    colours = palette.series if len(series) > 1 else (colour,)
    numbers = [point.x for points in series.values() for point in points]
    heights = [point.value for points in series.values() for point in points]
    scales = " and ".join(
        name for name, found in (("across", numbers), ("upwards", heights)) if wide(found)
    )
    yield Group(
        Text.assemble((title, "bold"), (f", logarithmic {scales}" if scales else "", "dim")),
        *curve(series, colours, min(columns, MOST_CURVE_COLUMNS), CURVE_ROWS, glyphs),
        *_legend(series, colours, len(found)),
    )


def _legend(
    series: Mapping[str, list[LabelPoint]], colours: tuple[str, ...], known: int
) -> Iterator[Text]:
    if len(series) > 1:
        yield Text("  ").join(
            Text(name, colour) for name, colour in zip(series, colours, strict=False)
        )
    if len(series) < known:
        yield Text(f"the {len(series)} costliest of {known}", "dim")


def _labels(summary: Summary, palette: Palette) -> list[Bar]:
    """Joules per inference of each label, in the headline channel."""
    channel = summary.headline
    return [
        Bar(group.label, joules, _colour(palette, domain))
        for group in summary.labels
        if channel and (domain := group.domains[channel]) and (joules := TOTAL.of(domain))
    ]


def _domains(summary: Summary, palette: Palette) -> tuple[list[Bar], str]:
    """The domains of all running phases by joules per inference, or else by joules."""
    for basis in (TOTAL, ENERGY):
        rows = [
            Bar(name + origin_word(domain.origin), joules, _colour(palette, domain))
            for name, domain in (summary.running.domains if summary.running else {}).items()
            if (joules := basis.of(domain))
        ]
        if rows:
            return rows, f"{basis.words(summary.per)} by domain"
    return [], ""


def _colour(palette: Palette, domain: Domain) -> str:
    return palette.of_series(0, domain.origin == "estimated")
