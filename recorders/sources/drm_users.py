"""Which processes use AMD and Intel GPUs, from the fdinfo of their DRM files.

Format: Documentation/gpu/drm-usage-stats.rst of Linux. A client is one open file of a card; all
descriptors and processes that share it show the same client id, so it is counted once. Engine times
are in nanoseconds (amdgpu, i915), or in cycles beside the cycles that passed (xe).
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from recorders.gpu_users import UNKNOWN, GpuUse, Users
from recorders.machine import file_text

DEVICES = "/dev/dri/"
# Others' new processes are searched this often, and all of theirs at one in so many searches, as
# that takes long. Those with a card open are read each time.
SEARCH_NS, SEARCH_ALL = 10_000_000_000, 6
# A GPU in the processor, which uses the machine's memory.
INSIDE = "igpu"
OWN_MEMORY = ("vram", "local")
MIB = {"": 2.0**-20, "KiB": 2.0**-10, "MiB": 1.0}
_LINE = re.compile(r"drm-([\w-]+):\s*(\S.*?)\s*", re.ASCII)
_NUMBER = re.compile(r"(\d{1,20})(?: +(\w+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Engine:
    """The time for which engines of one kind worked, and that which passed meanwhile (0: not
    counted), in a unit of their own; there are `capacity` of them."""

    busy: int
    passed: int = 0
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Client:
    """An open file of a card; `memory_mib` is what is resident, by region."""

    card: str
    number: int
    engines: Mapping[str, Engine] = field(default_factory=dict)
    memory_mib: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """Tells it from all others: its number may be unique within its card only."""
        return self.card, self.number


def parse_fdinfo(text: str) -> Client | None:
    """The client of a file, from its fdinfo; None for other files and cards not on the PCI bus.

    Raises ValueError if it is one but cannot be told from others, or shows something else than the
    format allows.
    """
    lines = filter(None, map(_LINE.fullmatch, text.splitlines()))
    found = {line[1]: line[2] for line in lines}
    if "pdev" not in found:
        return None
    number = _whole(found.get("client-id", ""))
    return Client(found["pdev"], number, _engines(found), _memory(found))


def _engines(found: Mapping[str, str]) -> dict[str, Engine]:
    capacity = _numbers(found, "engine-capacity-")
    nanoseconds = {k: v for k, v in found.items() if not k.startswith("engine-capacity-")}
    times = {name: (ns, 0) for name, ns in _numbers(nanoseconds, "engine-", "ns").items()}
    cycles, passed = _numbers(found, "cycles-"), _numbers(found, "total-cycles-")
    times |= {k: (n, passed[k]) for k, n in cycles.items() if k in passed and k not in times}
    return {name: Engine(*both, max(1, capacity.get(name, 1))) for name, both in times.items()}


def _numbers(found: Mapping[str, str], kind: str, unit: str = "") -> dict[str, int]:
    return {
        name.removeprefix(kind): _whole(value, unit)
        for name, value in found.items()
        if name.startswith(kind)
    }


def _memory(found: Mapping[str, str]) -> dict[str, float]:
    """The resident memory by region; older drivers call it `drm-memory-`.

    `drm-total-` is what was asked for, which need not be in any memory.
    """
    regions: dict[str, float] = {}
    for kind in ("memory-", "resident-"):
        for name, value in found.items():
            if name.startswith(kind):
                number = _NUMBER.fullmatch(value)
                unit = (number[2] or "") if number else None
                if number is None or unit not in MIB:
                    raise ValueError(f"drm-{name}: {value} is not a size")
                regions[name.removeprefix(kind)] = int(number[1]) * MIB[unit or ""]
    return regions


def _whole(text: str, unit: str = "") -> int:
    number = _NUMBER.fullmatch(text)
    if number is None or (number[2] or "") != unit:
        raise ValueError(f"{text!r} is not a number" + f" of {unit}" * bool(unit))
    return int(number[1])


class DrmUsers:
    """Reads the clients of cards, given as channels by PCI address."""

    reader = "fdinfo"

    def __init__(
        self,
        cards: Mapping[str, str],
        root: Path = Path("/"),
        clock: Callable[[], int] = time.monotonic_ns,
        search_ns: int = SEARCH_NS,
    ) -> None:
        self._cards = dict(cards)
        self.gpus = tuple(cards.values())
        self.unseen: Set[int] = frozenset()
        self._proc, self._clock, self._search_ns = root / "proc", clock, search_ns
        self._others: set[int] = set()
        # Others' processes that could not be looked at in the last search.
        self._closed: set[int] = set()
        # Those looked at in the last read, and of these the ones that could not be.
        self._looked_at: Set[int] = frozenset()
        self._missed: Set[int] = frozenset()
        self._before: dict[tuple[str, int], Mapping[str, Engine]] = {}
        self._read_ns: int | None = None
        self._search_due_ns = self._searches = 0
        # The processes at the last search and at the one before.
        self._listed: tuple[Set[int], Set[int]] = (frozenset(), frozenset())

    def read(self, members: Set[int]) -> Mapping[str, Users]:
        """The users of each card; a client that several processes share is one of a member."""
        now_ns = self._clock()
        if now_ns >= self._search_due_ns:
            self._search_due_ns = now_ns + self._search_ns
            self._search()
        looked_at = members | self._others
        owners: dict[tuple[str, int], tuple[int, Client]] = {}
        unseen, without = set(), set()
        for pid in sorted(looked_at, key=lambda pid: (pid not in members, pid)):
            try:
                clients = list(self._clients(pid))
            except (OSError, ValueError):
                if self._is_running(pid):
                    unseen.add(pid)
                continue
            for client in clients:
                owners.setdefault(client.key, (pid, client))
            if not clients:
                without.add(pid)
        self._closed |= unseen - members
        self._others -= without | unseen | members
        uses = self._uses(owners, members, now_ns)
        unknown = dict.fromkeys(unseen | self._closed, UNKNOWN)
        self.unseen, self._looked_at, self._missed = unseen & members, looked_at, unseen
        self._before = {key: self._most(client) for key, (_, client) in owners.items()}
        self._read_ns = now_ns
        return {gpu: Users(unknown | own) for gpu, own in uses.items()}

    def _search(self) -> None:
        """Add processes to look at: new ones twice, as they may take time to open a card."""
        pids = set(self._pids())
        last, before = self._listed
        is_of_all = self._searches % SEARCH_ALL == 0
        self._others |= pids if is_of_all else pids - before
        self._closed = set() if is_of_all else self._closed & pids
        self._listed, self._searches = (pids, last), self._searches + 1

    def _uses(
        self, owners: Mapping[tuple[str, int], tuple[int, Client]], members: Set[int], now_ns: int
    ) -> dict[str, dict[int, GpuUse]]:
        uses: dict[str, dict[int, GpuUse]] = {gpu: {} for gpu in self.gpus}
        elapsed_ns = 0 if self._read_ns is None else now_ns - self._read_ns
        for key, (pid, client) in owners.items():
            gpu = self._cards[client.card]
            before = self._before.get(key)
            was_seen = pid in members or pid in self._looked_at
            if before is None and was_seen and pid not in self._missed:
                # It was opened since the last read.
                before = {}
            one = GpuUse(
                _shares(before, client.engines, elapsed_ns),
                _own_memory_mib(client, is_inside=gpu.startswith(INSIDE)),
            )
            own = uses[gpu].get(pid)
            uses[gpu][pid] = _added(own, one) if own else one
        return uses

    def _most(self, client: Client) -> Mapping[str, Engine]:
        """Its engines; a time that fell is an error until it is passed again."""
        before = self._before.get(client.key, {})
        return {
            name: before[name] if name in before and before[name].busy > engine.busy else engine
            for name, engine in client.engines.items()
        }

    def _is_running(self, pid: int) -> bool:
        """Whether a process still runs; the files of one that has ended are nobody's."""
        state = file_text(self._proc / str(pid) / "stat").rpartition(")")[2].split()[:1]
        return state not in ([], ["Z"], ["X"])

    def _pids(self) -> Iterator[int]:
        for name in os.listdir(self._proc):
            if name.isdecimal():
                yield int(name)

    def _clients(self, pid: int) -> Iterator[Client]:
        """The clients of a process on these cards. Raises OSError or ValueError if unknown."""
        directory = self._proc / str(pid)
        for name in os.listdir(directory / "fd"):
            try:
                if not os.readlink(directory / "fd" / name).startswith(DEVICES):
                    continue
                text = (directory / "fdinfo" / name).read_text(errors="replace")
            except FileNotFoundError:
                continue
            client = parse_fdinfo(text)
            if client and client.card in self._cards:
                yield client


