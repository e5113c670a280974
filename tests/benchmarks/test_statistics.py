"""How often ± covers the truth and how often verdicts and flags are false, with known truth.

Few hundred trials, always the same ones: the limits leave room for their chance (three standard
errors), not for what statistics without these corrections gave, which each case names.
"""

from __future__ import annotations

import math
import random

import pytest

from benchmarks import statistics
from benchmarks.statistics import Trial, share
from recorders.summary.stats import t95

pytestmark = pytest.mark.slow

TRIALS = 300


def assert_between(trial: Trial, least: float, most: float, trials: int = TRIALS) -> None:
    found = share(trial, trials)
    low, high = (3 * math.sqrt(p * (1 - p) / trials) for p in (least, most))
    assert least - low <= found <= most + high


@pytest.mark.parametrize(
    ("seconds", "correlated_s", "least"),
    [(10, 0.0, 0.93), (10, 2.0, 0.90), (30, 2.0, 0.93), (30, 10.0, 0.92), (60, 10.0, 0.93)],
)
def test_dynamic_energy_of_one_run_is_covered_whether_idle_noise_is_white_or_not(
    seconds: int, correlated_s: float, least: float
) -> None:
    """A standard error covered 66 % if the noise was white, and 33 and 16 % if it was not."""
    assert_between(statistics.dynamic_of_one_run(seconds, correlated_s), least, 0.97)


def test_idle_of_ten_seconds_cannot_know_noise_that_lasts_as_long() -> None:
    """It covers more than five times in six; a standard error covered once in six."""
    assert_between(statistics.dynamic_of_one_run(10, 10.0), 0.85, 0.95)


def test_dynamic_energy_is_covered_where_idle_power_drifts_or_steps() -> None:
    """Without the drift in it, ± covered 2 % with idle before only."""
    assert_between(statistics.dynamic_with_drift, 0.93, 1.0)
    assert_between(statistics.dynamic_beside_a_step, 0.92, 0.97)


def test_a_drift_seen_by_chance_does_not_go_on_through_a_long_run() -> None:
    """A slope of ten seconds, drawn out over a quarter of an hour, made ± 227 %."""
    for trial in range(TRIALS):
        draw = random.Random(trial)
        parts = [statistics.idle(draw, 10), statistics.ran(statistics.RUNNING_W, 900)]
        found = statistics.dynamic(parts)
        assert found.plus_minus is not None
        assert found.plus_minus < 0.2 * found.value


def test_repeats_without_spread_still_share_the_baselines_error() -> None:
    """The scatter of repeats alone said ± 0."""
    assert_between(statistics.dynamic_over_repeats, 0.93, 0.97)


def test_what_draws_no_more_than_idle_is_flagged_19_times_in_20() -> None:
    """It was 3 times in 5."""
    assert_between(statistics.flagged_at_zero, 0.93, 0.97)


@pytest.mark.parametrize("repeats", [5, 10])
def test_two_runs_with_their_own_baselines_rarely_differ_by_chance(repeats: int) -> None:
    """It was 21 % for 5 and 40 % for 10 repeats, over which a baseline's error does not average."""
    assert_between(statistics.compared_dynamic(repeats), 0.02, 0.06, trials=200)


@pytest.mark.parametrize("pairs", [6, 10])
def test_two_commands_in_turn_rarely_differ_by_chance_while_the_power_drifts(pairs: int) -> None:
    assert_between(statistics.paired_verdict(pairs, 0.0), 0.03, 0.06)


@pytest.mark.parametrize(("more", "drift_w_per_s"), [(0.005, 0.002), (0.05, 0.2)])
def test_pairs_show_under_drift_what_the_same_runs_do_not_show_unpaired(
    more: float, drift_w_per_s: float
) -> None:
    """Unpaired, the drift is taken for scatter: 3 % were found, or none."""
    assert share(statistics.paired_verdict(10, more, drift_w_per_s), 100) > 0.85
    assert share(statistics.unpaired_verdict(10, more, drift_w_per_s), 100) < 0.15


def test_of_20_labels_any_differs_by_chance_as_rarely_as_one() -> None:
    """It was 55 to 63 %."""
    assert_between(statistics.any_of_labels(20), 0.02, 0.06)


@pytest.mark.parametrize(
    ("repeats", "r", "most"), [(5, 0.0, 0.05), (10, 0.3, 0.11), (10, 0.6, 0.15), (20, 0.6, 0.08)]
)
def test_dependent_repeats_differ_by_chance_less_often_than_they_did(
    repeats: int, r: float, most: float
) -> None:
    """Of ten with 0.3 it was 14 %, with 0.6 it was 33 % by Student's t; of five, few show it."""
    assert_between(statistics.dependent_repeats(repeats, r), 0.02, most, trials=1000)


def test_a_clocks_noise_is_no_throttling_and_a_fall_is() -> None:
    """Noise of 7 % was flagged in 22 % of runs of ten seconds, a steady fall of 6 % in 9 %."""
    assert_between(statistics.throttles(10, 0.07, 0.0), 0.0, 0.03)
    assert_between(statistics.throttles(60, 0.07, 0.0), 0.0, 0.03)
    assert_between(statistics.throttles(60, 0.01, 0.06), 0.97, 1.0, trials=100)


def test_a_network_is_covered_by_the_interval_from_the_others() -> None:
    """The scatter of single layers about the line covered none of three networks."""
    assert_between(statistics.network_predicted, 0.91, 0.98)


def test_the_trials_are_the_same_every_time() -> None:
    trial = statistics.dynamic_of_one_run(10)
    assert [trial(random.Random(n)) for n in range(20)] == [
        trial(random.Random(n)) for n in range(20)
    ]


def test_a_quantile_at_any_number_of_degrees() -> None:
    assert t95(math.inf) == pytest.approx(1.959964)
    assert t95(1.5) == pytest.approx(6.01666, rel=1e-4)
    assert t95(1.0) == pytest.approx(math.tan(math.pi * 0.475))
