"""Finds a counter's energy at a phase edge, from the moves of the counter around it. Pure.

A counter shows the energy as of its last refresh, up to an update period T ago. Read on after an
edge at time t until it has moved, and the edge lies between two known points: E0 at t0 and E1 at
t1, with t0 = t1 - T. The energy at the edge is E0 + (E1 - E0) * (t - t0) / (t1 - t0) if power was
steady in between (Haehnel and others, "Measuring Energy Consumption for Short Code Paths Using
RAPL", 2012). Where the load steps at the edge itself, the powers before and after it agree on
another energy, which is then the better one. How far those powers differ is also what tells how
wrong the energy may be; it is between E0 and E1 in any case.

A program may wait, quiet, before and after a phase until the counter has moved twice. Then the
power on the quiet side is known, and so is the energy at the edge, whatever the phase used.

A counter is read a little after the program's call for the end, and a little before its call for
the begin returns. A program that says when that was gets the energy at that moment; until it has
said so, its edge is held.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

# A counter that has not moved this many periods after an edge is not read for it any longer.
GIVE_UP_PERIODS = 4.0
# A refresh may come early or late by this share of the period, or by more if it was seen to.
UNEVEN, MOST_UNEVEN, CALMING = 0.01, 0.3, 0.95
# The power before an edge is that since a point in time that is known this well.
BASE_SHARE = 0.05
# The load stepped at the edge if the powers on both sides agree to this share of the difference.
AT_EDGE = 0.15
# What one counter's powers are allowed to differ by at an edge, from what they differed by before:
# the quantile of so many edges, and the factor from it to nearly the most.
EDGES, QUANTILE, TIMES = 16, 0.4, 3.0
# A counter is slow if its period is this long.
SLOW_NS, SLOW_TIMES = 10_000_000, 4.0
# The error of a straight line through a power that changes, in units of the change.
CURVED = 1.2
# Where refreshes are uneven, a difference of powers may hide another: so many times what is seen.
HIDDEN = 1.6
MOVES = 64
PATIENCE_NS = 500_000_000
# Moves after which the power of a quiet time is known.
WATCHED = 2
# Looks for a move are this far apart, in periods, and no closer than this.
LOOK_SHARE, LEAST_LOOK_NS = 0.04, 20_000.0
# After a move, the next one is not looked for before this share of the period.
NEXT_SHARE = 0.8
# 95 % half-width of an error that is anywhere within a bound: k = 2 standard uncertainties (GUM
# 4.3.7 and 6.2.1).
OF_BOUND = 2 / math.sqrt(3)


# The side of an edge on which the program waited for the counter.
Quiet = Literal["", "before", "after"]


class Point(NamedTuple):
    """The energy at a refresh, at a time known to within `within_ns`.

    `alone`: no other refresh can have come between it and the last one that was seen.
    """

    at_ns: float
    within_ns: float
    energy_j: float
    alone: bool


# The last read before a move, when the move was seen, and the energy since.
_Move = tuple[int, int, float]


class Located(NamedTuple):
    """A counter's energy at an edge, and its ± (k = 2), joules."""

    time_ns: int
    energy_j: float
    plus_minus_j: float


class _Power(NamedTuple):
    """A mean power, J/ns, and its relative error."""

    value: float
    share: float


class _Edge(NamedTuple):
    """An edge whose energy is not known yet, the energy read at it, the move before it, the time of
    the edge before it, when it was for the program, and the points after it.

    `is_held`: that is not known yet. `known`: the refresh before it and the power since, if the
    machine was quiet.
    """

    time_ns: int
    energy_j: float
    before: _Move | None
    since_ns: float
    at_ns: int
    quiet: Quiet = ""
    is_held: bool = False
    after: tuple[Point, ...] = ()
    known: tuple[Point, _Power] | None = None


class _Gap(NamedTuple):
    """The refreshes around an edge: their energies, the times to them, and how well known."""

    first_j: float
    last_j: float
    before_ns: float
    after_ns: float
    start_open_ns: float
    end_open_ns: float


