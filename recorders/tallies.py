"""Assigns each count once, to the phase of the context that made it. Pure.

A program reports what was counted in a phase when it ends. A shell's
counts belong to its own phase if it has one. Other counts outside any context's phase (by threads
without one, from a program's output) belong to the phase of the rows at that time, which is the
last one that began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from recorders.counts import Counts, growth
from recorders.phases import Phase


@dataclass(slots=True)
class Tally:
    """The counts of a phase, including phases inside it, and the totals at its begin."""

    totals: Counts
    n: Counter[str] = field(default_factory=Counter)


class Tallies:
    """The counts of open phases, and of those ended by the last edge."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._ended: list[tuple[Phase, Tally]] = []
        self._outside: Counter[str] = Counter()

    def settle(self, outside: Counts, current: Phase | None) -> None:
        """Before an edge, credit counts outside contexts to the phase of the rows."""
        self.add(current, growth(self._outside, outside))
        self._outside = Counter(outside)
        self._ended.clear()

    def begin(self, phase: Phase, totals: Counts) -> None:
        """Begin a phase."""
        self._tallies[phase.number] = Tally(totals)

    def add(self, phase: Phase | None, counts: Counts) -> None:
        """Credit what a program has counted in its phase."""
        if phase is not None and phase.number in self._tallies:
            self._tallies[phase.number].n.update(counts)

    def add_outside(self, phase: Phase, counts: Counts) -> None:
        """Credit what a shell has counted to its own phase, whichever phase the rows have."""
        self._outside.update(counts)
        self.add(phase, counts)

    def end(self, phase: Phase, totals: Counts) -> dict[str, int]:
        """End a phase; returns those of its counts that differ from the growth of the totals since
        its begin."""
        tally = self._tallies.pop(phase.number, None)
        if tally is None:
            return {}
        self._ended.append((phase, tally))
        self.add(_around(phase, self._tallies), tally.n)
        grown = growth(tally.totals, totals)
        return {name: tally.n[name] for name, n in grown.items() if tally.n[name] != n}

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
            self.add(_around(phase, self._tallies), growth(tally.n, dict.fromkeys(tally.n, 0)))
        if begun is not None and begun.number in self._tallies:
            self.add(current, self._tallies.pop(begun.number).n)


def _around(phase: Phase, known: dict[int, Tally]) -> Phase | None:
    around = phase.around
    while around is not None and around.number not in known:
        around = around.around
    return around
