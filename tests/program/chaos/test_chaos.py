"""Recordings that are killed, stopped, frozen, filled up and truncated at random.

Runs for --chaos-seconds with --chaos-seed. A failure names the seed and round. The
same seed draws the same actions, at nearly the same times.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..conftest import MakeDisk
from ..running import WATTUI, Place, Row, edges, python, read_rows, until, until_exists

# What a killed recorder may lose, and a second for a busy machine.
KEPT_S = 2.0
ENDS_S = 60.0
NEARLY_S = 0.5
LONGEST_S = 2.5

PROGRAM = """
import os, random, subprocess, sys, time, wattui
name, seed, seconds, status, has_child = sys.argv[1], *map(float, sys.argv[2:])
draw, log = random.Random(seed), open(name, "a", buffering=1)
child = subprocess.Popen(["sleep", "100"]) if has_child else None
def told(what, label):
    print(what, label, time.monotonic(), file=log)
def echo(label):
    line = f'echo running {label} >"$WATTUI_RUN/mark"'
    done = subprocess.run(["timeout", "5", "sh", "-c", line], stderr=subprocess.DEVNULL)
    told("hung" if done.returncode == 124 else "echo", label)
open("begun", "w").close()
end = time.monotonic() + seconds
number = 0
while time.monotonic() < end:
    label, number = f"b{number}", number + 1
    if draw.random() < 0.2:
        echo(label)
    else:
        with wattui.phase("running", label=label):
            told("begin", label)
            wattui.count(2)
            time.sleep(0.02)
        told("end", label)
    time.sleep(draw.uniform(0, 0.1))
if child:
    child.kill()
    child.wait()
