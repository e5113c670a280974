"""Inferences, labels and repeats; recordings beside and inside each other."""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

import pytest

from .running import (
    WATTUI,
    Place,
    edges,
    last_count,
    python,
    shell,
    until_exists,
)

SIMULATED = ("--simulate", "--no-estimate", "--quiet")
RUNNING = [("begin", "running", ""), ("end", "running", "")]
MARK = shlex.join([*WATTUI, "mark"])


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


def test_two_commands_in_turn_end_with_the_verdict_that_their_file_gives(place: Place) -> None:
    """B fails in its third repeat: the pairs are the other three."""
    fails = "import os, sys; sys.exit(4 * (os.environ['WATTUI_REPEAT'] == '3'))"
    own = ["--headless", "--csv", str(place.csv), "--idle", "0.2", "--cooldown", "0"]
    options = ["--simulate", "--no-estimate", "--inferences", "10", "--repeats", "4"]
    commands = ["sleep 0.1", shlex.join(python(f"import time; time.sleep(0.1); {fails}"))]
    result = place.run([*WATTUI, *own, *options, "--ab", *commands, "--ab-labels", "old", "new"])
    assert result.status == 4
    assert "wattui: new, repeat 3: failed with exit status 4" in result.lines
    assert "wattui: only old succeeded in repeat 3, which the paired figures leave out" in (
        result.lines
    )
    runs = [row for row in place.rows() if (row["event"], row["phase"]) == ("begin", "running")]
    assert [row["label"] for row in runs] == ["old", "new", "new", "old"] * 2
    assert [row["repeat"] for row in runs] == list("11223344")
    (verdict,) = [line for line in result.lines if line.startswith("new against old, total: ")]
    assert ", 3 pairs: " in " ".join(result.err.decode().split())
    place.csv.with_suffix(".json").unlink()
    assert verdict in place.run([*WATTUI, "compare", str(place.csv)]).out.decode()


@pytest.mark.parametrize(("command", "status"), [("exit 0", 3), ("exit 7", 7)])
def test_an_uncertainty_that_is_not_reached_is_exit_3_unless_the_command_failed(
    place: Place, command: str, status: int
) -> None:
    """A simulated counter is read a few times in so short a time."""
    options = ("--no-estimate", "--quiet", "--inferences", "5", "--require-uncertainty", "0.1%")
    result = place.record(*options, command=shell(command))
    assert result.status == status
    (line,) = result.lines
    assert line.startswith("wattui: --require-uncertainty 0.1%: ± is ")


def test_a_target_that_is_not_reached_is_said_and_is_no_error(place: Place) -> None:
    options = ("--no-estimate", "--target", "0.01%", "--repeats", "3", "--cooldown", "0")
    result = place.record(*options, "--inferences", "5", command=("sleep", "0.1"))
    assert result.status == 0
    assert any("repeats so far: 2: " in line for line in result.lines)
    assert result.lines[-1].startswith("wattui: --target 0.01%: not reached: after 3 repeats, ± is")
    assert place.run_json()["command"]["repeats"] == 3


def test_a_target_that_is_reached_ends_the_repeats(place: Place) -> None:
    """The power of the simulated curve differs, but never tenfold."""
    options = ("--no-estimate", "--target", "0.99", "--repeats", "30", "--cooldown", "0")
    result = place.record(*options, "--inferences", "5", command=("sleep", "0.3"))
    assert result.status == 0
    assert "wattui: --target 99%: reached: after" in result.err.decode()
    assert 3 <= place.run_json()["command"]["repeats"] < 30


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
    code = (
        "import time; begin = time.monotonic()\n"
        "while time.process_time() < 0.8: pass\n"
        "print(0.8 / (time.monotonic() - begin))"
    )
    share_of_a_core = float(place.record("--quiet", command=python(code)).out)
    shares = [float(row["command_cpu_pct"]) for row in place.rows() if row["command_cpu_pct"]]
    one_core = 100 / (os.cpu_count() or 1)
    assert shares
    assert 0.5 * min(share_of_a_core, 1) * one_core < max(shares) < 1.3 * one_core


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


def test_repeats_that_failed_are_left_out_also_from_the_file_alone(place: Place) -> None:
    code = (
        "import pathlib, sys\n"
        "ran = pathlib.Path('ran')\n"
        "sys.exit(2 if ran.exists() else ran.touch())\n"
    )
    options = ("--no-estimate", "--inferences", "100", "--repeats", "3")
    done = place.record(*options, "--cooldown", "0", command=python(code))
    assert done.status == 2
    assert "repeat 2 failed with exit status 2 and was left out" in " ".join(
        done.err.decode().split()
    )
    summary = place.run_json()["summary"]
    assert summary["running"]["inferences"] == 100
    (place.path / "run.json").unlink()
    alone = place.run([*WATTUI, "summary", "--json", "run.csv"])
    assert json.loads(alone.out) == summary


def test_a_commands_counters_are_in_run_json_and_the_same_from_the_file(place: Place) -> None:
    """Each label counts its own page faults, with those of the processes it starts."""
    code = (
        "import subprocess, sys, wattui\n"
        "for label, size in (('small', 1), ('large', 40)):\n"
        " with wattui.phase('running', label=label):\n"
        "  make = f'x = bytearray({size} << 20)'\n"
        "  subprocess.run([sys.executable, '-S', '-c', make], check=True)\n"
        "  wattui.count(10)\n"
    )
    options = ["--counters", "task-clock,page_faults"]
    result = place.record(*SIMULATED, *options, command=python(code))
    about = place.run_json()
    if any(each["source"].startswith("counters") for each in about["missing"]):
        pytest.skip("perf events are not permitted here")
    assert result.status == 0
    small, large = (group["counters"] for group in about["summary"]["labels"])
    of_command = large["page_faults"]["of"] != "machine"
    more = large["page_faults"]["count"] - small["page_faults"]["count"]
    assert more > (39 << 20) / 65536 - 100
    assert not of_command or more < 1.5 * (39 << 20) / 4096
    clock = large["task_clock"]
    assert clock["of"] == "command"
    assert clock["per_inference"] == pytest.approx(clock["count"] / 10)
    assert clock["count"] > 1e6
    place.csv.with_suffix(".json").unlink()
    again = json.loads(place.run([*WATTUI, "summary", str(place.csv), "--json"]).out)
    assert [group["counters"] for group in again["labels"]] == [small, large]
