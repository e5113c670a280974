"""Finds the phases of a recording of several nodes, and their times. Pure.

A phase of the whole is the phases of its nodes with the same name, label and repeat, in order. The
times of the whole are the means of the nodes' times on the first node's clock, and each node's
other rows are placed between its edges.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from recorders.channels import TOTAL, channel_of, on_node
from recorders.counts import COUNTED
from recorders.summary.reduction import BEGIN, END, Reduction
from recorders.summary.spans import Moment, Span, nested

# Two rows of different moments are at least this far apart.
STEP_S = 1e-6
# Nodes whose clocks put the same phase further apart than this are placed by the phase.
APART_S = 60.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node's recording: its number, what it is called, its rows with events, and its clock.

    `ahead_s` is the time of the whole at its own time 0, as far as clocks tell; `error_s` how wrong
    that may be (None: unknown). `is_lost`: it ended before its command did. `failure`: the exit
    status of one of its ranks that failed, and was not stopped; 0: none did.
    """

    number: int
    title: str
    reduction: Reduction
    ahead_s: float = 0.0
    error_s: float | None = None
    is_lost: bool = False
    failure: int = 0

    @property
    def name(self) -> str:
        """The beginning of its channels' names."""
        return f"node{self.number}"

    @property
    def first_s(self) -> float:
        """The time of its first row."""
        return self.reduction.events[0].time_s if self.reduction.events else 0.0

    @property
    def last_s(self) -> float:
        """The time of its last row."""
        return self.reduction.events[-1].time_s if self.reduction.events else 0.0

    @property
    def columns(self) -> list[str]:
        """Its columns, as in the recording of the whole; without its own sum."""
        own = (c for c in self.reduction.channels if channel_of(c) != TOTAL)
        return [on_node(self.name, c) for c in own if not c.startswith(COUNTED)]


@dataclass(slots=True, eq=False)
class Phase:
    """A phase of the whole: the phases of its nodes by number, and the phase it began in."""

    key: tuple[str, str, int | None]
    spans: dict[int, Span] = field(default_factory=dict)
    around: Phase | None = None
    begin_s: float = 0.0
    end_s: float = 0.0

    @property
    def name(self) -> str:
        """Its phase and label."""
        return f"{self.key[0]} {self.key[1]}".rstrip()

    @property
    def is_finished(self) -> bool:
        """Whether it ended on any of its nodes."""
        return any(span.finished for span in self.spans.values())


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of a phase of the whole."""

    phase: Phase
    event: str

    @property
    def time_s(self) -> float:
        """When it is, on the clock of the whole."""
        return self.phase.begin_s if self.event == BEGIN else self.phase.end_s

    def of(self, number: int) -> Moment | None:
        """A node's own edge, or its last row if it was lost before; None without such a phase."""
        span = self.phase.spans.get(number)
        return None if span is None else span.begin if self.event == BEGIN else span.end

    def happened(self, number: int) -> Moment | None:
        """A node's own edge, if there was one."""
        span = self.phase.spans.get(number)
        return self.of(number) if span and (self.event == BEGIN or span.finished) else None


@dataclass(frozen=True, slots=True)
class Course:
    """How a node's own times lie on those of the whole: straight lines between its edges."""

    own_s: tuple[float, ...]
    whole_s: tuple[float, ...]
    ahead_s: float

    def __call__(self, own_s: float) -> float:
        """The time of the whole at a node's own time."""
        if not self.own_s:
            return own_s + self.ahead_s
        place = bisect_right(self.own_s, own_s)
        if place in (0, len(self.own_s)):
            near = min(place, len(self.own_s) - 1)
            return self.whole_s[near] + own_s - self.own_s[near]
        first, last = self.own_s[place - 1 : place + 1]
        share = (own_s - first) / (last - first)
        return self.whole_s[place - 1] + share * (self.whole_s[place] - self.whole_s[place - 1])

    def back(self, whole_s: float) -> float:
        """A node's own time at a time of the whole."""
        return Course(self.whole_s, self.own_s, -self.ahead_s)(whole_s)


def on_one_clock(nodes: Sequence[Node], remarks: list[str]) -> list[Node]:
    """The nodes, each placed by its first phase where its clock is far from the first node's."""
    if not nodes:
        return []
    first, *others = nodes
    found = [first]
    begun_s = _first_begins(first)
    for node in others:
        ahead_s = node.ahead_s
        apart_s = [
            begun_s[key] - time_s for key, time_s in _first_begins(node).items() if key in begun_s
        ]
        if apart_s and min(map(abs, apart_s)) > APART_S:
            away_s = apart_s[0]
            remarks.append(
                f"{node.title}: its clock is {abs(away_s):,.0f} s "
                f"{'behind' if away_s > 0 else 'ahead of'} that of {first.title}: its rows are "
                "placed by its phases; energies do not depend on clocks"
            )
            ahead_s += away_s
        found.append(replace(node, ahead_s=ahead_s))
    return found


def _first_begins(node: Node) -> dict[tuple[str, str, int | None], float]:
    found: dict[tuple[str, str, int | None], float] = {}
    for row in node.reduction.events:
        if row.event == BEGIN:
            found.setdefault((row.phase, row.label, row.repeat), row.time_s + node.ahead_s)
    return found


def course_of(node: Node, edges: Sequence[Edge]) -> Course:
    """Where a node's rows are on the clock of the whole."""
    pairs = sorted(
        (moment.row_s, edge.time_s)
        for edge in edges
        if (moment := edge.happened(node.number)) is not None
    )
    own_s: list[float] = []
    whole_s: list[float] = []
    for own, whole in pairs:
        if own_s and (own <= own_s[-1] or whole < whole_s[-1]):
            continue
        own_s.append(own)
        whole_s.append(whole)
    return Course(tuple(own_s), tuple(whole_s), node.ahead_s)


