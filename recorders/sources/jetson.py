"""NVIDIA Jetson boards: the power of the board and of its rails, from INA3221 and INA238 monitors.

JetPack 5 and newer show them as hwmon chips, JetPack 4 as iio devices. The board is the rail of its
supply, which contains the others (NVIDIA, "Jetson Linux Developer Guide", platform power; VDD_IN
also has memory and interfaces); AGX Xavier has none, and is the sum of its six. AGX Orin has
neither, so only its rails are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorders.source import Refusal
from recorders.sources.hwmon import MILLI, Hwmon, Sensor
from recorders.sources.hwmon_chips import (
    UNCONNECTED,
    Chip,
    ChipSensors,
    Found,
    first_readable,
    labels_of,
    sensors_of,
)
from recorders.sources.rails import board_output, rail_outputs

# The rail that supplies the whole board: most boards, Nano, Thor.
SUPPLIES = ("VDD_IN", "POM_5V_IN", "VIN")
# The rails of AGX Xavier, and some of other boards that no other maker's have.
ALL_RAILS = frozenset(("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"))
OWN_RAILS = frozenset(("VDD_CPU_GPU_CV", "VDD_GPU_SOC", "VDD_CPU_CV", "VDD_CPU_SOC_MSS"))
MONITORS = ("ina3221", "ina238")
IIO = "sys/bus/i2c/drivers/ina3221x"
COMPATIBLE = ("proc/device-tree/compatible", "sys/firmware/devicetree/base/compatible")
NOT_A_JETSON = Refusal("jetson", "this is not a Jetson board", kind="absent")
NO_TOTAL = Refusal(
    "board", "this board measures its rails, but not their total (AGX Orin)", kind="absent"
)


def open_jetson(root: Path, chips: Sequence[Chip]) -> Found:
    """The board and its rails, if this is a Jetson."""
    monitors = [chip for chip in chips if chip.name in MONITORS]
    iio = sorted((root / IIO).glob("*/iio:device*"))
    if not iio and not _is_jetson(root, monitors):
        return Found(left=chips, absent=[NOT_A_JETSON])
    rails: list[ChipSensors] = []
    refused: list[Refusal] = []
    for opened, reasons in [*map(_iio_sensors, iio), *map(sensors_of, monitors)]:
        rails.append(opened)
        refused += reasons
    total = _total([sensor for chip in rails for sensor in chip.sensors])
    outputs = rail_outputs(rails, without=total if len(total) == 1 else ())
    if total:
        outputs.insert(0, board_output(total))
    elif outputs and not refused:
        refused.append(NO_TOTAL)
    sources = [Hwmon("jetson", outputs)] if outputs else []
    return Found(sources, refused, [chip for chip in chips if chip not in monitors])


def _is_jetson(root: Path, monitors: Sequence[Chip]) -> bool:
    """Whether the device tree names a Tegra processor, or the rails those of a Jetson."""
    if not monitors:
        return False
    if any(b"nvidia,tegra" in _bytes(root / path) for path in COMPATIBLE):
        return True
    labels = {label for chip in monitors for label in labels_of(chip)}
    return bool(labels & OWN_RAILS) or labels >= ALL_RAILS


def _total(sensors: Sequence[Sensor]) -> tuple[Sensor, ...]:
    """The sensors whose sum is the board's power; none if it is not known."""
    by_label = {sensor.label: sensor for sensor in sensors}
    for name in SUPPLIES:
        if name in by_label:
            return (by_label[name],)
    if by_label.keys() >= ALL_RAILS:
        return tuple(by_label[name] for name in sorted(ALL_RAILS))
    return ()


def _iio_sensors(device: Path) -> tuple[ChipSensors, list[Refusal]]:
    """The rails of a monitor of JetPack 4."""
    title = f"ina3221x {device.parent.name}"
    sensors, refused = [], []
    for place in range(3):
        label = _bytes(device / f"rail_name_{place}").decode(errors="replace").strip()
        if not label or label.lower() in UNCONNECTED:
            continue
        offer = Sensor(label, "W", [(device / f"in_power{place}_input", MILLI)])
        sensor, refusal = first_readable(title, [offer])
        sensors += [sensor] if sensor else []
        refused += [refusal] if refusal else []
    return ChipSensors(title, sensors), refused


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
