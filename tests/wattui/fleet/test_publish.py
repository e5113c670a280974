"""The copy of a local run file in a shared folder that does everything wrong."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from recorders.fingerprint import fingerprint
from wattui.fleet import publish, publisher
from wattui.fleet.election import LOCK
from wattui.fleet.folder import JOURNAL, PART, RUN_JSON, NodeFolder
from wattui.fleet.publish import ADDRESS, Copy, Work
from wattui.fleet.publisher import Origin, Publisher
from wattui.runs.recorded import about_run, changed

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


def read(path: Path) -> str:
    """The text of a file; empty if it is not there yet."""
    return path.read_text() if path.exists() else ""


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


def test_a_new_column_is_noticed_even_where_the_file_has_the_same_number(
    local: Local, node: NodeFolder
):
    copy = Copy(local.csv, node)
    local.add_rows(2)
    copy.step()
    wider = local.text.replace("\n", ",\n").replace(",\n", ",count_tokens_out\n", 1)
    local.csv.write_text(wider)
    copy.step()
    assert read(node.path / JOURNAL) == wider


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


def work(local: Local, node: NodeFolder) -> Work:
    return Work(local.csv, node, {"boot_id": node.boot_id, "addresses": [], "port": 1})


def test_a_finished_recording_replaces_its_copy(local: Local, node: NodeFolder):
    facts = {"launcher": "mpich"}
    of_node = work(local, node)
    of_node.claim()
    local.add_rows()
    of_node.step(facts)
    assert json.loads((node.path / RUN_JSON).read_text()) == {"status": "recording", "fleet": facts}
    assert (node.path / JOURNAL).read_text() == local.text
    local.csv.with_suffix(".json").write_text('{"status": "finished"}')
    of_node.land()
    assert sorted(path.name for path in node.path.iterdir()) == [PART, RUN_JSON]
    assert json.loads((node.path / RUN_JSON).read_text()) == {"status": "finished"}
    assert not list(local.csv.parent.glob("run.*"))


def test_the_rows_of_a_node_are_found_with_their_run_json(local: Local, node: NodeFolder):
    of_node = work(local, node)
    of_node.claim()
    local.add_rows()
    about = {"status": "finished", "csv": fingerprint(local.csv)}
    local.csv.with_suffix(".json").write_text(json.dumps(about))
    of_node.land()
    found = about_run(node.path / PART)
    assert found.status == "finished"
    assert not changed(node.path / PART, found)


def test_a_folder_that_comes_back_is_caught_up(local: Local, node: NodeFolder):
    node.folder.write_text("in its place is a file")
    of_node = work(local, node)
    for _ in range(2):
        local.add_rows()
        with pytest.raises(NotADirectoryError):
            of_node.step({})
    node.folder.unlink()
    of_node.step({})
    assert (node.path / JOURNAL).read_text() == local.text


def test_a_folder_in_which_another_recording_appears_meanwhile_is_left_alone(
    local: Local, node: NodeFolder
):
    """This one could not claim it before."""
    node.folder.write_text("in its place is a file")
    of_node = work(local, node)
    with pytest.raises(NotADirectoryError):
        of_node.claim()
    node.folder.unlink()
    node.path.mkdir(parents=True)
    for call in (of_node.claim, of_node.land, lambda: of_node.step({})):
        with pytest.raises(FileExistsError):
            call()
    of_node.give_up()
    assert not list(node.path.iterdir())


def test_a_file_that_is_still_written_is_kept(local: Local, node: NodeFolder):
    """The recorder waits for a slow disk, and writes the rest when it can."""
    with local.csv.open() as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="its recorder still waits for the local disk"):
            work(local, node).land()
    assert local.csv.exists()


def test_a_recording_that_is_refused_leaves_nothing(local: Local, node: NodeFolder):
    """Otherwise the next one would wait for the address of its first node."""
    of_node = work(local, node)
    of_node.claim()
    of_node.give_up()
    assert not list(node.folder.iterdir())


def test_the_first_node_is_known_to_all(local: Local, node: NodeFolder):
    first = work(local, node)
    second = work(local, NodeFolder(node.folder, node.run, "77aa"))
    first.claim()
    second.claim()
    assert first.is_first
    assert not second.is_first
    assert second.first == {"boot_id": "0c4f", "addresses": [], "port": 1}


class Front:
    """A front end with the process that publishes."""

    def __init__(self, local: Local, node: NodeFolder) -> None:
        self.said: list[str] = []
        self.learned: list[tuple[Mapping[str, Any], bool]] = []
        self.facts: dict[str, Any] = {"launcher": "mpich"}
        self.publisher = Publisher(
            local.csv,
            node,
            {"boot_id": node.boot_id},
            lambda: dict(self.facts),
            self.said.append,
            lambda first, is_first: self.learned.append((first, is_first)),
            Origin(0, str(local.csv.with_name("place"))),
        )


def test_a_process_of_its_own_publishes(local: Local, node: NodeFolder):
    front = Front(local, node)
    assert front.publisher.claim()
    assert front.learned == [({"boot_id": "0c4f"}, True)]
    local.add_rows()
    front.facts["ranks"] = 4
    front.publisher.look()
    until(lambda: '"ranks"' in read(node.path / RUN_JSON))
    front.facts["ranks"] = 8
    assert front.publisher.land() is None
    assert json.loads(read(node.path / RUN_JSON))["fleet"] == {"launcher": "mpich", "ranks": 8}
    assert sorted(path.name for path in node.path.iterdir()) == [PART, RUN_JSON]
    assert front.said == []


def test_a_folder_that_stays_away_leaves_the_local_file(local: Local, node: NodeFolder):
    """While it records, that is one line however long it takes."""
    node.folder.write_text("in its place is a file")
    front = Front(local, node)
    assert front.publisher.claim()
    local.add_rows()
    before = local.text

    def says_so() -> bool:
        front.publisher.look()
        return bool(front.said)

    until(says_so)
    line = front.publisher.land()
    assert line is not None
    assert f"fix: cp {local.csv} {node.path / JOURNAL}" in line
    assert local.text == before
    assert json.loads(read(local.csv.with_suffix(".json")))["fleet"] == {"launcher": "mpich"}
    assert front.said == [
        f"{node.path}: Not a directory: recording goes on in {local.csv}, and is copied when the "
        "folder is back: fix: make it writable"
    ]


def test_a_folder_that_hangs_delays_nothing(
    local: Local, node: NodeFolder, monkeypatch: pytest.MonkeyPatch
):
    """Opening a pipe that nobody writes waits as a dead server's file does."""
    monkeypatch.setattr(publisher, "LAND_S", 0.1)
    monkeypatch.setattr(publisher, "SILENT_S", 0.4)
    address = node.path.parent / ADDRESS
    address.parent.mkdir(parents=True)
    os.mkfifo(address)
    monkeypatch.setattr(publisher, "CLAIM_S", 0.1)
    front = Front(local, node)
    assert front.publisher.claim()

    def says_so() -> bool:
        front.publisher.look()
        return bool(front.said)

    until(says_so)
    assert "it does not answer" in front.said[0]
    line = front.publisher.land()
    assert line is not None
    assert "it does not answer" in line
    assert local.csv.exists()
    # It comes back, and the process that nobody waited for publishes.
    writer = os.open(address, os.O_RDWR | os.O_NONBLOCK)
    address.unlink()
    os.close(writer)
    until((node.path / PART).exists)


