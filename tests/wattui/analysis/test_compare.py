"""Two runs side by side say what their own figures say."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorders.summary.figures import Value
from tests.support.made_runs import B1, B8, B64, IDLE, MACHINE, Part, finished, json_of
from wattui.analysis.compare import Comparison, compare
from wattui.analysis.doubts import doubts, only_in_one
from wattui.analysis.results import group_rows
from wattui.analysis.samples import describe
from wattui.analysis.sides import ComparisonKey, Sampled, Side, of_label, side
from wattui.runs.recorded import Run, recorded
from wattui.runs.run_json import RunJson

FIGURE = st.floats(-1e6, 1e6)
ERROR = st.floats(0, 1e4) | st.none()


def known(value: float, error: float | None) -> Sampled:
    return Sampled(Value(value, error, baseline_noise=0.0))


def row(a: Sampled, b: Sampled) -> Comparison:
    return Comparison("", "total", "total", "J/inference", ("measured", "measured"), a, b)


def as_side(name: str, *runs: Run) -> Side:
    return side(name, [(run.summary.headline, group_rows(run.summary)) for run in runs])


def found(rows: list[Comparison], label: str, domain: str, figure: str) -> Comparison:
    (only,) = [r for r in rows if (r.label, r.domain, r.figure) == (label, domain, figure)]
    return only


@pytest.fixture
def slow(tmp_path: Path) -> Run:
    return finished(tmp_path / "slow.csv", [IDLE, B1, B8])


@pytest.fixture
def quick(tmp_path: Path) -> Run:
    """b1 at half of the energy, b8 with twice the count, b64 beside them."""
    parts = [IDLE, B1._replace(seconds=2), B8._replace(count=200), B64]
    return finished(tmp_path / "quick.csv", parts)


def test_half_the_energy_is_half_the_ratio(slow: Run, quick: Run) -> None:
    rows = compare(as_side("A", slow), as_side("B", quick))
    total = found(rows, "b1", "total", "total")
    assert (total.a.known.value, total.b.known.value) == (pytest.approx(2.0), pytest.approx(1.0))
    assert total.difference.value == pytest.approx(-1.0)
    assert total.ratio == pytest.approx(0.5)
    dynamic = found(rows, "b8", "total", "dynamic")
    assert (dynamic.a.known.value, dynamic.b.known.value) == (
        pytest.approx(3.0),
        pytest.approx(1.5),
    )


def test_labels_of_both_are_compared_and_their_mixture_where_it_is_asked_for(
    slow: Run, quick: Run
) -> None:
    rows = compare(as_side("A", slow), as_side("B", quick))
    assert list(dict.fromkeys(r.label for r in rows)) == ["", "b1", "b8"]
    assert {r.figure for r in rows if not r.label} == {"energy"}  # a sum is no mixture
    mixed = compare(as_side("A", slow), as_side("B", quick), mixed=True)
    assert {r.figure for r in mixed if not r.label} == {r.figure for r in rows if r.label}
    assert {r.domain for r in rows} == {"package0", "total", ""}
    assert list(only_in_one(as_side("A", slow), as_side("B", quick))) == ["only in B: b64"]


@given(FIGURE, ERROR, FIGURE, ERROR)
def test_errors_add_in_quadrature_and_an_unknown_one_stays_unknown(
    a: float, a_error: float | None, b: float, b_error: float | None
) -> None:
    compared = row(known(a, a_error), known(b, b_error))
    difference = compared.difference
    assert difference.value == b - a
    if a_error is None or b_error is None:
        assert difference.plus_minus is None
    else:
        assert difference.plus_minus == pytest.approx(math.sqrt(a_error**2 + b_error**2))
    assert compared.verdict == "unclear: one run each"


@given(FIGURE, ERROR, FIGURE, ERROR)
def test_swapped_runs_give_the_opposite_difference_and_the_same_verdict(
    a: float, a_error: float | None, b: float, b_error: float | None
) -> None:
    one = row(known(a, a_error), known(b, b_error))
    other = row(known(b, b_error), known(a, a_error))
    assert one.difference.value == -other.difference.value
    assert one.verdict == other.verdict


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_ratios_of_swapped_runs_are_inverse(a: float, b: float) -> None:
    there = row(known(a, None), known(b, None)).ratio
    back = row(known(b, None), known(a, None)).ratio
    assert there is not None
    assert back is not None
    assert there * back == pytest.approx(1)


@given(FIGURE, FIGURE)
def test_there_is_no_ratio_to_nothing_or_less(a: float, b: float) -> None:
    assume(a <= 0)
    assert row(known(a, None), known(b, None)).ratio is None


def test_a_run_beside_itself_differs_in_nothing(slow: Run) -> None:
    rows = compare(as_side("A", slow), as_side("B", slow))
    assert rows
    assert all(r.difference.value == 0 and r.verdict != "clear" for r in rows)
    assert list(only_in_one(as_side("A", slow), as_side("B", slow))) == []
    assert list(doubts(slow, slow)) == []


def test_what_was_not_counted_has_no_row_of_figures_per_inference(
    slow: Run, tmp_path: Path
) -> None:
    uncounted = finished(tmp_path / "uncounted.csv", [IDLE, B1._replace(count=0)])
    figures = {r.figure for r in compare(as_side("A", slow), as_side("B", uncounted))}
    assert figures == {"power", "energy"}


def test_a_run_in_which_nothing_ran_has_nothing_to_compare(slow: Run, tmp_path: Path) -> None:
    idle = finished(tmp_path / "idle.csv", [IDLE])
    assert compare(as_side("A", slow), as_side("B", idle)) == []
    assert "only A has a running phase" in list(only_in_one(as_side("A", slow), as_side("B", idle)))


def test_measured_and_estimated_runs_are_told_apart_in_words(slow: Run, tmp_path: Path) -> None:
    estimated = finished(tmp_path / "estimated.csv", [IDLE, B1], ["est_cpu"])
    rows = compare(as_side("A", slow), as_side("B", estimated))
    assert {r.figure for r in rows} == {"rate"}
    assert "only in B: est_cpu (estimated)" in list(
        only_in_one(as_side("A", slow), as_side("B", estimated))
    )
    assert any("A is measured, B is estimated" in line for line in doubts(slow, estimated))


def test_a_row_of_two_origins_says_both() -> None:
    compared = Comparison(
        "", "meter", "total", "J", ("manual", "measured"), known(1, None), known(1, None)
    )
    assert compared.origin == "manual and measured"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("host", "name"), "other", "different machines: bench, other"),
        (("host", "processor"), "Slow 1", "different processors: Made-up 9000, Slow 1"),
        (("sampling", "rate_asked_hz"), 100.0, "different sampling rates: 10 Hz, 100 Hz"),
        (("sampling", "rate_achieved_hz"), 4.0, "B was sampled at 4 Hz, not the 10 Hz"),
        (
            ("sources", 0, "reader"),
            "pyRAPL",
            "different readers: powercap by os.pread; powercap by pyRAPL",
        ),
    ],
)
def test_other_machines_and_methods_are_told(
    slow: Run, path: tuple[Any, ...], value: Any, said: str
) -> None:
    other = json_of(slow)
    place: Any = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert any(
        line.startswith(said) for line in doubts(slow, recorded(slow.csv, slow.summary, other))
    )


def test_runs_without_a_run_json_leave_no_doubt_that_they_cannot_know(slow: Run) -> None:
    bare = replace(slow, about=RunJson())
    assert MACHINE["host"]["name"] == "bench"
    assert list(doubts(slow, bare)) == []


def test_flags_of_either_run_are_named(slow: Run, tmp_path: Path) -> None:
    short = finished(tmp_path / "short.csv", [Part("running", 4, 50.0, "b1", 100)])
    assert "flags of B: no_idle" in list(doubts(slow, short))


def repeated(tmp_path: Path, name: str, watts: Sequence[float]) -> Run:
    parts = [IDLE, *(B1._replace(repeat=n, watts=w) for n, w in enumerate(watts, 1))]
    return finished(tmp_path / f"{name}.csv", parts)


def test_repeats_on_both_sides_give_welchs_interval_and_a_rank_test(tmp_path: Path) -> None:
    """Means 2.2 and 2.7 J, standard errors 0.2 / √3 each: 4 degrees, t = 2.776."""
    a = as_side("A", repeated(tmp_path, "a", (50, 55, 60)))
    b = as_side("B", repeated(tmp_path, "b", (62.5, 67.5, 72.5)))
    total = found(compare(a, b), "b1", "total", "total")
    assert (total.a.known.value, total.b.known.value) == (pytest.approx(2.2), pytest.approx(2.7))
    assert total.difference.plus_minus == pytest.approx(2.776445 * 0.2 * math.sqrt(2 / 3))
    assert total.verdict == "clear"
    low, high = ends(total)
    assert low < 2.7 / 2.2 < high
    assert low > 1
    assert total.rank_test is not None
    assert total.rank_test.p == pytest.approx(0.1)


def test_a_baseline_that_wavered_widens_what_is_net_of_it(tmp_path: Path) -> None:
    """Idle at 8 and 12 W by turns: the scatter of the repeats does not show it."""
    idles = [Part("idle", 5, watts) for watts in (8, 12, 9, 11, 10)]
    run = finished(
        tmp_path / "run.csv",
        [*idles, *(B1._replace(repeat=n, watts=49 + n) for n in (1, 2, 3))],
    )
    rows = compare(as_side("A", run), as_side("B", run))
    dynamic = found(rows, "b1", "total", "dynamic").difference.plus_minus
    total = found(rows, "b1", "total", "total").difference.plus_minus
    assert dynamic is not None
    assert total is not None
    assert dynamic > total


def ends(compared: Comparison) -> tuple[float, float]:
    interval = compared.ratio_interval
    assert interval is not None
    return interval


@given(st.floats(0.1, 10), st.floats(0, 0.3), st.floats(0.1, 10), st.floats(0, 0.3))
def test_the_interval_of_the_ratio_says_what_that_of_the_difference_says(
    a: float, a_share: float, b: float, b_share: float
) -> None:
    """One is outside of it exactly where the difference is clear, and its ends are Fieller's."""
    compared = row(known(a, a * a_share), known(b, b * b_share))
    low, high = ends(compared)
    assert low <= b / a <= high
    if abs(abs(b - a) - math.hypot(a * a_share, b * b_share)) > 1e-9:
        is_clear = abs(b - a) > math.hypot(a * a_share, b * b_share)
        assert is_clear == (not low <= 1 <= high)
    root = math.sqrt(a_share**2 + b_share**2 - (a_share * b_share) ** 2)
    fieller = [b / a * (1 + sign * root) / (1 - a_share**2) for sign in (-1, 1)]
    assert [low, high] == pytest.approx(fieller, rel=1e-6)


