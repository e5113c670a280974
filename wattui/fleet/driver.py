"""Records a job on all nodes of a cluster: starts their recorders, runs the job, ends them.

It knows no engine: `Cluster` is what it needs of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wattui.clean import one_line
from wattui.errors import UsageError
from wattui.fleet.keeper import Look, Place
from wattui.version import __version__

# The recorders of all nodes are ready within this time, beside their baseline.
READY_S = 60.0
END_S = 90.0
# A node that has not answered for so long is called silent.
SILENT_S = 5.0


class Lost(Exception):
    """A node, or its recorder, has gone; the text says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a cluster."""

    identity: str
    address: str
    host: str


class Cluster(Protocol):
    """An engine's cluster."""

    def nodes(self) -> Sequence[Node]:
        """The nodes that are alive, the first one first."""
        ...

    def keep(self, node: Node, csv: str, options: Sequence[str], place: Place) -> str:
        """Start the recorder of a node; returns wattui's version there. Raises Lost."""
        ...

    def looks(self, wait_s: float) -> Mapping[str, Look | Lost]:
        """The nodes that answered, by identity."""
        ...

    def end(self, wait_s: float) -> Mapping[str, Look | Lost]:
        """End the recordings, and wait until they are stored."""
        ...


@dataclass(slots=True)
class NodeState:
    """A node as the driver knows it; `lost` says why it has gone, empty while it is there."""

    node: Node
    rank: int
    answered_s: float
    look: Look | None = None
    lost: str = ""
    is_silent: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether programs on it can mark and count."""
        return not self.lost and self.look is not None and self.look.is_ready


@dataclass(slots=True)
class Driver:
    """One recording on a cluster. `say` takes a line about what happens to a node."""

    cluster: Cluster
    job: str
    csv: str
    options: Sequence[str]
    clock: Callable[[], float]
    say: Callable[[str], None]
    states: dict[str, NodeState] = field(default_factory=dict)

    def start(self) -> None:
        """Start the recorder of every node. Raises UsageError for a version that differs."""
        nodes = self.cluster.nodes()
        for node in nodes:
            self._keep(node, nodes[0].address, len(nodes))
        if lost := [state for state in self.states.values() if state.lost]:
            raise UsageError(
                f"{named(lost[0].node)}: {lost[0].lost}: fix: pip install wattui there"
            )

    def _keep(self, node: Node, first: str, size: int) -> None:
        rank = len(self.states)
        state = self.states[node.identity] = NodeState(node, rank, self.clock())
        place = Place(self.job, rank, max(size, rank + 1), first)
        try:
            version = self.cluster.keep(node, self.csv, self.options, place)
        except Lost as lost:
            state.lost = str(lost)
            return
        if version != __version__:
            raise UsageError(
                f"{named(node)} has wattui {version}, this machine {__version__}: fix: install one "
                "version on every node"
            )

    @property
    def is_ready(self) -> bool:
        """Whether programs can mark and count on every node. Raises UsageError if a recorder has
        ended before that."""
        for state in self.states.values():
            if state.look is not None and state.look.status is not None:
                said = one_line(last_line(state.look.said))
                raise UsageError(f"{named(state.node)}: {said or 'its recorder has ended'}")
        return all(state.is_ready or state.lost for state in self.states.values())

    def look(self, wait_s: float) -> None:
        """Look at every node, and for those that have gone or come."""
        self._take(self.cluster.looks(wait_s))
        alive = {node.identity: node for node in self.cluster.nodes()}
        for identity, state in self.states.items():
            if identity not in alive and not state.lost:
                self._lose(state, "it left the cluster")
        first = next(iter(self.states.values())).node.address
        for identity, node in alive.items():
            if identity not in self.states:
                self._keep(node, first, len(alive))
                self.say(f"{named(node)} joined late: recording it from now on")

    def _take(self, looks: Mapping[str, Look | Lost]) -> None:
        now_s = self.clock()
        for identity, found in looks.items():
            state = self.states[identity]
            if isinstance(found, Lost):
                self._lose(state, str(found))
                continue
            if state.is_silent:
                self.say(f"{named(state.node)} answers again")
            state.look, state.answered_s, state.is_silent = found, now_s, False
        for state in self.states.values():
            if not state.lost and not state.is_silent and now_s - state.answered_s > SILENT_S:
                state.is_silent = True
                self.say(f"{named(state.node)} has not answered for {SILENT_S:g} s")

    def _lose(self, state: NodeState, why: str) -> None:
        if not state.lost:
            state.lost = why
            self.say(f"{named(state.node)} is lost ({why}): what it had is kept")

    def end(self) -> list[str]:
        """End all recordings; returns a line for each that was not stored."""
        self._take(self.cluster.end(END_S))
        found = []
        for state in self.states.values():
            if not state.lost and (state.look is None or state.look.status is None):
                found.append(f"{named(state.node)}: its recording has not ended within {END_S:g} s")
            elif state.look is not None and state.look.status:
                said = one_line(last_line(state.look.said))
                found.append(f"{named(state.node)}: exit {state.look.status}: {said}")
        return found


def named(node: Node) -> str:
    """A node in words."""
    return f"node {node.host} ({node.address})"


def last_line(text: str) -> str:
    """The last line of what a program said, without its name."""
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("wattui: ") if lines else ""
