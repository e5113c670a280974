"""Contents of the run file: columns, times, joules."""

from __future__ import annotations

import json
import math
import re
import shlex
import time
from datetime import UTC, datetime

import pytest

from .running import (
    WATTUI,
    Place,
    Row,
    edges,
    python,
)

SIMULATED = ("--simulate", "--no-estimate", "--quiet")
RUNNING = [("begin", "running", ""), ("end", "running", "")]
MARK = shlex.join([*WATTUI, "mark"])


def test_the_columns_stand_in_their_order_and_are_named_by_unit(place: Place) -> None:
    place.record("--quiet")
    header = place.csv.read_text().splitlines()[0].split(",")
    fixed = ["time_s", "time_utc", "phase", "label", "repeat", "event", "inferences"]
    assert header[:7] == fixed
    channels = header[7:]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*_(J|W|pct|MHz|MiB|C)", name) for name in channels)
    energies = [name for name in channels if name.endswith("_J")]
    assert "sim_cpu_J" in energies
    for name in energies:
        assert channels[channels.index(name) + 1] == name[:-1] + "W"
    assert len(set(header)) == len(header)
    heads = [re.split(r"[\d_]", name)[0] for name in channels]
    ranks = [
        ",package,core,uncore,dram,psys,gpu,cpu,command,est,sim,total".index(f",{h}") for h in heads
    ]
    assert ranks == sorted(ranks)


def test_times_are_seconds_of_the_monotonic_clock_and_dates_in_utc(place: Place) -> None:
    before_ns, before_s = time.monotonic_ns(), time.time()
    place.record("--quiet", "--rate", "100", command=["sleep", "0.3"])
    after_ns = time.monotonic_ns()
    rows = place.rows()
    assert rows[0]["time_s"] == "0.000000"
    assert all(re.fullmatch(r"\d+\.\d{6}", row["time_s"]) for row in rows)
    iso = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    assert all(iso.fullmatch(row["time_utc"]) for row in rows)
    times = [float(row["time_s"]) for row in rows]
    assert times == sorted(times)
    start_ns = place.run_json()["clock"]["start_monotonic_ns"]
    assert before_ns < start_ns < start_ns + times[-1] * 1e9 < after_ns
    dates = [datetime.fromisoformat(row["time_utc"]).astimezone(UTC) for row in rows]
    for row_s, date in zip(times, dates, strict=True):
        assert abs((date - dates[0]).total_seconds() - row_s) < 0.0021
    assert abs(dates[0].timestamp() - before_s) < 5


def test_ticks_come_at_the_rate_asked_for(place: Place) -> None:
    place.record(*SIMULATED, "--rate", "50", command=["sleep", "0.8"])
    ticks = [float(row["time_s"]) for row in place.rows() if not row["event"]]
    assert len(ticks) >= 0.9 * 50 * 0.8
    sampling = place.run_json()["sampling"]
    assert sampling["rate_asked_hz"] == 50
    assert sampling["rate_achieved_hz"] > 40


def test_a_phase_edge_has_a_row_of_its_own_with_every_counter_read(place: Place) -> None:
    place.record(
        *SIMULATED,
        "--idle",
        "0.3",
        "--idle-after",
        "0.2",
        "--cooldown",
        "0.1",
        command=["sleep", "0.2"],
    )
    rows = place.rows()
    assert edges(rows) == [
        ("begin", "idle", ""),
        ("end", "idle", ""),
        *RUNNING,
        ("begin", "cooldown", ""),
        ("end", "cooldown", ""),
        ("begin", "idle", ""),
        ("end", "idle", ""),
    ]
    for row in rows:
        if row["event"] in ("begin", "end"):
            assert row["sim_cpu_J"]
    running = [row for row in rows if row["phase"] == "running"]
    assert [running[0]["event"], running[-1]["event"]] == ["begin", "end"]
    assert all(not row["event"] for row in running[1:-1])


def test_an_empty_cell_is_no_reading_and_none_is_negative(place: Place) -> None:
    place.record("--quiet", "--rate", "20", command=["sleep", "0.5"])
    rows = place.rows()
    numbers = [name for name in rows[0] if name.endswith(("_J", "_W", "_pct", "_MHz", "_C"))]
    for row in rows:
        for name in numbers:
            assert row[name] == "" or float(row[name]) >= 0
        if row["event"].startswith("note:"):
            assert not any(row[name] for name in numbers)
    assert all(row["inferences"] == "" for row in rows)
    assert all(row["repeat"] == "" for row in rows)
    for name in numbers:
        if name.endswith("_J"):
            energy = [float(row[name]) for row in rows if row[name]]
            assert energy == sorted(energy)
            assert energy[0] == 0


