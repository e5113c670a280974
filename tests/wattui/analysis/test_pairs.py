"""Two commands recorded in turn are compared pair by pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from recorders.summary.stats import t95, t_tails
from tests.support.made_runs import B1, IDLE, Part, finished
from wattui.analysis.pairs import Pairs, judged, pairs_of
from wattui.runs.recorded import Run, load_run

A_W = (50.0, 52.0, 54.0, 56.0)
B_W = (55.0, 56.5, 60.0, 61.5)


def parts(a: Sequence[float], b: Sequence[float], names: str = "AB") -> list[Part]:
    """A B B A A B … of four seconds and 100 inferences each: a watt is 0.04 J per inference."""
    made = [IDLE]
    for repeat, watts in enumerate(zip(a, b, strict=True), 1):
        two = [
            B1._replace(watts=w, label=name, repeat=repeat)
            for w, name in zip(watts, names, strict=True)
        ]
        made += two if repeat % 2 else two[::-1]
    return made


def pairs(run: Run) -> Pairs:
    found = pairs_of(run.summary)
    assert found is not None
    return found


def test_the_difference_has_the_interval_of_the_pairs_differences(tmp_path: Path) -> None:
    """Differences of 5, 4.5, 6 and 5.5 W: mean 5.25, sd 0.6455; each side alone scatters by 2.6."""
    (row,) = judged(pairs(finished(tmp_path / "ab.csv", parts(A_W, B_W))))
    error = 0.6454972 / 2
    assert row.figure == "total"
    assert row.difference.value == pytest.approx(5.25 * 0.04)
    assert row.difference.plus_minus == pytest.approx(t95(3) * error * 0.04, rel=1e-3)
    assert row.p == pytest.approx(t_tails(5.25 / error, 3), rel=1e-2)
    assert row.ratio == pytest.approx(58.25 / 53)
    assert row.verdict == "clear"
    assert row.rank_test is None


def test_the_ratios_interval_is_fiellers_of_the_pairs(tmp_path: Path) -> None:
    """At its ends, b − r · a of the pairs is just clearly different from zero."""
    (row,) = judged(pairs(finished(tmp_path / "ab.csv", parts(A_W, B_W))))
    assert row.ratio_interval is not None
    for r in row.ratio_interval:
        left = [b - r * a for a, b in zip(A_W, B_W, strict=True)]
        mean = sum(left) / 4
        sd = math.sqrt(sum((x - mean) ** 2 for x in left) / 3)
        assert abs(mean) == pytest.approx(t95(3) * sd / 2, rel=2e-3)


def test_a_steady_drift_cancels_over_an_even_number_of_pairs(tmp_path: Path) -> None:
    """Each run takes 1 W more than the one before; B is 3 W above A."""
    a, b = (50.0, 53.0, 54.0, 57.0), (54.0, 55.0, 58.0, 59.0)
    (row,) = judged(pairs(finished(tmp_path / "ab.csv", parts(a, b))))
    assert row.difference.value == pytest.approx(3 * 0.04)


def test_the_csv_alone_gives_the_same_verdict(tmp_path: Path) -> None:
    run = finished(tmp_path / "ab.csv", parts(A_W, B_W))
    (kept,) = judged(pairs(run))
    run.csv.with_suffix(".json").unlink()
    (found,) = judged(pairs(load_run(run.csv)))
    assert (found.difference, found.p) == (kept.difference, kept.p)


def test_labels_that_both_commands_mark_are_compared_one_by_one(tmp_path: Path) -> None:
    made = [IDLE]
    for part in parts(A_W, B_W)[1:]:
        made += [part._replace(label=f"{part.label}/b1"), part._replace(label=f"{part.label}/b8")]
    rows = judged(pairs(finished(tmp_path / "ab.csv", made)))
    assert [(row.label, row.figure) for row in rows] == [("b1", "total"), ("b8", "total")]


def test_a_repeat_of_one_side_only_is_left_out_and_named(tmp_path: Path) -> None:
    made = [p for p in parts(A_W, B_W) if (p.label, p.repeat) != ("B", 3)]
    found = pairs(finished(tmp_path / "ab.csv", made))
    (row,) = judged(found)
    assert len(row.a.samples) == 3
    assert row.difference.value == pytest.approx(0.04 * (5 + 4.5 + 5.5) / 3)
    assert found.remarks == ["only A succeeded in repeat 3, which the paired figures leave out"]


def test_repeats_in_which_the_same_label_is_always_first_are_not_pairs(tmp_path: Path) -> None:
    """So the labels of a workload's repeats are compared as before."""
    made = sorted(parts(A_W, B_W), key=lambda part: (part.repeat or 0, part.label))
    assert pairs_of(finished(tmp_path / "run.csv", made).summary) is None


@pytest.mark.parametrize("names", ["AA", "A "])
def test_one_label_is_not_two_commands(tmp_path: Path, names: str) -> None:
    made = [part for part in parts(A_W, B_W, names) if part.label != " "]
    assert pairs_of(finished(tmp_path / "run.csv", made).summary) is None


def test_one_pair_has_no_verdict(tmp_path: Path) -> None:
    assert pairs_of(finished(tmp_path / "ab.csv", parts(A_W[:1], B_W[:1])).summary) is None
