"""Why the GPU's clock was not higher, idle and under full load."""

from __future__ import annotations

import statistics
import time
from contextlib import nullcontext

from benchmarks.gpu.device import Device, Load, UnusableError, loaded
from benchmarks.table import Table

# nvmlClocksEventReasons of nvml.h, told apart further than in `recorders.held_back`.
REASONS = {
    0x1: "idle",
    0x2: "applications' clock setting",
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
    0x100: "display clock setting",
    0x200: "board limit",
    0x400: "reliability limit",
}
SECONDS, EVERY_S = 5.0, 0.05


def table(load: Load = loaded, seconds: float = SECONDS) -> Table:
    """The share of readings with each reason, the SM clock and the temperature."""
    device, rows, notes = Device(), [], []
    for what in ("idle", "full"):
        try:
            with nullcontext() if what == "idle" else load(what):
                rows.append((what, *_cells(device, seconds)))
        except UnusableError as error:
            notes.append(f"{what}: not measured: {error}.")
    return Table("", ("", "SM clock, MHz", "temperature, °C", "reasons"), rows, notes)


def _cells(device: Device, seconds: float) -> tuple[str, str, str]:
    nvml, end_s = device.nvml, time.monotonic() + seconds
    masks, clocks, heats = [], [], []
    while time.monotonic() < end_s:
        masks.append(device.ask("nvmlDeviceGetCurrentClocksEventReasons"))
        clocks.append(device.ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM))
        heats.append(device.ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU))
        time.sleep(EVERY_S)
    return _median(clocks), _median(heats), reasons(masks)


def _median(values: list[int | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.0f}" if known else "–"


def reasons(masks: list[int | None]) -> str:
    """Each reason with its share of the readings; – if the GPU does not report them."""
    known = [mask for mask in masks if mask is not None]
    if not known:
        return "–"
    shares = {bit: sum(bool(mask & bit) for mask in known) / len(known) for bit in REASONS}
    named = [f"{REASONS[bit]} {100 * share:.0f} %" for bit, share in shares.items() if share]
    return ", ".join(named) or "none"