def repeats(values: Sequence[float]) -> Sampled:
    described = describe(values)
    return Sampled(Value(described.mean, None, 0.0, 0.0), described, tuple(values))


def halved(a: Sequence[float], b: Sequence[float], sign: int, paired: bool) -> float:
    """The end of the interval by halving alone: the r from which b − r · a is clear."""

    def is_clear(r: float) -> bool:
        scaled = replace(row(repeats([r * x for x in a]), repeats(b)), paired=paired)
        return scaled.p is not None and scaled.p < scaled.alpha

    near = math.fsum(b) / math.fsum(a)
    far = next(r for n in range(99) if is_clear(r := near + sign * 0.01 * 1.5**n))
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (near, middle) if is_clear(middle) else (middle, far)
    return far


@pytest.mark.parametrize("paired", [False, True])
def test_the_ends_of_a_ratio_are_where_the_difference_becomes_clear(paired: bool) -> None:
    """With few samples, the degrees of freedom change with the ratio."""
    draw = random.Random(1).uniform
    for n in (2, 3, 4, 5, 10) * 4:
        a, b = [draw(9, 11) for _ in range(n)], [draw(1, 3) for _ in range(n)]
        compared = replace(row(repeats(a), repeats(b)), paired=paired)
        try:
            expected = [halved(a, b, sign, paired) for sign in (-1, 1)]
        except StopIteration:  # a may be nothing
            continue
        assert ends(compared) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_ratio_to_what_may_be_nothing_has_no_upper_end() -> None:
    low, high = ends(row(known(1.0, 1.5), known(2.0, 0.1)))
    assert (math.isfinite(low), high) == (True, math.inf)


