"""Files are written under unpredictable names, and never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import recorders
from recorders import drafts
from recorders.drafts import replace_file, write_draft

ROOT = Path(recorders.__file__).parents[1]


def test_a_file_is_replaced_whole_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("before")
    path.chmod(0o640)
    replace_file(path, b"after", like=path)
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize("way", ["a link", "a link to nothing", "a file"])
def test_what_stands_at_the_drafts_name_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    target, taken = tmp_path / "precious", tmp_path / ".wattui-known"
    if way == "a link":
        target.write_text("precious")
    if way == "a file":
        taken.write_text("precious")
    else:
        taken.symlink_to(target)
    monkeypatch.setattr(drafts, "draft_name", lambda path: taken)
    with pytest.raises(FileExistsError):
        write_draft(tmp_path / "run.json", b"x")
    assert taken.is_symlink() or taken.read_text() == "precious"
    assert not target.exists() or target.read_text() == "precious"


def test_two_drafts_have_names_of_their_own(tmp_path: Path) -> None:
    names = {write_draft(tmp_path / "x", b"").name for _ in range(9)}
    assert len(names) == 9


def test_a_draft_that_cannot_be_written_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recorders.drafts.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_draft(tmp_path / "x", b"data", safe=True)
    assert not os.listdir(tmp_path)


def test_no_name_of_a_file_is_made_of_a_process_number() -> None:
    """Such a name can be known before. The directory of the marks has random digits beside it."""
    found = [
        f"{path.name}: {line.strip()}"
        for package in ("recorders", "wattui", "workloads")
        for path in (ROOT / package).rglob("*.py")
        for line in path.read_text().splitlines()
        if "getpid()" in line and ("with_name" in line or ".draft" in line)
    ]
    assert not found
