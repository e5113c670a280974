"""A recording made from Python, read while it runs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

import wattui
from wattui.runs.recorded import load_run


def test_the_summary_so_far_has_the_phases_that_have_ended(tmp_path: Path) -> None:
    with wattui.record(tmp_path / "run.csv", simulate=True, estimate=False, follow=True) as run:
        for repeat in (1, 2):
            with wattui.phase("running", label="a", repeat=repeat):
                time.sleep(0.1)
                wattui.count(5)
            (label,) = run.so_far().labels
            assert (label.label, label.inferences) == ("a", 5 * repeat)
            assert label.seconds >= 0.1 * repeat
            energy = label.domains["sim_cpu"].total_j_per_inference
            assert energy is not None
            assert energy.value > 0
    assert run.summary is not None
    assert [group.inferences for group in run.summary.labels] == [10]
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["versions"]["wattui"] == wattui.__version__


def test_parquet_that_cannot_be_made_at_the_end_is_a_warning_and_the_csv_stays(
    tmp_path: Path,
) -> None:
    asked = tmp_path / "run.parquet"
    recording = wattui.record(asked, simulate=True, estimate=False)
    warned = pytest.warns(UserWarning, match=r"stays in .*run\.csv, not converted .*exists")
    with warned, recording, wattui.phase("running"):
        asked.write_bytes(b"mine")
    assert asked.read_bytes() == b"mine"
    assert load_run(tmp_path / "run.csv").summary == recording.summary
