"""The command's share of each GPU, in time and memory, and who else uses it. Never joules."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Protocol

from recorders.census import Census, by_who
from recorders.gpu_users import MEMORY, GpuUsers, Users, memory_mib, share_of, time_pct
from recorders.other_load import FOREIGN_PCT, LOOK_NS, OURSELVES, Noticed
from recorders.source import Channel, Reading, Refusal, Source
from recorders.sources.drm_users import SEARCH_NS, DrmUsers
from recorders.sources.hwmon import Hwmon
from recorders.sources.nvml import Nvml
from recorders.sources.nvml_users import SHARES, NvmlUsers, refused_shares
from recorders.sources.system import ProcessTree
from recorders.texts import OwnNote


class Members(Protocol):
    """The processes of the command."""

    def members(self) -> Set[int]:
        """Their numbers now."""


class GpuShares:
    """Gauges of the command's processes on each GPU, read once a second."""

    name = SHARES
    period_s = 1.0
    blocking = True

    def __init__(
        self,
        readers: Sequence[GpuUsers],
        tree_of: Callable[..., Members],
        without: Set[str] = frozenset(),
        clock: Callable[[], int] = time.monotonic_ns,
        root: Path = Path("/"),
    ) -> None:
        self._readers = list(readers)
        self.reader = ", ".join(each.reader for each in readers)
        self._tree_of, self._clock = tree_of, clock
        self._tree: Members | None = None
        offered = [
            Channel(f"{share_of(gpu)}{ending}", unit)
            for reader in readers
            for gpu in reader.gpus
            for ending, unit in (("", "pct"), (MEMORY, "MiB"))
        ]
        self._channels = [channel for channel in offered if channel.name not in without]
        self._place = {channel.name: place for place, channel in enumerate(self._channels)}
        self._census, self._noticed = Census(root, clock), Noticed()
        self._others: dict[str, dict[int, list[float]]] = {}
        self._since_ns = clock()
        # The thread that reads adds to it, and the recorder's takes from it.
        self._news: deque[str] = deque()
        self._said: set[str] = set()

    def watch(self, pid: int | None, *others: int) -> None:
        """Follow the process trees below these (None: no command is running)."""
        self._tree = None if pid is None else self._tree_of(pid, *others)

    def channels(self) -> Sequence[Channel]:
        """For each GPU, the command's share of its time and the memory that the command holds."""
        return self._channels

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """The command's shares, omitting those that are unknown."""
        if counters_only:
            return []
        tree = self._tree
        members = tree.members() if tree else frozenset[int]()
        readings = []
        for reader in self._readers:
            found = reader.read(members)
            if reader.unseen:
                self._say_unseen(reader)
            for gpu, users in found.items():
                self._take_others(gpu, users, members)
                if tree:
                    readings += self._readings(gpu, users, members)
        if self._clock() - self._since_ns >= LOOK_NS:
            self._notice()
        return readings

    def news(self) -> Sequence[str]:
        """Notes of who else keeps it busy, since the last call."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def update_periods_s(self) -> Mapping[str, float]:
        """None, as gauges have no counters."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """Nothing more than its channels say."""
        return {}

    def reset(self) -> None:
        """Forget what others did before the machine was suspended."""
        self._others, self._since_ns = {}, self._clock()

    def close(self) -> None:
        """Nothing to close."""

    def _readings(self, gpu: str, users: Users, members: Set[int]) -> list[Reading]:
        uses, now_ns, name = users.of(members), self._clock(), share_of(gpu)
        values = {name: time_pct(uses), f"{name}{MEMORY}": memory_mib(uses)}
        return [
            Reading(self._place[name], now_ns, value)
            for name, value in values.items()
            if value is not None and name in self._place
        ]

    def _say_unseen(self, reader: GpuUsers) -> None:
        for gpu in reader.gpus:
            text = f"{OwnNote.UNKNOWN_SHARE} {share_of(gpu)}"
            if text not in self._said:
                self._said.add(text)
                self._news.append(text)

    def _take_others(self, gpu: str, users: Users, members: Set[int]) -> None:
        """Add up what others used, for the mean over some readings."""
        of_gpu = self._others.setdefault(gpu, {})
        for pid, use in users.uses.items():
            if pid not in members and (pct := time_pct([use])):
                of_gpu.setdefault(pid, []).append(pct)

    def _notice(self) -> None:
        """Note who else used a GPU since the last time."""
        now_ns, ours = self._clock(), {os.getpid(), os.getppid()}
        reads = max(1, round((now_ns - self._since_ns) * 1e-9 / self.period_s))
        others, self._others, self._since_ns = self._others, {}, now_ns
        for gpu, of_gpu in others.items():
            pcts = {pid: sum(each) / max(reads, len(each)) for pid, each in of_gpu.items()}
            if sum(pcts.values()) > FOREIGN_PCT:
                found = by_who(self._census.of(pcts.keys() - ours), pcts)
                if own := sum(pcts.get(pid, 0.0) for pid in ours):
                    found[OURSELVES] = own
                self._news += self._noticed.notes(gpu, found, now_ns)


FoundShares = tuple[GpuShares | None, list[Refusal], Callable[[], Sequence[GpuUsers]]]


def open_gpu_shares(sources: Sequence[Source], root: Path) -> FoundShares:
    """The shares of the GPUs of these sources, why others are missing, and a maker of readers."""
    nvml = next((source for source in sources if isinstance(source, Nvml)), None)
    chips = [source for source in sources if isinstance(source, Hwmon)]
    cards = dict(card for chip in chips for card in _cards(chip))
    devices = nvml.devices if nvml else ()
    without, refused = set[str](), list[Refusal]()
    if nvml:
        without, refused = refused_shares(NvmlUsers(nvml.library, devices), devices, root)
    offered = [{share_of(each.channel), share_of(each.channel) + MEMORY} for each in devices]
    shown = [each for each, names in zip(devices, offered, strict=True) if not names <= without]

    def readers(search_ns: int = SEARCH_NS) -> list[GpuUsers]:
        found: list[GpuUsers] = []
        if nvml and shown:
            found.append(NvmlUsers(nvml.library, shown))
        if cards:
            found.append(DrmUsers(cards, root, search_ns=search_ns))
        return found

    found = readers()
    source = GpuShares(found, ProcessTree, without, root=root) if found else None
    return source, refused, partial(readers, 0)


def _cards(source: Hwmon) -> Iterator[tuple[str, str]]:
    """The PCI addresses of a source's AMD and Intel GPUs, and their channels."""
    for channel, facts in source.facts().items():
        if isinstance(facts, Mapping) and isinstance(address := facts.get("pci"), str):
            yield address, channel