def simulated_j(time_s: float) -> float:
    """The documented curve: 30 W + 10 W sin(2 pi t / 8 s), from 0 to `time_s`."""
    return 30 * time_s + 40 / math.pi * (1 - math.cos(math.pi * time_s / 4))


def offset_s(rows: list[Row]) -> float:
    """How long before the first row the curve began, found from the last row by bisection."""
    last = rows[-1]
    end_s, end_j = float(last["time_s"]), float(last["sim_cpu_J"])
    low, high = 0.0, 0.1
    for _ in range(50):
        middle = (low + high) / 2
        if simulated_j(end_s + middle) - simulated_j(middle) < end_j:
            low = middle
        else:
            high = middle
    return low


def test_the_joules_of_a_known_curve_are_on_it(place: Place) -> None:
    place.record(*SIMULATED, "--rate", "100", command=["sleep", "1.2"])
    rows = [row for row in place.rows() if row["sim_cpu_J"]]
    began_s = offset_s(rows)
    for row in rows:
        expected = simulated_j(float(row["time_s"]) + began_s) - simulated_j(began_s)
        assert float(row["sim_cpu_J"]) == pytest.approx(expected, abs=0.1)
    powers = [float(row["sim_cpu_W"]) for row in rows if row["sim_cpu_W"] and not row["event"]]
    assert all(28 < power < 42 for power in powers[2:])


def test_the_summary_is_the_arithmetic_of_the_edge_rows(place: Place) -> None:
    place.record(*SIMULATED, "--idle", "0.5", "--inferences", "40", command=["sleep", "0.6"])
    rows = place.rows()
    edge = {
        (row["phase"], row["event"]): (float(row["time_s"]), float(row["sim_cpu_J"]))
        for row in rows
        if row["event"] in ("begin", "end")
    }
    idle_s, idle_j = _difference(edge, "idle")
    running_s, running_j = _difference(edge, "running")
    summary = place.run_json()["summary"]
    assert summary["headline"] == "sim_cpu"
    assert summary["running"]["seconds"] == pytest.approx(running_s, abs=2e-6)
    assert summary["running"]["inferences"] == 40
    domain = summary["running"]["domains"]["sim_cpu"]
    assert domain["origin"] == "simulated"
    assert domain["idle_w"] == pytest.approx(idle_j / idle_s, rel=1e-4)
    assert domain["running_w"] == pytest.approx(running_j / running_s, rel=1e-4)
    assert domain["running_j"]["value"] == pytest.approx(running_j, rel=1e-6)
    assert domain["total_j_per_inference"]["value"] == pytest.approx(running_j / 40, rel=1e-6)
    dynamic_j = running_j - idle_j / idle_s * running_s
    assert domain["dynamic_j_per_inference"]["value"] == pytest.approx(dynamic_j / 40, abs=1e-4)
    assert domain["marginal_j_per_inference"] is None


def _difference(
    edge: dict[tuple[str, str], tuple[float, float]], phase: str
) -> tuple[float, float]:
    (begin_s, begin_j), (end_s, end_j) = edge[phase, "begin"], edge[phase, "end"]
    return end_s - begin_s, end_j - begin_j


def test_the_summary_of_the_csv_alone_is_that_of_the_recorder(place: Place) -> None:
    code = (
        "import time, wattui\n"
        "with wattui.phase('armed'): time.sleep(0.2)\n"
        "for name in 'ab':\n"
        " with wattui.phase('running', label=name):\n"
        "  for _ in range(10): time.sleep(0.02); wattui.count(4)\n"
    )
    place.record(
        "--quiet", "--idle", "0.3", "--repeats", "2", "--cooldown", "0.1", command=python(code)
    )
    shown = place.run([*WATTUI, "summary", "--json", str(place.csv)])
    assert json.loads(shown.out) == place.run_json()["summary"]
    place.csv.with_suffix(".json").unlink()
    assert place.run([*WATTUI, "summary", "--json", str(place.csv)]).out == shown.out
