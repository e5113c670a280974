"""`wattui export`: results and rows as files, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.support.made_runs import B1, B8, IDLE, finished, written
from wattui.cli import main


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return finished(tmp_path / "kws.csv", [IDLE, B1, B8]).csv


def test_rows_as_parquet_are_those_of_the_file(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "kws.parquet"
    assert main(["export", str(csv), str(out)]) == 0
    rows = pl.read_parquet(out)
    lines = csv.read_text().splitlines()
    assert rows.columns == lines[0].split(",")
    assert rows.height == len(lines) - 1
    assert rows["package0_J"].drop_nulls()[-1] == pytest.approx(700.0)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_last_line_that_was_broken_off_is_left_out(csv: Path, tmp_path: Path) -> None:
    whole = len(csv.read_text().splitlines()) - 1
    with csv.open("a") as file:
        file.write("99.0,2026")
    assert main(["export", str(csv), str(tmp_path / "kws.parquet")]) == 0
    assert pl.read_parquet(tmp_path / "kws.parquet").height == whole


def test_a_damaged_file_is_written_block_by_block_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wattui.runs.blocks.BLOCK_BYTES", 1000)
    run = written(tmp_path / "run.csv", [IDLE, B1, B8])
    lines = run.read_text().splitlines(keepends=True)
    run.write_text("".join([*lines[:5], ",,,,,,,,,,\n", *lines[5:]]))
    assert main(["export", str(run), str(tmp_path / "run.parquet")]) == 0
    times_s = pl.read_parquet(tmp_path / "run.parquet")["time_s"].to_list()
    assert times_s == [float(line.split(",")[0]) for line in lines[1:]]
    assert "1 row without a time left out" in capsys.readouterr().err


def test_results_are_written(csv: Path, tmp_path: Path) -> None:
    assert main(["export", str(csv), str(tmp_path / "results.md")]) == 0
    assert "b8" in (tmp_path / "results.md").read_text()


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("kws.xlsx", ".parquet"),
        ("kws.csv", "the recording itself"),
        ("none/kws.parquet", "no such folder"),
        ("there.parquet", "exists"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, says: str
) -> None:
    (tmp_path / "there.parquet").touch()
    assert main(["export", str(csv), str(tmp_path / out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert (tmp_path / "there.parquet").read_bytes() == b""


@pytest.mark.parametrize("suffix", ["md", "parquet"])
def test_what_is_not_a_run_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    out = str(tmp_path / f"out.{suffix}")
    assert main(["export", str(tmp_path / "other.csv"), out]) == 2
    assert "is not a run file" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "none.csv"), out]) == 2
    assert "none.csv" in capsys.readouterr().err
