"""Comparisons as Rich tables: two things side by side, or many below the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recorders.counts import INFERENCES, plural, singular
from recorders.summary.bases import BASES, ENERGY, TOTAL
from recorders.summary.figures import Value
from recorders.summary.stats import grouped
from wattui.analysis.compare import Comparison, geometric_means
from wattui.analysis.limits import worse, worse_interval
from wattui.analysis.sides import FIGURES
from wattui.clean import name_of, one_line
from wattui.show.quantities import minus, number, prefix_for, with_uncertainty
from wattui.show.stacking import Fitting, plain_table

MEANINGS = {
    **{basis.name: f"energy per inference, {basis.meaning}" for basis in BASES},
    "energy": "energy while running, per repeat if there are several",
    "power": "mean power while running",
    "edp": "energy-delay product per inference",
    "rate": "inferences per second",
}
# What is used, by figure, the most wanted first.
USED = (TOTAL, ENERGY)
TOGETHER, MEAN = "everything", "geometric mean"
Trend = Literal["better", "worse", "unclear"]
COLOURS: dict[Trend, str] = {"better": "green", "worse": "red", "unclear": ""}
# Smaller probabilities depend on more than the samples can tell.
LEAST_P = 1e-4
KNOWN_ORIGINS = ("measured", "published", "")

NamedComparison = tuple[str, Comparison]


def meaning(figure: str, per: str) -> str:
    """What a figure is, if this count is in the place of inferences."""
    words = MEANINGS[figure].replace(INFERENCES, plural(per))
    return words if per == INFERENCES else words.replace("inference", singular(per))


def comparison_tables(
    first: str, pairs: Sequence[tuple[str, Sequence[Comparison]]]
) -> Iterator[RenderableType]:
    """A table for each figure: of two sides by label, of more by label and side."""
    found = [(name, row) for name, rows in pairs for row in rows]
    names = list(dict.fromkeys(name for name, _ in found))
    if len(names) == 1:
        yield Text.assemble(
            ("A  ", "bold"), one_line(first), "\n", ("B  ", "bold"), one_line(names[0]), "\n"
        )
    for figure in FIGURES:
        rows = [(name, row) for name, row in found if row.figure == figure]
        if not rows:
            continue
        make = _pair if len(names) == 1 else partial(_list, first)
        yield Fitting(make(rows))
        yield Text()


def _pair(rows: Sequence[NamedComparison]) -> Table:
    """Two sides, a row for each label."""
    table, factor = _table(rows, ("A", "B", "B − A", "B / A"))
    for _, row in rows:
        name = _name(row.label or TOGETHER, row.origin)
        table.add_row(name, value_text(row.a.known, factor), *_cells(row, factor))
    for mean in geometric_means([row for _, row in rows]):
        table.add_row(MEAN, "", "", "", ratio_text(mean.ratio, mean.interval), "", "", style="bold")
    return table


def _list(first: str, rows: Sequence[NamedComparison]) -> Table:
    """Many sides below the first, label by label."""
    table, factor = _table(rows, ("value", "difference", "ratio"))
    for label, own in grouped(rows, lambda each: each[1].label).items():
        if label:
            table.add_row(Text(name_of(label), "bold"))
        reference = own[0][1]
        table.add_row(_name(first, reference.origins[0]), value_text(reference.a.known, factor))
        for name, row in own:
            table.add_row(_name(name, row.origins[1]), *_cells(row, factor))
    means = [
        (name, mean)
        for name, own in grouped(rows, itemgetter(0)).items()
        for mean in geometric_means([row for _, row in own])
    ]
    if means:
        table.add_row(Text(MEAN, "bold"))
    for name, mean in means:
        table.add_row(name_of(name), "", "", ratio_text(mean.ratio, mean.interval), "", "")
    return table


def _table(rows: Sequence[NamedComparison], titles: Sequence[str]) -> tuple[Table, float]:
    """An empty table under the figure's name, and the factor of its unit."""
    _, one = rows[0]
    factor, prefix = prefix_for([each.known.value for _, row in rows for each in (row.a, row.b)])
    domains = "; ".join(dict.fromkeys(row.domain for _, row in rows if row.domain))
    table = plain_table("", *titles, "p", "", left=(0, len(titles) + 2))
    heading = Text(f"{one.figure}, {prefix}{one.unit}", "bold")
    table.title = heading.append(f"  channel {domains}" if domains else "", "not bold dim")
    table.caption = meaning(one.figure, one.per)
    table.title_justify = table.caption_justify = "left"
    return table, factor


def _cells(row: Comparison, factor: float) -> list[Text]:
    """The other side's value, the difference, the ratio, and the verdict."""
    cells = [Text(value_text(known, factor)) for known in (row.b.known, row.difference)]
    cells.append(ratio_text(row.ratio, row.ratio_interval, COLOURS[trend(row)]))
    cells.append(Text(p_text(row.p_of_all)))
    cells.append(Text(verdict_text(row), "dim"))
    return cells


