"""Recordings and messages where RAPL is not readable or not present."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recorders.summary.summary import summarise
from testbench import topologies
from testbench.recording import (
    BenchPhase,
    BenchRecording,
    command_line,
    program,
    record,
    surroundings,
)
from testbench.sandbox import Bench
from testbench.zones import AMD
from wattui.runs.reduce import reduce_csv

from .conftest import MakeBench
from .truth import NOBODY, assert_exact, interpreter_for_all, readable_copies

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

# The recording begins before time 0 of the counters, also on a busy machine.
WRAP_S, LEAD_S = 1.8, 4.0
SHORT = BenchPhase("short", 0.0, 0.3)
STATUS = 7
SOURCE = program(SHORT) + f"raise SystemExit({STATUS})\n"
WORDS = (
    "ESTIMATED, not measured",
    "est_cpu (estimated)",
    "! estimated est_cpu no power sensor: energy is estimated from processor utilisation",
)


def assert_estimated_and_said_so(recording: BenchRecording) -> None:
    """Only est_ columns have energy, and every number made from them is called estimated."""
    assert recording.energy_columns == {"est_cpu_J"}
    for words in WORDS:
        assert words in recording.said
    domains = recording.run["summary"]["running"]["domains"]
    assert [domain["origin"] for domain in domains.values()] == ["estimated"]
    assert recording.run["summary"]["headline"] == "est_cpu"
    assert "estimated" in recording.flags()
    assert recording.energy_j("est_cpu", "short") > 0
    assert recording.run["command"]["exit_statuses"] == [STATUS]


def test_no_rapl(make_bench: MakeBench, tmp_path: Path) -> None:
    recording = record(make_bench(topologies.no_rapl()), tmp_path, SOURCE, status=STATUS)
    assert_estimated_and_said_so(recording)
    assert "no RAPL zones" in recording.said


def test_no_rapl_and_no_estimate(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(topologies.no_rapl())
    recording = record(bench, tmp_path, SOURCE, options=["--no-estimate"], status=STATUS)
    assert recording.energy_columns == set()
    assert "no_power" in recording.flags()
    assert "no RAPL zones" in recording.said


def test_a_user_without_rights(make_bench: MakeBench) -> None:
    python = interpreter_for_all()
    if python is None:
        pytest.skip("no Python here that any user may run")
    bench = make_bench(topologies.plain())
    folder = bench.workspace / "nobody"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    modules = readable_copies(bench.workspace / "modules")
    argv = [python, *command_line(folder / "run.csv", 50, [], [python, "-c", SOURCE])[1:]]
    env = {**surroundings(bench, folder), "PYTHONPATH": str(modules)}
    done = bench.run(argv, cwd=folder, env=env, uid=NOBODY)
    assert done.returncode == STATUS, done.stderr
    recording = BenchRecording(bench, folder / "run.csv", done)
    assert_estimated_and_said_so(recording)
    assert_refused_and_mended(recording, "package0", "dram0")


def record_as_root_without_its_power(
    bench: Bench, folder: Path, source: str = SOURCE, status: int = STATUS
) -> BenchRecording:
    """As root that is held to the files' modes, as in a container with few capabilities."""
    path = folder / "run.csv"
    lacking = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    argv = [*lacking, *command_line(path, 50, [], [sys.executable, "-c", source])]
    done = bench.run(argv, cwd=folder, env=surroundings(bench, folder))
    assert done.returncode == status, done.stderr
    return BenchRecording(bench, path, done)


def assert_refused_and_mended(recording: BenchRecording, *channels: str) -> None:
    """Each refusal names the file and the rule for a group, in run.json and to the person."""
    reasons = {r["source"]: r for r in recording.run["missing"] if "root only" in r["reason"]}
    assert tuple(reasons) == channels
    for refusal in reasons.values():
        assert "/energy_uj is readable by root only" in refusal["reason"]
        assert "CVE-2020-8694" in refusal["reason"]
        for words in ("groupadd", "usermod", "/etc/udev/rules.d/", "chgrp", "chmod 0440"):
            assert words in refusal["remedy"]
        if recording.energy_columns == {"est_cpu_J"}:
            assert f"{refusal['source']} {refusal['reason']}" in recording.said
            assert "chmod 0440" in recording.said