def _shares(
    before: Mapping[str, Engine] | None, now: Mapping[str, Engine], elapsed_ns: int
) -> dict[str, float | None]:
    """The shares of time for which engines worked since then."""
    if before is None or elapsed_ns <= 0:
        return dict.fromkeys(now)
    return {name: _share(before.get(name), engine, elapsed_ns) for name, engine in now.items()}


def _share(before: Engine | None, now: Engine, elapsed_ns: int) -> float | None:
    worked = max(0, now.busy - (before.busy if before else 0))
    passed = elapsed_ns
    if now.passed:
        if before is None:
            return None if worked else 0.0
        passed = now.passed - before.passed
    if not worked:
        return 0.0
    return worked / passed / now.capacity if passed > 0 else None


def _own_memory_mib(client: Client, is_inside: bool) -> float | None:
    """A client's memory on its card, or anywhere if the card has none."""
    regions = client.memory_mib
    if not is_inside:
        regions = {k: mib for k, mib in regions.items() if k.startswith(OWN_MEMORY)}
    return math.fsum(regions.values()) if regions else None


def _added(one: GpuUse, other: GpuUse) -> GpuUse:
    """The use of two clients of one process."""
    engines = dict(one.engines)
    for name, share in other.engines.items():
        own = engines.get(name, 0.0)
        engines[name] = None if own is None or share is None else own + share
    known = one.memory_mib is not None and other.memory_mib is not None
    memory_mib = (one.memory_mib or 0.0) + (other.memory_mib or 0.0) if known else None
    return GpuUse(engines, memory_mib)
