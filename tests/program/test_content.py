"""What stands in the run file and in run.json: phases, counts, joules."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from .running import (
    PYTHON,
    WATTUI,
    Place,
    Row,
    edges,
    events,
    last_count,
    python,
    shell,
    until_exists,
)

SIMULATED = ("--simulate", "--no-estimate", "--quiet")
RUNNING = [("begin", "running", ""), ("end", "running", "")]
MARK = shlex.join([*WATTUI, "mark"])


# ---------------------------------------------------------------- the CSV


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


# ---------------------------------------------------------------- run.json


def test_run_json_says_what_was_recorded_how_and_where(place: Place) -> None:
    command = shell("sleep 0.3; exit 3")
    place.record("--quiet", "--rate", "25", command=command)
    run = place.run_json()
    assert run["status"] == "finished"
    assert run["command"]["argv"] == command
    assert run["command"]["cwd"] == str(place.path)
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


# ---------------------------------------------------------------- output


def test_quiet_prints_nothing(place: Place) -> None:
    result = place.record("--quiet", "--idle", "0.2", "--idle-after", "0.1", "--cooldown", "0")
    assert (result.status, result.out, result.err) == (0, b"", b"")


def test_the_summary_goes_to_stderr_and_stdout_stays_the_commands_own(place: Place) -> None:
    result = place.record("--idle", "0.2", "--inferences", "7", command=["echo", "own"])
    assert result.out == b"own\n"
    told = result.err.decode()
    assert "J per inference" in told
    assert "idle baseline" in told
    assert "run.csv" in told
    assert "\x1b" not in told


def test_a_file_name_is_found_where_none_is_given(place: Place) -> None:
    place.run([*WATTUI, "--headless", "--quiet", "--idle", "0", "--", "true"])
    names = sorted(path.name for path in place.path.iterdir())
    assert [re.sub(r"\d", "0", name) for name in names] == [
        "wattui-00000000-000000.csv",
        "wattui-00000000-000000.json",
    ]


# ---------------------------------------------------------------- marks


def test_marks_from_python(place: Place) -> None:
    code = (
        "import time, wattui\n"
        "with wattui.phase('armed'): time.sleep(0.1)\n"
        "with wattui.phase('warmup'): wattui.count(2)\n"
        "wattui.note('half, \"quoted\" and é')\n"
        "with wattui.phase('running', label='b32'):\n"
        " for _ in range(100): wattui.count(32)\n"
        " time.sleep(0.1)\n"
    )
    place.record(*SIMULATED, command=python(code))
    rows = place.rows()
    assert edges(rows) == [
        ("begin", "loading", ""),
        ("end", "loading", ""),
        ("begin", "armed", ""),
        ("end", "armed", ""),
        ("begin", "warmup", ""),
        ("end", "warmup", ""),
        ("begin", "running", "b32"),
        ("end", "running", "b32"),
    ]
    assert 'half, "quoted" and é' in events(rows, "note:")
    assert last_count(rows) == "3202"
    running = place.run_json()["summary"]["running"]
    assert running["inferences"] == 3200
    assert running["domains"]["sim_cpu"]["marginal_j_per_inference"] is not None


def test_a_command_that_marks_for_itself_was_loading_until_then(place: Place) -> None:
    code = (
        "import time; time.sleep(0.4)\n"
        "import wattui\n"
        "with wattui.phase('running'): time.sleep(0.3)\n"
        "time.sleep(0.2)\n"
    )
    place.record(*SIMULATED, "--rate", "50", command=python(code))
    rows = place.rows()
    assert edges(rows) == [("begin", "loading", ""), ("end", "loading", ""), *RUNNING]
    loading = [row for row in rows if row["phase"] == "loading" and not row["event"]]
    assert len(loading) > 10
    running_s = place.run_json()["summary"]["running"]["seconds"]
    assert 0.29 < running_s < 0.45


def test_phases_nest_and_the_inner_one_owns_the_row(place: Place) -> None:
    code = (
        "import time, wattui\n"
        "with wattui.phase('running', label='epoch 1'):\n"
        " with wattui.phase('running', label='train'):\n"
        "  with wattui.phase('copy', label='to device'): time.sleep(0.1)\n"
        " with wattui.phase('running', label='test'): time.sleep(0.1)\n"
    )
    place.record(*SIMULATED, command=python(code))
    assert edges(place.rows())[2:] == [
        ("begin", "running", "epoch 1"),
        ("begin", "running", "epoch 1/train"),
        ("begin", "copy", "epoch 1/train/to device"),
        ("end", "copy", "epoch 1/train/to device"),
        ("end", "running", "epoch 1/train"),
        ("begin", "running", "epoch 1/test"),
        ("end", "running", "epoch 1/test"),
        ("end", "running", "epoch 1"),
    ]
    run = place.run_json()["summary"]
    outer = next(phase for phase in run["phases"] if phase["label"] == "epoch 1")
    assert run["running"]["seconds"] == pytest.approx(outer["end_s"] - outer["start_s"])
    assert run["running"]["domains"]["sim_cpu"]["running_j"]["value"] == pytest.approx(
        outer["energy_j"]["sim_cpu"]
    )


def test_a_phase_ends_where_an_error_leaves_it(place: Place) -> None:
    code = (
        "import wattui\n"
        "try:\n"
        " with wattui.phase('warmup'): raise KeyError('mine')\n"
        "except KeyError: wattui.note('caught')\n"
        "import os; wattui.phase('running').__enter__(); os._exit(8)"
    )
    assert place.record(*SIMULATED, command=python(code)).status == 8
    rows = place.rows()
    assert edges(rows)[2:] == [("begin", "warmup", ""), ("end", "warmup", ""), *RUNNING]
    assert "caught" in events(rows, "note:")


def test_marks_from_the_command_line(place: Place) -> None:
    script = (
        f"{MARK} armed; sleep 0.1; {MARK} running --label 'b 32'; sleep 0.2;"
        f"{MARK} --count 5; {MARK} --note 'from a shell'; {MARK} --end; sleep 0.1"
    )
    place.record(*SIMULATED, command=shell(script))
    rows = place.rows()
    assert edges(rows)[2:] == [
        ("begin", "armed", ""),
        ("end", "armed", ""),
        ("begin", "running", "b 32"),
        ("end", "running", "b 32"),
    ]
    assert "from a shell" in events(rows, "note:")
    assert last_count(rows) == "5"
    assert place.run_json()["summary"]["running"]["inferences"] == 5


def test_marks_from_one_line_of_shell(place: Place) -> None:
    script = (
        'echo running b32 > "$WATTUI_RUN/mark"; sleep 0.2; echo +7 > "$WATTUI_RUN/mark";'
        'echo note: by hand > "$WATTUI_RUN/mark"; echo running b64 > "$WATTUI_RUN/mark";'
        'sleep 0.2; echo end > "$WATTUI_RUN/mark"; sleep 0.1; echo > "$WATTUI_RUN/mark"'
    )
    assert place.record(*SIMULATED, command=shell(script)).status == 0
    rows = place.rows()
    assert edges(rows)[2:] == [
        ("begin", "running", "b32"),
        ("end", "running", "b32"),
        ("begin", "running", "b64"),
        ("end", "running", "b64"),
    ]
    assert "by hand" in events(rows, "note:")
    assert last_count(rows) == "7"
    assert [group["label"] for group in place.run_json()["summary"]["labels"]] == ["b32", "b64"]


def test_a_mark_written_just_before_the_end_is_kept(place: Place) -> None:
    script = 'echo +3 > "$WATTUI_RUN/mark"'
    place.record(*SIMULATED, command=shell(script))
    assert last_count(place.rows()) == "3"


def test_rubbish_in_the_pipe_of_marks_disturbs_nothing(place: Place) -> None:
    script = (
        'head -c 3000 /dev/urandom > "$WATTUI_RUN/mark"; echo >"$WATTUI_RUN/mark";'
        'printf "+2\\n\\377\\376 odd\\n" > "$WATTUI_RUN/mark"; sleep 0.2; exit 3'
    )
    assert place.record(*SIMULATED, command=shell(script)).status == 3
    assert place.rows()
    assert place.run_json()["status"] == "finished"


def test_counts_of_several_processes_add_up(place: Place) -> None:
    code = (
        "import multiprocessing, subprocess, sys, threading, wattui\n"
        "def work(n):\n"
        " for _ in range(n): wattui.count()\n"
        "if __name__ == '__main__':\n"
        " wattui.count(7)\n"
        " forks = [multiprocessing.get_context('fork').Process(target=work, args=(100_000,))"
        " for _ in range(4)]\n"
        " for fork in forks: fork.start()\n"
        " wattui.count(5)\n"
        " subprocess.run([sys.executable, '-c', 'import wattui; wattui.count(300)'], check=True)\n"
        " for fork in forks: fork.join()\n"
    )
    place.record(*SIMULATED, command=python(code))
    assert last_count(place.rows()) == "400312"
    assert place.run_json()["summary"]["running"]["inferences"] == 400312


def test_the_number_of_inferences_may_be_told(place: Place) -> None:
    place.record(*SIMULATED, "--inferences", "250", "--repeats", "2", "--cooldown", "0")
    summary = place.run_json()["summary"]
    assert [group["inferences"] for group in summary["repeats"]] == [250, 250]
    assert summary["running"]["inferences"] == 500
    assert last_count(place.rows()) == "500"


@pytest.mark.parametrize(
    ("pattern", "lines", "count"),
    [
        ("done", ["done", "no", "well done"], 2),
        (r"batch of (\d+)", ["batch of 32", "batch of 4"], 36),
        (r"(?P<name>\w+): (?P<n>[\d,]+) images", ["a: 1,024 images", "b: 16 images"], 1040),
        (r"(?P<total>\d+)/100", ["10/100", "10/100", "64/100"], 64),
        (r"^item$", ["\x1b[32mitem\x1b[0m", "item 2"], 1),
    ],
)
def test_counts_from_the_output(place: Place, pattern: str, lines: list[str], count: int) -> None:
    code = "import sys\nfor line in sys.argv[1:]: print(line, flush=True)\nprint('end', end='')"
    result = place.record(*SIMULATED, "--count-match", pattern, command=python(code, *lines))
    assert result.out.decode() == "".join(line + "\n" for line in lines) + "end"
    assert last_count(place.rows()) == str(count)


def test_counts_from_stderr_and_from_a_last_line_without_an_end(place: Place) -> None:
    command = shell("echo 4 done >&2; printf '5 done'")
    place.record(*SIMULATED, "--count-match", r"(\d+) done", command=command)
    assert last_count(place.rows()) == "9"


def test_phases_from_the_output(place: Place) -> None:
    script = (
        "echo load; sleep 0.1; echo 'phase=armed'; sleep 0.1; echo 'phase=running of=conv 1';"
        "sleep 0.2; echo 'phase=cooldown'; sleep 0.1"
    )
    pattern = r"phase=(?P<phase>\w+)(?: of=(?P<label>.+))?"
    place.record(*SIMULATED, "--phase-match", pattern, command=shell(script))
    assert edges(place.rows())[2:] == [
        ("begin", "armed", ""),
        ("end", "armed", ""),
        ("begin", "running", "conv 1"),
        ("end", "running", "conv 1"),
        ("begin", "cooldown", ""),
        ("end", "cooldown", ""),
    ]


@pytest.mark.parametrize("label", ["b32", 'a, "b"', "é ∑", "line\nline", os.fsdecode(b"\xff")])
def test_a_label_of_any_text(place: Place, label: str) -> None:
    assert place.record("--simulate", "--label", label, command=["true"]).status == 0
    rows = place.rows()
    found = {row["label"] for row in rows if row["phase"] == "running"}
    assert len(found) == 1
    if label.isprintable():
        assert found == {label}


def test_repeats_are_fresh_processes(place: Place) -> None:
    place.record(
        *SIMULATED,
        "--repeats",
        "3",
        "--cooldown",
        "0.2",
        "--label",
        "r",
        command=shell("echo $$ >>pids; sleep 0.1"),
    )
    pids = (place.path / "pids").read_text().split()
    assert len(set(pids)) == 3
    rows = place.rows()
    running = ("running", "r")
    rest = [("begin", "cooldown", ""), ("end", "cooldown", "")]
    once = [("begin", *running), ("end", *running)]
    assert edges(rows) == [*once, *rest, *once, *rest, *once]
    begun = [row["repeat"] for row in rows if row["phase"] == "running" and row["event"] == "begin"]
    assert begun == ["1", "2", "3"]
    assert {row["repeat"] for row in rows if row["phase"] == "cooldown"} == {""}
    summary = place.run_json()["summary"]
    assert [group["repeat"] for group in summary["repeats"]] == [1, 2, 3]
    assert place.run_json()["command"]["exit_statuses"] == [0, 0, 0]


def test_one_repeat_that_fails_gives_its_status(place: Place) -> None:
    script = "test -e once && exit 0; touch once; exit 4"
    result = place.record(*SIMULATED, "--repeats", "2", "--cooldown", "0", command=shell(script))
    assert result.status == 4
    assert place.run_json()["command"]["exit_statuses"] == [4, 0]


def test_the_marks_directory_is_private_and_gone_afterwards(place: Place) -> None:
    script = 'echo "$WATTUI_RUN"; stat -c %a "$WATTUI_RUN" "$WATTUI_RUN"/*'
    code = f"import subprocess, wattui; wattui.count(); subprocess.run(['sh', '-c', {script!r}])"
    out = place.record("--quiet", command=python(code)).out.decode().split()
    directory, *modes = out
    assert modes[0] == "700"
    assert len(modes) >= 4
    assert not os.path.exists(directory)


def test_outside_a_recording_marks_do_nothing(place: Place) -> None:
    code = (
        "import wattui\n"
        "with wattui.phase('running', label='x'): wattui.count(3); wattui.note('n')\n"
        "wattui.mark('armed'); print('fine')"
    )
    for environment in ({}, {"WATTUI_RUN": ""}, {"WATTUI_RUN": str(place.path / "gone")}):
        env: dict[str, str] = place.environment | environment
        assert place.run(python(code), env=env).out == b"fine\n"
        assert place.run([*WATTUI, "mark", "running"], env=env).status == 0
    assert list(place.path.iterdir()) == []


def test_a_recording_inside_a_recording_has_its_own_marks(place: Place) -> None:
    inner = [
        *WATTUI,
        "--headless",
        "--quiet",
        "--idle",
        "0",
        "--csv",
        "inner.csv",
        "--",
        *python("import wattui; wattui.count(3)"),
    ]
    code = f"import subprocess, wattui; subprocess.run({inner!r}, check=True); wattui.count(4)"
    assert place.record("--quiet", command=python(code)).status == 0
    assert last_count(place.rows()) == "4"
    assert (place.path / "inner.csv").read_text().splitlines()[-1].split(",")[6] == "3"


def test_the_commands_processor_time_is_recorded(place: Place) -> None:
    code = "import time; end = time.monotonic() + 0.8\nwhile time.monotonic() < end: pass"
    place.record("--quiet", command=[PYTHON, "-c", code])
    shares = [float(row["command_cpu_pct"]) for row in place.rows() if row["command_cpu_pct"]]
    one_core = 100 / (os.cpu_count() or 1)
    assert shares
    assert 0.3 * one_core < max(shares) < 1.3 * one_core


def test_two_recordings_at_once_do_not_meet(place: Place) -> None:
    code = "import time, wattui; wattui.count(2); open('one', 'w').close(); time.sleep(0.6)"
    argv = place.argv("--quiet", command=python(code))
    first = place.start(argv)
    until_exists(place.path / "one")
    second = place.path / "second.csv"
    command = python("import wattui; wattui.count(5)")
    own = ["--headless", "--quiet", "--idle", "0", "--csv", str(second)]
    place.run([*WATTUI, *own, "--", *command])
    assert first.wait(10) == 0
    assert last_count(place.rows()) == "2"
    run: dict[str, Any] = json.loads(second.with_suffix(".json").read_text())
    assert run["summary"]["running"]["inferences"] == 5
