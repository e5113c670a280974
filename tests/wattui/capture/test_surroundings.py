"""The commit and thread limits that a recording keeps."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wattui.capture.surroundings import commit_of, surroundings

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    ended = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


@needs_git
def test_the_commit_of_a_folder_and_whether_its_files_differ(tmp_path: Path) -> None:
    assert commit_of(str(tmp_path)) is None
    git(tmp_path, "init", "-q")
    assert commit_of(str(tmp_path)) is None, "no commit yet"
    (tmp_path / "a.py").write_text("1\n")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-q", "-m", "one")
    (tmp_path / "new.csv").write_text("a recording is no change\n")
    known = git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(str(tmp_path)) == {"id": known, "changed": False}
    (tmp_path / "a.py").write_text("2\n")
    assert commit_of(str(tmp_path)) == {"id": known, "changed": True}


def test_only_variables_that_limit_threads_are_kept() -> None:
    found = surroundings({"OMP_NUM_THREADS": "4", "TOKEN": "secret", "MKL_NUM_THREADS": ""})
    assert found["environment"] == {"OMP_NUM_THREADS": "4"}
    assert "secret" not in str(found)


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "commit" not in surroundings({})
