"""Contents of run.json, and messages on stderr."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import time

import pytest

from .running import (
    WATTUI,
    Place,
    shell,
)

SIMULATED = ("--simulate", "--no-estimate", "--quiet")
RUNNING = [("begin", "running", ""), ("end", "running", "")]
MARK = shlex.join([*WATTUI, "mark"])


def test_run_json_says_what_was_recorded_how_and_where(place: Place) -> None:
    command = shell("sleep 0.3; exit 3")
    environment = place.environment | {"OMP_NUM_THREADS": "3"}
    place.record("--quiet", "--rate", "25", command=command, env=environment)
    run = place.run_json()
    assert run["status"] == "finished"
    assert run["command"]["argv"] == command
    assert run["command"]["cwd"] == str(place.path)
    assert run["command"]["environment"]["OMP_NUM_THREADS"] == "3"
    assert run["command"]["exit_statuses"] == [3]
    assert run["host"]["logical_cpus"] == os.cpu_count()
    assert run["host"]["name"] == os.uname().nodename
    assert {"governor", "virtual_machine", "container", "package_limits_w"} <= set(run["host"])
    assert {"python", "psutil"} <= set(run["versions"])
    clock = run["clock"]
    assert clock["name"] == "CLOCK_MONOTONIC"
    monotonic_ns = clock["end_monotonic_ns"] - clock["start_monotonic_ns"]
    wall_ns = clock["end_utc_ns"] - clock["start_utc_ns"]
    assert abs(monotonic_ns - wall_ns) < 50e6
    assert abs(clock["end_utc_ns"] * 1e-9 - time.time()) < 10
    sampling = run["sampling"]
    assert sampling["rate_asked_hz"] == 25
    assert sampling["lateness_ms"]["p99_ms"] >= 0
    assert sampling["own_cpu_s"] > 0
    for source in run["sources"]:
        assert source["name"]
        assert source["reader"]
        assert source["channels"]
    for refusal in run["missing"]:
        assert refusal["reason"]
    assert run["lost_rows"] == 0
    assert run["update_periods_s"]["sim_cpu"] > 0


def test_without_a_power_sensor_the_estimate_is_named_and_the_reasons_are_told(
    place: Place,
) -> None:
    result = place.run(place.argv("--tdp", "65", command=shell("sleep 0.2; exit 2")))
    if any(name.startswith("package") for name in place.rows()[0]):
        pytest.skip("this machine has a power sensor")
    assert result.status == 2
    told = " ".join(result.err.decode().split())
    assert "ESTIMATED" in told
    assert "powercap" in told
    flags = {flag["name"] for flag in place.run_json()["summary"]["flags"]}
    assert {"estimated", "no_count", "no_idle"} <= flags
    assert "total_J" not in place.rows()[0]


def test_without_estimate_no_number_is_invented(place: Place) -> None:
    result = place.run(place.argv("--no-estimate", command=["sleep", "0.2"]))
    header = place.rows()[0]
    if any(name.startswith(("package", "gpu")) for name in header):
        pytest.skip("this machine has a power sensor")
    assert result.status == 0
    assert not any(name.endswith(("_J", "_W")) for name in header)
    summary = place.run_json()["summary"]
    assert summary["headline"] is None
    assert "no_power" in {flag["name"] for flag in summary["flags"]}


def test_quiet_prints_nothing(place: Place) -> None:
    result = place.record("--quiet", "--idle", "0.2", "--idle-after", "0.1", "--cooldown", "0")
    assert (result.status, result.out, result.err) == (0, b"", b"")


def test_the_summary_goes_to_stderr_and_stdout_stays_the_commands_own(place: Place) -> None:
    result = place.record("--idle", "0.2", "--inferences", "7", command=["echo", "own"])
    assert result.out == b"own\n"
    told = result.err.decode()
    assert "J per inference" in told
    assert "idle baseline" in told
    assert "run.csv · " in told
    assert "run.json · exit 0" in told
    assert "\x1b" not in told


def test_a_file_name_is_found_where_none_is_given(place: Place) -> None:
    place.run([*WATTUI, "--headless", "--quiet", "--idle", "0", "--", "true"])
    names = sorted(path.name for path in place.path.iterdir())
    assert [re.sub(r"\d", "0", name) for name in names] == [
        "wattui-00000000-000000.csv",
        "wattui-00000000-000000.json",
    ]


def test_a_cut_file_has_one_figure_wherever_it_is_shown(place: Place) -> None:
    place.record("--quiet", "--inferences", "100", "--idle", "0.2", command=["sleep", "0.6"])
    whole = place.csv.read_bytes().splitlines(keepends=True)
    last = next(n for n, line in enumerate(whole) if b",end," in line and b",running," in line)
    place.csv.write_bytes(b"".join(whole[: last - 1]))
    alone = place.run([*WATTUI, "summary", "run.csv", "--json"])
    exported = place.run([*WATTUI, "export", "run.csv", "results.csv"])
    running = json.loads(alone.out)["running"]
    assert running["seconds"] < place.run_json()["summary"]["running"]["seconds"]
    with (place.path / "results.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "run"]
    (seconds,) = (float(row["value"]) for row in rows if row["figure"] == "running_s")
    assert seconds == running["seconds"]
    assert b"has changed since it was recorded" in exported.err
