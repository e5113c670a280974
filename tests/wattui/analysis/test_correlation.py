"""Correlations against examples worked out by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.analysis.correlation import matrix, pearson, ranks, spearman

VALUES = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=15)


def test_pearson_by_hand() -> None:
    # Means 3 and 4; products −2·−2, −1·0, 0·1, 1·0, 2·1 sum to 6; squares to 10 and 6.
    assert pearson([1, 2, 3, 4, 5], [2, 4, 5, 4, 5]) == pytest.approx(6 / 60**0.5)


def test_spearman_by_hand_without_ties() -> None:
    # Differences of ranks 0, −1, 1, −1, 1: 1 − 6·4 / (5·24).
    assert spearman([10, 20, 30, 40, 50], [1, 9, 4, 25, 16]) == pytest.approx(0.8)


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks([30, 10, 20, 20]) == [4, 1, 2.5, 2.5]
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: products sum to 4.5, squares to 4.5 and 5.
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_spearman_sees_order_where_pearson_sees_a_bend() -> None:
    xs = [1.0, 2, 3, 4, 5, 6]
    cubes = [x**9 for x in xs]
    assert spearman(xs, cubes) == pytest.approx(1)
    found = pearson(xs, cubes)
    assert found is not None
    assert found < 0.8


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([], [])])
def test_what_does_not_vary_or_is_too_little_has_no_correlation(
    xs: list[float], ys: list[float]
) -> None:
    assert pearson(xs, ys) is None
    assert spearman(xs, ys) is None


@given(VALUES)
def test_a_correlation_is_symmetric_and_within_one(values: list[tuple[float, float]]) -> None:
    xs, ys = zip(*values, strict=True)
    for correlation in (pearson, spearman):
        found = correlation(xs, ys)
        assert found == correlation(ys, xs)
        assert found is None or -1 <= found <= 1


@given(VALUES, st.randoms(use_true_random=False))
def test_order_and_opposite_sign(
    values: list[tuple[float, float]], shuffler: random.Random
) -> None:
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    xs, ys = zip(*values, strict=True)
    other_xs, other_ys = zip(*shuffled, strict=True)
    found = spearman(xs, ys)
    assert spearman(other_xs, other_ys) == pytest.approx(found) if found else True
    opposite = spearman(xs, [-y for y in ys])
    assert opposite == (None if found is None else pytest.approx(-found))


def test_a_matrix_takes_each_pair_from_the_rows_where_both_are_known() -> None:
    found = matrix(
        {
            "a": [1, 2, 3, 4, None],
            "b": [2, 4, 6, 8, 1],
            "c": [None, 3, 2, 1, 5],
            "d": [1, None, None, float("nan"), 2],
        }
    )
    assert found.names == ("a", "b", "c", "d")
    assert found.pearson[0][:3] == (pytest.approx(1), pytest.approx(1), pytest.approx(-1))
    assert found.pairs[0] == (4, 4, 3, 1)
    assert found.pearson[0][3] is None
    assert found.spearman[1][2] == found.spearman[2][1]