sys.exit(int(status))
"""


@dataclass
class Round:
    """One recording and what happens to it."""

    place: Place
    folder: Path
    ballast: Path
    draw: random.Random
    started: subprocess.Popen[bytes] = field(init=False)
    recorder: int = 0
    own: int = 0
    killed: dict[str, float] = field(default_factory=dict)
    happened: list[str] = field(default_factory=list)
    touched_s: float = 0.0
    undo: list[Callable[[], object]] = field(default_factory=list)
    err: bytes = b""

    @property
    def csv(self) -> Path:
        return self.folder / "run.csv"

    @property
    def log(self) -> Path:
        return self.place.path / "log"

    # ------------------------------------------------------------ what can happen

    def kill(self, *who: str) -> None:
        pids = {
            "recorder": self.recorder,
            "front end": self.started.pid,
            "command": self._command(),
        }
        for name in who:
            self.killed.setdefault(name, time.monotonic())
            with contextlib.suppress(ProcessLookupError):
                if pids[name]:
                    os.kill(pids[name], signal.SIGKILL)

    def kill_recorder(self) -> None:
        self.kill("recorder")

    def kill_front_end(self) -> None:
        self.kill("front end")

    def kill_both(self) -> None:
        self.kill(*self.draw.sample(["recorder", "front end"], 2))

    def kill_command(self) -> None:
        self.kill("command")

    def stop_recorder(self) -> None:
        self._stop(self.recorder)

    def stop_front_end(self) -> None:
        self._stop(self.started.pid)

    def freeze(self) -> None:
        self._freeze("--freeze")
        self.undo.append(lambda: self._freeze("--unfreeze"))

    def fill(self) -> None:
        with contextlib.suppress(OSError), self.ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        if self.draw.random() < 0.7:
            self.undo.append(lambda: self.ballast.unlink(missing_ok=True))

    def delete(self) -> None:
        self.touched_s = time.time()
        self.csv.unlink(missing_ok=True)

    def replace(self) -> None:
        self.touched_s = time.time()
        with contextlib.suppress(OSError):
            other = self.folder / "other"
            other.write_text("mine\n")
            other.replace(self.csv)

    def truncate(self) -> None:
        self.touched_s = time.time()
        with contextlib.suppress(OSError):
            os.truncate(self.csv, self.draw.randrange(self.csv.stat().st_size + 1))

    def _stop(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.undo.append(lambda: self._continue(pid))

    def _continue(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _freeze(self, how: str) -> None:
        subprocess.run(["fsfreeze", how, str(self.folder.parent)], capture_output=True, check=False)

    def _command(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            path = Path(f"/proc/{self.started.pid}/task/{self.started.pid}/children")
            pids = [int(word) for word in path.read_text().split()]
            return next((pid for pid in reversed(pids) if pid != self.recorder), 0)
        return 0


# What can happen to a recording on each kind of disk.
ANYWHERE = ("kill_recorder", "kill_front_end", "kill_both", "kill_command")
STOPS = ("stop_recorder", "stop_front_end")
OTHERS = ("delete", "replace", "truncate")
FAULTS = {
    "plain": (*ANYWHERE, *STOPS, *OTHERS),
    "ext4": (*ANYWHERE, *STOPS, *OTHERS, "freeze", "freeze", "freeze"),
    "tiny": (*ANYWHERE, *STOPS, "fill", "fill", "fill"),
}


@pytest.fixture
def disks(tmp_path: Path, ext4: Path, make_disk: MakeDisk) -> dict[str, Path]:
    return {"plain": tmp_path, "ext4": ext4, "tiny": make_disk("size=600k")}


def test_whatever_happens_nothing_is_lost_unsaid_and_nothing_is_left(
    disks: dict[str, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed: int = request.config.getoption("chaos_seed")
    deadline = time.monotonic() + request.config.getoption("chaos_seconds")
    number = 0
    while not number or time.monotonic() < deadline:
        draw = random.Random(f"{seed} {number}")
        kind = draw.choice(list(FAULTS))
        with placed(disks[kind], tmp_path / f"round{number}", draw) as found:
            try:
                play(found, kind)
                check(found)
            except (AssertionError, TimeoutError, subprocess.TimeoutExpired) as error:
                told = f"seed {seed}, round {number} on {kind}: {found.happened}"
                pytest.fail(f"{told}\n{error}\n{found.err.decode(errors='replace')}")
        number += 1
        print(number - 1, kind, found.happened, found.started.returncode)


@contextlib.contextmanager
def placed(disk: Path, path: Path, draw: random.Random) -> Iterator[Round]:
    """Somewhere to record; everything is put right and ended afterwards."""
    path.mkdir()
    folder = disk / f"runs-{path.name}"
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="wt-") as temporary:
        place = Place(path, Path(temporary))
        found = Round(place, folder, disk / "ballast", draw)
        try:
            yield found
        finally:
            put_right(found)
            place.close()
            place.end_all()
            for file in (found.ballast, *folder.iterdir()):
                file.unlink(missing_ok=True)


def play(found: Round, kind: str) -> None:
    draw, place = found.draw, found.place
    faults = draw.sample(FAULTS[kind], draw.choice([1, 1, 2, 3]))
    seconds = draw.uniform(0.5, LONGEST_S)
    found.own = draw.choice([0, 5])
    has_child = "kill_command" not in faults
    command = python(
        PROGRAM, "log", str(draw.randrange(99)), str(seconds), str(found.own), str(int(has_child))
    )
    rate = draw.choice(["10", "100", "500"])
    options = ("--quiet", "--simulate", "--rate", rate, "--csv", str(found.csv))
    found.started = place.start(place.argv(*options, command=command), stderr=subprocess.PIPE)
    found.recorder = place.recorder_of(found.started.pid)
    # Some faults come while everything is only just being started.
    if draw.random() < 0.8:
        until_exists(place.path / "begun", bound_s=20)
    else:
        until_exists(found.csv, bound_s=20)
    for fault in faults:
        time.sleep(draw.uniform(0, 0.4 * seconds))
        found.happened.append(fault)
        getattr(found, fault)()
        if found.undo:
            time.sleep(draw.uniform(0.1, 1.5))
            put_right(found)
    _, found.err = found.started.communicate(timeout=ENDS_S)


def put_right(found: Round) -> None:
    while found.undo:
        found.undo.pop()()


# ---------------------------------------------------------------- what must hold


def check(found: Round) -> None:
    until(lambda: not found.place.processes(), "no process left", bound_s=20)
    assert not list(found.place.temporary.glob("wattui-*")), "a directory is left"
    check_status(found)
    files = ours(found)
    for path in files:
        check_reads(found, path)
    marked = log(found)
    assert not [label for what, label, _ in marked if what == "hung"], "a shell hung at its mark"
    check_marks(found, files, marked)


def check_status(found: Round) -> None:
    """The exit status is the command's own; 1 stands for an incomplete recording, with words."""
    status = found.started.returncode
    assert "Traceback" not in found.err.decode(errors="replace")
    assert "bug in wattui" not in found.err.decode(errors="replace")
    if "front end" in found.killed and status == -signal.SIGKILL:
        return
    # A recorder that was killed before the command was there leaves nothing to run.
    never = not (found.place.path / "begun").exists()
    allowed = {137} if "command" in found.killed else set()
    assert status in {found.own, *allowed, *([1] if not found.own or never else [])}
    if status == 1:
        assert said(found), "incomplete without a word"


