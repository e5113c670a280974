"""The program that is started is the one a shell would find."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.capture.process import find_program
from wattui.errors import NotStartedError


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_the_first_directory_of_the_path_wins(tmp_path: Path) -> None:
    first, second = program(tmp_path / "a/infer"), program(tmp_path / "b/infer")
    assert find_program("infer", {"PATH": f"{tmp_path}/a:{tmp_path}/b"}) == str(first)
    assert find_program("infer", {"PATH": f"{tmp_path}/b:{tmp_path}/a"}) == str(second)


def test_a_directory_or_a_plain_file_of_that_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a/infer").mkdir(parents=True)
    program(tmp_path / "b/infer", mode=0o644)
    found = program(tmp_path / "c/infer")
    path = f"{tmp_path}/a:{tmp_path}/b:{tmp_path}/c"
    assert find_program("infer", {"PATH": path}) == str(found)


def test_a_name_with_a_slash_is_a_path(tmp_path: Path) -> None:
    found = program(tmp_path / "infer")
    assert find_program(str(found), {"PATH": ""}) == str(found)


def test_an_empty_part_of_the_path_is_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "infer")
    monkeypatch.chdir(tmp_path)
    assert Path(find_program("infer", {"PATH": "/nowhere:"})).resolve() == tmp_path / "infer"


def test_without_a_path_the_systems_own_is_searched() -> None:
    assert find_program("sh", {}).endswith("/sh")


@pytest.mark.parametrize("name", ["infer", "./infer", "", "/"])
def test_a_program_that_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotStartedError, match="no such program"):
        find_program(name, {"PATH": str(tmp_path)})


def test_a_file_that_is_not_executable_is_said_so_with_its_mend(tmp_path: Path) -> None:
    path = program(tmp_path / "infer.py", mode=0o644)
    with pytest.raises(NotStartedError, match=r"not executable: fix: chmod \+x"):
        find_program(str(path), {})
    with pytest.raises(NotStartedError, match="not executable"):
        find_program("infer.py", {"PATH": str(tmp_path)})


def test_what_cannot_be_started_is_exit_status_127() -> None:
    assert NotStartedError.status == 127
