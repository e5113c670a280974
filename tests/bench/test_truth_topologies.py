"""Recorded joules of every layout of zones: each counter once, the total of packages and DRAM."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from testbench import topologies
from testbench.recording import BenchPhase, program, record
from testbench.zones import Topology

from .conftest import MakeBench
from .truth import assert_exact, assert_never_falls

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

COLUMNS = {
    topologies.psys_last: {"package0_J", "dram0_J", "psys_J"},
    topologies.psys_first: {"package0_J", "dram0_J", "psys_J"},
    topologies.core_uncore: {"package0_J", "core0_J", "uncore0_J", "dram0_J"},
    topologies.two_sockets: {"package0_J", "package1_J", "dram0_J", "dram1_J"},
    topologies.two_sockets_one_dram: {"package0_J", "package1_J", "dram0_J"},
    topologies.sparse_ids: {"package0_J", "package1_J", "dram0_J", "dram1_J"},
    topologies.msr_mmio_twins: {"package0_J", "dram0_J"},
    topologies.package_twice: {"package0_J", "package0_zone1_J"},
    topologies.package_shown_twice: {"package0_J"},
    topologies.mirrored_dies: {"package0_J"},
    topologies.distinct_dies: {"package0_die0_J", "package0_die1_J"},
    topologies.amd: {"package0_J", "core0_J"},
}


@pytest.mark.parametrize("make", COLUMNS, ids=lambda make: make.__name__)
def test_nothing_twice_and_nothing_missing(
    make: Callable[[], Topology], make_bench: MakeBench, tmp_path: Path
) -> None:
    topology = make()
    if topology.sockets * topology.dies > len(os.sched_getaffinity(0)):
        pytest.skip("fewer CPUs than dies")
    stretch = BenchPhase("long", 0.0, 2.1)
    recording = record(make_bench(topology), tmp_path, program(stretch), rate_hz=20)
    assert recording.energy_columns == COLUMNS[make] | {"total_J"}
    assert_exact(recording, "long", *topology.curves, "total")
    assert_never_falls(recording)
    assert recording.happened == []
    assert recording.run["summary"]["headline"] == "total"
