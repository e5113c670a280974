"""Five RAPL zones, chips and GPUs as plain files, and the process that moves their numbers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ZONES = {
    "intel-rapl:0": ("package-0", 60),
    "intel-rapl:0:0": ("dram", 6),
    "intel-rapl:1": ("package-1", 45),
    "intel-rapl:1:0": ("dram", 4),
    "intel-rapl:2": ("psys", 130),
}
PERIOD_S, POWER_PERIOD_S = 0.001, 0.02
RANGE_UJ = 262_143_328_850
# Below sys/class/hwmon: what never changes, and the powers or energies that do, in watts.
CHIPS: dict[str, dict[str, str]] = {
    "hwmon0": {"name": "ina226", "label": "first", "update_interval": "20"},
    "hwmon1": {"name": "ina226", "label": "second", "update_interval": "20"},
    "hwmon2": {
        "name": "ina3221",
        "update_interval": "20",
        **{f"in{n}_label": f"rail {n}" for n in (1, 2, 3)},
        **{f"in{n}_input": "5000" for n in (1, 2, 3)},
    },
    "hwmon3": {"name": "power_meter", "power1_average_interval": "50"},
    "hwmon4": {"name": "xe", "power1_cap": "275000000"},
    "hwmon5": {"name": "amdgpu", "temp1_input": "61000"},
}
CARDS = {"hwmon4": ("0000:03:00.0", "0x8086"), "hwmon5": ("0000:83:00.0", "0x1002")}
MOVING = {
    "hwmon0/power1_input": 7,
    "hwmon1/power1_input": 9,
    "hwmon2/curr1_input": 3,
    "hwmon2/curr2_input": 4,
    "hwmon2/curr3_input": 5,
    "hwmon3/power1_average": 210,
    "hwmon4/energy1_input": 120,
    "hwmon5/power1_average": 180,
}


@contextmanager
def five_zones() -> Iterator[Path]:
    """A root directory in memory whose sys/class/powercap is alive."""
    with _alive(_make_zones) as root:
        yield root


@contextmanager
def many_sensors() -> Iterator[Path]:
    """The same with four chips and two GPUs in sys/class/hwmon."""
    with _alive(lambda root: _make_zones(root) | _make_chips(root)) as root:
        yield root


@contextmanager
def _alive(make: Callable[[Path], dict[Path, int]]) -> Iterator[Path]:
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.exists() else None) as name:
        moving = make(Path(name))
        argv = [sys.executable, "-S", "-m", "benchmarks.zones"]
        told = [f"{path}={watts}" for path, watts in moving.items()]
        with subprocess.Popen([*argv, *told], stdin=subprocess.PIPE) as mover:
            try:
                yield Path(name)
            finally:
                mover.terminate()


def _make_zones(root: Path) -> dict[Path, int]:
    """Makes the zones; returns the files that move, and their watts."""
    moving = {}
    for directory, (name, watts) in ZONES.items():
        zone = root / "sys/class/powercap" / directory
        _write(zone, {"name": name, "max_energy_range_uj": str(RANGE_UJ)})
        moving[zone / "energy_uj"] = watts
        (zone / "energy_uj").write_bytes(_text(0))
    return moving


def _make_chips(root: Path) -> dict[Path, int]:
    base = root / "sys/class/hwmon"
    for directory, files in CHIPS.items():
        _write(base / directory, files)
    for directory, (address, vendor) in CARDS.items():
        device = root / "sys/devices" / address
        gauges = {"gpu_busy_percent": "83", "mem_info_vram_used": str(2**30)}
        _write(device, {"vendor": vendor, "device": "0x744c", **gauges})
        _write(device / "power", {"runtime_status": "active"})
        (base / directory / "device").symlink_to(device)
    for file in MOVING:
        (base / file).write_bytes(_text(0))
    return {base / file: watts for file, watts in MOVING.items()}


def _write(directory: Path, files: Mapping[str, str]) -> None:
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name).write_text(f"{text}\n")


def move(moving: Mapping[Path, int]) -> None:
    """Advance every energy each millisecond at its own power, and change powers now and then."""
    files = [(os.open(path, os.O_WRONLY), path.name, watts) for path, watts in moving.items()]
    energies = [(descriptor, watts) for descriptor, name, watts in files if "energy" in name]
    powers = [(descriptor, watts) for descriptor, name, watts in files if "energy" not in name]
    begun_ns, changed = time.monotonic_ns(), -1
    while True:
        elapsed_us = (time.monotonic_ns() - begun_ns) // 1000
        for descriptor, watts in energies:
            os.pwrite(descriptor, _text(elapsed_us * watts), 0)
        if (number := int(elapsed_us * 1e-6 / POWER_PERIOD_S)) != changed:
            changed = number
            for descriptor, watts in powers:
                os.pwrite(descriptor, _text(watts * 1_000 + number % 100), 0)
        time.sleep(PERIOD_S)


def _text(number: int) -> bytes:
    """Always the same length, so that no read sees part of a value."""
    return b"%015d\n" % (1_000_000 + number)


if __name__ == "__main__":
    pairs = (told.partition("=") for told in sys.argv[1:])
    move({Path(path): int(watts) for path, _, watts in pairs})
