"""Five RAPL zones as plain files, and the process that moves their counters every millisecond."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ZONES = {
    "intel-rapl:0": ("package-0", 60),
    "intel-rapl:0:0": ("dram", 6),
    "intel-rapl:1": ("package-1", 45),
    "intel-rapl:1:0": ("dram", 4),
    "intel-rapl:2": ("psys", 130),
}
PERIOD_S = 0.001
RANGE_UJ = 262_143_328_850


@contextmanager
def five_zones() -> Iterator[Path]:
    """A root directory in memory whose sys/class/powercap is alive."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.exists() else None) as root:
        base = Path(root, "sys/class/powercap")
        for directory, (name, _) in ZONES.items():
            zone = base / directory
            zone.mkdir(parents=True)
            (zone / "name").write_text(f"{name}\n")
            (zone / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
            (zone / "energy_uj").write_bytes(_text(0))
        argv = [sys.executable, "-S", "-m", "benchmarks.zones", str(base)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as mover:
            try:
                yield Path(root)
            finally:
                mover.terminate()


def move(base: Path) -> None:
    """Advance every counter each millisecond at its own power, for ever."""
    counters = [
        (os.open(base / directory / "energy_uj", os.O_WRONLY), watts)
        for directory, (_, watts) in ZONES.items()
    ]
    begun_ns = time.monotonic_ns()
    while True:
        elapsed_us = (time.monotonic_ns() - begun_ns) // 1000
        for descriptor, watts in counters:
            os.pwrite(descriptor, _text(elapsed_us * watts), 0)
        time.sleep(PERIOD_S)


def _text(energy_uj: int) -> bytes:
    """Always the same length, so that no read sees part of a value."""
    return b"%015d\n" % (1_000_000 + energy_uj)


if __name__ == "__main__":
    move(Path(sys.argv[1]))
