"""The figures shown after a recording that lost rows."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from recorders.client import Finished
from tests.support.made_runs import B1, B8, IDLE, finished, written
from wattui.capture.kept import of_its_file, place_of
from wattui.cli import main
from wattui.runs.recorded import load_run


def test_figures_are_those_of_the_file_and_a_flag_says_how_many_rows_it_lacks(
    tmp_path: Path,
) -> None:
    whole = finished(tmp_path / "run.csv", [IDLE, B1, B8]).summary
    kept = written(tmp_path / "run.csv", [IDLE, B1])
    done = of_its_file(Finished(whole, {"lost_rows": 11, "file": {"csv": str(kept)}}, "disk full"))
    assert [group.label for group in done.summary.labels] == ["b1"]
    flag = json.loads(json.dumps(done.summary.to_dict()))["flags"][0]
    assert flag["name"] == "run_file"
    assert flag["text"].startswith("11 rows are not in the file (disk full): the figures are those")


def ended(csv: Path) -> Finished:
    file = {"csv": str(csv), "remarks": []}
    return Finished(load_run(csv).summary, {"lost_rows": 0, "file": file}, None)


def test_a_recording_asked_for_as_parquet_is_parquet_at_its_end(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    asked = tmp_path / "run.parquet"
    done = of_its_file(ended(csv), asked)
    assert (place_of(done, asked), list(done.remarks)) == (asked, [])
    assert load_run(asked).summary == done.summary
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "run.parquet"]


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("why", ["exists", "No space left on device"])
def test_the_csv_stays_where_it_cannot_be_converted_and_a_line_says_so(
    tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    asked = tmp_path / "run.parquet"
    if why == "exists":
        asked.write_bytes(b"mine")
    else:
        monkeypatch.setattr("wattui.runs.convert.write_parquet", full)
    text = csv.read_bytes()
    done = of_its_file(ended(csv), asked)
    (line,) = done.remarks
    assert why in line
    assert line.count("fix: ") == 1
    *command, out = line.partition("fix: ")[2].split()
    assert command == ["wattui", "export", str(csv)]
    assert (Path(out) == asked) == (why != "exists")
    assert place_of(done, asked) == csv
    assert csv.read_bytes() == text
    assert not asked.exists() or asked.read_bytes() == b"mine"
    assert load_run(csv).remarks == []
    monkeypatch.undo()
    assert main([*command[1:], out]) == 0
    assert load_run(Path(out)).summary == done.summary


def test_the_error_of_a_full_disk_names_the_file_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    asked = tmp_path / "run.parquet"
    monkeypatch.setattr("wattui.runs.convert.write_parquet", full)
    (line,) = of_its_file(ended(csv), asked).remarks
    said = f"{asked} cannot be written (No space left on device)"
    assert said in line
    assert main(["export", str(csv), str(asked)]) == 2
    assert capsys.readouterr().err == f"wattui: {said}\n"


def test_an_interrupted_conversion_says_where_the_recording_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wattui.runs.convert.write_parquet", interrupt)
    fix = f"fix: wattui export {csv} {tmp_path / 'run.parquet'}"
    with pytest.raises(KeyboardInterrupt, match=f"stays in {csv}, not converted .*: {fix}"):
        of_its_file(ended(csv), tmp_path / "run.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.csv", "run.json"]


def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    asked = tmp_path / "run.parquet"
    asked.write_bytes(b"mine")
    assert not of_its_file(ended(csv), asked, force=True).remarks
    assert load_run(asked).remarks == []
