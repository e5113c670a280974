"""Makes one recording of those of several nodes. Pure.

The edges of a phase of the whole (`wattui.fleet.phases`) are one row each, with what every node
read at its own edges: energies are differences of a node's own readings, whatever the clocks show.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from recorders.channels import (
    TOTAL,
    channel_of,
    column_order,
    is_count,
    on_node,
    unit_of,
)
from recorders.counts import INFERENCES, Counts, column_of, every, named, names_of
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
from recorders.summary.stats import quadrature
from recorders.texts import OwnNote
from wattui.fleet.phases import Course, Edge, Node, Phase, course_of, on_one_clock, phases_of, timed

# A channel that was read so near to a node's first or last row was read for as long as the node.
HELD_S = 2.0
# Rows that belong to an edge, which is written again.
TOLD = (SPAN, COUNT, LATE, QUIET, BLOCK, LOCATED)
# Notes that are about the whole and written again, or make no sense for it.
LEFT_OUT = (OwnNote.COMMAND_ENDED, OwnNote.HEADLINE, OwnNote.WALL_FIT, OwnNote.UNDONE)
_SINCE = re.compile(r"(?<= since )([0-9.]+)")
_WORD = re.compile(r"\w+")


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
    nodes = on_one_clock(nodes, remarks)
    phases = phases_of(nodes)
    edges = timed(phases, nodes)
    courses = {node.number: course_of(node, edges) for node in nodes}
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
    lacking = [*_unmeasured(nodes, summed, first_s), *_lost(nodes, courses, edges)]
    events = _in_order([*own, *_once(others), *lacking, *events, last])
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
    """The ends of the commands: each is that of the last node, and failed if it failed on one; the
    launcher may have stopped it for that on the others, and on the rank that recorded."""
    every = [
        [(courses[node.number](c.until_s), c) for c in Commands(node.reduction).ended]
        for node in nodes
    ]
    failure = next((node.failure for node in nodes if node.failure), 0)
    last = max(map(len, every), default=0) - 1
    for place in range(last + 1):
        ended = [own[place] for own in every if place < len(own)]
        first = min((command for _, command in ended), key=lambda c: (not c.status, c.stopped))
        if place == last and failure and (first.stopped or not first.status):
            first = replace(first, status=failure, stopped=False)
        text = ended_note(first.status, first.repeat, first.stopped)
        time_s = round(max(time_s for time_s, _ in ended), 6)
        yield EventRow(time_s, NOTE + text, "", "", None, None, {})


def _chosen(nodes: Sequence[Node]) -> Iterator[str]:
    """The note of the headline that every node was asked for."""
    wanted = {tuple(node.reduction.noted(OwnNote.HEADLINE)) for node in nodes}
    if len(wanted) == 1 and wanted.pop()[:1] == (TOTAL,):
        yield f"{OwnNote.HEADLINE} {TOTAL}"


def _unmeasured(
    nodes: Sequence[Node], summed: Mapping[str, Sequence[str]], time_s: float
) -> Iterator[EventRow]:
    """What the sum of the whole lacks: the nodes that measure nothing, though others do."""
    if TOTAL not in summed:
        return
    for node in nodes:
        if not summed_parts(node.reduction):
            why = f"{node.title} measures no power, but what it counted is counted"
            text = NOTE + missing_note(on_node(node.name, "package"), why)
            yield EventRow(time_s, text, "", "", None, None, {})


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
        ended_s = course(node.last_s)
        others = [
            edge
            for edge in edges
            if edge.phase.key[0] == "running" and node.number not in edge.phase.spans
        ]
        before = [e.phase.name for e in others if e.event == BEGIN and e.time_s < begun_s]
        after = [e.phase.name for e in others if e.event == END and e.time_s > ended_s]
        if before:
            why = f"{node.title} came at {begun_s:.1f} s, after {before[0]} had begun"
        elif after and not node.is_lost:
            why = f"{node.title} ended at {ended_s:.1f} s, before {after[0]} had"
        else:
            continue
        for name in own:
            text = NOTE + missing_note(name, why)
            yield EventRow(round(begun_s, 6), text, "", "", None, None, {})


def _in_order(rows: Sequence[EventRow]) -> list[EventRow]:
    """Rows in time; those of an edge stay together, after others of the same time."""
    return sorted(rows, key=lambda row: row.time_s)


def _place(column: str) -> tuple[object, ...]:
    return *column_order(channel_of(column)), "JW".find(unit_of(column)), column
