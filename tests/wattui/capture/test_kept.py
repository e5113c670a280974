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
    assert f"fix: wattui export {csv} {asked}" in line
    assert place_of(done, asked) == csv
    assert csv.read_bytes() == text
    assert not asked.exists() or asked.read_bytes() == b"mine"
    assert load_run(csv).remarks == []


def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    asked = tmp_path / "run.parquet"
    asked.write_bytes(b"mine")
    assert not of_its_file(ended(csv), asked, force=True).remarks
    assert load_run(asked).remarks == []
