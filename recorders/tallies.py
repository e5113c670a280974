"""Assigns each count once, to the phase of the context that made it. Pure.

A program reports what was counted in a phase when it ends. A shell's
counts belong to its own phase if it has one. Other counts outside any context's phase (by threads
without one, from a program's output) belong to the phase of the rows at that time, which is the
last one that began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorders.phases import Phase


@dataclass(slots=True)
class Tally:
    """The count of a phase, including phases inside it, and the total count at its begin."""

    from_total: int
    n: int = 0


class Tallies:
    """The counts of open phases, and of those ended by the last edge."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._ended: list[tuple[Phase, Tally]] = []
        self._outside = 0

    def settle(self, outside: int, current: Phase | None) -> None:
        """Before an edge, credit counts outside contexts to the phase of the rows."""
        self._add(current, outside - self._outside)
        self._outside = outside
        self._ended.clear()

    def begin(self, phase: Phase, total: int) -> None:
        """Begin a phase."""
        self._tallies[phase.number] = Tally(total)

    def add(self, phase: Phase, n: int) -> None:
        """Credit what a program has counted in its phase."""
        self._add(phase, n)

    def add_outside(self, phase: Phase, n: int) -> None:
        """Credit what a shell has counted to its own phase, whichever phase the rows have."""
        self._outside += n
        self._add(phase, n)

    def end(self, phase: Phase, total: int) -> int | None:
        """End a phase; returns its count if it differs from the total count since its begin."""
        tally = self._tallies.pop(phase.number, None)
        if tally is None:
            return None
        self._ended.append((phase, tally))
        self._add(_around(phase, self._tallies), tally.n)
        return None if tally.n == total - tally.from_total else tally.n

    @property
    def ended(self) -> list[tuple[Phase, Tally]]:
        """The phases that the last edge ended."""
        return list(self._ended)

    def take_back(
        self,
        ended: Sequence[tuple[Phase, Tally]],
        begun: Phase | None,
        current: Phase | None,
    ) -> None:
        """Undo an edge that no other has followed: reopen what it ended, forget what it began."""
        for phase, tally in ended:
            self._tallies[phase.number] = tally
            self._add(_around(phase, self._tallies), -tally.n)
        if begun is not None and begun.number in self._tallies:
            self._add(current, self._tallies.pop(begun.number).n)

    def _add(self, phase: Phase | None, n: int) -> None:
        if phase is not None and phase.number in self._tallies:
            self._tallies[phase.number].n += n


def _around(phase: Phase, known: dict[int, Tally]) -> Phase | None:
    around = phase.around
    while around is not None and around.number not in known:
        around = around.around
    return around
