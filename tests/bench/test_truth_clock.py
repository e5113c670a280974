"""Recordings across a system clock that is set, a machine that sleeps, a recorder that is held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from testbench import fakenvml, topologies
from testbench.curves import Constant, Steps
from testbench.recording import (
    BenchPhase,
    BenchRecording,
    command_line,
    in_time,
    program,
    record,
    surroundings,
)
from testbench.sandbox import Bench
from testbench.zones import ZoneFault

from .conftest import MakeBench
from .truth import REFRESH_S, assert_exact, assert_never_falls, assert_on_curve

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

SOURCE = Path(__file__).with_name("clockshift.c")
RATE_HZ = 50.0
HAPPENS_S = 2.0
HELD_S, LET_GO_S = 1.5, 3.0
HOUR_S = 3600
WHOLE = BenchPhase("whole", 1.2, 1.8)
DRAW_W, DRAM_W = 50.0, 5.0
CONSTANT = topologies.plain(package=Constant(DRAW_W), dram=Constant(DRAM_W))
CHANNELS = ("package0", "dram0")
WALL = "import time; print(time.time(), flush=True)\n"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preloaded clocks, built once."""
    compiler = fakenvml.compiler()
    if compiler is None:
        pytest.skip("the shifted clocks need a C compiler")
    library = tmp_path_factory.mktemp("clock") / "clockshift.so"
    command = [compiler, "-std=gnu11", "-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", library, SOURCE, "-ldl"], check=True)
    return library


def shifted(shim: Path, *, real_s: int, boot_s: int = 0) -> Callable[[Bench], dict[str, str]]:
    """Variables that move the clocks of a program by whole seconds at HAPPENS_S of a bench."""
    return lambda bench: {
        "LD_PRELOAD": str(shim),
        "CLOCK_SHIFT_AT_NS": str(bench.t0_ns + int(HAPPENS_S * 1e9)),
        "CLOCK_SHIFT_REAL_S": str(real_s),
        "CLOCK_SHIFT_BOOT_S": str(boot_s),
    }


def dates_s(recording: BenchRecording) -> list[float]:
    """time_utc less time_s of every row, seconds since the epoch."""
    return [
        datetime.fromisoformat(row["time_utc"]).timestamp() - float(row["time_s"])
        for row in recording.rows
    ]


def test_setting_the_clock_back_an_hour_has_no_effect(
    make_bench: MakeBench, shim: Path, tmp_path: Path
) -> None:
    bench = make_bench(CONSTANT)
    source = WALL + program(WHOLE) + WALL
    env = shifted(shim, real_s=-HOUR_S)
    recording = record(bench, tmp_path, source, rate_hz=RATE_HZ, env=env)
    assert recording.done
    before_s, after_s = map(float, recording.done.stdout.split())
    assert after_s < before_s - HOUR_S / 2
    assert_exact(recording, "whole", *CHANNELS, "total")
    assert_never_falls(recording)
    assert recording.happened == []
    assert max(dates_s(recording)) - min(dates_s(recording)) < 0.002
    assert dates_s(recording)[0] == pytest.approx(before_s, abs=5.0)
    times_s = [float(row["time_s"]) for row in recording.rows]
    assert times_s == sorted(times_s)


def assert_gaps(recording: BenchRecording, begin_s: float, end_s: float, rate_hz: float) -> None:
    """Every counter has one gap event, at the time of the silence."""
    ticks_s = 3 / rate_hz
    assert set(recording.happened) - {"gap:total"} == {f"gap:{channel}" for channel in CHANNELS}
    for channel in CHANNELS:
        assert begin_s - ticks_s <= recording.event_s(f"gap:{channel}") <= end_s + ticks_s
    assert "gap" in recording.flags()


ASLEEP_J = 80.0
# What the package counter does while the machine sleeps; the sleep is over at HAPPENS_S.
ASLEEP = {
    "stands_still": CONSTANT,
    "is_reset": CONSTANT.with_faults("package0", ZoneFault("reset", HAPPENS_S)),
    "runs_on": CONSTANT.changed(
        "package0",
        curve=Steps(
            (0.0, HAPPENS_S - REFRESH_S, HAPPENS_S),
            (DRAW_W, DRAW_W + ASLEEP_J / REFRESH_S, DRAW_W),
        ),
    ),
}


