"""Apple silicon through zeus-apple-silicon: the counters of macOS's energy model (IOReport).

Its CPU, GPU and neural engine lie beside each other, so the package is their sum, which
powermetrics(1) calls the combined power. What `gpu_sram_mj` lies in is not documented: it is left
out. All counters are published together, every 2 s on some chips, where a read between two
publications shows the one before.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recorders.channels import kind_of
from recorders.plausible import bound_w
from recorders.source import Channel, Gone, Implausible, Reading, Refusal, Retry, SourceError
from recorders.sources.hwmon import MILLI, Clock

NAME, READER = "apple", "zeus_apple_silicon"
CPU = "cpu_total_mj"
# The counters that are summed in each channel.
PARTS: Mapping[str, Sequence[str]] = {
    "package0": (CPU, "gpu_mj", "ane_mj"),
    "core0": (CPU,),
    "igpu0": ("gpu_mj",),
    "npu0": ("ane_mj",),
    "dram0": ("dram_mj",),
}
# Published at the latest after so long; a CPU whose counter rests for longer is frozen.
SLOWEST_S, STILL_S = 2.5, 10.0
# How often to look for publications, and how many to see.
LOOK_S, LEARN_MOVES = 0.02, 5

Counts = dict[str, int]


def counts_of(metrics: object) -> Counts:
    """The counters, mJ, that an answer of the library has; None is a part that the chip lacks.

    Raises Implausible if one is not a number.
    """
    found = {}
    for name in dict.fromkeys(name for names in PARTS.values() for name in names):
        count = getattr(metrics, name, None)
        if count is None:
            continue
        if type(count) is not int or count < 0:
            raise Implausible(f"{name} is {count!r}, which is not an energy")
        found[name] = count
    return found


class AppleSilicon:
    """Reads the package with its CPU, GPU and neural engine, and the DRAM.

    `first` are the counters at the start, and when they were published.
    """

    name, reader, period_s, blocking = NAME, READER, 0.1, True

    def __init__(
        self, monitor: Any, first: tuple[Counts, int], clock: Clock = time.monotonic_ns
    ) -> None:
        self._monitor, self._clock = monitor, clock
        self._shown, moved_ns = first
        self._moves_ns = [moved_ns]
        self._cpu_ns = moved_ns
        # When what the last reading showed was published; None before the first.
        self._given_ns: int | None = None
        self._frozen = False
        self._parts = {
            channel: [name for name in names if name in self._shown]
            for channel, names in PARTS.items()
            if names[0] in self._shown
        }
        self._learned_s: float | None = None

    def channels(self) -> Sequence[Channel]:
        """The channels of the chip's parts."""
        return [
            Channel(
                name,
                "J",
                in_total=kind_of(name).in_total,
                bound_w=bound_w(name),
                always_moves=not kind_of(name).may_rest,
                settle_s=math.inf,
                step_j=MILLI,
            )
            for name in self._parts
        ]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read all counters at once. Raises Retry or Implausible."""
        begun_ns = self._clock()
        shown, time_ns = self._look()
        over_s = None
        if self._given_ns is not None and self._moves_ns[-1] > self._given_ns:
            over_s = (self._moves_ns[-1] - self._given_ns) * 1e-9
        self._given_ns = self._moves_ns[-1]
        return [
            Reading(place, time_ns, self._value(shown, names), over_s, begun_ns=begun_ns)
            for place, names in enumerate(self._parts.values())
        ]

    def calibrate(self) -> float | None:
        """Look for publications until their period is known."""
        if self._learned_s is None:
            self._look()
            if len(self._moves_ns) > LEARN_MOVES:
                since_s = (self._moves_ns[-1] - self._moves_ns[0]) * 1e-9
                self._learned_s = since_s / LEARN_MOVES
        return LOOK_S if self._learned_s is None else None

    def update_periods_s(self) -> Mapping[str, float]:
        """The time between publications; the longest possible until it is known."""
        return dict.fromkeys(self._parts, self._learned_s or SLOWEST_S)

    def facts(self) -> Mapping[str, object]:
        """The counters that each channel is the sum of."""
        return {name: {"reading": " + ".join(parts)} for name, parts in self._parts.items()}

    def reset(self) -> None:
        """Treat the next reading as the first, after the machine was suspended."""
        self._given_ns = None
        self._cpu_ns = self._clock()

    def close(self) -> None:
        """Nothing to close."""

    def _look(self) -> tuple[Counts, int]:
        try:
            shown = counts_of(self._monitor.get_cumulative_energy())
        except RuntimeError as error:
            raise Retry(f"IOReport: {error}") from None
        now_ns = self._clock()
        if shown != self._shown:
            self._moves_ns = [*self._moves_ns[-LEARN_MOVES:], now_ns]
        if shown.get(CPU) != self._shown.get(CPU):
            self._cpu_ns = now_ns
        elif self._moves_ns[-1] - self._cpu_ns > STILL_S * 1e9:
            self._frozen = True
        self._shown = shown
        return shown, now_ns

    def _value(self, shown: Counts, names: Sequence[str]) -> float | SourceError:
        if self._frozen and CPU in names:
            return Gone(f"{CPU} stands still while other counters move")
        if missing := [name for name in names if name not in shown]:
            return Retry(f"no {', '.join(missing)}")
        return sum(shown[name] for name in names) * MILLI


def open_apple(
    library: Any = None,
    clock: Clock = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[AppleSilicon | None, list[Refusal]]:
    """The chip's counters, once the CPU's has moved."""
    try:
        monitor = (library or importlib.import_module(READER)).AppleEnergyMonitor()
        first = counts_of(monitor.get_cumulative_energy())
        begun_ns = clock()
        while clock() - begun_ns < SLOWEST_S * 1e9:
            now = counts_of(monitor.get_cumulative_energy())
            if now.get(CPU) != first.get(CPU):
                return AppleSilicon(monitor, (now, clock()), clock), []
            sleep(LOOK_S)
    except ModuleNotFoundError:
        reason = "the energy counters of Apple silicon need zeus-apple-silicon"
        refusal = Refusal(NAME, reason, "pip install 'wattui[apple]'", "package", kind="absent")
        return None, [refusal]
    except (ImportError, RuntimeError, AttributeError, Implausible) as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        reason = f"{CPU} {'stands still' if CPU in first else 'is not shown'}"
    return None, [Refusal(NAME, reason, part="package", kind="unread")]
