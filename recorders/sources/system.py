"""Utilisation, frequency, temperature and the command's process tree, through psutil."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from recorders import plausible
from recorders.census import Census, by_who
from recorders.machine import file_text
from recorders.other_load import CPU, FOREIGN_PCT, LOOK_NS, OURSELVES, Noticed
from recorders.source import Channel, Reading
from recorders.sources.hwmon_chips import find_chips

Clock = Callable[[], int]

PERIOD_S, SHORTEST_NS = 1.0, 200_000_000
# How long to leave the other programs alone after their shares were taken.
LOOK_AGAIN_NS = 5_000_000_000
# hwmon drivers whose sensors sit in the processor.
CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "acpitz")


class System:
    """Gauges of the machine; percentages refer to all logical processors together."""

    name = "system"
    reader = f"psutil {psutil.__version__}"
    blocking = True

    def __init__(self, clock: Clock = time.monotonic_ns, root: Path = Path("/")) -> None:
        # The first utilisation is read as soon as there is one.
        self.period_s = SHORTEST_NS * 1e-9
        self._clock = clock
        self._census, self._noticed = Census(root, clock), Noticed()
        # The thread that reads adds to it, and the recorder's takes from it.
        self._news: deque[str] = deque()
        self._notice_due_ns = 0
        self._cpus = psutil.cpu_count() or 1
        self._tree = ProcessTree()
        self._tree_s: float | None = None
        self._tree_ns = 0
        self._util_ns, self._util_s = clock(), _busy_and_total_s()
        gauges: list[tuple[Channel, Callable[[], float | None]]] = [
            (Channel("cpu_util", "pct"), self._utilisation_pct),
            (Channel("cpu_freq", "MHz"), _frequency_mhz),
            (Channel("cpu_temp", "C"), partial(_temperature_c, temperature_files(root))),
        ]
        self._gauges = [gauges[0], *(g for g in gauges[1:] if g[1]() is not None)]
        self._gauges.append((Channel("command_cpu", "pct"), self._command_pct))

    def watch(self, pid: int | None, *others: int) -> None:
        """Follow the process trees below these (None: no command is running)."""
        self._tree = ProcessTree(pid, *others)
        # A command that is only starting has used nothing yet; others run already.
        self._tree_s = self._tree.cpu_s() if others else 0.0
        self._tree_ns = self._clock()

    def channels(self) -> Sequence[Channel]:
        """cpu_util, cpu_freq and cpu_temp if known, and command_cpu."""
        return [channel for channel, _ in self._gauges]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read each gauge, omitting those without a value."""
        found = [(place, gauge()) for place, (_, gauge) in enumerate(self._gauges)]
        values = {place: value for place, value in found if value is not None}
        readings = [Reading(place, self._clock(), value) for place, value in values.items()]
        busy_pct, own_pct = values.get(0, 0.0), values.get(len(self._gauges) - 1, 0.0)
        if busy_pct - own_pct > FOREIGN_PCT:
            self._notice()
        return readings

    def news(self) -> Sequence[str]:
        """Notes of who else keeps it busy, since the last call."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def _notice(self) -> None:
        """Note who else keeps the processor busy; nothing is looked at while nobody does."""
        now_ns, before_ns = self._clock(), self._census.taken_ns
        if now_ns < self._notice_due_ns:
            return
        counted = self._census.take()
        if before_ns is None or now_ns - before_ns > LOOK_NS:
            return
        self._notice_due_ns = now_ns + LOOK_AGAIN_NS
        members, ours = self._tree.members(), {os.getpid(), os.getppid()}
        pcts = {each.seen.pid: each.cpu_pct or 0.0 for each in counted}
        others = [each for each in counted if each.seen.pid not in {*members, *ours}]
        found = by_who(others, pcts)
        if own := sum(pcts.get(pid, 0.0) for pid in ours):
            found[OURSELVES] = own
        self._news += self._noticed.notes(CPU, found, now_ns)

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def update_periods_s(self) -> Mapping[str, float]:
        """None, as gauges have no counters."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """The number of processors that percentages refer to."""
        return {"logical_cpus": self._cpus, "physical_cores": psutil.cpu_count(logical=False)}

    def reset(self) -> None:
        """Restart utilisation from now."""
        self._util_ns, self._util_s = self._clock(), _busy_and_total_s()

    def close(self) -> None:
        """Nothing to close."""

    def _utilisation_pct(self) -> float | None:
        """Utilisation since the last read; the kernel's counts are too coarse for short times."""
        if self._clock() - self._util_ns < SHORTEST_NS:
            return None
        (busy_s, total_s), before_s = _busy_and_total_s(), self._util_s
        self._util_ns, self._util_s, self.period_s = self._clock(), (busy_s, total_s), PERIOD_S
        since_s = total_s - before_s[1]
        return 100 * max(0.0, busy_s - before_s[0]) / since_s if since_s > 0 else None

    def _command_pct(self) -> float | None:
        since_ns = self._clock() - self._tree_ns
        if self._tree.pid is None or self._tree_s is None or since_ns < SHORTEST_NS:
            return None
        seconds, now_ns = self._tree.cpu_s(), self._clock()
        spent_s, elapsed_s = seconds - self._tree_s, (now_ns - self._tree_ns) * 1e-9
        self._tree_s, self._tree_ns = seconds, now_ns
        if spent_s < 0:
            return None
        return 100 * spent_s / elapsed_s / self._cpus


