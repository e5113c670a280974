"""The copy of a local run file in a shared folder that does everything wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wattui.fleet import publish
from wattui.fleet.publish import JOURNAL, PART, RUN_JSON, Copy, NodeFolder, Publisher

HEADER = "time_s,time_utc,phase,label,repeat,event,inferences,sim_cpu_J,sim_cpu_W\n"
BOUND_S = 20.0


def row(n: int, phase: str = "running", event: str = "") -> str:
    return f"{n}.000000,2026-11-29T00:00:0{n % 10}.000Z,{phase},,,{event},,{n}.0,1.0\n"


class Local:
    """A run file on the local disk, as its recorder writes it."""

    def __init__(self, folder: Path) -> None:
        self.csv = folder / "run.csv"
        self.csv.write_text(HEADER)
        self.csv.with_suffix(".json").write_text('{"status": "recording"}')
        self.rows = 0

    def add(self, text: str) -> None:
        with self.csv.open("a") as file:
            file.write(text)

    def add_rows(self, count: int = 3) -> None:
        for _ in range(count):
            self.rows += 1
            self.add(row(self.rows))

    @property
    def text(self) -> str:
        return self.csv.read_text()


@pytest.fixture
def local(tmp_path: Path) -> Local:
    return Local(tmp_path)


@pytest.fixture
def node(tmp_path: Path) -> NodeFolder:
    return NodeFolder(tmp_path / "shared", "job", "0c4f")


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_new_rows_are_appended_in_whole_lines(local: Local, node: NodeFolder):
    copy = Copy(local.csv, node)
    copy.step()
    inode = (node.path / JOURNAL).stat().st_ino
    local.add_rows()
    whole = local.text
    local.add("4.000000,2026")
    copy.step()
    assert (node.path / JOURNAL).read_text() == whole
    local.add(row(4).removeprefix("4.000000,2026"))
    copy.step()
    assert (node.path / JOURNAL).read_text() == local.text
    assert (node.path / JOURNAL).stat().st_ino == inode


def test_rows_that_became_loading_are_changed_in_the_copy(local: Local, node: NodeFolder):
    """Otherwise a lost node's loading would count as running."""
    local.add_rows()
    copy = Copy(local.csv, node)
    copy.step()
    local.csv.write_text(local.text.replace(",running,", ",loading,") + row(4, "loading", "end"))
    copy.step()
    assert (node.path / JOURNAL).read_text() == local.text


def test_a_run_file_with_a_new_column_is_copied_as_a_whole(local: Local, node: NodeFolder):
    local.add_rows()
    copy = Copy(local.csv, node)
    copy.step()
    draft = local.csv.with_name("draft")
    draft.write_text("".join(f"{line},\n" for line in local.text.splitlines()))
    draft.replace(local.csv)
    copy.step()
    assert (node.path / JOURNAL).read_text() == local.text


@pytest.mark.parametrize("harm", ["removed", "emptied", "folder removed"])
def test_a_copy_that_was_harmed_is_made_again(local: Local, node: NodeFolder, harm: str):
    copy = Copy(local.csv, node)
    local.add_rows()
    copy.step()
    journal = node.path / JOURNAL
    if harm == "removed":
        journal.unlink()
    elif harm == "emptied":
        journal.write_text("")
    else:
        shutil.rmtree(node.folder)
    local.add_rows()
    copy.step()
    assert journal.read_text() == local.text


def test_a_full_folder_is_caught_up_where_it_stopped(
    local: Local, node: NodeFolder, monkeypatch: pytest.MonkeyPatch
):
    copy = Copy(local.csv, node)
    copy.step()
    local.add_rows(20)
    real, room = os.pwrite, [100]

    def pwrite(descriptor: int, data: bytes, at: int) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        done = real(descriptor, data[: room[0]], at)
        room[0] -= done
        return done

    monkeypatch.setattr(publish.os, "pwrite", pwrite)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            copy.step()
    assert local.text.startswith((node.path / JOURNAL).read_text())
    room[0] = 10**6
    copy.step()
    assert (node.path / JOURNAL).read_text() == local.text


