"""Prefill and decode told apart, where the truth is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from wattui.analysis.prefill_decode import (
    Cost,
    Window,
    by_regression,
    by_time_shares,
    concurrency_of,
    told_apart,
)

PREFILL_J, DECODE_J, BASE_W = 0.004, 0.25, 80.0
SECONDS = 60.0
# Tokens of a prompt and of its answer, in four proportions.
MIXES = ((512, 128), (4000, 16), (64, 512), (1024, 32))
# A server with eight slots, and the seconds that a token keeps a slot busy.
SLOTS, PREFILL_S, DECODE_S = 8, 0.0005, 0.03
ROUNDS = 400
# Of so many intervals, 95 % hold the truth, give or take four standard errors.
LEAST, MOST = 0.906, 0.994


def window(
    mix: tuple[int, int], noise_w: float = 0.0, base_w: float = BASE_W, busy: float = 1.0
) -> Window:
    """A window of requests of one kind that keep every slot busy for a share of the time."""
    requests = SECONDS * SLOTS * busy / (mix[0] * PREFILL_S + mix[1] * DECODE_S)
    n_in, n_out = requests * mix[0], requests * mix[1]
    energy_j = (base_w + noise_w) * SECONDS + PREFILL_J * n_in + DECODE_J * n_out
    return Window("run", "c8", "c8", SECONDS, energy_j, round(n_in), round(n_out))


def is_held(cost: Cost, truth: float) -> bool:
    assert cost.interval95 is not None
    return abs(cost.value - truth) <= cost.interval95


def test_the_truth_is_in_95_of_100_intervals_after_a_baseline_was_subtracted() -> None:
    draw, held = random.Random(7), [0, 0]
    for _ in range(ROUNDS):
        off_w = draw.gauss(0, 1.5 / 1.96)  # the same in all windows
        windows = [
            replace(window(mix, draw.gauss(0, 2.0), off_w), baseline_w=1.5)
            for mix in MIXES
            for _ in range(3)
        ]
        [found], _ = told_apart(windows, is_subtracted=True)
        held[0] += is_held(found.prefill, PREFILL_J)
        held[1] += is_held(found.decode, DECODE_J)
    assert min(held) / ROUNDS >= LEAST


def test_the_truth_is_in_95_of_100_intervals_where_the_base_is_fitted() -> None:
    draw, held = random.Random(8), [0, 0, 0]
    for _ in range(ROUNDS):
        found = by_regression(
            [window(m, draw.gauss(0, 2.0), busy=b) for m in MIXES for b in (0.2, 0.6, 1.0)],
            has_base=True,
        )
        assert found.base is not None
        truths = (PREFILL_J, DECODE_J, BASE_W)
        for n, (cost, truth) in enumerate(
            zip((found.prefill, found.decode, found.base), truths, strict=True)
        ):
            held[n] += is_held(cost, truth)
    assert all(LEAST <= n / ROUNDS <= MOST for n in held), held


def test_at_full_load_the_base_is_charged_to_the_tokens_by_the_time_they_take() -> None:
    regression, with_base = told_apart([window(mix) for mix in MIXES] * 2)[0]
    assert (regression.method, regression.windows) == ("regression", 8)
    assert not regression.is_collinear
    assert regression.prefill.value == pytest.approx(
        PREFILL_J + BASE_W * PREFILL_S / SLOTS, rel=1e-3
    )
    assert regression.decode.value == pytest.approx(DECODE_J + BASE_W * DECODE_S / SLOTS, rel=1e-3)
    assert with_base.method == "regression with a base"
    assert with_base.is_collinear
    assert "while all slots are busy, the base follows from the tokens" in with_base.remarks[0]


def test_with_pauses_between_requests_the_base_is_told_from_the_tokens() -> None:
    windows = [window(mix, busy=busy) for mix in MIXES for busy in (0.1, 0.5, 1.0)]
    found = by_regression(windows, has_base=True)
    assert not found.is_collinear
    assert found.base is not None
    assert found.base.value == pytest.approx(BASE_W, rel=1e-3)
    assert found.prefill.value == pytest.approx(PREFILL_J, rel=1e-3)
    assert found.decode.value == pytest.approx(DECODE_J, rel=1e-3)


def test_windows_of_nearly_one_proportion_are_said_to_be_collinear() -> None:
    draw = random.Random(2)
    same = [window((512, 128 + n), draw.gauss(0, 1)) for n in range(8)]
    found = by_regression(same)
    assert found.is_collinear
    assert "prompt tokens" in found.remarks[0]
    assert "change together" in found.remarks[0]
    assert "fix: record windows with other proportions too" in found.remarks[0]


def test_windows_of_exactly_one_proportion_give_no_regression_and_say_how_to_get_one() -> None:
    same = [replace(window((512, 128)), tokens_in=512 * n, tokens_out=128 * n) for n in range(1, 5)]
    found, [remark] = told_apart(same)
    assert found == []
    assert remark.startswith("c8: no regression of 4 windows: the regressors are not independent")
    assert "--prompts synthetic:512/128,64/512" in remark


def test_windows_of_different_concurrency_are_never_fitted_together() -> None:
    windows = [
        replace(window(mix), concurrency=c, energy_j=window(mix, base_w=0).energy_j * share)
        for c, share in (("c1", 1.0), ("c8", 0.25))
        for mix in MIXES
        for _ in range(2)
    ]
    one, eight = told_apart(windows, is_subtracted=True)[0]
    assert one.decode.value == pytest.approx(DECODE_J, rel=1e-3)
    assert eight.decode.value == pytest.approx(DECODE_J / 4, rel=1e-3)


@pytest.mark.parametrize(
    ("label", "concurrency"),
    [("c8", "c8"), ("c16 512/128", "c16"), ("b4 p128 o64", "b4"), ("run", ""), ("", "")],
)
def test_what_is_computed_together_is_in_the_label(label: str, concurrency: str) -> None:
    assert concurrency_of(label) == concurrency


def test_times_of_the_server_divide_the_energy_of_each_window() -> None:
    windows = [
        Window("run", "c1", "c1", 10.0, energy_j, 1000, 200, prefill_s=2.0, decode_s=6.0)
        for energy_j in (790.0, 800.0, 810.0)
    ]
    found = by_time_shares(windows)
    assert found is not None
    assert found.prefill.value == pytest.approx(0.25 * 800 / 1000)
    assert found.decode.value == pytest.approx(0.75 * 800 / 200)
    assert found.decode.interval95 == pytest.approx(4.303 * 10 / 3**0.5 * 0.75 / 200, rel=1e-3)
    assert found.remarks == ("takes the power of prefill and decode for the same",)


def test_one_window_has_time_shares_but_no_interval() -> None:
    found = by_time_shares([Window("r", "c1", "c1", 10.0, 800.0, 1000, 200, 0.0, 2.0, 6.0)])
    assert found is not None
    assert found.prefill.interval95 is None
    assert "its interval is unknown" in found.remarks[0]


def test_without_the_servers_times_there_are_no_time_shares() -> None:
    assert by_time_shares([window(MIXES[0])]) is None


def test_an_unknown_error_of_the_baseline_leaves_the_intervals_unknown() -> None:
    windows = [replace(window(mix), baseline_w=None) for mix in MIXES for _ in range(2)]
    assert by_regression(windows).decode.interval95 is None
