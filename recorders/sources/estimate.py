"""An estimate of CPU energy from utilisation, for machines without a power sensor.

P = idle + (max - idle) * utilisation: the linear model of Fan, Weber and Barroso, "Power
provisioning for a warehouse-sized computer" (ISCA 2007). It is good to a factor of two at best,
is always written to `est_` columns, and is labelled as estimated wherever it is shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from recorders.source import Channel, Reading

Clock = Callable[[], int]
BusySeconds = Callable[[], float]

# Assumptions of this estimate, without a published source.
IDLE_SHARE_OF_TDP, CORE_TDP_W = 0.3, 10.0
# Watts per virtual processor, idle and busy: Cloud Carbon Footprint, "Methodology", averages for
# AWS (https://www.cloudcarbonfootprint.org/docs/methodology).
VCPU_IDLE_W, VCPU_MAX_W = 0.74, 3.5

# Thermal design power in watts, from the vendors; entered by hand and not individually checked
# against data sheets. --tdp is better.
TDP_W = (
    ("i3-10100", 65), ("i5-8250U", 15), ("i5-8265U", 15), ("i5-10400", 65), ("i5-1135G7", 28),
    ("i5-1240P", 28), ("i5-12400", 65), ("i5-12600K", 125), ("i5-13400", 65), ("i5-13600K", 125),
    ("i7-8550U", 15), ("i7-8700K", 95), ("i7-9700K", 95), ("i7-1165G7", 28), ("i7-1260P", 28),
    ("i7-12700K", 125), ("i7-13700K", 125), ("i9-9900K", 95), ("i9-12900K", 125),
    ("i9-13900K", 125), ("i9-14900K", 125), ("Ryzen 5 3600", 65), ("Ryzen 5 5600X", 65),
    ("Ryzen 5 7600X", 105), ("Ryzen 7 3700X", 65), ("Ryzen 7 5800X", 105), ("Ryzen 7 7700X", 105),
    ("Ryzen 9 3900X", 105), ("Ryzen 9 5950X", 105), ("Ryzen 9 7950X", 170),
    ("E5-2680 v4", 120), ("E5-2690 v4", 135), ("Gold 6130", 125), ("Gold 6248", 150),
    ("Gold 6330", 205), ("Platinum 8160", 150), ("Platinum 8280", 205), ("Platinum 8380", 270),
    ("Platinum 8480", 350), ("EPYC 7402", 180), ("EPYC 7542", 225), ("EPYC 7742", 225),
    ("EPYC 7763", 280), ("EPYC 9354", 280), ("EPYC 9654", 360),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PowerModel:
    """Idle and full power of the whole processor in watts, and their source."""

    idle_w: float
    max_w: float
    basis: str


class Estimate:
    """A cumulative estimate of CPU energy: a counter computed from idle and busy time."""

    name = "estimate"
    reader = "utilisation model"
    period_s = 0.1
    blocking = False

    def __init__(
        self, model: PowerModel, cpus: int, busy_s: BusySeconds, clock: Clock = time.monotonic_ns
    ) -> None:
        self._model = model
        self._busy_s = busy_s
        self._clock = clock
        self._w_per_cpu = (model.max_w - model.idle_w) / cpus
        self._start_ns = clock()
        self._start_busy_s = busy_s()

    def channels(self) -> Sequence[Channel]:
        """est_cpu, estimated."""
        return [Channel("est_cpu", "J", origin="estimated", settle_s=0.08)]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Estimated joules since the source was opened."""
        busy_s, now_ns = self._busy_s() - self._start_busy_s, self._clock()
        idle_j = self._model.idle_w * (now_ns - self._start_ns) * 1e-9
        return [Reading(0, now_ns, idle_j + self._w_per_cpu * busy_s)]

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def update_periods_s(self) -> Mapping[str, float]:
        """Processor times are counted in kernel ticks of 10 ms."""
        return {"est_cpu": 0.01}

    def facts(self) -> Mapping[str, object]:
        """The model's figures and their source."""
        model = self._model
        return {"idle_w": model.idle_w, "max_w": model.max_w, "basis": model.basis}

    def reset(self) -> None:
        """Nothing is remembered between reads."""

    def close(self) -> None:
        """Nothing to close."""


def open_estimate(root: Path = Path("/"), tdp_w: float | None = None) -> Estimate:
    """The estimate for this machine; `tdp_w` overrides the table."""
    text = _cpuinfo(root)
    cpus = psutil.cpu_count() or 1
    model = choose_model(text, cpus, psutil.cpu_count(logical=False) or cpus, tdp_w)
    return Estimate(model, cpus, busy_seconds)


def choose_model(cpuinfo: str, cpus: int, cores: int, tdp_w: float | None) -> PowerModel:
    """Idle and full power, from --tdp, the table, the virtual CPUs or the core count."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    name = found[1].strip() if found else "unknown processor"
    if tdp_w is not None:
        return PowerModel(IDLE_SHARE_OF_TDP * tdp_w, tdp_w, f"--tdp {tdp_w:g} W, 30 % idle")
    if "hypervisor" in cpuinfo:
        return PowerModel(
            VCPU_IDLE_W * cpus,
            VCPU_MAX_W * cpus,
            f"{cpus} virtual CPUs at {VCPU_IDLE_W}-{VCPU_MAX_W} W (Cloud Carbon Footprint)",
        )
    for part, watts in TDP_W:
        if re.search(rf"{re.escape(part)}(?!\w)", name):
            sockets = max(1, len(set(re.findall(r"^physical id\s*:\s*(\d+)", cpuinfo, re.M))))
            total = float(watts * sockets)
            return PowerModel(
                IDLE_SHARE_OF_TDP * total, total, f"{name}: TDP {watts} W x {sockets}, 30 % idle"
            )
    guess_w = CORE_TDP_W * cores
    return PowerModel(
        IDLE_SHARE_OF_TDP * guess_w, guess_w, f"{name} not in the table: {cores} cores at 10 W"
    )


def busy_seconds() -> float:
    """Processor seconds spent on work since boot, summed over all logical processors."""
    times = psutil.cpu_times()
    return float(
        times.user
        + times.system
        + getattr(times, "nice", 0.0)
        + getattr(times, "irq", 0.0)
        + getattr(times, "softirq", 0.0)
    )


def _cpuinfo(root: Path) -> str:
    try:
        return (root / "proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ""
