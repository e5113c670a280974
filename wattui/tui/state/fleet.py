"""A fleet as its shared folder shows it: its nodes, their sum, and what happened to them.

Only the ends of the files are read, so it does not matter what started the recording.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from recorders.counts import INFERENCES
from recorders.summary.per import common_per
from recorders.wire import Message
from wattui.fleet.folder import NODE
from wattui.runs.recorded import natural
from wattui.show.quantities import counted
from wattui.tui.state.fleet_node import NodeNow, NodeWatch, State
from wattui.tui.state.playback import NO_RECORDER
from wattui.tui.state.session import Stream

# A fleet is looked at every second, a large one less often: so many nodes a second.
LOOK_S, NODES_PER_S, MOST_LOOK_S = 1.0, 24, 5.0
# A node that begins so long after the first one joined late.
LATE_S = 10.0
# Work of one look beside reading new rows: summaries, and files that are read from the beginning.
SUMMARIES_S, READING_S = 0.01, 0.3
# A folder that takes longer for a look does not answer.
UNANSWERED_S = 5.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a node, at a time of this machine's clock."""

    utc_s: float
    node: str
    what: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum, and how many nodes are in it."""

    value: float
    nodes: int


@dataclass(frozen=True, slots=True)
class FleetNow:
    """The nodes at one moment, and what happened so far; `per` is what energy is stated per: the
    usual count that the nodes have in common."""

    nodes: tuple[NodeNow, ...] = ()
    happened: tuple[Happening, ...] = ()
    per: str = INFERENCES

    @property
    def power_w(self) -> Amount | None:
        """The power of the nodes that record."""
        return _sum(node.power_w for node in self.nodes)

    @property
    def energy_j(self) -> Amount | None:
        """The energy of all nodes so far."""
        return _sum(node.energy_j for node in self.nodes)

    @property
    def counts(self) -> dict[str, int]:
        """What was counted so far, by name."""
        found: Counter[str] = Counter()
        for node in self.nodes:
            found.update(node.counts)
        return dict(sorted(found.items(), key=lambda item: item[0] != INFERENCES))

    @property
    def j_per_one(self) -> Amount | None:
        """Joules of the running phases per one of what was counted, of the nodes where both are
        known."""
        known = [
            (node.running.energy_j, n)
            for node in self.nodes
            if node.running and (n := node.running.counts.get(self.per))
        ]
        count = sum(n for _, n in known)
        return Amount(sum(energy_j for energy_j, _ in known) / count, len(known)) if count else None

    @property
    def contains(self) -> str:
        """What the sum of the energies contains: `2 of 3 nodes, 1 estimated`."""
        energy = self.energy_j
        there, known = len(self.nodes), energy.nodes if energy else 0
        words = [counted(there, "node") if known == there else f"{known} of {there} nodes"]
        summed = [node for node in self.nodes if node.energy_j is not None]
        kinds = Counter(node.origin for node in summed if node.origin != "measured")
        words += [f"{n} {origin}" for origin, n in kinds.items()]
        if partial := sum(bool(node.contains) for node in summed):
            words.append(f"{partial} with parts missing")
        return ", ".join(words)

    @property
    def states(self) -> str:
        """How many nodes are in which state."""
        found = Counter(node.state for node in self.nodes)
        return ", ".join(f"{found[state]} {state.value}" for state in State if found[state])


@dataclass(slots=True)
class Fleet:
    """Follows the folder of a run. `clock` is monotonic, `wall` the time of day; in seconds."""

    folder: Path
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    _watches: dict[str, NodeWatch] = field(default_factory=dict)
    _happened: list[Happening] = field(default_factory=list)
    _states: dict[str, State] = field(default_factory=dict)
    _late: set[str] = field(default_factory=set)

    def look(self) -> FleetNow:
        """Read what is new. Raises OSError if the folder cannot be read."""
        now_s, wall_s = self.clock(), self.wall()
        for path in self.folder.iterdir():
            if path.name.startswith(NODE) and path.name not in self._watches:
                self._watches[path.name] = NodeWatch(path, now_s)
        watches = [*self._watches.values()]
        read_until_s = now_s + READING_S
        for watch in watches:
            if not (watch.is_new and self.clock() > read_until_s):
                watch.look(now_s, wall_s)
        self._work(watches, read_until_s)
        names = named(watches)
        self._find_late(watches, names)
        nodes = []
        for watch in watches:
            state = watch.state(now_s, watch.key in self._late)
            node = watch.now(now_s, state, names[watch.key])
            ended_s = watch.ended_utc_s if watch.is_finished else None
            self._tell(node, ended_s or wall_s - now_s + watch.quiet_since_s, wall_s)
            nodes.append(node)
        happened = sorted(self._happened, key=lambda each: each.utc_s)
        per = common_per([[*node.running.counts] for node in nodes if node.running])
        return FleetNow(tuple(nodes), tuple(happened), per)

    def _work(self, watches: Sequence[NodeWatch], read_until_s: float) -> None:
        """Read files from the beginning and renew summaries, as far as there is time, in turn."""
        for watch in (each for each in watches if each.is_to_be_read):
            watch.read_all()
            if self.clock() > read_until_s:
                break
        until_s = self.clock() + SUMMARIES_S
        for watch in watches:
            if watch.summarise():
                # The next look begins with another node.
                self._watches[watch.folder.name] = self._watches.pop(watch.folder.name)
            if self.clock() > until_s:
                break

    def _find_late(self, watches: Sequence[NodeWatch], names: Mapping[str, str]) -> None:
        """Note which nodes began after the others."""
        starts = {each.key: at for each in watches if (at := each.facts.start_utc_s) is not None}
        first_s = min(starts.values(), default=0.0)
        for watch in watches:
            after_s = starts.get(watch.key, first_s) - first_s
            if after_s > LATE_S and watch.key not in self._late:
                self._late.add(watch.key)
                what = f"joined {after_s:.0f} s late"
                self._happened.append(Happening(starts[watch.key], names[watch.key], what))

    def _tell(self, node: NodeNow, quiet_utc_s: float, wall_s: float) -> None:
        """Note that a node was lost or broken off, or is back."""
        before, self._states[node.key] = self._states.get(node.key), node.state
        if node.state is before:
            return
        if node.state is State.LOST:
            self._happened.append(Happening(quiet_utc_s, node.name, "was lost"))
        elif node.state is State.BROKEN_OFF:
            self._happened.append(Happening(quiet_utc_s, node.name, "was broken off"))
        elif before is State.LOST and node.state is not State.FINISHED:
            self._happened.append(Happening(wall_s, node.name, "is back"))


class NoRows(Stream):
    """The stream behind the table of a fleet, until a node is opened."""

    columns: ClassVar[list[str]] = []  # type: ignore[misc]
    sources = missing = ()
    rate_hz = 10.0

    def poll(self) -> list[Message]:
        """Nothing."""
        return []

    def request(self, **message: Any) -> Message:
        """Refuse: there is no recorder."""
        return {"error": NO_RECORDER}

    def finish(self, **about: Any) -> None:
        """Nothing is open."""


class FleetWatch:
    """Looks at a fleet again and again, in a thread: a shared folder may not answer for long."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.now = FleetNow()
        self._error = ""
        self._begun_s: float | None = None
        self._looked_s = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> FleetWatch:
        """Look for the first time, and then every `pause_s`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no longer."""
        self._over.set()

    @property
    def trouble(self) -> str:
        """Why the nodes are not shown as they are now; empty if they are."""
        begun_s = self._begun_s
        if begun_s is not None and time.monotonic() - begun_s > UNANSWERED_S:
            return f"{self.fleet.folder} has not answered for {time.monotonic() - begun_s:.0f} s"
        return self._error

    def _run(self) -> None:
        while True:
            self._begun_s = time.monotonic()
            try:
                self.now, self._error = self.fleet.look(), ""
            except OSError as error:
                self._error = f"{error.filename or self.fleet.folder}: {error.strerror}"
            except Exception as error:  # else the thread would end, and the screen stand still
                self._error = f"{self.fleet.folder}: {type(error).__name__}: {error}"
            self._begun_s = None
            if self._over.wait(pause_s(len(self.now.nodes))):
                return


