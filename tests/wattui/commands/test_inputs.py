"""Which run files a command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.made_runs import B1, written
from wattui.commands.inputs import expand
from wattui.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs 1, 2 and 10, one below them and a hidden one; a table that is no run."""
    for name in ("run1", "run2", "run10", "sub/run3", ".hidden/run4"):
        path = tmp_path / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        written(path, [B1])
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("run*.csv", ["run1", "run2", "run10"]),
        ("*.csv", ["run1", "run2", "run10"]),
        ("run[12].csv", ["run1", "run2"]),
        ("run?.csv", ["run1", "run2"]),
        ("**/*.csv", ["run1", "run2", "run10", "sub/run3"]),
        ("**", ["run1", "run2", "run10", "sub/run3"]),
        (".", ["run1", "run2", "run10", "sub/run3"]),
        ("sub/../sub/*", ["sub/../sub/run3"]),
        (".hidden/*.csv", [".hidden/run4"]),
    ],
)
def test_patterns_and_folders_give_run_files_in_natural_order(
    folder: Path, pattern: str, names: list[str]
) -> None:
    assert [str(path) for path in expand([pattern])] == [f"{name}.csv" for name in names]


def test_each_file_comes_once_and_in_the_order_asked_for(folder: Path) -> None:
    asked = ["run10.csv", "run*.csv", str(folder / "run2.csv"), "."]
    names = [path.name for path in expand(asked)]
    assert names == ["run10.csv", "run1.csv", "run2.csv", "run3.csv"]


def test_a_name_that_exists_is_no_pattern(folder: Path) -> None:
    written(folder / "run[1].csv", [B1])
    (folder / "b[1]").mkdir()
    written(folder / "b[1]" / "x.csv", [B1])
    assert expand(["run[1].csv"]) == [Path("run[1].csv")]
    assert expand(["b[1]"]) == expand(["b[1]/*.csv"]) == [Path("b[1]/x.csv")]
    assert expand(["table.csv"]) == [Path("table.csv")]


def test_links_that_go_round_end(folder: Path) -> None:
    (folder / "round").symlink_to(folder)
    (folder / "to-itself.csv").symlink_to(folder / "to-itself.csv")
    assert len(expand(["**/*.csv"])) == 4


@pytest.mark.parametrize("pattern", ["none.csv", "none*.csv", "tab*.csv", "empty", "**.csv", ""])
def test_what_stands_for_nothing_is_said_in_a_line(folder: Path, pattern: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        expand([pattern or "none"])
    assert (pattern or "none") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pattern", ["**.csv", "sub/***", "run**/*.csv"])
def test_two_stars_within_a_name_are_refused_by_every_python(folder: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match=r"\*\* must be a whole path component"):
        expand([pattern])
