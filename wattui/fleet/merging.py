"""Makes one recording of those of several nodes. Pure.

A phase of the whole is the phases of its nodes with the same name, label and repeat, in order. Its
edges are one row each, with what every node read at its own edges: energies are differences of a
node's own readings, whatever the clocks show. The times of the whole are the means of the nodes'
times on the first node's clock, and each node's other rows are placed between its edges.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from recorders.channels import (
    TOTAL,
    channel_of,
    column_order,
    is_count,
    on_node,
    unit_of,
)
from recorders.counts import COUNTED, INFERENCES, Counts, column_of, every, named, names_of
from recorders.summary.contents import headline, missing_note, summed_parts
from recorders.summary.failures import Commands, ended_note
from recorders.summary.located import LOCATED, AtEdge, located, located_text
from recorders.summary.reduction import (
    BEGIN,
    BLOCK,
    COUNT,
    END,
    GAP,
    LATE,
    LOST,
    NOTE,
    QUIET,
    RESET,
    SPAN,
    Energies,
    EventRow,
    Reduction,
    count_event,
)
from recorders.summary.spans import Moment, Span, nested
from recorders.summary.stats import quadrature
from recorders.texts import OwnNote

# Two rows of different moments are at least this far apart.
STEP_S = 1e-6
# Nodes whose clocks put the same phase further apart than this are placed by the phase.
APART_S = 60.0
# A channel that was read so near to a node's first or last row was read for as long as the node.
HELD_S = 2.0
# Rows that belong to an edge, which is written again.
TOLD = (SPAN, COUNT, LATE, QUIET, BLOCK, LOCATED)
# Notes that are about the whole and written again, or make no sense for it.
LEFT_OUT = (OwnNote.COMMAND_ENDED, OwnNote.HEADLINE, OwnNote.WALL_FIT, OwnNote.UNDONE)
_SINCE = re.compile(r"(?<= since )([0-9.]+)")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Node:
    """A node's recording: its number, what it is called, its rows with events, and its clock.

    `ahead_s` is the time of the whole at its own time 0, as far as clocks tell; `error_s` how wrong
    that may be (None: unknown). `is_lost`: it ended before its command did.
    """

    number: int
    title: str
    reduction: Reduction
    ahead_s: float = 0.0
    error_s: float | None = None
    is_lost: bool = False

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


@dataclass(frozen=True, slots=True)
class Whole:
    """A recording of several nodes: its columns, its rows with events in order, and remarks.

    `summed` are the columns that are sums over nodes, each with its parts; `courses` say where the
    other rows of each node are, by number.
    """

    columns: list[str]
    events: list[EventRow]
    summed: Mapping[str, Sequence[str]]
    courses: Mapping[int, Course]
    remarks: list[str]

    @property
    def reduction(self) -> Reduction:
        """What a summary needs of it."""
        return Reduction(list(self.columns), list(self.events))


def merged(nodes: Sequence[Node], absent: Sequence[str] = ()) -> Whole:
    """The recording of all nodes. `absent` says in words which nodes have none."""
    remarks: list[str] = []
    nodes = _on_one_clock(nodes, remarks)
    phases = _phases(nodes)
    edges = _timed(phases, nodes)
    courses = {node.number: _course(node, edges) for node in nodes}
    summed = sums(nodes)
    columns = [
        *sorted({c for node in nodes for c in node.columns}, key=_place),
        *(f"{name}_{unit}" for name in summed for unit in "JW"),
        *dict.fromkeys(
            column_of(name) for node in nodes for name in names_of(node.reduction.channels)
        ),
    ]
    written = _Rows(nodes, courses, summed, remarks)
    events = [row for edge in edges for row in written.of_edge(edge)]
    others = [row for node in nodes for row in _others(node, courses[node.number])]
    others += _ends(nodes, courses)
    first_s = events[0].time_s if events else 0.0
    notes = [*_chosen(nodes), *(missing_note("package", text) for text in absent)]
    own = [EventRow(first_s, NOTE + text, "", "", None, None, {}) for text in notes]
    last_s = max((courses[node.number](node.last_s) for node in nodes), default=first_s)
    last = EventRow(round(last_s, 6), "", "", "", None, None, written.last())
    events = _in_order([*own, *_once(others), *_lost(nodes, courses, edges), *events, last])
    return Whole(columns, events, summed, courses, remarks)


def sums(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """The channels that are sums over the nodes, with their parts: that of all that is summed on
    them, or the sum of what each of them would be quoted by."""
    parts = [on_node(node.name, part) for node in nodes for part in summed_parts(node.reduction)]
    if parts:
        return {TOTAL: parts}
    quoted = {headline(node.reduction.energy_channels) for node in nodes}
    if len(quoted) == 1 and (name := quoted.pop()):
        return {name: [on_node(node.name, name) for node in nodes]}
    return {}


# ------------------------------------------------------------ clocks


def _on_one_clock(nodes: Sequence[Node], remarks: list[str]) -> list[Node]:
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


def _course(node: Node, edges: Sequence[Edge]) -> Course:
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


# ------------------------------------------------------------ phases


def _phases(nodes: Sequence[Node]) -> list[Phase]:
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


def _timed(phases: Sequence[Phase], nodes: Sequence[Node]) -> list[Edge]:
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


# ------------------------------------------------------------ rows


class _Rows:
    """Writes the rows of edges, one after another in time."""

    def __init__(
        self,
        nodes: Sequence[Node],
        courses: Mapping[int, Course],
        summed: Mapping[str, Sequence[str]],
        remarks: list[str],
    ) -> None:
        self._nodes, self._courses, self._summed = nodes, courses, summed
        self._remarks = remarks
        self._energies = {node.number: Energies(node.reduction) for node in nodes}
        self._located = {node.number: located(node.reduction.remarks) for node in nodes}
        self._ends = {node.number: _ends_of(node.reduction) for node in nodes}
        self._counts: dict[int, dict[str, int]] = {node.number: {} for node in nodes}
        self._open: list[Phase] = []
        self._said: set[tuple[int, str]] = set()

    def of_edge(self, edge: Edge) -> Iterator[EventRow]:
        """The row of an edge, what its readers must know before it, and the energies found."""
        time_s, phase = edge.time_s, edge.phase
        energy_j: dict[str, float] = {}
        found: dict[str, AtEdge] = {}
        for node in self._nodes:
            read, at_edge = self._of_node(node, edge)
            own = ((name, value) for name, value in read.items() if name != TOTAL)
            energy_j |= {on_node(node.name, name): value for name, value in own}
            found |= {on_node(node.name, name): value for name, value in at_edge.items()}
        self._with_sums(energy_j)
        for name, parts in self._summed.items():
            if name != TOTAL and all(part in found for part in parts):
                error_j = quadrature(found[part].plus_minus_j for part in parts) or 0.0
                found[name] = AtEdge(math.fsum(found[part].energy_j for part in parts), error_j)
        counts = self._counted(edge)
        inferences, others = counts.get(INFERENCES), named(counts)
        where = phase.key

        def row(event: str, cells: dict[str, float] | None = None) -> EventRow:
            return EventRow(time_s, event, *where, inferences, cells or {}, counts=others)

        yield from map(row, self._told(edge))
        yield row(edge.event, energy_j)
        if found:
            texts = (located_text(name, *at) for name, at in found.items())
            yield row(f"{LOCATED}{time_s:.6f} {' '.join(texts)}")

    def last(self) -> dict[str, float]:
        """What was read in the last row of each node."""
        return self._with_sums(
            {
                on_node(node.name, channel): value
                for node in self._nodes
                for channel, value in node.reduction.events[-1].energy_j.items()
                if channel != TOTAL
            }
        )

    def _with_sums(self, energy_j: dict[str, float]) -> dict[str, float]:
        for name, parts in self._summed.items():
            if all(part in energy_j for part in parts):
                energy_j[name] = math.fsum(energy_j[part] for part in parts)
        return energy_j

    def _of_node(self, node: Node, edge: Edge) -> tuple[dict[str, float], dict[str, AtEdge]]:
        """What a node read at an edge, and what was found of its energies there."""
        moment = edge.of(node.number)
        if moment is not None and not moment.is_late:
            at_edge = self._located[node.number].get(moment.row.time_s, {})
            return moment.row.energy_j, dict(at_edge)
        own_s = moment.time_s if moment else self._courses[node.number].back(edge.time_s)
        read: dict[str, float] = {}
        found: dict[str, AtEdge] = {}
        for channel, (first, last) in self._ends[node.number].items():
            value, error_j = self._energies[node.number].at(channel, own_s)
            # Of what a node used before it came, and after it was lost, nothing is known.
            if own_s <= first[0] <= node.first_s + HELD_S:
                value, error_j = first[1], 0.0
            elif own_s >= last[0] >= node.last_s - HELD_S:
                value, error_j = last[1], 0.0
            if value is not None:
                read[channel] = value
                if not is_count(channel):
                    found[channel] = AtEdge(value, error_j or 0.0)
        if (
            moment is None
            and own_s < node.last_s
            and (node.number, edge.phase.name) not in self._said
        ):
            self._said.add((node.number, edge.phase.name))
            self._remarks.append(
                f"{node.title} did not mark {edge.phase.name}: its energy there is that between "
                "the readings around the other nodes' edges"
            )
        return read, found

    def _counted(self, edge: Edge) -> dict[str, int]:
        """What all nodes have counted until an edge, by name."""
        for number in edge.phase.spans:
            own = self._counts[number]
            moment = edge.of(number)
            for name, n in moment.row.every_count.items() if moment else ():
                own[name] = max(n, own.get(name, 0))
        return together(self._counts.values())

    def _told(self, edge: Edge) -> Iterator[str]:
        """The events before an edge that a reader cannot infer."""
        phase, spans = edge.phase, edge.phase.spans.values()
        if edge.event == BEGIN:
            around = phase.around if phase.around in self._open else None
            if around is not (self._open[-1] if self._open else None):
                yield f"{SPAN}{self._open.index(around) + 1 if around else 0}"
            self._open.append(phase)
            if all(span.aligned for span in spans):
                yield f"{QUIET}before"
            return
        usual = next(each for each in reversed(self._open) if each.key == phase.key)
        if usual is not phase:
            yield f"{SPAN}{self._open.index(phase) + 1}"
        self._open.remove(phase)
        for name, n in together(every(span.inferences, span.counts) for span in spans).items():
            yield count_event(n, name)
        if all(span.aligned for span in spans):
            yield f"{QUIET}after"
        if all(span.is_block for span in spans):
            after_s = math.fsum(s.begin.time_s - s.begin.row_s for s in spans) / len(spans)
            before_s = math.fsum(s.end.row_s - s.end.time_s for s in spans) / len(spans)
            begin_s, end_s = phase.begin_s + after_s, phase.end_s - before_s
            yield f"{BLOCK}{begin_s:.6f} {end_s:.6f}"


def together(counts: Iterable[Counts]) -> dict[str, int]:
    """The sums of counts, by name."""
    found: dict[str, int] = {}
    for own in counts:
        for name, n in own.items():
            found[name] = found.get(name, 0) + n
    return found


def _ends_of(reduction: Reduction) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    """The first and the last reading of each channel: time and joules."""
    found: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {}
    for row in reduction.events:
        for channel, value in row.energy_j.items():
            here = row.time_s, value
            found[channel] = found.get(channel, (here, here))[0], here
    return found


def _others(node: Node, course: Course) -> Iterator[EventRow]:
    """A node's notes and events of channels, as those of the whole."""
    channels = {channel_of(column) for column in node.reduction.channels}
    for row in node.reduction.remarks:
        if not row.event or row.event.startswith(TOLD):
            continue
        text = _renamed(row, node.name, channels, course)
        if text is not None:
            power_w = {on_node(node.name, name): watts for name, watts in row.power_w.items()}
            where = row.phase, row.label, row.repeat
            yield EventRow(round(course(row.time_s), 6), text, *where, None, {}, power_w)