def test_a_front_end_that_is_killed_leaves_a_published_file(local: Local, node: NodeFolder):
    """As soon as the recorder has finished it, with what was known of its ranks."""
    local.add_rows()
    place = local.csv.with_name("place")
    place.mkdir()
    (place / LOCK).touch()
    ended = {"rank": 1, "exit_status": 0, "lost": False}
    with local.csv.open() as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        front = Front(local, node)
        front.facts["ranks"] = [{"rank": 0, "exit_status": None, "lost": False}, ended]
        front.publisher.look()
        assert front.publisher.claim()
        del front
        gc.collect()
        until((node.path / JOURNAL).exists)
        assert not (node.path / PART).exists()
    until(lambda: not place.exists())
    assert not local.csv.exists()
    assert (node.path / PART).exists()
    ranks = json.loads(read(node.path / RUN_JSON))["fleet"]["ranks"]
    assert ranks == [{"rank": 0, "exit_status": None, "lost": True}, ended]


def test_a_node_that_was_recorded_before_is_left_alone(local: Local, node: NodeFolder):
    node.path.mkdir(parents=True)
    (node.path / PART).write_text("another recording")
    front = Front(local, node)
    assert not front.publisher.claim()
    front.publisher.give_up()
    assert [path.name for path in node.path.iterdir()] == [PART]


def claimed(tmp_path: Path, boot_id: str, restarts: int) -> str:
    """The run into which a node's start goes."""
    node = NodeFolder(tmp_path / "shared", "job", boot_id)
    work = Work(Local(tmp_path).csv, node, {"boot_id": boot_id}, restarts)
    work.claim()
    assert work.node.path.is_dir()
    return work.node.run


def test_nodes_that_are_started_again_meet_in_one_run(tmp_path: Path):
    """Each counts its own failures: here the second node's, then the first's, then both."""
    assert [claimed(tmp_path, boot_id, 0) for boot_id in "ab"] == ["job", "job"]
    assert claimed(tmp_path, "a", 0) == "job-restart1"
    assert claimed(tmp_path, "b", 1) == "job-restart1"
    assert claimed(tmp_path, "b", 1) == "job-restart2"
    assert claimed(tmp_path, "a", 1) == "job-restart2"
    assert [claimed(tmp_path, boot_id, 2) for boot_id in "ab"] == ["job-restart3"] * 2


def test_a_node_that_joins_at_a_restart_is_in_that_start(tmp_path: Path):
    for restarts in (0, 1):
        claimed(tmp_path, "a", restarts)
    assert claimed(tmp_path, "c", 0) == "job-restart1"
