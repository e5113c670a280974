"""A kernel with perf events of known joules, and the tree that describes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SCALE = "2.3283064365386962890625e-10"
PMU_TYPE = 27
EVENTS = {"energy-pkg": 2, "energy-ram": 3}


def perf_tree(
    root: Path,
    packages: Mapping[int, tuple[int, int]] | None = None,
    events: Mapping[str, int] | None = None,
) -> Path:
    """A PMU `power` below `root`; `packages` has package and die by processor."""
    places = packages or {0: (0, 0)}
    pmu = root / "sys/bus/event_source/devices/power"
    (pmu / "events").mkdir(parents=True)
    (pmu / "type").write_text(f"{PMU_TYPE}\n")
    (pmu / "cpumask").write_text(",".join(map(str, places)) + "\n")
    for name, config in (EVENTS if events is None else events).items():
        (pmu / "events" / name).write_text(f"event={config:#04x}\n")
        (pmu / "events" / f"{name}.scale").write_text(f"{SCALE}\n")
        (pmu / "events" / f"{name}.unit").write_text("Joules\n")
    for cpu, (package, die) in places.items():
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(f"{package}\n")
        (topology / "die_id").write_text(f"{die}\n")
    return pmu


class FakeEvents:
    """Counts `watts` of each (config, processor) since it was opened; may refuse to open some."""

    def __init__(
        self,
        clock: Callable[[], int],
        watts: Mapping[tuple[int, int], float],
        refuses: Mapping[int, int] | None = None,
    ) -> None:
        self._clock, self._watts, self._refuses = clock, watts, refuses or {}
        self._open: dict[int, tuple[float, int]] = {}
        self.asked: list[tuple[int, int, int]] = []

    @property
    def descriptors(self) -> Sequence[int]:
        return list(self._open)

    def open(self, pmu: int, config: int, cpu: int) -> int:
        self.asked.append((pmu, config, cpu))
        if code := self._refuses.get(config, self._refuses.get(-1, 0)):
            raise OSError(code, os.strerror(code))
        descriptor = 100 + len(self.asked)
        self._open[descriptor] = self._watts[config, cpu], self._clock()
        return descriptor

    def read(self, descriptor: int) -> int:
        watts, since_ns = self._open[descriptor]
        refreshes = (self._clock() - since_ns) // 1_000_000
        return int(watts * refreshes * 1e-3 * 2**32)

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]
