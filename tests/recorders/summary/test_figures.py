"""A summary read back from JSON is the one that was written, or what is wrong with it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorders.json_parts import WrongPartError
from recorders.summary.bases import BASES, DYNAMIC, MARGINAL, TOTAL, per_inference_j
from recorders.summary.figures import Summary
from tests.support.made_runs import B1, B8, IDLE, Part, finished

PARTS = [IDLE, Part("armed", 5, 20.0, "b1"), *(B1._replace(repeat=n) for n in (1, 2)), B8]


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    return finished(tmp_path / "run.csv", PARTS).summary


def test_what_was_written_is_read_back(summary: Summary) -> None:
    assert Summary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary


def test_the_largest_counts_are_read_back(tmp_path: Path) -> None:
    """2^62 in four seconds are more a second than joules can be."""
    parts = [Part("idle", 5, 10.0), Part("running", 4, 30.0, count=2**62)]
    found = finished(tmp_path / "run.csv", parts).summary
    assert found.running is not None
    assert found.running.inferences == 2**62
    assert Summary.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def total_of(found: Any) -> Any:
    return found["running"]["domains"]["total"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda found: found.pop("flags"), "flags is missing"),
        (lambda found: found.update(version=0), "version: not 2"),
        (lambda found: found["running"].update(seconds="10"), "running: seconds: not a number"),
        (lambda found: total_of(found).update(origin="made"), "running: domains: origin: not one"),
        (
            lambda found: total_of(found)["running_j"].update(plus_minus=-1),
            "running: domains: running_j: plus_minus: negative",
        ),
        (lambda found: found["phases"][0].pop("end_s"), "phases: end_s is missing"),
        (lambda found: found["labels"][0].update(inferences=0), "labels: its figures do not match"),
        (lambda found: found.update(running=None), "no running phase"),
    ],
)
def test_what_is_wrong_is_named(
    summary: Summary, damage: Callable[[Any], object], said: str
) -> None:
    found = summary.to_dict()
    damage(found)
    with pytest.raises(WrongPartError, match=said):
        Summary.from_dict(found)


def test_the_answers_are_less_by_their_baselines(summary: Summary) -> None:
    """b1 at 50 W over an idle machine of 10 W and a loaded one of 20 W, 25 inferences a second."""
    domain = summary.labels[0].domains["total"]
    assert [basis.baseline_w(domain) for basis in (TOTAL, DYNAMIC, MARGINAL)] == [0.0, 10.0, 20.0]
    values = [value.value for basis in BASES if (value := basis.of(domain))]
    assert values == pytest.approx([2.0, 1.6, 1.2])
    assert [per_inference_j(200.0, w, 4.0, 100) for w in (0, 10, 20)] == pytest.approx(values)
