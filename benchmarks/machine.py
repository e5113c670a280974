"""The machine that benchmarks run on: five RAPL zones and a GPU of the test bench."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from testbench import fakenvml, sandbox, topologies
from testbench.curves import Constant
from testbench.fakenvml import FakeNvml, Gpu
from testbench.zones import BenchZone, Topology

ENERGY_REFRESH_S = 0.02

Calls = list[tuple[int, str, str]]


def five_zones() -> Topology:
    """A server: two packages, DRAM on both, psys."""
    psys = BenchZone("2", "psys", "psys", topologies.PSYS)
    return Topology("five_zones", (*topologies.two_sockets().zones, psys), sockets=2)


def one_gpu() -> FakeNvml:
    """A GPU whose energy counter moves every 20 ms."""
    return FakeNvml((Gpu(Constant(200.0), energy_refresh_s=ENERGY_REFRESH_S),))


def missing() -> str | None:
    """Why the bench cannot be used here, None if it can."""
    return sandbox.unavailable_reason() or sandbox.nvml_unavailable_reason()


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