def _renamed(row: EventRow, name: str, channels: set[str], course: Course) -> str | None:
    """An event with the names of a node's channels among those of all; None if it is left out."""
    for begin in (GAP, RESET, LOST):
        if row.event.startswith(begin):
            return begin + on_node(name, row.event.removeprefix(begin))
    if any(row.noted(note) is not None for note in LEFT_OUT):
        return None
    kind = next((kind for kind in OwnNote if row.noted(kind) is not None), None)
    if kind is None or kind is OwnNote.METER:
        return row.event
    text = row.noted(kind) or ""
    if kind in (OwnNote.MISSING, OwnNote.OTHER_LOAD):
        return f"{NOTE}{kind} {on_node(name, text)}"
    text = _WORD.sub(lambda m: on_node(name, m[0]) if m[0] in channels else m[0], text)
    text = _SINCE.sub(lambda m: f"{course(float(m[0])):.6f}", text)
    if kind is OwnNote.BROKEN_OFF:
        return f"{NOTE}{kind}: {name}: {text}"
    joint = row.event.removeprefix(NOTE + kind)[:1]
    return f"{NOTE}{kind}{joint if joint == ':' else ''} {text}".rstrip()


def _once(rows: Iterable[EventRow]) -> list[EventRow]:
    """Notes that several nodes have alike, once."""
    found: dict[str, EventRow] = {}
    return [row for row in rows if found.setdefault(row.event, row) is row or row.power_w]