def test_several_runs_are_samples_of_one_thing(tmp_path: Path) -> None:
    runs = [repeated(tmp_path, f"a{n}", (w, w)) for n, w in enumerate((50, 55, 60))]
    group = as_side("A", *runs)
    _, mean = group.figures[ComparisonKey("b1", "total", "total")]
    assert mean.samples == pytest.approx((2.0, 2.2, 2.4))
    assert mean.known.value == pytest.approx(2.2)
    assert mean.known.plus_minus == pytest.approx(4.302653 * 0.2 / math.sqrt(3))


def test_labels_of_one_run_are_sides_too(slow: Run) -> None:
    whole = as_side("slow", slow)
    rows = compare(of_label(whole, "b1"), of_label(whole, "b8"))
    assert found(rows, "", "total", "total").ratio == pytest.approx(2.0)


def test_a_single_label_beside_a_run_without_labels(tmp_path: Path) -> None:
    bare = finished(tmp_path / "bare.csv", [IDLE, B1._replace(label="")])
    other = of_label(as_side("B", finished(tmp_path / "b.csv", [IDLE, B1])), "b1")
    published = Side(
        "paper", None, {key._replace(label="b1"): k for key, k in other.figures.items()}
    )
    rows = compare(as_side("A", bare), published)
    assert found(rows, "b1", "total", "total").ratio == pytest.approx(1.0)


