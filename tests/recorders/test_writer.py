"""The sampling loop hands rows on without ever waiting for a disk, and nothing is lost unsaid."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorders import runfile, writer
from recorders.runfile import RunFile, write_json_at
from recorders.writer import Writer
from tests.support.doubles import read_rows
from wattui.fleet.election import is_locked

HEADER = "time_s,time_utc,phase,package0_J\n"


class StalledFile(RunFile):
    """Nothing is written while the gate is shut, as on a frozen disk."""

    def __init__(self, path: Path) -> None:
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(path, HEADER)

    def flush(self) -> None:
        self.gate.wait(30)
        super().flush()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StalledFile]:
    made = StalledFile(tmp_path / "run.csv")
    yield made
    made.gate.set()


def row(number: int, phase: str = "running", width: int = 0) -> str:
    return f"{number}.000000,2026-01-01T00:00:00.000Z,{phase},{number * 10}{'0' * width}\n"


def started(file: RunFile) -> Writer:
    made = Writer(file)
    made.begin({})
    return made


def ended(found: Writer) -> None:
    found.finish({"status": "finished"})
    assert found.wait(20)


def times(path: Path) -> list[str]:
    return [found["time_s"].partition(".")[0] for found in read_rows(path)]


def test_the_file_is_free_only_once_its_run_json_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds it free takes both for complete, and may change or remove them."""
    held = []

    def write_json(path: Path, content: dict[str, Any]) -> None:
        held.append((content["status"], is_locked(tmp_path / "run.csv")))
        write_json_at(path, content)

    monkeypatch.setattr(runfile, "write_json_at", write_json)
    made = Writer(RunFile(tmp_path / "run.csv", HEADER))
    made.begin({"status": "recording"})
    ended(made)
    assert held == [("recording", True), ("finished", True)]
    assert not is_locked(tmp_path / "run.csv")


def test_a_disk_that_stands_still_holds_up_nobody_and_loses_nothing(file: StalledFile) -> None:
    made = started(file)
    file.gate.clear()
    for number in range(100):
        made.write(row(number), is_event=False)
        made.flush()
    position = made.position
    made.write(row(100), is_event=True)
    made.rename_running_since(position)
    made.write(row(101, "idle"), is_event=False)
    first_undone = made.position
    made.write(row(102, "idle"), is_event=False)
    made.rewrite_since(first_undone, lambda old: old.replace(b"idle", b"armed"))
    made.write(row(103), is_event=False)
    made.finish({"status": "finished"})
    assert not made.wait(0.05)
    assert file.path.read_text() == HEADER
    file.gate.set()
    assert made.wait(20)
    assert times(file.path) == [str(n) for n in range(104)]
    phases = [found["phase"] for found in read_rows(file.path)]
    assert phases == ["running"] * 100 + ["loading", "idle", "armed", "running"]
    assert made.account()["lost_rows"] == 0
    assert not made.news


@pytest.mark.slow
def test_a_minute_at_1_khz_is_kept_in_memory(file: StalledFile) -> None:
    made = started(file)
    file.gate.clear()
    for number in range(60_000):
        made.write(row(number, width=1000), is_event=False)
        if number % 500 == 0:
            made.flush()
    file.gate.set()
    ended(made)
    assert made.account()["lost_rows"] == 0
    with file.path.open() as lines:
        assert sum(1 for _ in lines) == 60_001


def test_beyond_its_memory_rows_are_counted_and_events_come_last(
    file: StalledFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LIMIT_BYTES", 2000)
    made = started(file)
    file.gate.clear()
    for number in range(100):
        made.write(row(number), is_event=False)
    made.write(row(100), is_event=True)
    made.flush()
    assert made.refused_rows() == 0
    file.gate.set()
    while made.owed_bytes:
        time.sleep(0.001)
    refused = made.refused_rows()
    assert refused > 0
    assert made.refused_rows() == 0
    ended(made)
    assert times(file.path)[-1] == "100"
    assert len(times(file.path)) == 101 - refused
    assert made.account()["lost_rows"] == refused


def test_what_another_program_does_is_news_and_in_run_json(file: StalledFile) -> None:
    made = started(file)
    made.write(row(1), is_event=False)
    file.path.unlink()
    ended(made)
    (message,) = made.news
    assert message["t"] == "file"
    assert "run.csv was deleted" in message["text"]
    account = made.account()["file"]
    assert account["remarks"] == [message["text"]]
    assert account["csv"].endswith("run.recovered.csv")
    assert times(Path(account["csv"])) == ["1"]


def test_a_disk_without_room_is_told_and_given_up_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = started(RunFile(tmp_path / "run.csv", HEADER))

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", refuse)
    made.write(row(1), is_event=False)
    made.rename_running_since(made.position)
    made.write(row(2), is_event=False)
    ended(made)
    assert list(made.news) == [{"t": "writing", "error": "No space left on device"}]
    assert made.error == "No space left on device"
    assert made.account()["lost_rows"] == 2


def test_a_run_json_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        started(RunFile(tmp_path / "run.csv", HEADER, force=True))
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may have real-time priority")
def test_the_disk_is_not_written_to_at_real_time_priority(tmp_path: Path) -> None:
    found: list[int] = []

    class Looked(RunFile):
        def flush(self) -> None:
            found.append(os.sched_getscheduler(0))
            super().flush()

    before = os.sched_getscheduler(0)
    file = Looked(tmp_path / "run.csv", HEADER)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        made = started(file)
        made.write(row(1), is_event=False)
        ended(made)
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))
    assert set(found[1:]) == {os.SCHED_OTHER}
