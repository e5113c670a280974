"""Each device now: power beside its limit, use, temperature, memory, clock. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recorders.channels import kind_of
from wattui.show.graphs import GraphSpec, Series
from wattui.show.history import Bin
from wattui.tui.state.live import Live

# The kinds that are devices, by the prefix of their gauges: those of the processor are its own if
# there is one, as the machine has one set of them.
_KINDS = {
    "package": "cpu", "est_cpu": "cpu", "gpu": "gpu", "igpu": "igpu",
    "board": "", "battery": "", "meter": "", "sim": "",
}  # fmt: skip
CPU = "cpu"
# An older reading is not what it does now.
FRESH_S = 5.0
RECENT_BINS, RECENT_BIN_S = 20, 0.4


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """A device and its newest readings; None is unknown. `recent` are the powers just before."""

    name: str
    series: Series | None
    power_w: float | None = None
    limit_w: float | None = None
    util_pct: float | None = None
    temp_c: float | None = None
    mem_mib: float | None = None
    clock_mhz: float | None = None
    recent: Sequence[Bin | None] = ()


def devices_now(live: Live, specs: Iterable[GraphSpec]) -> list[DeviceNow]:
    """Every device with a power, in the order of the graphs; then the processor's own gauges if it
    has several packages."""
    powers = [
        (spec, series)
        for spec in specs
        for series in spec.series
        if spec.unit == "W" and kind_of(series.channel).name in _KINDS
    ]
    processors = [s for _, s in powers if _KINDS[kind_of(s.channel).name] == CPU]
    found = []
    for _, series in powers:
        kind = _KINDS[kind_of(series.channel).name]
        gauges = series.channel if kind in ("gpu", "igpu") else kind
        if kind == CPU and len(processors) > 1:
            gauges = ""
        found.append(_device(live, series, gauges))
    if len(processors) != 1 and _reading(live, "cpu_util_pct") is not None:
        found.append(_device(live, None, CPU))
    return found


def _device(live: Live, series: Series | None, gauges: str) -> DeviceNow:
    column = series.column if series else ""
    start_s = live.time_s - RECENT_BINS * RECENT_BIN_S
    return DeviceNow(
        series.name if series else CPU,
        series,
        _reading(live, column),
        series.limit_w if series else None,
        _reading(live, f"{gauges}_util_pct"),
        _reading(live, f"{gauges}_temp_C"),
        _reading(live, f"{gauges}_mem_MiB"),
        _reading(live, f"{gauges}_{'freq' if gauges == CPU else 'clock'}_MHz"),
        live.history.bins(column, start_s, RECENT_BIN_S, RECENT_BINS) if series else (),
    )


def _reading(live: Live, column: str) -> float | None:
    """The newest reading, unless it is old."""
    latest = live.history.latest(column)
    return latest[1] if latest and live.time_s - latest[0] <= FRESH_S else None
