"""Names of run files: one to suggest, and why one cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.capture.run_names import refusal


@pytest.mark.parametrize("name", ["run.csvr", "run.txt", "run.json", "run"])
def test_a_name_by_which_the_recording_is_not_found_again_is_refused(
    tmp_path: Path, name: str
) -> None:
    assert "fix: use the extension .csv" in str(refusal(str(tmp_path / name)))
    assert refusal(str(tmp_path / "run.csv")) is None


@pytest.mark.parametrize("there", ["run.parquet", "run.csv", "run.json"])
def test_parquet_needs_the_name_of_its_csv_and_its_json_too(tmp_path: Path, there: str) -> None:
    asked = str(tmp_path / "run.parquet")
    assert refusal(asked) is None
    (tmp_path / there).touch()
    assert f"{there} exists" in str(refusal(asked))
