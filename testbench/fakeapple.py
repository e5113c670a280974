"""A fake zeus_apple_silicon: a chip whose joules are known, published in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from testbench.curves import PowerCurve

# The field of AppleEnergyMetrics that has a part's energy.
FIELDS = {
    "core0": "cpu_total_mj",
    "igpu0": "gpu_mj",
    "npu0": "ane_mj",
    "dram0": "dram_mj",
    "sram": "gpu_sram_mj",
}


@dataclass
class AppleEnergyMetrics:
    """Energies in mJ; None where the chip has no such counter."""

    cpu_total_mj: int | None = None
    efficiency_cores_mj: list[int] | None = None
    performance_cores_mj: list[int] | None = None
    efficiency_cluster_mj: list[int] | None = None
    performance_cluster_mj: list[int] | None = None
    efficiency_core_manager_mj: int | None = None
    performance_core_manager_mj: int | None = None
    dram_mj: int | None = None
    gpu_mj: int | None = None
    gpu_sram_mj: int | None = None
    ane_mj: int | None = None


@dataclass
class FakeChip:
    """The module: its parts, how often they are published, and those that stand still."""

    curves: Mapping[str, PowerCurve]
    seconds: Callable[[], float]
    publish_s: float = 2.1
    frozen: Collection[str] = field(default_factory=set)

    def AppleEnergyMonitor(self) -> FakeChip:  # noqa: N802
        """The monitor, which is the chip itself."""
        return self

    def get_cumulative_energy(self) -> AppleEnergyMetrics:
        """The energies as of the last publication."""
        at_s = math.floor(self.seconds() / self.publish_s) * self.publish_s
        metrics = AppleEnergyMetrics()
        for part, curve in self.curves.items():
            counted_mj = 0 if part in self.frozen else int(curve.energy_j(at_s) * 1e3)
            setattr(metrics, FIELDS[part], 7_000_000 + counted_mj)
        return metrics
