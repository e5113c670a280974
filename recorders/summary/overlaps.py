"""Overlapping running phases: time and energy are those of their union. Pure.

Ranks, threads and tasks that run at the same time share one machine, whose energy is counted once.
Each label gets a share: at every moment, an equal part with the others that are running.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate, pairwise
from operator import attrgetter

from recorders.summary.spans import EnergyWindows, Moment, Span
from recorders.summary.stats import total

GroupKey = Callable[[Span], Hashable]
# The keys by which phases are grouped.
label_of: GroupKey = attrgetter("label")
repeat_of: GroupKey = attrgetter("repeat")
label_and_repeat_of: GroupKey = attrgetter("label", "repeat")


class Stretches:
    """The time of some phases, as windows with energy; sums are cached.

    `shared`: others ran at the same time, and the energies are shares.
    """

    def __init__(self, windows: list[Span], shared: bool = False) -> None:
        self.windows = windows
        self.shared = shared
        self.seconds = math.fsum([span.seconds for span in windows])
        self.happened = {each for span in windows if span.happened for each in span.happened}
        self._energies_j: dict[str, float | None] = {}
        self._powers_w: dict[str, float | None] = {}

    @property
    def own_seconds(self) -> float:
        """The time, with shared time counted by its share."""
        if not self.shared:
            return self.seconds
        return math.fsum(span.seconds * span.share for span in self.windows)

    @cached_property
    def middle_s(self) -> float:
        """The mean of its times."""
        return math.fsum(s.seconds * (s.start_s + s.end_s) / 2 for s in self.windows) / self.seconds

    def energy_j(self, channel: str) -> float | None:
        """Total energy of all windows; None if one is unknown."""
        if channel not in self._energies_j:
            self._energies_j[channel] = total(span.energy_j.get(channel) for span in self.windows)
        return self._energies_j[channel]

    def power_w(self, channel: str) -> float | None:
        """Mean power over the windows whose energy is known, watts."""
        if channel not in self._powers_w:
            known = self.known(channel)
            energy_j, seconds = known.energy_j(channel), known.seconds
            self._powers_w[channel] = (energy_j or 0.0) / seconds if seconds > 0 else None
        return self._powers_w[channel]

    def known(self, channel: str) -> Stretches:
        """The windows whose energy is known."""
        if self.energy_j(channel) is not None:
            return self
        return Stretches([s for s in self.windows if s.energy_j.get(channel) is not None])


class Overlaps:
    """The running phases of a recording in overlapping groups, most of them of one phase."""

    def __init__(self, windows: EnergyWindows, running: Sequence[Span]) -> None:
        self._windows = windows
        self._groups = _joined(running)
        self._group_of = {id(s): number for number, group in enumerate(self._groups) for s in group}
        self._stretches: dict[tuple[GroupKey | None, Hashable], Stretches] = {}
        self._shares: dict[tuple[int, GroupKey], dict[Hashable, list[Span]]] = {}
        self.busy = [_whole(windows, group) for group in self._groups]
        self._busy_ends_s = [span.end_s for span in self.busy]

    @property
    def concurrent(self) -> list[list[Span]]:
        """The groups with several phases."""
        return [group for group in self._groups if len(group) > 1]

    def overlap(self, span: Span) -> bool:
        """Whether another phase ran while this one did."""
        number = self._group_of.get(id(span))
        return number is not None and len(self._groups[number]) > 1

    def stretches(self, running: Sequence[Span], key: GroupKey | None = None) -> Stretches:
        """The time of some of the phases, counted once.

        `key` must be the same for all of them, and different for all other phases.
        """
        name = (key, key(running[0]) if key and running else len(running))
        if name not in self._stretches:
            self._stretches[name] = self._stretched(running, key)
        return self._stretches[name]

    def _stretched(self, running: Sequence[Span], key: GroupKey | None) -> Stretches:
        found: list[Span] = []
        shared = False
        for number in dict.fromkeys(self._group_of[id(span)] for span in running):
            group = self._groups[number]
            if len(group) == 1 or key is None:
                found.append(self.busy[number])
                continue
            own = self._own_shares(number, key).get(key(running[0]), [])
            if all(part.share == 1 for part in own):
                mine = [span for span in group if key(span) == key(running[0])]
                found += [_whole(self._windows, part) for part in _joined(mine)]
            else:
                shared = True
                found += own
        return Stretches(found, shared)

    def idle_parts(self, base: Span) -> list[Span]:
        """The parts of a baseline in which nothing ran."""
        found, begin = [], base.begin
        first = bisect_right(self._busy_ends_s, base.start_s)
        for span in self.busy[first:]:
            if span.start_s >= base.end_s:
                break
            if span.start_s > begin.time_s:
                found.append(self._windows.between(begin, span.begin, like=base))
            begin = span.end
        if begin is base.begin:
            return [base]
        if begin.time_s < base.end_s:
            found.append(self._windows.between(begin, base.end, like=base))
        return found

    def _own_shares(self, number: int, key: GroupKey) -> dict[Hashable, list[Span]]:
        if (number, key) not in self._shares:
            self._shares[number, key] = _shares(self._windows, self._groups[number], key)
        return self._shares[number, key]


def most_at_once(running: Sequence[Span]) -> int:
    """The most phases open at the same moment, not counting one that ends then."""
    edges = [(span.start_s, 1) for span in running] + [(span.end_s, -1) for span in running]
    return max(accumulate(step for _, step in sorted(edges)), default=0)


def _joined(running: Sequence[Span]) -> list[list[Span]]:
    """Groups of phases that overlap in time, in order."""
    groups: list[list[Span]] = []
    end_s = -math.inf
    for span in sorted(running, key=lambda span: (span.start_s, span.end_s)):
        if groups and span.start_s < end_s:
            groups[-1].append(span)
        else:
            groups.append([span])
        end_s = max(end_s, span.end_s)
    return groups


def _whole(windows: EnergyWindows, group: Sequence[Span]) -> Span:
    """The time from the first begin to the last end of phases that overlap."""
    if len(group) == 1:
        return group[0]
    end = max((span.end for span in group), key=lambda moment: moment.time_s)
    return windows.between(group[0].begin, end, like=group[0])


def _shares(
    windows: EnergyWindows, group: Sequence[Span], key: GroupKey
) -> dict[Hashable, list[Span]]:
    """Each key's share of an overlapping group: its stretches, with its part of their energy."""
    moments = [m for _, m in sorted({m.time_s: m for s in group for m in (s.begin, s.end)}.items())]
    counts, stretches = _runs(moments, group, key)
    sums = _Sums()
    for (first, second), number in zip(pairwise(moments), counts, strict=True):
        sums.add(windows.between(first, second, like=group[0]), number)
    found: dict[Hashable, list[Span]] = {}
    for own, first_place, last_place in stretches:
        whole = windows.between(moments[first_place], moments[last_place], like=group[0])
        found.setdefault(own, []).append(sums.part(whole, first_place, last_place))
    return found