def ratio_text(ratio: float | None, interval: tuple[float, float] | None, colour: str = "") -> Text:
    """A ratio with its interval."""
    value, ends = ratio_and_ends(ratio, interval)
    text = Text(value, f"bold {colour}".strip())
    return text.append(f" ({ends})", "not bold") if interval else text


def ratio_and_ends(ratio: float | None, interval: tuple[float, float] | None) -> tuple[str, str]:
    """A ratio and both ends of its interval; – if unknown.

    All three have the decimals that show the second digit of the interval's half-width, as long as
    the ratio has no more than four digits.
    """
    if ratio is None or interval is None:
        return number(ratio), "–"
    half = max((abs(end - ratio) for end in interval if math.isfinite(end)), default=0.0)
    known = ((abs(ratio), 4), (half, 2))
    decimals = min((_decimals(value, digits) for value, digits in known if value), default=0)
    low, high = (
        f"{end:.{decimals}f}" if math.isfinite(end) else "∞" if end > 0 else "−∞"
        for end in interval
    )
    return f"{ratio:.{decimals}f}", f"{minus(low)} … {minus(high)}"


def _decimals(value: float, digits: int) -> int:
    """The decimals of a number above 0 that is shown to so many significant digits."""
    return max(0, digits - 1 - math.floor(math.log10(value)))


def p_text(p: float | None) -> str:
    """A probability; small ones as below the least that samples can tell."""
    if p is None:
        return "–"
    return number(p, 2) if p >= LEAST_P else f"< {LEAST_P:g}"


def _name(name: str, origin: str) -> Text:
    text = Text(name_of(name))
    return text if origin in KNOWN_ORIGINS else text.append(f" ({origin})", "yellow")


def value_text(known: Value, factor: float) -> str:
    """A figure with its ±."""
    return with_uncertainty(known.value, known.plus_minus, factor)


def verdict_text(row: Comparison) -> str:
    """Whether the difference exceeds its uncertainty."""
    return "± unknown" if row.verdict == "unknown" else row.verdict


def paired_lines(a: str, b: str, rows: Sequence[Comparison]) -> Iterator[Text]:
    """The verdict on each row of two commands recorded in turn, in words."""
    for row in rows:
        name = f"{row.label}: {row.figure}" if row.label else row.figure
        share, interval = worse(row), worse_interval(row)
        change = "–" if share is None else f"{100 * (row.ratio or 0.0) - 100:+.3g} %"
        if interval and row.ratio_interval:
            ends = (f"{100 * (end - 1):+.3g}" for end in row.ratio_interval)
            change += f" ({' … '.join(ends)} %)"
        said = f"{one_line(b)} against {one_line(a)}, {name_of(name)}: {change}"
        pairs = f"{len(row.a.samples)} pairs"
        yield Text.assemble((said.replace("-", "−"), "bold"), f", {pairs}: {_judged(row)}")


def change_text(rows: Sequence[Comparison], domain: str | None) -> str:
    """The change from A to B of the first figure that has one, in a sentence; of several labels,
    the geometric mean of their changes. Empty if there is none."""
    for basis in USED:
        own = [row for row in rows if row.figure == basis.name and row.domain == domain]
        what = f"energy {basis.words(own[0].per)}" if own else ""
        row = next((row for row in own if not row.label), own[0] if len(own) == 1 else None)
        if row is not None and row.ratio is not None:
            interval = None if row.unrepeated else row.ratio_interval
            return f"{_change(what, row.ratio, interval)}: {_judged(row)}"
        for mean in geometric_means(own):
            change = _change(what, mean.ratio, mean.interval)
            judged = f"; {verdict_text(own[0])}" if all(row.unrepeated for row in own) else ""
            return f"{change}: geometric mean of {mean.labels} labels{judged}"
    return ""


def _change(what: str, ratio: float, interval: tuple[float, float] | None) -> str:
    """B uses 11 % less energy than A (17 to 4 % less)."""
    said = f"B uses {_share(ratio)} {what} than A" if ratio != 1 else f"B uses as much {what} as A"
    if interval is None or not all(map(math.isfinite, interval)):
        return said
    first, last = (_share(end) for end in interval)
    if first.split()[-1] == last.split()[-1]:
        first = first.removesuffix(last[-7:])
    return f"{said} ({first} to {last})"


def _share(ratio: float) -> str:
    return f"{number(abs(100 * ratio - 100), 2)} % {'less' if ratio < 1 else 'more'}"


def _judged(row: Comparison) -> str:
    if row.p_of_all is None or row.verdict == "clear":
        return verdict_text(row)
    return f"not clear, p = {p_text(row.p_of_all)}"


def trend(row: Comparison) -> Trend:
    """Whether b is clearly better or worse."""
    share = worse(row)
    if row.verdict != "clear" or not share:
        return "unclear"
    return "worse" if share > 0 else "better"
