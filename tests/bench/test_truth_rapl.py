"""Recorded joules of RAPL counters: plain, wrapped, by either reader."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from testbench import topologies
from testbench.curves import Constant
from testbench.recording import (
    BenchPhase,
    BenchRecording,
    command_line,
    program,
    record,
    surroundings,
)
from testbench.zones import AMD, INTEL, Register

from .conftest import MakeBench
from .truth import assert_exact, assert_never_falls, readable_copies

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

# Long enough for the steepest curve: its highest power is twice its mean, one refresh is 1 ms.
LONG = BenchPhase("long", 0.0, 2.1)
# A tenth above 0.1 s: 1 % of 0.1 s is the counter's own refresh and leaves a reader no time.
SHORT = tuple(BenchPhase(f"short{n}", 0.0, 0.11) for n in range(5))
CONSTANT = topologies.plain(package=Constant(50.0), dram=Constant(5.0))


def reader(recording: BenchRecording) -> str:
    return str(recording.source("powercap")["reader"])


def test_plain(make_bench: MakeBench, tmp_path: Path) -> None:
    recording = record(make_bench(topologies.plain()), tmp_path, program(LONG), rate_hz=10)
    assert_exact(recording, "long", "package0", "dram0", "total")
    assert_never_falls(recording)
    assert reader(recording) == "pyRAPL"
    assert recording.happened == []
    assert "powercap by pyRAPL" in recording.said


def test_a_tenth_of_a_second(make_bench: MakeBench, tmp_path: Path) -> None:
    recording = record(make_bench(CONSTANT), tmp_path, program(*SHORT), rate_hz=10)
    for stretch in SHORT:
        assert_exact(recording, stretch.label, "package0", "dram0", "total")


def test_without_pyrapl(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(CONSTANT)
    modules = readable_copies(bench.workspace / "modules")
    shutil.rmtree(modules / "pyRAPL")
    (modules / "pyRAPL.py").write_text('raise ImportError("not here")\n')
    python = str(Path(sys.executable).resolve())  # without the packages of this environment
    path = tmp_path / "run.csv"
    argv = [python, *command_line(path, 50, [], [python, "-c", program(LONG, *SHORT)])[1:]]
    env = {**surroundings(bench, tmp_path), "PYTHONPATH": str(modules)}
    done = bench.run(argv, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    recording = BenchRecording(bench, path, done)
    for stretch in (LONG, *SHORT):
        assert_exact(recording, stretch.label, "package0", "dram0", "total")
    assert reader(recording) == "pread (pyRAPL: not here)"


READERS = """
import json, sys, time
from recorders.sources.powercap import open_powercap
sources = [open_powercap(use_pyrapl=use)[0] for use in (True, False)]
reads = []
for _ in range(60):
    values = [[reading.value for reading in source.read()] for source in sources]
    reads.append((time.monotonic_ns(), *values))
    time.sleep(0.004)
names = [[channel.name for channel in source.channels()] for source in sources]
json.dump({"readers": [source.reader for source in sources], "names": names, "reads": reads},
          sys.stdout)
