"""Hardware counters with known rates, and the trees of the processors that have them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from recorders.sources.perf_event import PmuEvent, Scaled

CPUINFO = {
    "skylake": "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 94\n",
    "icelake": "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\n",
    "haswell": "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 60\n",
    "zen2": "vendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 49\n",
    "zen3": "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n",
    "zen4": "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n",
    "neoverse": "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n",
}
X86_FORMAT = {"event": "config:0-7", "umask": "config:8-15", "cmask": "config:24-31"}
AMD_FORMAT = {"event": "config:0-7,32-35", "umask": "config:8-15"}
ARM_FORMAT = {"event": "config:0-15"}


def processor(
    root: Path,
    kind: str,
    pmus: Mapping[str, tuple[int, str]],
    form: Mapping[str, str] | None = None,
    events: Mapping[str, str] | None = None,
    online: str = "0-3",
) -> Path:
    """A machine with a processor and its PMUs, each with type and processors (if not all)."""
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text(CPUINFO[kind])
    cpu = root / "sys/devices/system/cpu"
    cpu.mkdir(parents=True)
    (cpu / "online").write_text(f"{online}\n")
    for name, (number, cpus) in pmus.items():
        pmu = root / "sys/bus/event_source/devices" / name
        for folder in ("format", "events"):
            (pmu / folder).mkdir(parents=True)
        (pmu / "type").write_text(f"{number}\n")
        if cpus:
            (pmu / ("cpumask" if name == "amd_l3" else "cpus")).write_text(f"{cpus}\n")
        for field, bits in (form or X86_FORMAT).items():
            (pmu / "format" / field).write_text(f"{bits}\n")
        for event, terms in (events or {}).items():
            (pmu / "events" / event).write_text(f"{terms}\n")
    return root


class FakeCounters:
    """Events that count `per_s` a second on a processor, or of a command while it runs.

    `shares` is the part of the time for which an event (by its configuration) has a counter.
    `level` is perf_event_paranoid; `has` is False for events that the kernel does not know.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        per_s: Callable[[PmuEvent], float] = lambda event: 1000.0,
        level: int = 0,
        shares: Mapping[int, float] | None = None,
        has: Callable[[PmuEvent], bool] = lambda event: True,
    ) -> None:
        self._clock, self._per_s, self._level = clock, per_s, level
        self._shares, self._has = shares or {}, has
        self._number = 100
        self.on: dict[int, tuple[PmuEvent, int, int]] = {}
        self.of: dict[int, tuple[PmuEvent, int, bool]] = {}
        self.command_ns: tuple[int, int | None] | None = None
        self.idle_ns = 0

    @property
    def descriptors(self) -> list[int]:
        return [*self.on, *self.of]

    def open_on(self, event: PmuEvent, cpu: int) -> int:
        self._check(event, 0)
        self._number += 1
        self.on[self._number] = event, cpu, self._clock()
        return self._number

    def open_for(self, event: PmuEvent, thread: int, kernel: bool) -> int:
        self._check(event, 1 if kernel else 2)
        self._number += 1
        self.of[self._number] = event, thread, kernel
        return self._number

    def read_scaled(self, descriptor: int) -> Scaled:
        if descriptor in self.on:
            event, _, since_ns = self.on[descriptor]
            wanted_ns = self._clock() - since_ns
        else:
            event = self.of[descriptor][0]
            begun_ns, ended_ns = self.command_ns or (0, 0)
            wanted_ns = (self._clock() if ended_ns is None else ended_ns) - begun_ns
        ran_ns = int(wanted_ns * self._shares.get(event.config, 1.0))
        return Scaled(round(self._per_s(event) * ran_ns * 1e-9), wanted_ns, ran_ns)

    def close(self, descriptor: int) -> None:
        del (self.on if descriptor in self.on else self.of)[descriptor]

    def _check(self, event: PmuEvent, needed: int) -> None:
        if not self._has(event):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if self._level > needed:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
