"""The files on request: nothing is replaced, what was written can be read back."""

from __future__ import annotations

import io
import json
from array import array
from pathlib import Path

import polars
import pytest

from workloads.errors import UsageError
from workloads.files import LatencyFile, from_dict, new_file, to_dict, write_results
from workloads.result import CellResult, Latency

RESULT = CellResult(
    "b1", 2, 1, 3, 4, 5, 0.5, Latency("every call", 5, 1.0, 2.0, 3.0), 0.1, 0.01, 7.0
)


def test_an_existing_file_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists: fix: use another name"):
        new_file(str(path), "--result")
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--result .*/none/out\.json: No such file"):
        new_file(str(tmp_path / "none" / "out.json"), "--result")


def test_results_say_what_was_asked_and_read_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    skipped = CellResult("big", None, 1, None, None, skipped="needs 9 GiB")
    write_results(path, {"engine": "numpy"}, [RESULT, skipped])
    data = json.loads(path.read_text())
    assert (data["format"], data["engine"]) == (1, "numpy")
    assert data["cells"][0]["inferences_per_s"] == 10
    assert [from_dict(cell) for cell in data["cells"]] == [RESULT, skipped]


def test_a_result_survives_the_way_between_processes() -> None:
    assert from_dict(json.loads(json.dumps(to_dict(RESULT)))) == RESULT


def test_latencies_are_plain_csv_with_their_cell_and_kind() -> None:
    file = io.StringIO()
    file.write(LatencyFile.COLUMNS)
    LatencyFile(file).add(
        CellResult('say "a", b', 2, 1, None, None), "chunk mean", array("d", [1e-5, 0.25])
    )
    table = polars.read_csv(io.StringIO(file.getvalue()))
    assert table.rows() == [
        ('say "a", b', 2, "chunk mean", 1e-5),
        ('say "a", b', 2, "chunk mean", 0.25),
    ]
