"""The labels of a run as cells of a sweep, whose figures are never mixed into one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from recorders.summary.bases import ENERGY, TOTAL, Basis
from recorders.summary.figures import Group, Summary, Value

T = TypeVar("T")
# A printed table has no more labels, repeats, or differences of labels than this.
MOST_SHOWN = 200
# The running phases of a run with one label may begin and end slightly apart from the label's.
SAME_S = 1e-6


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a run whose running phases do not all have the same label.

    `basis` is the figure that ranks them, `ranked` has the cells for which it is known, with its
    value, from lowest to highest.
    """

    basis: Basis
    ranked: tuple[tuple[Group, Value], ...]
    count: int

    @property
    def ends(self) -> tuple[tuple[Group, Value], ...]:
        """The lowest and the highest, once if they are the same."""
        return self.ranked if len(self.ranked) < 2 else (self.ranked[0], self.ranked[-1])


def is_mixed(summary: Summary) -> bool:
    """Whether running phases have several labels, or only some of them have one."""
    running, labels = summary.running, summary.labels
    if not running or not labels:
        return False
    return len(labels) > 1 or labels[0].seconds < running.seconds - SAME_S


def cells_of(
    summary: Summary, channel: str | None = None, basis: Basis | None = None
) -> Cells | None:
    """The labels ranked by a figure of the headline channel; None for a single kind.

    The figure is energy per inference, or energy if nothing was counted.
    """
    channel, running = channel or summary.headline, summary.running
    if channel is None or running is None or not is_mixed(summary):
        return None
    if channel not in running.domains:
        return None
    if basis is None:
        counted = any(TOTAL.of(group.domains[channel]) for group in summary.labels)
        basis = TOTAL if counted else ENERGY
    known = [
        (group, value)
        for group in summary.labels
        if (value := basis.of(group.domains[channel])) is not None
    ]
    ranked = sorted(known, key=lambda each: each[1].value)
    return Cells(basis, tuple(ranked), len(summary.labels))


def costliest(rows: Sequence[T], value: Callable[[T], Value | None]) -> list[T]:
    """As many rows as a table shows: those with the largest values, in their original order."""
    if len(rows) <= MOST_SHOWN:
        return list(rows)

    def energy_j(place: int) -> float:
        known = value(rows[place])
        return abs(known.value) if known else 0.0

    ranked = sorted(range(len(rows)), key=energy_j, reverse=True)
    return [rows[place] for place in sorted(ranked[:MOST_SHOWN])]


def left_out_text(left_out: int, what: str) -> str:
    """The line below a table of the costliest; empty if none is left out."""
    return f"and {left_out:,} more {what}: --json and wattui export list all" if left_out else ""


def quoted_labels(
    summary: Summary,
    channel: str | None = None,
    mixed: bool = False,
    basis: Basis | None = None,
) -> list[str]:
    """The labels whose figures are the headline: the best and the worst; "" for everything."""
    quoted = to_quote(summary, channel, mixed, basis)
    return [group.label for _, group in quoted if group is not None]


def to_quote(
    summary: Summary,
    channel: str | None = None,
    mixed: bool = False,
    basis: Basis | None = None,
) -> list[tuple[str, Group | None]]:
    """The entries of a run beside others: everything, or its best and worst labels.

    Each comes with words to append to the run's name.
    """
    cells = None if mixed else cells_of(summary, channel, basis)
    if cells is None:
        return [("", summary.running)]
    if not cells.ranked:
        return [(f", {cells.count} labels", None)]
    words = ("best ", "worst ") if len(cells.ends) > 1 else ("",)
    return [
        (f", {word}{group.label}", group)
        for word, (group, _) in zip(words, cells.ends, strict=True)
    ]