def phases_of(nodes: Sequence[Node]) -> list[Phase]:
    """The phases of the whole, in order of their beginning on the first node that has them."""
    of_key: dict[tuple[str, str, int | None], dict[int, list[Span]]] = {}
    around: dict[int, Span | None] = {}
    for node in nodes:
        for span, outer in nested(Reduction([], node.reduction.events)):
            key = span.phase, span.label, span.repeat
            of_key.setdefault(key, {}).setdefault(node.number, []).append(span)
            around[id(span)] = outer
    ahead_s = {node.number: node.ahead_s for node in nodes}
    found: list[Phase] = []
    phase_of: dict[int, Phase] = {}
    for key, of_node in of_key.items():
        most = max(of_node.values(), key=len)
        number = next(n for n, own in of_node.items() if own is most)
        slots_s = [span.start_s + ahead_s[number] for span in most]
        rows = [Phase(key) for _ in most]
        for n, own in of_node.items():
            for place, span in zip(_slots(own, ahead_s[n], slots_s), own, strict=True):
                rows[place].spans[n] = span
                phase_of[id(span)] = rows[place]
        found += rows
    for phase in found:
        outer = around[id(next(iter(phase.spans.values())))]
        phase.around = phase_of[id(outer)] if outer is not None else None
    return found


def _slots(own: Sequence[Span], ahead_s: float, slots_s: Sequence[float]) -> list[int]:
    """Which of the repetitions of a phase a node's are: the nearest ones, in order."""
    if len(own) == len(slots_s):
        return list(range(len(slots_s)))
    found: list[int] = []
    least = 0
    for left, span in zip(range(len(own) - 1, -1, -1), own, strict=True):
        free = range(least, len(slots_s) - left)
        found.append(min(free, key=lambda n: abs(slots_s[n] - span.start_s - ahead_s)))
        least = found[-1] + 1
    return found


def timed(phases: Sequence[Phase], nodes: Sequence[Node]) -> list[Edge]:
    """The edges of all phases in order, with their times set: the means of the nodes' times, but
    no edge before one that comes first on a node."""
    ahead_s = {node.number: node.ahead_s for node in nodes}

    def mean_s(phase: Phase, event: str) -> float:
        own = {n: span for n, span in phase.spans.items() if event == BEGIN or span.finished}
        own = own or phase.spans
        return math.fsum(
            (span.begin if event == BEGIN else span.end).row_s + ahead_s[n]
            for n, span in own.items()
        ) / len(own)

    edges = [Edge(phase, BEGIN) for phase in phases]
    edges += [Edge(phase, END) for phase in phases if phase.is_finished]
    wanted_s = {id(edge): mean_s(edge.phase, edge.event) for edge in edges}
    own_order = _orders(edges, nodes)
    edges.sort(key=lambda edge: (wanted_s[id(edge)], own_order[id(edge)]))
    edges = _sorted_by_nodes(edges, nodes)
    latest_s, latest = -math.inf, None
    for edge in edges:
        time_s = round(wanted_s[id(edge)], 6)
        if latest is not None and time_s <= latest_s:
            time_s = latest_s if _are_one_moment(latest, edge) else round(latest_s + STEP_S, 6)
        latest_s, latest = time_s, edge
        if edge.event == BEGIN:
            edge.phase.begin_s = time_s
        else:
            edge.phase.end_s = time_s
    return edges


def _orders(edges: Sequence[Edge], nodes: Sequence[Node]) -> dict[int, int]:
    """The place of each edge among the rows of the first node that has it."""
    places = {
        node.number: {id(row): n for n, row in enumerate(node.reduction.events)} for node in nodes
    }
    return {
        id(edge): next(
            places[n].get(id(moment.row), 0)
            for n in sorted(edge.phase.spans)
            if (moment := edge.happened(n)) is not None
        )
        for edge in edges
    }


def _sorted_by_nodes(edges: Sequence[Edge], nodes: Sequence[Node]) -> list[Edge]:
    """The edges in an order that is that of every node, as far as the nodes agree, and else as
    given."""
    after: dict[int, set[int]] = {id(edge): set() for edge in edges}
    waits: dict[int, int] = dict.fromkeys(after, 0)
    for node in nodes:
        places = {id(row): n for n, row in enumerate(node.reduction.events)}
        own = sorted(
            (
                (places.get(id(moment.row), len(places)), n, edge)
                for n, edge in enumerate(edges)
                if (moment := edge.happened(node.number)) is not None
            ),
            key=lambda item: item[:2],
        )
        for (_, _, first), (_, _, second) in pairwise(own):
            if id(second) not in after[id(first)]:
                after[id(first)].add(id(second))
                waits[id(second)] += 1
    found: list[Edge] = []
    left = list(edges)
    while left:
        # Nodes that contradict each other leave none: then the first in time.
        place = next((n for n, edge in enumerate(left) if not waits[id(edge)]), 0)
        edge = left.pop(place)
        found.append(edge)
        for key in after[id(edge)]:
            waits[key] -= 1
    return found


def _are_one_moment(first: Edge, second: Edge) -> bool:
    """Whether two edges are at the same time on every node that has either."""
    numbers = first.phase.spans.keys() | second.phase.spans.keys()
    moments = [(first.happened(n), second.happened(n)) for n in numbers]
    return all(a is not None and b is not None and a.row_s == b.row_s for a, b in moments)
