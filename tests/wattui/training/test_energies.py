"""Joules per sample and per token, from a summary and the counts of a callback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.made_runs import Part, finished
from wattui.training.energies import energies
from wattui.training.phases import TrainingPhases


def test_energy_is_per_sample_and_per_token_over_all_processes(tmp_path: Path) -> None:
    # Two processes with 50 samples each: 100 are in the file, 50 and 6000 tokens in one callback.
    parts = [Part("running", 10, 60.0, "train", 100), Part("running", 2, 30.0, "save")]
    summary = finished(tmp_path / "run.csv", parts).summary
    phases = TrainingPhases()
    phases.samples, phases.tokens = {"train": 50}, {"train": 6000}
    train, save = energies(summary, phases)
    assert (train.label, train.samples, train.tokens) == ("train", 100, 12000)
    assert train.joules_per_sample is not None
    assert train.joules_per_sample.value == pytest.approx(6.0)
    assert train.joules_per_token is not None
    assert train.joules_per_token.value == pytest.approx(0.05)
    assert save.joules is not None
    assert save.joules.value == pytest.approx(60.0)
    assert save.joules_per_sample is None
