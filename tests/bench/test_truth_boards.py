"""Recorded joules of boards whose sensors are sysfs files, against their curves: 1 % at 10 Hz.

A battery is read twice a second and shows the mean up to 0.2 s ago: 2 %. A busy machine may hand
an edge to a source's thread a little late.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbench import boards
from testbench.boards import Board
from testbench.curves import Constant
from testbench.fakenvml import FakeNvml, Gpu
from testbench.recording import BenchPhase, BenchRecording, program, record
from testbench.zones import Topology

from .conftest import MakeBench
from .truth import assert_never_falls

SHARE, HANDED_OVER_S = 0.01, 0.03

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
    bench = make_bench(Topology("none"), FakeNvml((Gpu(Constant(400.0)),)), boards.gh200())
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 2.1)), rate_hz=10)
    assert recording.run["summary"]["headline"] == "board"
    for channel in ("board", "rail_grace0", "rail_cpu0", "rail_sysio0"):
        assert_close(recording, channel)
    # The counter of the GPU is up to 0.1 s behind.
    assert_close(recording, "total", 0.1)


def assert_close(recording: BenchRecording, channel: str, share: float = SHARE) -> None:
    true_j = recording.true_j(channel, "long")
    most_j = true_j * (share + HANDED_OVER_S / recording.seconds("long"))
    assert recording.energy_j(channel, "long") == pytest.approx(true_j, rel=0, abs=most_j), channel
