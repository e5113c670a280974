"""Disks that hang, fill up, or disappear while the run file is being written."""

from __future__ import annotations

import json
import os
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from .conftest import MakeDisk
from .running import (
    WATTUI,
    Place,
    edges,
    events,
    python,
    read_json,
    read_rows,
    shell,
    until,
    until_exists,
)

FROZEN = """
import json, subprocess, sys, time, wattui
disk, seconds = sys.argv[1], float(sys.argv[2])
def marked(label):
    begun_s = time.monotonic()
    with wattui.phase("running", label=label):
        wattui.count(1)
    return time.monotonic() - begun_s
marked("before")
subprocess.run(["fsfreeze", "--freeze", disk], check=True)
end_s, took_s = time.monotonic() + seconds, []
while time.monotonic() < end_s:
    took_s.append(marked(f"b{len(took_s)}"))
    time.sleep(0.2)
subprocess.run(["fsfreeze", "--unfreeze", disk], check=True)
print(json.dumps(took_s))
"""


def gaps_s(path: Path) -> float:
    """The longest time without a row."""
    times_s = [float(row["time_s"]) for row in read_rows(path)]
    return max(after - before for before, after in pairwise(times_s))


def test_a_frozen_disk_delays_no_mark_and_loses_no_row(place: Place, ext4: Path) -> None:
    path = ext4 / "run.csv"
    command = python(FROZEN, str(ext4), "7")
    argv = place.argv("--quiet", "--simulate", "--csv", str(path), "--rate", "50", command=command)
    result = place.run(argv)
    assert (result.status, result.err) == (0, b"")
    took_s = json.loads(result.out)
    assert len(took_s) > 10
    assert max(took_s) < 1.0
    rows = read_rows(path)
    labels = ["before", *(f"b{n}" for n in range(len(took_s)))]
    for event in ("begin", "end"):
        marked = [edge[2] for edge in edges(rows) if edge[0] == event and edge[1] == "running"]
        assert marked == labels
    assert gaps_s(path) < 1.0
    assert read_json(path.with_suffix(".json"))["lost_rows"] == 0


def test_the_end_waits_for_a_frozen_disk_says_so_and_computes_at_no_real_time_priority(
    place: Place, ext4: Path
) -> None:
    path = ext4 / "run.csv"
    command = shell(f"fsfreeze --freeze {ext4}; touch frozen; exit 7")
    argv = place.argv("--quiet", "--simulate", "--csv", str(path), "--rate", "50", command=command)
    started = place.start(argv, stderr=subprocess.PIPE)
    recorder = place.recorder_of(started.pid)
    until_exists(place.path / "frozen")
    time.sleep(2.5)
    assert started.poll() is None
    assert os.sched_getscheduler(recorder) == os.SCHED_OTHER
    subprocess.run(["fsfreeze", "--unfreeze", str(ext4)], check=True)
    _, err = started.communicate(timeout=30)
    assert started.returncode == 7
    assert err.decode().splitlines() == [
        f"wattui: the disk under {path} does not answer: waiting up to 30 s for it"
    ]
    assert edges(read_rows(path))[-1] == ("end", "running", "")
    run = read_json(path.with_suffix(".json"))
    assert (run["status"], run["lost_rows"]) == ("finished", 0)


INTERFERENCE = {
    "deleted": "rm run.csv",
    "replaced": "echo mine >other; mv other run.csv",
    "truncated": ": >run.csv",
    "written to": "echo noise >>run.csv",
}


@pytest.mark.parametrize("what", INTERFERENCE)
def test_what_another_program_does_to_the_file_is_told_and_the_rest_is_kept(
    place: Place, what: str
) -> None:
    script = f"sleep 0.8; {INTERFERENCE[what]}; sleep 1.3"
    result = place.record("--quiet", "--rate", "50", command=shell(script))
    assert result.status == 1
    assert f"run.csv was {what} by another program" in result.lines[0]
    path = place.path / "run.recovered.csv"
    assert str(path) in result.lines[0]
    rows = read_rows(path)
    (note,) = events(rows, "note:run_file ")
    assert note in result.lines[0]
    assert edges(rows)[-1] == ("end", "running", "")
    run = read_json(path.with_suffix(".json"))
    assert ("run_file", note) in [(f["name"], f["text"]) for f in run["summary"]["flags"]]
    assert run["file"] == {"csv": str(path), "remarks": [note]}
    if what == "truncated":
        assert run["lost_rows"] > 0
        assert f"{run['lost_rows']} rows were lost" in note
        assert place.csv.read_bytes() == b""
    else:
        assert run["lost_rows"] == 0
        assert edges(rows)[0] == ("begin", "running", "")
        assert gaps_s(path) < 1.0
    if what == "replaced":
        assert place.csv.read_text() == "mine\n"
    assert place.run([*WATTUI, "summary", str(path)]).status == 0


