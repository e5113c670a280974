"""The test bench with known joules, borrowed from the tests."""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Ahead of site-packages, where some packages leave a `tests` of their own.
sys.path.insert(0, str(ROOT / "tests"))

curves: Any = importlib.import_module("bench.curves")
fakenvml: Any = importlib.import_module("bench.fakenvml")
sandbox: Any = importlib.import_module("bench.sandbox")
topologies: Any = importlib.import_module("bench.topologies")
zones: Any = importlib.import_module("bench.zones")

ENERGY_REFRESH_S = 0.02

Calls = list[tuple[int, str, str]]


def five_zones() -> Any:
    """A server: two packages, DRAM on both, psys."""
    psys = zones.Zone("2", "psys", "psys", topologies.PSYS)
    return zones.Topology("five_zones", (*topologies.two_sockets().zones, psys), sockets=2)


def one_gpu() -> Any:
    """A GPU whose energy counter moves every 20 ms."""
    gpu = fakenvml.Gpu(curves.Constant(200.0), energy_refresh_s=ENERGY_REFRESH_S)
    return fakenvml.Nvml((gpu,))


def missing() -> str | None:
    """Why the bench cannot be used here, None where it can."""
    reason: str | None = sandbox.unavailable_reason() or sandbox.nvml_unavailable_reason()
    return reason


@contextmanager
def fake_gpu() -> Iterator[tuple[Mapping[str, str], Callable[[], Calls]]]:
    """Variables that show `one_gpu` without the rest of the bench, and a way to read its calls."""
    with tempfile.TemporaryDirectory() as folder:
        calls, config = Path(folder, "calls"), Path(folder, "nvml.txt")
        calls.touch()
        config.write_text(one_gpu().config(time.monotonic_ns(), calls))
        variables = {
            "LD_LIBRARY_PATH": str(fakenvml.library_directory()),
            "FAKE_NVML_CONFIG": str(config),
        }

        def read() -> Calls:
            split = (line.split() for line in calls.read_text().splitlines())
            return [(int(at_ns), uuid, function) for at_ns, uuid, function in split]

        yield variables, read