def test_a_finished_recording_replaces_its_copy(local: Local, node: NodeFolder):
    said: list[str] = []
    publisher = Publisher(local.csv, node, lambda: {"launcher": "mpich"}, said.append)
    assert publisher.claim()
    local.add_rows()
    until((node.path / RUN_JSON).exists)
    assert json.loads((node.path / RUN_JSON).read_text())["status"] == "recording"
    local.csv.with_suffix(".json").write_text('{"status": "finished"}')
    assert publisher.land() is None
    assert sorted(path.name for path in node.path.iterdir()) == [PART, RUN_JSON]
    run = json.loads((node.path / RUN_JSON).read_text())
    assert run == {"status": "finished", "fleet": {"launcher": "mpich"}}
    assert not local.csv.exists()
    assert not local.csv.with_suffix(".json").exists()
    assert said == []


def test_a_folder_that_comes_back_is_caught_up(local: Local, node: NodeFolder):
    """It is one line however long it takes."""
    node.folder.write_text("in its place is a file")
    said: list[str] = []
    publisher = Publisher(local.csv, node, dict, said.append)
    assert publisher.claim()
    local.add_rows()
    until(lambda: bool(said))
    node.folder.unlink()
    until((node.path / JOURNAL).exists)
    assert publisher.land() is None
    assert (node.path / PART).exists()
    (line,) = said
    assert line.startswith(f"{node.path}: Not a directory: recording goes on in {local.csv}")


def test_a_folder_that_stays_away_leaves_the_local_file(local: Local, node: NodeFolder):
    node.folder.write_text("in its place is a file")
    publisher = Publisher(local.csv, node, dict, lambda _: None)
    assert publisher.claim()
    local.add_rows()
    before = local.text
    line = publisher.land()
    assert line is not None
    assert f"fix: cp {local.csv} {node.path / JOURNAL}" in line
    assert local.text == before
    assert sorted(path.name for path in local.csv.parent.glob("run.*")) == ["run.csv", "run.json"]


def test_a_file_that_cannot_be_converted_is_kept(local: Local, node: NodeFolder):
    local.csv.write_text("not a run file\n")
    publisher = Publisher(local.csv, node, dict, lambda _: None)
    assert publisher.claim()
    line = publisher.land()
    assert line is not None
    assert f"it is kept in {local.csv}" in line
    assert local.csv.exists()
    assert not (node.path / PART).exists()


def test_a_file_that_is_still_written_is_kept(local: Local, node: NodeFolder):
    """The recorder waits for a slow disk, and writes the rest when it can."""
    publisher = Publisher(local.csv, node, dict, lambda _: None)
    assert publisher.claim()
    with local.csv.open() as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        line = publisher.land()
    assert line is not None
    assert "its recorder still waits for the local disk" in line
    assert local.csv.exists()


def test_a_folder_that_hangs_delays_nothing(
    local: Local, node: NodeFolder, monkeypatch: pytest.MonkeyPatch
):
    """Opening a pipe that nobody reads waits as a dead server's file does."""
    monkeypatch.setattr(publish, "LAND_S", 0.1)
    monkeypatch.setattr(publish, "SILENT_S", 0.1)
    said: list[str] = []
    publisher = Publisher(local.csv, node, dict, said.append)
    assert publisher.claim()
    until((node.path / RUN_JSON).exists)
    journal = node.path / JOURNAL
    os.mkfifo(node.path / "pipe")
    monkeypatch.setattr(Copy, "_is_there", lambda _: True)
    (node.path / "pipe").replace(journal)
    local.add_rows()

    def says_so() -> bool:
        publisher.look()
        return bool(said)

    until(says_so)
    line = publisher.land()
    assert line is not None
    assert "it does not answer" in line
    assert local.csv.exists()
    assert len(said) == 1
    os.close(os.open(journal, os.O_RDONLY | os.O_NONBLOCK))


def test_a_node_that_was_recorded_before_is_left_alone(local: Local, node: NodeFolder):
    node.path.mkdir(parents=True)
    (node.path / PART).write_text("another recording")
    publisher = Publisher(local.csv, node, dict, lambda _: None)
    assert not publisher.claim()
    publisher.give_up()
    assert [path.name for path in node.path.iterdir()] == [PART]


def test_a_recording_that_is_refused_leaves_no_folder(local: Local, node: NodeFolder):
    local.csv.unlink()
    publisher = Publisher(local.csv, node, dict, lambda _: None)
    assert publisher.claim()
    publisher.give_up()
    assert not node.path.exists()
