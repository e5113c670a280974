"""Recorded joules of boards whose sensors are sysfs files, against their curves: 1 % at 10 Hz.

A battery is read twice a second and shows the mean up to 0.2 s ago: 2 %. A busy machine may hand
an edge to a source's thread a little late.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbench import boards, fakeamdsmi, machines
from testbench.boards import Board
from testbench.curves import Constant
from testbench.fakeamdsmi import SmiCard
from testbench.fakenvml import FakeNvml, Gpu
from testbench.machines import Machine
from testbench.recording import BenchPhase, BenchRecording, program, record
from testbench.sandbox import Bench
from testbench.zones import Topology

from .conftest import MakeBench
from .truth import assert_never_falls

SHARE, COUNTED, HANDED_OVER_S = 0.01, 0.001, 0.03

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

HEADLINES: dict[Callable[[], Board], str] = {
    boards.orin_nx: "board",
    boards.nano: "board",
    boards.agx_orin: "est_cpu",
    boards.hat: "est_cpu",
    boards.laptop: "est_cpu",
}


@pytest.mark.parametrize("make", HEADLINES, ids=lambda make: make.__name__)
def test_a_board_has_its_joules_and_no_total(
    make: Callable[[], Board], make_bench: MakeBench, tmp_path: Path
) -> None:
    board = make()
    bench = make_bench(Topology("none"), board=board)
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 2.1)), rate_hz=10)
    estimated = {"est_cpu_J"} if HEADLINES[make] == "est_cpu" else set()
    assert recording.energy_columns == {f"{name}_J" for name in board.curves} | estimated
    for channel in board.curves:
        assert_close(recording, channel, 2 * SHARE if channel == "battery" else SHARE)
    assert_never_falls(recording)
    assert recording.happened == []
    assert recording.run["summary"]["headline"] == HEADLINES[make]
    assert "integrated" in recording.flags()


@pytest.mark.needs_nvml
def test_the_gpu_of_a_gh200_lies_in_its_module_and_is_not_added(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = on(make_bench, machines.gh200())
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 2.1)), rate_hz=10)
    assert recording.run["summary"]["headline"] == "board"
    for channel in ("board", "rail_grace0", "rail_cpu0", "rail_sysio0"):
        assert_close(recording, channel)
    # The counter of the GPU is up to 0.1 s behind.
    assert_close(recording, "total", 0.1)


@pytest.mark.needs_nvml
def test_a_pod_that_hides_the_zones_has_its_gpu_and_says_what_its_total_lacks(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    machine = machines.pod()
    bench = on(make_bench, machine)
    recording = record(
        bench,
        tmp_path,
        program(BenchPhase("long", 0.0, 2.1)),
        rate_hz=10,
        env=machine.environ,
    )
    assert recording.energy_columns == {"gpu0_J", "est_cpu_J", "total_J"}
    assert_close(recording, "total", 0.1)
    assert recording.run["host"]["container"] == "kubernetes"
    (missing,) = recording.happened
    assert missing.startswith("note:missing package: ")
    (powercap,) = recording.run["missing"]
    assert "securityContext: {privileged: true}" in powercap["remedy"]
    assert "measured: GPU only" in recording.said
    assert "incomplete" in recording.flags()


def test_two_arcs_in_a_server_are_in_its_total_once(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = on(make_bench, machines.two_arcs())
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 2.1)), rate_hz=10)
    parts = ["package0", "package1", "dram0", "dram1", "gpu0", "gpu1"]
    assert recording.energy_columns == {f"{name}_J" for name in (*parts, "total")}
    for channel in (*parts, "total"):
        assert_close(recording, channel, COUNTED)
    assert_never_falls(recording)
    assert recording.happened == []
    assert recording.run["summary"]["headline"] == "total"
    assert "incomplete" not in recording.flags()
    (held,) = (flag for flag in recording.run["summary"]["flags"] if flag["name"] == "held_back")
    assert held["where"] == "gpu0"
    assert held["text"].endswith("100 % by its power limit")


@pytest.mark.needs_nvml
def test_gpus_of_three_vendors_are_numbered_in_pci_order(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    curves = Constant(300.0), Constant(200.0)
    nvml = FakeNvml(tuple(map(Gpu, curves)))
    bench = make_bench(Topology("none"), nvml, boards.mixed(curves))
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 2.1)), rate_hz=10)
    # The counters of NVIDIA's GPUs are up to 0.1 s behind.
    for channel, share in {"gpu0": SHARE, "gpu1": 0.1, "gpu2": 0.1, "gpu3": COUNTED}.items():
        assert_close(recording, channel, share)
    found = {
        name: (fact["vendor"], fact["pci"], fact.get("nvidia_smi_index"))
        for source in recording.run["sources"]
        for name, fact in source["devices"].items()
        if name.startswith("gpu")
    }
    assert found == {
        "gpu0": ("AMD", "0000:03:00.0", None),
        "gpu1": ("NVIDIA", "0000:17:00.0", 0),
        "gpu2": ("NVIDIA", "0000:18:00.0", 1),
        "gpu3": ("Intel", "0000:ca:00.0", None),
    }


def test_an_amd_laptop_counts_its_processor_once(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = on(make_bench, machines.amd_laptop())
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 2.1)), rate_hz=10)
    channels = {"package0": COUNTED, "core0": COUNTED, "igpu0": SHARE, "battery": 2 * SHARE}
    assert recording.energy_columns == {f"{name}_J" for name in (*channels, "total")}
    for channel, share in channels.items():
        assert_close(recording, channel, share)
    begin, end = recording.edges("long")
    for row in (begin, end):
        assert row["total_J"] == row["package0_J"]
    assert recording.run["summary"]["headline"] == "total"
    assert recording.happened == []


def test_a_radeon_through_amdsmi_has_its_joules(make_bench: MakeBench, tmp_path: Path) -> None:
    board = boards.radeon()
    bench = make_bench(Topology("none"), board=board)
    card = SmiCard("0000:03:00.0", board.curves["gpu0"])
    recording = record(
        bench,
        tmp_path,
        program(BenchPhase("long", 0.0, 2.1)),
        rate_hz=10,
        env=fakeamdsmi.environment(card),
    )
    assert_close(recording, "gpu0", COUNTED)
    assert recording.happened == []
    assert recording.source("amdsmi")["devices"]["gpu0"]["measures"] == "energy counter"
    assert "integrated" not in recording.flags()


def on(make_bench: MakeBench, machine: Machine) -> Bench:
    return make_bench(machine.topology, machine.nvml, machine.board)


def assert_close(recording: BenchRecording, channel: str, share: float = SHARE) -> None:
    true_j = recording.true_j(channel, "long")
    most_j = true_j * (share + HANDED_OVER_S / recording.seconds("long"))
    assert recording.energy_j(channel, "long") == pytest.approx(true_j, rel=0, abs=most_j), channel