@pytest.mark.parametrize("counter", ASLEEP)
def test_a_suspended_machine_is_a_gap(
    counter: str, make_bench: MakeBench, shim: Path, tmp_path: Path
) -> None:
    """Nothing of the sleep is counted; at most the tick in which it began is missing."""
    rate_hz = 10.0
    bench = make_bench(ASLEEP[counter])
    env = shifted(shim, real_s=HOUR_S, boot_s=HOUR_S)
    recording = record(bench, tmp_path, program(WHOLE), rate_hz=rate_hz, env=env)
    assert_gaps(recording, HAPPENS_S, HAPPENS_S, rate_hz)
    for channel, draw_w in zip(CHANNELS, (DRAW_W, DRAM_W), strict=True):
        awake_j = draw_w * recording.seconds("whole")
        missing_j = awake_j - recording.energy_j(channel, "whole")
        assert -draw_w * 2 * REFRESH_S <= missing_j <= draw_w * 1.5 / rate_hz
    assert_never_falls(recording)
    moved_s = dates_s(recording)[-1] - dates_s(recording)[0]
    assert moved_s == pytest.approx(HOUR_S, abs=0.01)
    assert recording.seconds("whole") < WHOLE.seconds + 1.0


@pytest.mark.parametrize("counter", ASLEEP)
def test_a_phase_that_begins_before_the_first_tick_after_a_sleep(
    counter: str, make_bench: MakeBench, shim: Path, tmp_path: Path
) -> None:
    rate_hz = 0.2  # no tick between the sleep and the end
    bench = make_bench(ASLEEP[counter])
    stretches = BenchPhase("before", 1.2, 0.3), BenchPhase("after", HAPPENS_S + 0.02, 1.2)
    env = shifted(shim, real_s=HOUR_S, boot_s=HOUR_S)
    recording = record(bench, tmp_path, program(*stretches), rate_hz=rate_hz, env=env)
    assert_gaps(recording, HAPPENS_S, HAPPENS_S, rate_hz)
    assert_exact(recording, "after", *CHANNELS)


def recorder_pid(bench: Bench) -> int:
    """The recorder process on the bench."""
    deadline_s = time.monotonic() + 30.0
    while time.monotonic() < deadline_s:
        for pid in bench.running():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"recorders" in words:
                return pid
        time.sleep(0.01)
    raise AssertionError("there is no recorder")


def wait_until(bench: Bench, at_s: float) -> None:
    time.sleep(max(0.0, at_s - bench.seconds(time.monotonic_ns())))


@contextmanager
def held(pid: int) -> Iterator[None]:
    """The process stands still meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_recorder_that_was_held_bridges_the_gap(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(topologies.plain())
    path = tmp_path / "run.csv"
    source = program(BenchPhase("whole", 0.8, 3.0))
    argv = command_line(path, RATE_HZ, [], [sys.executable, "-c", source])

    def run() -> None:
        with (tmp_path / "said").open("w") as said:
            env = surroundings(bench, tmp_path)
            started = bench.popen(argv, cwd=tmp_path, env=env, stderr=said)
            wait_until(bench, HELD_S)
            with held(recorder_pid(bench)):
                wait_until(bench, LET_GO_S)
            assert started.wait(timeout=20) == 0

    recording = in_time(bench, path, run, source.begin_s)
    times_s = [recording.at_s(row) for row in recording.rows]
    assert max(late - early for early, late in pairwise(times_s)) > 0.9 * (LET_GO_S - HELD_S)
    assert_gaps(recording, HELD_S, LET_GO_S, RATE_HZ)
    assert_exact(recording, "whole", *CHANNELS, "total")
    assert_on_curve(recording, "package0", 80.0, 0.003)
    assert_never_falls(recording)