def _runs(
    moments: Sequence[Moment], group: Sequence[Span], key: GroupKey
) -> tuple[list[int], list[tuple[Hashable, int, int]]]:
    """The number of keys running after each moment but the last, and each key's moments."""
    places = {moment.time_s: place for place, moment in enumerate(moments)}
    changes: list[list[tuple[int, Hashable]]] = [[] for _ in moments]
    for span in group:
        changes[places[span.start_s]].append((1, key(span)))
        changes[places[span.end_s]].append((-1, key(span)))
    running: dict[Hashable, int] = {}
    since: dict[Hashable, int] = {}
    counts, stretches = [], []
    for place, changed in enumerate(changes):
        for step, own in changed:
            running[own] = running.get(own, 0) + step
        for own in dict.fromkeys(own for _, own in changed):
            if running[own]:
                since.setdefault(own, place)
            elif (first := since.pop(own, place)) < place:
                stretches.append((own, first, place))
        counts.append(len(since))
    return counts[:-1], stretches


class _Sums:
    """Cumulative equal shares of energy and time from the first moment to each later one."""

    def __init__(self) -> None:
        self._energies_j: dict[str, list[float]] = {}
        self._unknown: dict[str, list[int]] = {}
        self._seconds = [0.0]
        self._shared = [0]

    def add(self, span: Span, sharers: int) -> None:
        """Add the stretch to the next moment, shared by so many."""
        part = 1 / sharers if sharers else 0.0
        for channel, energy_j in span.energy_j.items():
            sums = self._energies_j.setdefault(channel, [0.0])
            sums.append(sums[-1] + (energy_j or 0.0) * part)
            unknown = self._unknown.setdefault(channel, [0])
            unknown.append(unknown[-1] + (energy_j is None))
        self._seconds.append(self._seconds[-1] + span.seconds * part)
        self._shared.append(self._shared[-1] + (sharers > 1))

    def part(self, whole: Span, first: int, last: int) -> Span:
        """One share of the time between two moments."""
        if self._shared[first] == self._shared[last]:
            return whole
        energy_j = {
            channel: None
            if self._unknown[channel][first] < self._unknown[channel][last]
            else sums[last] - sums[first]
            for channel, sums in self._energies_j.items()
        }
        share = (self._seconds[last] - self._seconds[first]) / whole.seconds
        return replace(whole, energy_j=energy_j, share=share)
