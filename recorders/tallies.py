"""Whose counts are whose: each is counted once, to the phase of the context that made it. Pure.

A program tells with a phase's end what was counted in it. What was counted outside of any context's
phase (by threads without one, from a program's output, by a shell) belongs to the phase that the
rows of that time belong to, the last one that began.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorders.phases import Phase


@dataclass(slots=True)
class Tally:
    """What a phase has counted, phases inside it included, and the whole count at its begin."""

    from_total: int
    n: int = 0


class Tallies:
    """The counts of the phases that are open, and of those that the last edge ended."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._ended: list[tuple[Phase, Tally]] = []
        self._outside = 0

    def settle(self, outside: int, current: Phase | None) -> None:
        """Before an edge: give what was counted outside of contexts to the phase of the rows."""
        self._add(current, outside - self._outside)
        self._outside = outside
        self._ended.clear()

    def begin(self, phase: Phase, total: int) -> None:
        """A phase begins."""
        self._tallies[phase.number] = Tally(total)

    def add(self, phase: Phase, n: int) -> None:
        """A program has told what it counted in a phase of its own."""
        self._add(phase, n)

    def end(self, phase: Phase, total: int) -> int | None:
        """A phase ends; returns its count where the whole count since its begin is another."""
        tally = self._tallies.pop(phase.number, None)
        if tally is None:
            return None
        self._ended.append((phase, tally))
        self._add(_around(phase, self._tallies), tally.n)
        return None if tally.n == total - tally.from_total else tally.n

    def take_back(self, begun: Phase | None, current: Phase | None) -> None:
        """The last edge was taken back: what it ended is open again, what it began never was."""
        for phase, tally in self._ended:
            self._tallies[phase.number] = tally
            self._add(_around(phase, self._tallies), -tally.n)
        self._ended.clear()
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