def said(found: Round) -> list[str]:
    """What was said on stderr, beside that a disk is waited for."""
    lines = found.err.decode(errors="replace").splitlines()
    return [line for line in lines if "waiting up to" not in line]


def ours(found: Round) -> list[Path]:
    """Run files of this recording, wherever they have gone."""
    places = (found.folder, found.place.temporary)
    paths = [path for folder in places for path in sorted(folder.glob("run*.csv"))]
    texts = ((path, path.read_bytes()) for path in paths)
    return [path for path, text in texts if text.startswith(b"time_s") and b"\n" in text]


def whole(found: Round, path: Path) -> list[Row]:
    """Its rows; a recorder that was killed, or a file that was cut, may lack the end of one."""
    text = path.read_text()
    copy = found.place.path / "whole.csv"
    copy.write_text(text[: text.rfind("\n") + 1])
    return read_rows(copy)


def check_reads(found: Round, path: Path) -> None:
    result = found.place.run([*WATTUI, "summary", "--json", str(path)])
    assert result.status == 0, (path, result.err)
    run_json = path.with_suffix(".json")
    if not run_json.exists() or (path.name == "run.csv" and "truncate" in found.happened):
        return
    run = json.loads(run_json.read_text())
    if run["status"] == "recording" or run["lost_rows"]:
        return
    shown, kept = json.loads(result.out)["running"], run["summary"]["running"]
    assert (shown is None) == (kept is None)
    if shown and kept:
        assert shown["seconds"] == pytest.approx(kept["seconds"])
        assert shown["inferences"] == kept["inferences"]


def log(found: Round) -> list[tuple[str, str, float]]:
    if not found.log.exists():
        return []
    lines = [line.split() for line in found.log.read_text().splitlines()]
    return [(line[0], line[1], float(line[2])) for line in lines if len(line) == 3]


def check_marks(found: Round, files: list[Path], marked: list[tuple[str, str, float]]) -> None:
    """What was marked is in a file, or it was said that it is not."""
    begun = {
        (event, label.rpartition("/")[2])
        for path in files
        for event, _, label in edges(whole(found, path))
    }
    missing = [
        (what, label, at_s)
        for what, label, at_s in marked
        if ("end" if what == "end" else "begin", label) not in begun
    ]
    if not missing or is_touched_after_its_end(found):
        return
    disturbed = {"delete", "replace", "truncate", "fill", "freeze", "stop_recorder"}
    if "recorder" in found.killed and not disturbed & set(found.happened):
        kept_until_s = found.killed["recorder"] - KEPT_S
        early = [mark for mark in missing if mark[2] < kept_until_s]
        assert not early, f"older than {KEPT_S:g} s at the recorder's end: {early}"
    if "front end" in found.killed:
        # Nobody is left to speak: the files have to. One that a recorder finished must say it.
        for path in files:
            run_json = path.with_suffix(".json")
            run = json.loads(run_json.read_text()) if run_json.exists() else {}
            told = run.get("lost_rows") or run.get("file", {}).get("remarks")
            assert told or run.get("status") != "finished", f"{path} hides {missing}"
        return
    assert said(found), f"missing without a word: {missing}"


def is_touched_after_its_end(found: Round) -> bool:
    """True where the file was finished, or nearly so, when another program came to it."""
    jsons = found.folder.glob("run*.json")
    ended_s = max((path.stat().st_mtime for path in jsons), default=0.0)
    return found.touched_s > ended_s - NEARLY_S and not found.killed