class EdgeFinder:
    """Follows one counter, and finds its energy at each edge once it has moved twice after it.

    `step_j` is the counter's resolution, joules.
    """

    def __init__(self, step_j: float = 0.0) -> None:
        self._step_j = step_j / 2
        self._period_ns = 0.0
        self._uneven = UNEVEN
        self._shown: float | None = None
        self._seen_ns = 0
        self._moves: deque[_Move] = deque(maxlen=MOVES)
        self._open: list[_Edge] = []
        self._held: dict[int, _Edge] = {}
        self._edge_ns = -math.inf
        self._varied: deque[float] = deque(maxlen=EDGES)
        self._watched: list[Point] = []
        self._watch_since_ns, self._watch_until_ns = 0, 0.0
        self._quiet: deque[_Power] = deque(maxlen=EDGES)

    @property
    def waits(self) -> bool:
        """Whether an edge waits for a move, or the counter is watched."""
        return bool(self._open) or self.is_watched

    @property
    def patience_ns(self) -> int:
        """How long the end of a recording may wait for the last edges."""
        return PATIENCE_NS if self.waits else 0

    @property
    def is_watched(self) -> bool:
        """Whether a quiet time waits for moves."""
        return self._watch_until_ns > 0

    @property
    def is_known_quiet(self) -> bool:
        """Whether the counter moved often enough when it was watched last."""
        return len(self._watched) == WATCHED

    def is_stale(self, now_ns: int) -> bool:
        """Whether a counter that was watched has been refreshed since then, unseen."""
        since_ns = now_ns - self._moves[-1][1] if self._moves else 0
        return self.is_known_quiet and since_ns > (1 + self._uneven) * self._period_ns

    def watch(self, now_ns: int) -> bool:
        """Watch the counter of a machine that is quiet from now on, until its power is known or it
        has not moved for too long; False if its period is unknown."""
        self._watched, self._watch_since_ns = [], now_ns
        if self._period_ns:
            self._watch_until_ns = now_ns + GIVE_UP_PERIODS * self._period_ns
        return self.is_watched

    def learn(self, period_s: float) -> None:
        """Learn the counter's update period."""
        self._period_ns = period_s * 1e9

    def due_ns(self) -> float:
        """When to look next for a move that is waited for; infinite if none is."""
        if not self.waits:
            return math.inf
        due_ns = self._seen_ns + max(LOOK_SHARE * self._period_ns, LEAST_LOOK_NS)
        waiting = [self._open[-1].after] if self._open else []
        waiting += [tuple(self._watched)] if self.is_watched else []
        if all(waiting):
            last_ns = min(points[-1].at_ns for points in waiting)
            due_ns = max(due_ns, last_ns + NEXT_SHARE * self._period_ns)
        return due_ns

    def restart(self) -> None:
        """Take the next reading as the first; edges that wait stay unknown."""
        self._shown = None
        self._moves.clear()
        self._open.clear()
        self._watched, self._watch_until_ns = [], 0.0

    def see(self, energy_j: float, begun_ns: int, ended_ns: int) -> list[Located]:
        """Take a reading, begun and ended then; returns the edges that are known now."""
        shown, seen_ns = self._shown, self._seen_ns
        self._shown, self._seen_ns = energy_j, begun_ns
        if shown is None or energy_j == shown:
            if ended_ns > self._watch_until_ns:
                self._watch_until_ns = 0.0
            return self._given_up(ended_ns) if self._open else []
        self._moves.append((seen_ns, ended_ns, energy_j))
        if not self.waits:
            return []
        point = self._point(*self._moves[-1])
        if self.is_watched and seen_ns >= self._watch_since_ns:
            self._watch(point)
        moved = [edge._replace(after=(*edge.after, point)) for edge in self._open]
        self._open = [edge for edge in moved if len(edge.after) < 2]
        return self._told(edge for edge in moved if len(edge.after) == 2)

    def mark(
        self,
        time_ns: int,
        energy_j: float,
        quiet: Quiet = "",
        at_ns: int | None = None,
        hold: bool = False,
    ) -> list[Located]:
        """Open an edge at which `energy_j` was read, with a side on which the machine is quiet.

        For the program it was at `at_ns`, or is until `settle` says when, if it is on `hold`.
        Returns the earlier edges that have moved once: the power after them is no longer theirs;
        and this edge, if it is known already.
        """
        if not self._period_ns:
            return []
        ended = self._told(edge for edge in self._open if edge.after)
        self._open = [edge for edge in self._open if not edge.after]
        move = self._moves[-1] if self._moves else None
        at_ns = time_ns if at_ns is None else at_ns
        edge = _Edge(time_ns, energy_j, move, self._edge_ns, at_ns, quiet, hold)
        self._edge_ns = time_ns
        if quiet == "before" and (known := self._after_quiet(time_ns)):
            return [*ended, *self._told([edge._replace(known=known)])]
        self._open.append(edge)
        return ended

    def settle(self, time_ns: int, at_ns: int) -> list[Located]:
        """Say when an edge on hold was for the program; returns it if its energy is known now."""
        self._open = [
            edge._replace(at_ns=at_ns, is_held=False)
            if edge.is_held and edge.time_ns == time_ns
            else edge
            for edge in self._open
        ]
        edge = self._held.pop(time_ns, None)
        return [self._located(edge._replace(at_ns=at_ns))] if edge else []

    def give_up(self) -> list[Located]:
        """Wait no longer; returns the edges that have moved once."""
        ended, self._open = [*self._held.values(), *self._open], []
        self._held.clear()
        return [self._located(edge) for edge in ended if edge.after or edge.known]

    def _told(self, edges: Iterable[_Edge]) -> list[Located]:
        """The energies of edges around which the counter has moved, unless they are on hold."""
        found = []
        for edge in edges:
            if edge.is_held:
                self._held[edge.time_ns] = edge
            else:
                found.append(self._located(edge))
        return found

    def _watch(self, point: Point) -> None:
        """Take a move of a watched counter."""
        self._watched.append(point)
        self._watch_until_ns = point.at_ns + GIVE_UP_PERIODS * self._period_ns
        if self.is_known_quiet:
            self._watch_until_ns = 0.0
            self._quiet.append(self._slope(*self._watched))

    def _after_quiet(self, time_ns: int) -> tuple[Point, _Power] | None:
        """The last refresh before an edge right after a quiet time, and the quiet power since; None
        if that time was too short, or is long ago."""
        if not self.is_known_quiet:
            return None
        last = self._point(*self._moves[-1])
        if time_ns - last.at_ns > (1 + self._uneven) * self._period_ns:
            return None
        return last, self._quiet[-1]

    def _since_quiet(self, edge: _Edge, last: Point, power: _Power) -> Located:
        """The energy at an edge right after a quiet time: that of the last refresh, and the quiet
        power since."""
        away_ns = max(0.0, edge.at_ns - last.at_ns)
        bound_j = self._quiet_bound_j(power, away_ns, last.within_ns)
        return Located(edge.time_ns, last.energy_j + power.value * away_ns, bound_j * OF_BOUND)

    def _before_quiet(self, edge: _Edge) -> Located:
        """The energy at an edge right before a quiet time: the next refresh, less the quiet power
        until then."""
        first, power = edge.after[0], self._slope(*edge.after)
        self._quiet.append(power)
        away_ns = max(0.0, first.at_ns - edge.at_ns)
        bound_j = self._quiet_bound_j(power, away_ns, first.within_ns)
        return Located(edge.time_ns, first.energy_j - power.value * away_ns, bound_j * OF_BOUND)

    def _quiet_bound_j(self, power: _Power, away_ns: float, within_ns: float) -> float:
        """Bound of the energy between a refresh and an edge, between which the machine is quiet.

        Its power may differ from the one measured as much as the quiet powers before differed.
        """
        values = [each.value for each in self._quiet]
        differs = max(values) - min(values)
        open_ns = math.hypot(within_ns, power.share * away_ns)
        return math.hypot(power.value * open_ns, 2 * self._step_j, CURVED * differs * away_ns)

    def _point(self, seen_ns: int, ended_ns: int, energy_j: float) -> Point:
        """The refresh shown by a reading that ended then, and was not shown by one begun before."""
        low_ns = max(seen_ns, ended_ns - (1 + self._uneven) * self._period_ns)
        alone = ended_ns - seen_ns <= (1 - self._uneven) * self._period_ns
        return Point((low_ns + ended_ns) / 2, (ended_ns - low_ns) / 2, energy_j, alone)

    def _given_up(self, now_ns: int) -> list[Located]:
        """The edges that waited too long and have moved once; the others stay unknown."""
        limit_ns = now_ns - GIVE_UP_PERIODS * self._period_ns
        if self._open[0].time_ns >= limit_ns:
            return []
        old = [edge for edge in self._open if edge.time_ns < limit_ns]
        self._open = self._open[len(old) :]
        return self._told(edge for edge in old if edge.after)

    def _base(self, edge: _Edge) -> Point | None:
        """The latest point since the edge before from which the power until then is known well."""
        open_ns = LOOK_SHARE * self._period_ns
        for move in reversed(self._moves):
            point = self._point(*move)
            if point.at_ns < edge.since_ns:
                break
            since_ns = edge.time_ns - self._period_ns / 2 - point.at_ns
            if point.within_ns + open_ns <= BASE_SHARE * since_ns:
                return point
        return None

    def _located(self, edge: _Edge) -> Located:
        """The energy of an edge, from one or two moves after it. Powers are in J/ns."""
        if edge.known:
            return self._since_quiet(edge, *edge.known)
        first = edge.after[0]
        if edge.quiet == "after" and len(edge.after) == WATCHED and first.alone:
            return self._before_quiet(edge)
        start = self._start(edge, first)
        between_ns = max(1.0, first.at_ns - start.at_ns)
        if edge.at_ns < edge.time_ns and edge.at_ns < start.at_ns:
            return self._beyond(edge, start, start)
        if edge.at_ns > edge.time_ns and edge.at_ns > first.at_ns:
            return self._beyond(edge, start, first)
        before_ns = min(edge.at_ns - start.at_ns, between_ns)
        rose_j = first.energy_j - edge.energy_j
        even_j = edge.energy_j + rose_j * before_ns / between_ns
        after = self._next(edge)
        before = self._before(edge, start)
        side = after or before
        if not first.alone or side is None:
            widest_j = max(abs(even_j - edge.energy_j), abs(first.energy_j - even_j))
            return Located(edge.time_ns, even_j, widest_j * OF_BOUND)
        gap = _Gap(
            edge.energy_j,
            first.energy_j,
            max(0.0, before_ns),
            max(0.0, first.at_ns - edge.at_ns),
            start.within_ns,
            first.within_ns,
        )
        energy_j, bound_j = self._judged(gap, even_j, before, after, side)
        return Located(edge.time_ns, energy_j, min(bound_j, rose_j) * OF_BOUND)

    def _beyond(self, edge: _Edge, start: Point, near: Point) -> Located:
        """The energy of an edge that was beyond the refreshes around its reading for the program:
        the program waited between them, or between the next two, at the power of that time."""
        first, after = edge.after[0], self._next(edge)
        mean = (first.energy_j - edge.energy_j) / max(1.0, first.at_ns - start.at_ns)
        if after and edge.at_ns > edge.after[1].at_ns:
            near, mean = edge.after[1], after.value
        away_ns = edge.at_ns - near.at_ns
        sides = [side.value for side in (self._before(edge, start), after) if side]
        differs = max((abs(side - mean) for side in sides), default=mean)
        if abs(away_ns) > self._period_ns:
            self._varied.append(differs**2)
            differs = max(mean, math.sqrt(max(self._varied)))
        bound_j = math.hypot(mean * near.within_ns, 2 * self._step_j, differs * away_ns)
        return Located(edge.time_ns, near.energy_j + mean * away_ns, bound_j * OF_BOUND)

    def _next(self, edge: _Edge) -> _Power | None:
        """The power after the first move after an edge."""
        return self._slope(*edge.after) if len(edge.after) > 1 else None

    def _judged(
        self,
        gap: _Gap,
        even_j: float,
        before: _Power | None,
        after: _Power | None,
        side: _Power,
    ) -> tuple[float, float]:
        """The energy and its bound, judged by the powers on one side or both."""
        mean = (gap.last_j - gap.first_j) / max(1.0, gap.before_ns + gap.after_ns)
        early = late = None
        if before:
            open_ns = math.hypot(gap.start_open_ns, before.share * gap.before_ns)
            open_j = math.hypot(before.value * open_ns, self._step_j)
            early = open_j, gap.first_j + before.value * gap.before_ns
        is_uneven = self._uneven > 2 * UNEVEN
        if after:
            twice = 1 + gap.after_ns / self._period_ns if is_uneven else 1.0
            open_ns = math.hypot(gap.end_open_ns * twice, after.share * gap.after_ns)
            open_j = math.hypot(after.value * open_ns, self._step_j)
            late = open_j, gap.last_j - after.value * gap.after_ns
        if early and late:
            apart_j, allowed_j = abs(late[1] - early[1]), late[0] + early[0]
            stepped_j = abs(late[1] - even_j)
            if stepped_j > 2 * late[0] and apart_j <= max(allowed_j, AT_EDGE * stepped_j):
                open_j, energy_j = min(late, early)
                return energy_j, math.hypot(open_j, apart_j / 2)
        far_ns = gap.after_ns if after else gap.before_ns
        open_j, energy_j = late or early or (0.0, even_j)
        differs = abs(side.value - mean)
        unsure = math.hypot(
            self._uneven * mean,
            side.share * side.value,
            (2 * self._step_j + side.value * gap.end_open_ns) / self._period_ns,
        )
        varies = max(0.0, differs**2 - unsure**2)
        usual = self._usual
        self._varied.append(varies)
        across_ns = math.sqrt(gap.before_ns * gap.after_ns)
        curved_j = max(
            math.sqrt(varies) * far_ns,
            HIDDEN * is_uneven * differs * far_ns,
            math.sqrt(max(varies, usual)) * across_ns,
        )
        best_j = energy_j if is_uneven and not varies else even_j
        return best_j, math.hypot(open_j, CURVED * curved_j)

    @property
    def _usual(self) -> float:
        """The square of what powers at an edge may differ by, judged by the edges before.

        A load may change many times within a slow counter's period and hide in most of them, so
        there it is the most that was seen.
        """
        if not self._varied:
            return 0.0
        if self._period_ns >= SLOW_NS:
            return SLOW_TIMES * max(self._varied)
        return TIMES**2 * sorted(self._varied)[int(QUANTILE * len(self._varied))]

    def _before(self, edge: _Edge, start: Point) -> _Power | None:
        """The power before the refresh shown at an edge; None if its time is too short to tell."""
        base = self._base(edge)
        if base is None:
            return None
        since_ns = start.at_ns - base.at_ns
        open_ns = base.within_ns + start.within_ns
        if since_ns <= 0 or open_ns > MOST_UNEVEN * since_ns:
            return None
        return _Power((edge.energy_j - base.energy_j) / since_ns, open_ns / since_ns)

    def _slope(self, first: Point, second: Point) -> _Power:
        """The power between two refreshes; learns how uneven they are."""
        seen_ns = max(1.0, second.at_ns - first.at_ns)
        within_ns = first.within_ns + second.within_ns
        periods = max(1, round(seen_ns / self._period_ns))
        if periods == 1:
            uneven = (abs(seen_ns - self._period_ns) - within_ns) / self._period_ns
            self._uneven = max(UNEVEN, CALMING * self._uneven, min(MOST_UNEVEN, uneven))
        rose_j = second.energy_j - first.energy_j
        if self._uneven < 2 * UNEVEN:
            return _Power(rose_j / (periods * self._period_ns), self._uneven / periods)
        share = math.hypot(first.within_ns, second.within_ns) / seen_ns
        return _Power(rose_j / seen_ns, share)

    def _start(self, edge: _Edge, first: Point) -> Point:
        """The refresh shown at the edge: as it was seen, or a period before the next."""
        within_ns = first.within_ns + self._uneven * self._period_ns
        seen = self._point(*edge.before) if edge.before else None
        if seen and seen.energy_j != edge.energy_j:
            seen = None
        if first.alone and not (seen and seen.within_ns < within_ns):
            return Point(first.at_ns - self._period_ns, within_ns, edge.energy_j, True)
        half_ns = self._period_ns / 2
        return seen or Point(edge.time_ns - half_ns, half_ns, edge.energy_j, False)
