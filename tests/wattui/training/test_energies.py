"""Joules per sample and per token, from a summary and the counts of a callback."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.support.made_runs import Part, finished
from wattui import marks
from wattui.training.energies import energies
from wattui.training.phases import TrainingPhases


def test_energy_is_per_sample_and_per_token_over_all_processes(tmp_path: Path) -> None:
    # Two processes with 50 samples each: 100 are in the file, 50 and 6000 tokens in one callback.
    train_part = Part("running", 10, 60.0, "train", 100, counts={"tokens": 12000})
    parts = [train_part, Part("running", 2, 30.0, "save")]
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


@pytest.mark.parametrize(("unit", "other"), [("samples", "tokens"), ("tokens", "samples")])
def test_samples_and_tokens_are_both_counted(
    monkeypatch: pytest.MonkeyPatch, unit: Literal["samples", "tokens"], other: str
) -> None:
    counted: list[tuple[int, str | None]] = []
    monkeypatch.setattr(marks, "count", lambda n, of=None: counted.append((n, of)))
    TrainingPhases(unit).count(samples=4, tokens=400)
    n = {"samples": 4, "tokens": 400}
    assert counted == [(n[unit], None), (n[other], other)]


def test_the_samples_of_a_recording_of_tokens_are_those_of_all_processes(tmp_path: Path) -> None:
    parts = [Part("running", 10, 60.0, "train", 12000, counts={"samples": 100})]
    phases = TrainingPhases("tokens")
    phases.samples, phases.tokens = {"train": 50}, {"train": 5000}
    (train,) = energies(finished(tmp_path / "run.csv", parts).summary, phases)
    assert (train.samples, train.tokens) == (100, 12000)