@dataclass
class _Member:
    """A process of the tree, its seconds with those of the children that it waited for, and how
    many of these were not seen in a member."""

    process: psutil.Process
    parent: int
    spent_s: float = 0.0
    waited_s: float = 0.0
    unseen_s: float = 0.0

    def is_read(self) -> bool:
        """Read its seconds; False if it has ended."""
        try:
            times = self.process.cpu_times()
        except psutil.Error:
            return False
        waited_s = times.children_user + times.children_system
        self.unseen_s += waited_s - self.waited_s
        self.waited_s = waited_s
        self.spent_s = times.user + times.system + waited_s
        return True


class ProcessTree:
    """CPU seconds of processes and all their descendants, including ended ones."""

    def __init__(self, pid: int | None = None, *others: int) -> None:
        self.pid, self._roots = pid, {pid, *others}
        self._members: dict[int, _Member] = {}
        self._seen: Set[int] = frozenset()
        self._orphans_s = 0.0

    def members(self) -> Set[int]:
        """The processes that run now."""
        self._look_for_children()
        return self._members.keys() & self._seen

    def cpu_s(self) -> float:
        """User and system seconds so far."""
        self._look_for_children()
        self._end([p for p in reversed(self._members) if not self._members[p].is_read()])
        return self._orphans_s + sum(member.spent_s for member in self._members.values())

    def _end(self, pids: Iterable[int]) -> None:
        """Keep the seconds of members that have ended, children first: what they spent is then with
        the parents that waited for them."""
        ended = {pid: self._members.pop(pid) for pid in pids}
        for member in ended.values():
            if member.parent in ended:
                ended[member.parent].spent_s += member.spent_s
            elif heir := self._members.get(member.parent):
                handed_s = min(member.spent_s, heir.unseen_s)
                heir.unseen_s -= handed_s
                self._orphans_s += member.spent_s - handed_s
            else:
                self._orphans_s += member.spent_s

    def _look_for_children(self) -> None:
        """Check only new processes, as parents do not change."""
        pids = set(psutil.pids())
        new = pids - self._seen
        self._seen = pids
        # Their numbers may be given to other processes.
        if gone := [pid for pid in reversed(self._members) if pid not in pids]:
            for member in self._members.values():
                member.is_read()
            self._end(gone)
        waiting = dict(_with_parents(new))
        # A child has a lower number than its parent if process numbers wrapped around between them.
        while found := [
            pid
            for pid, (_, parent) in waiting.items()
            if pid in self._roots or parent in self._members
        ]:
            for pid in found:
                with contextlib.suppress(psutil.Error):
                    self._members[pid] = _Member(*waiting.pop(pid))


def _with_parents(pids: Iterable[int]) -> Iterator[tuple[int, tuple[psutil.Process, int]]]:
    """Those of the processes that still run, with their parents' numbers."""
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            yield pid, (process, process.ppid())


def _busy_and_total_s() -> tuple[float, float]:
    """Seconds of all processors since boot: those not idle, and all.

    psutil.cpu_percent() is of the calling thread, and 0 at its first call.
    """
    times = psutil.cpu_times()
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total_s = sum(times) - guests_s
    return total_s - times.idle - getattr(times, "iowait", 0.0), total_s


def _frequency_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError, AttributeError):
        return None
    return frequency.current if frequency and frequency.current > 0 else None


def temperature_files(root: Path) -> list[Path]:
    """The temperatures of the processor, in m°C, by the first driver that has any.

    psutil.sensors_temperatures() reads the chips of all devices, which wakes GPUs that sleep.
    """
    chips = find_chips(root)
    for name in CPU_SENSORS:
        places = [chip.directory for chip in chips if chip.name == name]
        places += [path.parent for path in _zones(root) if file_text(path) == name]
        files = [file for place in places for file in place.glob("temp*_input")]
        files += [place / "temp" for place in places if (place / "temp").exists()]
        if files:
            return sorted(files)
    return []


def _zones(root: Path) -> list[Path]:
    """Where the thermal zones say what they are, for machines that show no hwmon chips for them."""
    return sorted((root / "sys/class/thermal").glob("thermal_zone*/type"))


def _temperature_c(files: Sequence[Path]) -> float | None:
    """The highest temperature; of sensors that are missing only if all are."""
    texts = map(file_text, files)
    values = [int(text) * 1e-3 for text in texts if text.lstrip("-").isdigit() and text != "0"]
    believed = [value for value in values if not plausible.doubt("C", value)]
    return max(believed or values, default=None)
