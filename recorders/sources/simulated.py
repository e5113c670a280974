"""A known power curve, to try out wattui, and for screenshots and tests."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

from recorders.source import Channel, Reading

Clock = Callable[[], int]

BASE_W, SWING_W, SPAN_S = 30.0, 10.0, 8.0


class Simulated:
    """One `sim_cpu` counter drawing 30 ± 10 W as a sine of 8 s; never part of the total."""

    name = "simulated"
    reader = "closed form"
    period_s = 0.001
    blocking = False

    def __init__(self, clock: Clock = time.monotonic_ns) -> None:
        self._clock = clock
        self._start_ns = clock()

    def channels(self) -> Sequence[Channel]:
        """sim_cpu, simulated."""
        return [Channel("sim_cpu", "J", origin="simulated")]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Joules of the curve since the source was opened."""
        now_ns = self._clock()
        return [Reading(0, now_ns, energy_j((now_ns - self._start_ns) * 1e-9))]

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def update_periods_s(self) -> Mapping[str, float]:
        """As often as it is read, like a RAPL counter; the curve itself is continuous."""
        return {"sim_cpu": self.period_s}

    def facts(self) -> Mapping[str, object]:
        """The formula of the curve."""
        return {"curve": f"{BASE_W:g} W + {SWING_W:g} W sin(2 pi t / {SPAN_S:g} s)"}

    def reset(self) -> None:
        """Nothing is remembered between reads."""

    def close(self) -> None:
        """Nothing to close."""


def energy_j(time_s: float) -> float:
    """Integral of the curve from 0 to `time_s`, joules."""
    turn = 2 * math.pi / SPAN_S
    return BASE_W * time_s + SWING_W / turn * (1 - math.cos(turn * time_s))
