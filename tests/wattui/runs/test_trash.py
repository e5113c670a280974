"""Runs that are deleted are moved, never lost, and can be put back."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from recorders.runfile import json_path
from tests.support.made_runs import B1, IDLE, finished, written
from wattui.errors import UsageError
from wattui.runs.recorded import find_runs
from wattui.runs.trash import FOLDER, discard, put_back


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_deleted_run_is_whole_in_the_trash_and_whole_when_put_back(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    before = contents(tmp_path)
    gone = discard(csv)
    assert find_runs(tmp_path) == []
    assert sorted(contents(tmp_path).values()) == sorted(before.values())
    assert gone.place.parent == tmp_path / FOLDER
    put_back(gone)
    assert contents(tmp_path) == before
    assert not (tmp_path / FOLDER).exists()


def test_two_runs_of_one_name_do_not_meet_in_the_trash(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    first, first_bytes = discard(csv), b"first"
    first.moves[0][1].write_bytes(first_bytes)
    second = discard(finished(csv, [IDLE]).csv)
    assert first.place != second.place
    assert first.moves[0][1].read_bytes() == first_bytes


def test_a_run_is_not_put_back_over_another(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    gone = discard(csv)
    json_path(csv).write_text("{}")
    with pytest.raises(UsageError, match=r"run\.json exists again; .*wattui-trash"):
        put_back(gone)
    assert not csv.exists()
    assert gone.moves[0][1].exists()


def test_a_run_that_is_being_recorded_stays(tmp_path: Path) -> None:
    csv = written(tmp_path / "run.csv", [IDLE, B1])
    with csv.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is being recorded"):
            discard(csv)
    assert csv.exists()


def test_a_json_that_is_no_run_json_stays(tmp_path: Path) -> None:
    csv = written(tmp_path / "run.csv", [IDLE, B1])
    json_path(csv).write_text('{"my": "settings"}')
    discard(csv)
    assert json_path(csv).exists()


def test_what_cannot_be_moved_is_said_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    before = contents(tmp_path)
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.suffix == ".json" and FOLDER in target.parts:
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(UsageError, match=r"cannot be moved \(Permission denied\); fix: chmod"):
        discard(csv)
    assert contents(tmp_path) == before
