"""Each device now: power beside its limit, use, temperature, memory, clock, and what holds it back.
Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recorders.channels import contains, kind_of, node_of, number_of, on_node, without_node
from recorders.held_back import HeldBack, text_of
from wattui.show.graphs import GraphSpec, Series
from wattui.show.history import Bin
from wattui.show.quantities import number
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
    """A device and its newest readings; None is unknown.

    `held` is what holds its clocks back, `energy_j` its energy since the start, or since the last
    zeroing if it `is_zeroed`, `parts_w` the power of what it contains, `recent` its powers just
    before.
    """

    name: str
    series: Series | None
    power_w: float | None = None
    limit_w: float | None = None
    util_pct: float | None = None
    temp_c: float | None = None
    mem_mib: float | None = None
    clock_mhz: float | None = None
    held: HeldBack | None = None
    energy_j: float | None = None
    is_zeroed: bool = False
    parts_w: Mapping[str, float] = field(default_factory=dict)
    recent: Sequence[Bin | None] = ()

    @property
    def gpu(self) -> str:
        """Its channel if it is a GPU, else empty."""
        channel = self.series.channel if self.series else ""
        return channel if kind_of(channel).name in ("gpu", "igpu") else ""


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
    of_node = Counter(node_of(series.channel) for series in processors)
    found = []
    for _, series in powers:
        kind, node = _KINDS[kind_of(series.channel).name], node_of(series.channel)
        gauges = series.channel if kind in ("gpu", "igpu") else on_node(node, kind)
        if kind == CPU and of_node[node] > 1:
            gauges = ""
        found.append(_device(live, series, gauges))
    if len(processors) != 1 and _reading(live, "cpu_util_pct") is not None:
        found.append(_device(live, None, CPU))
    return found


def _device(live: Live, series: Series | None, gauges: str) -> DeviceNow:
    column = series.column if series else ""
    channel = series.channel if series else ""
    held = _reading(live, f"{gauges}_held_bits")
    start_s = live.time_s - RECENT_BINS * RECENT_BIN_S
    return DeviceNow(
        series.name if series else CPU,
        series,
        _reading(live, column),
        series.limit_w if series else None,
        _reading(live, f"{gauges}_util_pct"),
        _reading(live, f"{gauges}_temp_C"),
        _reading(live, f"{gauges}_mem_MiB"),
        _reading(live, f"{gauges}_{'freq' if without_node(gauges) == CPU else 'clock'}_MHz"),
        None if held is None else HeldBack(int(held)),
        live.energy_j(channel) if series else None,
        bool(live.zero_j),
        _parts_w(live, channel) if series else {},
        live.history.bins(column, start_s, RECENT_BIN_S, RECENT_BINS) if series else (),
    )


def facts(device: DeviceNow, unknown: str) -> list[tuple[str, str]]:
    """What is known of a device, each fact with its name; `unknown` is the sign for what is not."""

    def said(value: float | None, digits: int, unit: str) -> str:
        return unknown if value is None else f"{number(value, digits)} {unit}"

    power = said(device.power_w, 3, "W")
    if device.limit_w is None:
        power += ", no limit is known"
    else:
        share = "" if device.power_w is None else f", {100 * device.power_w / device.limit_w:.0f} %"
        power += f" of its limit of {device.limit_w:g} W{share}"
    since = "since z was pressed" if device.is_zeroed else "since the start"
    found = [("power", power), ("energy", f"{said(device.energy_j, 4, 'J')} {since}")]
    if device.parts_w:
        parts = (f"{name} {number(power_w, 3)} W" for name, power_w in device.parts_w.items())
        found.append(("of that", "  ".join(parts)))
    memory_gib = None if device.mem_mib is None else device.mem_mib / 1024
    clock_ghz = None if device.clock_mhz is None else device.clock_mhz / 1000
    gauges = [
        ("use", said(device.util_pct, 3, "%"), device.util_pct),
        ("clock", said(clock_ghz, 3, "GHz"), clock_ghz),
        ("temperature", said(device.temp_c, 3, "°C"), device.temp_c),
        ("memory", said(memory_gib, 3, "GiB"), memory_gib),
    ]
    found += [(name, text) for name, text, value in gauges if value is not None or device.gpu]
    if device.gpu:
        reasons = f"{unknown} not reported" if device.held is None else text_of(device.held)
        found.append(("held back", reasons))
    return found


def _parts_w(live: Live, channel: str) -> Mapping[str, float]:
    """The power of each channel inside one, such as the cores of a package."""
    powers = {
        name.removesuffix("_W"): power_w
        for name in live.columns
        if name.endswith("_W") and (power_w := _reading(live, name)) is not None
    }
    return {
        name: power_w
        for name, power_w in powers.items()
        if contains(channel, name) and number_of(name) == number_of(channel)
    }


def power_w(live: Live, channel: str) -> float | None:
    """The power of a channel now, watts."""
    return _reading(live, f"{channel}_W")


def _reading(live: Live, column: str) -> float | None:
    """The newest reading, unless it is old."""
    latest = live.history.latest(column)
    return latest[1] if latest and live.time_s - latest[0] <= FRESH_S else None