def _ends(nodes: Sequence[Node], courses: Mapping[int, Course]) -> Iterator[EventRow]:
    """The ends of the commands: each is that of the last node, and failed if it failed on one."""
    every = [
        [(courses[node.number](c.until_s), c) for c in Commands(node.reduction).ended]
        for node in nodes
    ]
    for place in range(max(map(len, every), default=0)):
        ended = [own[place] for own in every if place < len(own)]
        status = next((c.status for _, c in ended if c.status), ended[0][1].status)
        stopped = any(command.stopped for _, command in ended)
        text = ended_note(status, ended[0][1].repeat, stopped)
        time_s = round(max(time_s for time_s, _ in ended), 6)
        yield EventRow(time_s, NOTE + text, "", "", None, None, {})


def _chosen(nodes: Sequence[Node]) -> Iterator[str]:
    """The note of the headline that every node was asked for."""
    wanted = {tuple(node.reduction.noted(OwnNote.HEADLINE)) for node in nodes}
    if len(wanted) == 1 and (names := wanted.pop()) and names[0] in (TOTAL,):
        yield f"{OwnNote.HEADLINE} {names[0]}"


def _lost(
    nodes: Sequence[Node], courses: Mapping[int, Course], edges: Sequence[Edge]
) -> Iterator[EventRow]:
    """What is not known of nodes that ended early, or came late: events of their channels."""
    for node in nodes:
        course = courses[node.number]
        own = [on_node(node.name, name) for name in node.reduction.energy_channels if name != TOTAL]
        if node.is_lost:
            time_s = round(course(node.last_s), 6)
            text = f"{NOTE}{node.name} ({node.title}) is lost: it has no rows after {time_s:.1f} s"
            yield EventRow(time_s, text, "", "", None, None, {})
            for name in own:
                yield EventRow(time_s, LOST + name, "", "", None, None, {})
        begun_s = course(node.first_s)
        before = [
            edge.phase.name
            for edge in edges
            if edge.event == BEGIN and edge.phase.key[0] == "running"
            if node.number not in edge.phase.spans and edge.time_s < begun_s
        ]
        if before:
            why = f"{node.title} came at {begun_s:.1f} s, after {before[0]} had begun"
            for name in own:
                text = NOTE + missing_note(name, why)
                yield EventRow(round(begun_s, 6), text, "", "", None, None, {})


def _in_order(rows: Sequence[EventRow]) -> list[EventRow]:
    """Rows in time; those of an edge stay together, after others of the same time."""
    return sorted(rows, key=lambda row: row.time_s)


def _place(column: str) -> tuple[object, ...]:
    return *column_order(channel_of(column)), "JW".find(unit_of(column)), column