def test_root_without_its_power(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(topologies.plain().changed(uid=NOBODY))
    recording = record_as_root_without_its_power(bench, tmp_path)
    assert_estimated_and_said_so(recording)
    assert_refused_and_mended(recording, "package0", "dram0")


def test_a_group_that_was_let_in(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(topologies.plain().changed(mode=0o440, uid=NOBODY, gid=0))
    recording = record_as_root_without_its_power(bench, tmp_path)
    assert recording.energy_columns == {"package0_J", "dram0_J", "total_J"}
    assert recording.flags().isdisjoint({"estimated", "no_power"})


def test_a_counter_for_root_beside_one_for_all(make_bench: MakeBench, tmp_path: Path) -> None:
    topology = topologies.plain().changed("dram0", uid=NOBODY).changed("package0", mode=0o444)
    recording = record_as_root_without_its_power(make_bench(topology), tmp_path)
    assert recording.energy_columns == {"package0_J", "total_J"}
    assert_refused_and_mended(recording, "dram0")


def test_ranges_that_cannot_be_read_are_said_and_a_wrap_is_told_by_the_register(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    topology = topologies.plain().changed(range_mode=0)
    counter = AMD.wrapping_at(topology.curves["package0"], WRAP_S)
    bench = make_bench(topology.changed("package0", counter=counter))
    bench.begin_again(LEAD_S)
    source = program(BenchPhase("long", 1.0, 2.1))
    recording = record_as_root_without_its_power(bench, tmp_path, source, status=0)
    begin, end = recording.edges("long")
    assert recording.at_s(begin) < WRAP_S < recording.at_s(end)
    assert_exact(recording, "long", "package0", "dram0", "total")
    assert recording.happened == []
    words = "powercap: max_energy_range_uj of package0, dram0 is readable by root only: "
    assert words in recording.said
    assert "fix: sudo groupadd" in recording.said.partition(words)[2]


def assert_incomplete(recording: BenchRecording, contents: str, *parts: str) -> None:
    """What the sum is of stands where "measured" stood, and what it lacks is named."""
    summary = recording.run["summary"]
    assert summary["headline"] == "total"
    assert summary["contents"] == contents
    assert f"measured: {contents} (channel total)" in recording.said
    (flag,) = (flag for flag in summary["flags"] if flag["name"] == "incomplete")
    assert flag["where"] == ", ".join(parts)
    assert all(f"note:missing {part}: " in str(recording.rows) for part in parts)
    assert summarise(reduce_csv(recording.path)).to_dict() == summary


def test_dram_alone_is_not_called_the_machine(make_bench: MakeBench, tmp_path: Path) -> None:
    topology = topologies.plain().changed("package0", uid=NOBODY).changed("dram0", mode=0o444)
    recording = record_as_root_without_its_power(make_bench(topology), tmp_path)
    assert_incomplete(recording, "DRAM only", "package0")


def test_one_of_two_packages(make_bench: MakeBench, tmp_path: Path) -> None:
    topology = topologies.two_sockets().changed("package1", uid=NOBODY)
    recording = record_as_root_without_its_power(make_bench(topology), tmp_path)
    assert_incomplete(recording, "1 of 2 packages, 2 DRAM", "package1")


def test_psys_alone_is_measured_and_quoted_as_psys(make_bench: MakeBench, tmp_path: Path) -> None:
    topology = topologies.psys_last().changed(uid=NOBODY).changed("psys", mode=0o444)
    recording = record_as_root_without_its_power(make_bench(topology), tmp_path)
    assert recording.energy_columns == {"psys_J"}
    assert recording.run["summary"]["headline"] == "psys"
    assert "measured (channel psys)" in recording.said
    assert recording.flags().isdisjoint({"estimated", "incomplete"})


def test_the_mmio_twin_is_read_where_the_msr_one_may_not(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    twins = topologies.msr_mmio_twins()
    zones = tuple(
        replace(zone, uid=NOBODY) if zone.control == "intel-rapl" and zone.name != "dram" else zone
        for zone in twins.zones
    )
    recording = record_as_root_without_its_power(make_bench(replace(twins, zones=zones)), tmp_path)
    assert recording.energy_columns == {"package0_J", "dram0_J", "total_J"}
    assert "incomplete" not in recording.flags()
    devices = recording.source("powercap")["devices"]
    assert "intel-rapl-mmio" in devices["package0"]["path"]
