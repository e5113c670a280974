"""The notes beside a run: tags, a note, a count stated by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.fingerprint import fingerprint
from tests.support.made_runs import B1, IDLE, finished
from wattui.errors import UsageError
from wattui.runs.notes import Notes, notes_path, parsed, read_notes, stated, write_notes
from wattui.runs.recorded import find_runs
from wattui.runs.trash import discard, put_back


@pytest.mark.parametrize(
    ("line", "tags", "note"),
    [
        ("#a with #b the fan  off #a", ("a", "b"), "with the fan off"),
        ("", (), ""),
        ("# ##c", ("c",), ""),
    ],
)
def test_words_that_begin_with_a_hash_are_tags(line: str, tags: tuple[str, ...], note: str) -> None:
    assert parsed(line) == (tags, note)


def test_notes_are_kept_beside_the_run_and_go_with_it(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    before = csv.read_bytes()
    notes = Notes(("cold",), "fan off", 100, fingerprint(csv))
    write_notes(csv, notes)
    assert read_notes(csv) == notes
    assert (csv.read_bytes(), find_runs(tmp_path)) == (before, [csv])
    put_back_later = discard(csv)
    assert not notes_path(csv).exists()
    put_back(put_back_later)
    assert read_notes(csv) == notes
    write_notes(csv, Notes())
    assert not notes_path(csv).exists()


def test_a_count_that_was_stated_of_another_file_is_left_out(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, B1]).csv
    write_notes(csv, Notes(inferences=100, csv=fingerprint(csv)))
    remarks: list[str] = []
    assert (stated(csv, remarks), remarks) == (100, [])
    csv.write_bytes(csv.read_bytes() + b"x")
    assert stated(csv, remarks) is None
    assert remarks == [f"{notes_path(csv)}: its count is of another run.csv: left out"]


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        "{",
        '{"version": 1, "inferences": -4}',
        '{"version": 1, "tags": "a"}',
        '{"tags": []}',
        '{"version": 9}',
    ],
)
def test_damaged_notes_are_left_out_and_said(tmp_path: Path, damaged: str) -> None:
    csv, remarks = tmp_path / "run.csv", list[str]()
    notes_path(csv).write_text(damaged)
    assert read_notes(csv, remarks) == Notes()
    assert len(remarks) == 1
    assert "\n" not in remarks[0]


@pytest.mark.parametrize("notes", [Notes(("cold",)), Notes()])
def test_a_file_of_somebody_elses_is_neither_replaced_nor_removed(
    tmp_path: Path, notes: Notes
) -> None:
    csv = tmp_path / "run.csv"
    notes_path(csv).write_text("what I saw that day")
    with pytest.raises(UsageError, match=r"run\.notes is not JSON, and is not replaced: fix: move"):
        write_notes(csv, notes)
    assert notes_path(csv).read_text() == "what I saw that day"
