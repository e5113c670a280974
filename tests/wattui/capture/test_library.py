"""A recording made from Python, read while it runs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import wattui


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