def test_a_directory_that_vanishes_does_not_take_the_recording_along(place: Place) -> None:
    folder = place.path / "runs"
    folder.mkdir()
    argv = place.argv(
        "--quiet",
        "--simulate",
        "--csv",
        "runs/run.csv",
        command=shell("sleep 0.8; rm -r runs; sleep 0.8; exit 3"),
    )
    result = place.run(argv)
    assert result.status == 3
    assert "run.csv was deleted by another program" in result.lines[0]
    path = place.temporary / "run.recovered.csv"
    assert str(path) in result.lines[0]
    assert edges(read_rows(path)) == [("begin", "running", ""), ("end", "running", "")]


def test_two_recordings_cannot_write_the_same_file(place: Place) -> None:
    held = shell("touch begun; until [ -e end ]; do sleep 0.02; done")
    first = place.start(place.argv("--quiet", command=held))
    until_exists(place.path / "begun")
    second = place.record("--force", command=shell("touch second"))
    (place.path / "end").touch()
    assert second.status == 2
    assert len(second.lines) == 1
    assert "is being recorded by another wattui" in second.lines[0]
    assert not (place.path / "second").exists()
    assert first.wait(10) == 0
    assert edges(place.rows()) == [("begin", "running", ""), ("end", "running", "")]


def test_a_read_only_disk_is_one_line_before_anything_starts(
    place: Place, make_disk: MakeDisk
) -> None:
    disk = make_disk("size=64k")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    argv = place.argv("--simulate", "--csv", str(disk / "run.csv"), command=shell("touch started"))
    result = place.run(argv)
    assert result.status == 2
    assert len(result.lines) == 1
    assert "Read-only file system" in result.lines[0]
    assert not (place.path / "started").exists()


def test_a_disk_that_becomes_read_only_leaves_the_summary(place: Place, ext4: Path) -> None:
    path = ext4 / "run.csv"
    device = subprocess.run(
        ["findmnt", "-no", "SOURCE", str(ext4)], capture_output=True, text=True, check=True
    ).stdout.strip()
    trigger = Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error")
    if not trigger.exists():
        pytest.skip("this kernel cannot make a disk fail")
    script = f"sleep 0.8; echo 1 >{trigger}; sleep 0.8"
    argv = place.argv("--simulate", "--csv", str(path), command=shell(script))
    result = place.run(argv)
    assert result.status == 1
    text = result.err.decode()
    assert "s running" in text
    assert "rows are missing (Read-only file system)" in " ".join(text.split())


def test_no_place_for_the_marks_is_one_line_before_anything_starts(place: Place) -> None:
    """Every place that could have them can only be read."""
    mounts = "".join(
        f"mount --bind {path} {path}; mount -o remount,bind,ro {path}; "
        for path in ("/tmp", "/dev/shm", "/var/tmp")
    )
    # The run file is outside of them.
    argv = place.argv("--simulate", "--csv", "/run/wattui-test.csv", command=["true"])
    env = place.environment | {"TMPDIR": "/tmp"}
    script = f'{mounts} cd /; exec "$@"'
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs a mount namespace of its own")
    result = place.run(["unshare", "-m", "sh", "-c", script, "sh", *argv], env=env)
    assert result.status == 2, result.err
    assert len(result.lines) == 1
    assert "cannot create a directory for marks" in result.lines[0]
    assert not Path("/run/wattui-test.csv").exists()


GONE = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'


def test_in_a_directory_that_is_gone_an_absolute_name_still_records(place: Place) -> None:
    argv = place.argv("--simulate", command=["true"])
    result = place.run(["sh", "-c", GONE, "sh", *argv])
    assert result.status == 0, result.err
    assert place.run_json()["command"]["cwd"] is None


@pytest.mark.parametrize(
    "options",
    [
        ["--headless", "--idle", "0", "--csv", "run.csv", "--", "true"],
        ["--headless", "--idle", "0", "--", "true"],
        ["fit", "run.csv"],
        ["export", "run.csv", "-o", "x.json"],
    ],
)
def test_in_a_directory_that_is_gone_a_relative_name_is_one_line(
    place: Place, options: list[str]
) -> None:
    result = place.run(["sh", "-c", GONE, "sh", *WATTUI, *options])
    assert result.status in (1, 2)
    assert len(result.lines) == 1
    assert "bug in wattui" not in result.lines[0]
    until(lambda: not place.processes(), "no process left")
