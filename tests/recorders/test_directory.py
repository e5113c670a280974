"""The marks' directory is removed by whoever is left, and never while its recorder lives."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from recorders import directory
from recorders.marks import PIPE


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one place where such directories are."""
    monkeypatch.setattr(directory, "places", lambda: [tmp_path])
    return tmp_path


def test_a_living_recorders_directory_is_not_swept_up_and_a_dead_ones_is(place: Path) -> None:
    made, lock = directory.make(directory.candidates())
    (made / "counts-1").touch()
    assert made.stat().st_mode & 0o777 == 0o700
    directory.sweep()
    assert (made / "counts-1").exists()
    os.close(lock)
    directory.sweep()
    assert list(place.iterdir()) == []


def test_what_is_not_ours_is_left_alone(place: Path) -> None:
    for name in ("wattui-1", "wattui-1-0123abc", "wattui-1-0123abcd.old", "other-1-0123abcd"):
        (place / name).mkdir()
    (place / "wattui-1-0123abcd").touch()
    (place / "wattui-2-0123abcd").symlink_to("wattui-1")
    before = sorted(os.listdir(place))
    directory.sweep()
    assert sorted(os.listdir(place)) == before


def test_one_that_is_swept_up_while_it_is_made_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, swept = os.open, []

    def open_late(path: Path, flags: int) -> int:
        if not swept:
            swept.append(path)
            Path(path).rmdir()
        return opened(path, flags)

    monkeypatch.setattr("os.open", open_late)
    made, lock = directory.make(directory.candidates())
    monkeypatch.undo()
    os.close(lock)
    assert made.exists()
    assert swept == [made]


def test_a_place_that_takes_none_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "places", lambda: [tmp_path / "missing", tmp_path])
    made, lock = directory.make(directory.candidates())
    os.close(lock)
    assert made.parent == tmp_path
    monkeypatch.setattr(directory, "places", lambda: [tmp_path / "missing"])
    with pytest.raises(FileNotFoundError):
        directory.make(directory.candidates())


def test_a_shell_that_waits_at_the_pipe_is_let_through(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PIPE)
    shell = subprocess.Popen(["sh", "-c", f"echo x 2>/dev/null >{tmp_path / PIPE}"])
    time.sleep(0.3)
    assert shell.poll() is None
    directory.remove(tmp_path)
    shell.wait(10)
    assert not tmp_path.exists()
