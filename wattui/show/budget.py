"""The parts of a ± as a Rich table with bars, and what would halve it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from rich.text import Text

from recorders.summary.bases import ENERGY, TOTAL
from recorders.summary.budget import REPEATS, RUNNING, Budget, Cure, Part
from recorders.summary.stats import grouped
from wattui.clean import name_of, one_line
from wattui.show import plot
from wattui.show.bars import bar_text
from wattui.show.quantities import energy_unit, number, with_uncertainty
from wattui.show.stacking import Fitting, plain_table

BAR_COLUMNS = 12
HOW = {"added": "added", "in quadrature": "quadrature"}


def budgets_parts(budgets: Iterable[Budget], glyphs: plot.Glyphs = plot.BRAILLE) -> Iterator[Any]:
    """For each figure: its ±, a table of the parts, and what would halve it."""
    for budget in budgets:
        yield Text(f"\n{title_text(budget)}", "bold")
        yield Fitting(_table(budget, glyphs, True), _table(budget, glyphs, False))
        yield from (Text(f"– {text}", "dim") for text in unknown_texts(budget))
        if words := cure_text(budget):
            yield Text(words)
        if budget.not_covered:
            yield Text(f"not in ±: {budget.not_covered}", "dim")


def title_text(budget: Budget) -> str:
    """The figure with its ± in joules and in per cent."""
    factor, unit = energy_unit([budget.value])
    figure = with_uncertainty(budget.value, budget.plus_minus, factor)
    share = percent_text(budget.plus_minus, budget)
    about = f" ({share})" if budget.plus_minus is not None else " ± ?"
    name = "" if budget.figure == ENERGY.name else f"{budget.figure} "
    label = f", {name_of(budget.label)}" if budget.label else ""
    return f"{name}{figure} {unit} {budget.per}{about}{label}"


def part_text(part: Part) -> str:
    """A part in words: what it is, and what it comes from."""
    if part.name == REPEATS:
        return f"scatter of {part.of}"
    phase = "" if part.phase == RUNNING else f", {part.phase}"
    return f"{part.name} {one_line(part.of)}{phase}"


def percent_text(plus_minus: float | None, budget: Budget) -> str:
    """A ± in per cent of the figure; – if that is unknown."""
    if plus_minus is None or budget.value == 0:
        return "–"
    return f"{number(100 * plus_minus / abs(budget.value), 2)} %"


def too_wide(found: Sequence[Budget], most: float) -> Iterator[str]:
    """A line for each figure of the headline whose ± is unknown, or a larger share of it than
    `most`: which it is, and what would make ± smaller."""
    wanted = f"--require-uncertainty {100 * most:g}%"
    if not found:
        yield f"{wanted}: nothing that ran has a known energy"
    for budget in found:
        error = budget.plus_minus
        is_met = error is not None and error <= most * abs(budget.value)
        if budget.figure in (TOTAL.name, ENERGY.name) and not is_met:
            width = "unknown" if error is None else percent_text(error, budget)
            cure = cure_text(budget).removeprefix("± is unknown").removeprefix("; ")
            fix = f": {cure}" if cure else ""
            yield f"{wanted}: ± is {width}: {title_text(budget)}{fix}"


def unknown_texts(budget: Budget) -> list[str]:
    """The parts that are unknown, by reason."""
    unknown = [part for part in budget.parts if part.plus_minus is None]
    by_why = grouped(unknown, attrgetter("why"))
    return [f"{'; '.join(map(part_text, parts))}: {why}" for why, parts in by_why.items()]


def share(part: Part, budget: Budget) -> float:
    """A part as a share of ±, for a bar; of the largest one if ± is unknown."""
    known = [each.plus_minus for each in budget.parts if each.plus_minus is not None]
    whole = budget.plus_minus or max(known, default=0.0)
    return (part.plus_minus or 0.0) / whole if whole else 0.0


def cure_text(budget: Budget) -> str:
    """The largest part of ±, a cure that would halve it with the ± expected then, and how a program
    can mark its code; may be empty."""
    if budget.plus_minus is None:
        cures = " or ".join(cure.text for cure in budget.cures)
        return f"± is unknown; to know it: {cures}" if cures else "± is unknown"
    largest = budget.largest
    most = f"mostly {part_text(largest)}" if largest and len(budget.parts) > 1 else ""
    halved = [f"{cure.text} ({_expected(cure, budget)})" for cure in budget.cures]
    words = f"to halve it: {', or '.join(halved)}" if halved else ""
    return "; ".join(filter(None, (most, words, budget.hint)))


def _expected(cure: Cure, budget: Budget) -> str:
    return f"± {percent_text(cure.plus_minus, budget)}"


def _table(budget: Budget, glyphs: plot.Glyphs, with_bars: bool) -> Any:
    factor, unit = energy_unit([budget.value])
    titles = ("part of ±", f"± {unit}", "%", "joins", *([""] if with_bars else []))
    table = plain_table(*titles, left=(0, 3, 4))
    for part in budget.parts:
        error = part.plus_minus
        cells = [
            part_text(part),
            "–" if error is None else number(error / factor, 2),
            percent_text(error, budget).removesuffix(" %"),
            HOW[part.joins],
        ]
        if with_bars:
            drawn = bar_text(share(part, budget), BAR_COLUMNS, glyphs) if error else ""
            cells.append(drawn)
        table.add_row(*map(Text, cells))
    return table