def test_the_error_of_a_ratio_is_in_proportion(tmp_path: Path) -> None:
    """A tenth of it, with 10 % scatter each: the ratio is 0.1 ± some of 0.1, not of 1."""
    a = as_side("A", repeated(tmp_path, "a", (45, 50, 55)))
    b = as_side("B", repeated(tmp_path, "b", (4.5, 5, 5.5)))
    total = found(compare(a, b), "b1", "total", "total")
    assert total.ratio == pytest.approx(0.1)
    assert ends(total) == pytest.approx((0.0795, 0.126), rel=0.01)
    one = as_side("B", repeated(tmp_path, "one", (5,)))
    single = found(compare(a, one), "b1", "total", "total")
    assert 0 < ends(single)[0] < 0.1 < ends(single)[1] < 0.2
    assert found(compare(one, a), "b1", "total", "total").verdict == "unclear: one run"


def test_of_many_labels_that_one_lacks_some_are_named(tmp_path: Path) -> None:
    parts = [B1._replace(label=f"layer{n}") for n in range(40)]
    many = as_side("A", finished(tmp_path / "many.csv", [IDLE, B1, *parts]))
    (line,) = only_in_one(many, as_side("B", finished(tmp_path / "few.csv", [IDLE, B1])))
    assert line.startswith("only in A: layer0, layer1,")
    assert line.endswith("layer11 and 28 more")


def test_runs_with_different_headlines_have_none_together() -> None:
    assert side("A", [("total", ()), ("total", ())]).headline == "total"
    assert side("A", [("total", ()), ("package0", ())]).headline is None