def named(watches: Sequence[NodeWatch]) -> dict[str, str]:
    """A name for each node: its host, and a rank if several hosts have the same name."""
    hosts = Counter(watch.host for watch in watches)
    return {
        watch.key: watch.host
        if hosts[watch.host] == 1
        else f"{watch.host} ({next(iter(watch.facts.ranks), watch.key[:8])})"
        for watch in watches
    }


def pause_s(nodes: int) -> float:
    """The time between two looks at a fleet, seconds."""
    return max(LOOK_S, min(MOST_LOOK_S, nodes / NODES_PER_S))


def _sum(values: Iterable[float | None]) -> Amount | None:
    known = [value for value in values if value is not None]
    return Amount(sum(known), len(known)) if known else None


# The heading of joules per what is counted is of the whole fleet.
J_PER = "J/"
COLUMNS: dict[str, Callable[[NodeNow], Any]] = {
    "node": lambda node: natural(Path(node.name)),
    "rank": lambda node: node.facts.ranks or None,
    "state": lambda node: [*State].index(node.state),
    "phase": lambda node: node.phase or None,
    "label": lambda node: node.label or None,
    "W": lambda node: node.power_w,
    "J": lambda node: node.energy_j,
    "count": lambda node: node.count and node.count[1],
    J_PER: lambda node: node.j_per(),
    "of": lambda node: node.of_text or None,
}
LARGEST_FIRST = frozenset({"W", "J", "count", J_PER})


def ordered(nodes: Iterable[NodeNow], by: str, is_reversed: bool) -> list[NodeNow]:
    """The nodes sorted by a column, in its usual direction or reversed; unknown values last."""
    value = COLUMNS[by]
    found = sorted(nodes, key=lambda node: (node.facts.ranks or (1 << 30,), node.key))
    known = [node for node in found if value(node) is not None]
    known.sort(key=value, reverse=is_falling(by, is_reversed))
    return known + [node for node in found if value(node) is None]


def is_falling(by: str, is_reversed: bool) -> bool:
    """Whether a column is sorted from the largest to the smallest."""
    return (by in LARGEST_FIRST) != is_reversed


def wanted(node: NodeNow, text: str) -> bool:
    """Whether a node has a text in its name, state, phase, label or what its power is of."""
    words = (node.name, node.state_text, node.phase, node.label, node.of_text, node.key)
    return text.casefold() in " ".join(words).casefold()