"""


def test_both_readers_give_the_same_values(make_bench: MakeBench) -> None:
    refresh_s = 0.05
    bench = make_bench(topologies.two_sockets().changed(counter=Register(refresh_s=refresh_s)))
    done = bench.run([sys.executable, "-c", READERS], check=True)
    seen = json.loads(done.stdout)
    quiet = [
        (own, api)
        for at_ns, own, api in seen["reads"]
        if 0.01 < bench.seconds(at_ns) % refresh_s < 0.045
    ]
    assert seen["readers"] == ["pyRAPL", "pread"]
    assert seen["names"][0] == seen["names"][1] == ["package0", "package1", "dram0", "dram1"]
    assert len(quiet) > 10
    assert all(own == pytest.approx(api, rel=0, abs=1e-6) for own, api in quiet)


def test_a_wrap_in_mid_run_and_one_inside_half_a_second(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    wraps_s = {"package0": 2.0, "dram0": 2.1, "package1": 3.55, "dram1": 3.6}
    topology = topologies.two_sockets().changed("package1", curve=Constant(45.0))
    for domain, at_s in wraps_s.items():
        counter = INTEL.wrapping_at(topology.curves[domain], at_s)
        topology = topology.changed(domain, counter=counter)
    stretches = BenchPhase("long", 1.0, 2.1), BenchPhase("half", 3.3, 0.5)
    recording = record(make_bench(topology), tmp_path, program(*stretches))
    for domain, at_s in wraps_s.items():
        label = "long" if domain.endswith("0") else "half"
        assert_wraps_inside(recording, label, at_s)
        assert_exact(recording, label, domain)
    assert_exact(recording, "long", "total")
    assert_never_falls(recording)
    assert recording.happened == []


def assert_wraps_inside(recording: BenchRecording, label: str, wrap_s: float) -> None:
    begin, end = recording.edges(label)
    assert recording.at_s(begin) < wrap_s < recording.at_s(end)


def test_the_end_of_an_amd_range(make_bench: MakeBench, tmp_path: Path) -> None:
    draw = Constant(280.0)
    topology = topologies.amd().changed("package0", curve=draw, counter=AMD.wrapping_at(draw, 1.8))
    recording = record(make_bench(topology), tmp_path, program(BenchPhase("long", 1.0, 2.1)))
    assert_wraps_inside(recording, "long", 1.8)
    assert_exact(recording, "long", "package0", "core0", "total")
    assert recording.happened == []


def test_several_wraps_of_an_amd_range(make_bench: MakeBench, tmp_path: Path) -> None:
    draw = Constant(120_000.0)
    topology = topologies.amd().changed(
        "package0", curve=draw, power_limit_uw=10**11, max_power_uw=10**11
    )
    recording = record(make_bench(topology), tmp_path, program(LONG))
    wraps = recording.true_j("package0", "long") / (AMD.max_energy_range_uj * 1e-6)
    assert wraps > 3
    assert_exact(recording, "long", "package0", "core0", "total")
    assert_never_falls(recording)
    assert recording.happened == []


RECORD = """
import sys, time, wattui
with wattui.record(sys.argv[1], rate_hz=20) as run:
    with wattui.phase("running", label="long"):
        time.sleep(1.1)
assert run.summary.running.seconds > 1.1
"""


def test_a_recording_from_python(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(replace(CONSTANT, name="constant"))
    path = tmp_path / "run.csv"
    env = surroundings(bench, tmp_path)
    bench.run([sys.executable, "-c", RECORD, str(path)], cwd=tmp_path, env=env, check=True)
    assert_exact(BenchRecording(bench, path), "long", "package0", "dram0", "total")


def test_aligned_phases_of_3_ms(make_bench: MakeBench, tmp_path: Path) -> None:
    stretches = tuple(BenchPhase(f"short{n}", 0.0, 0.003) for n in range(10))
    source = program(*stretches).replace("label=label)", "label=label, align=True)")
    recording = record(make_bench(CONSTANT), tmp_path, source, rate_hz=10)
    groups = {group["label"]: group for group in recording.run["summary"]["labels"]}
    off = [
        abs(groups[each.label]["domains"]["package0"]["running_j"]["value"] / true_j - 1)
        for each in stretches
        if (true_j := recording.true_block_j("package0", each.label))
    ]
    assert statistics.median(off) < 0.05
    (flag,) = (f for f in recording.run["summary"]["flags"] if f["name"] == "aligned")
    assert "10 phases" in flag["text"]


def test_a_phase_is_repeated_until_it_is_known_well(make_bench: MakeBench, tmp_path: Path) -> None:
    source = "import time, wattui\nfor _ in wattui.repeat(target='1%'): time.sleep(0.001)\n"
    recording = record(make_bench(CONSTANT), tmp_path, source, rate_hz=10)
    (note,) = (r["event"] for r in recording.rows if "± " in r["event"] and "note:" in r["event"])
    assert note.startswith("note:until_target running: ± 0.")
    assert note.removeprefix("note:until_target ") in recording.said
    running = recording.run["summary"]["running"]
    figure = running["domains"]["total"]["total_j_per_inference"]
    assert figure["plus_minus"] <= 0.01 * figure["value"]
    assert running["inferences"] > 20
    assert running["seconds"] < 10
