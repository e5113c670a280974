"""Numbers as people read them say the same as the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.show.quantities import duration, number, prefix_for, with_uncertainty


@given(st.floats(1e-5, 1e9) | st.floats(-1e9, -1e-5))
def test_a_number_keeps_four_significant_digits_and_has_no_exponent(value: float) -> None:
    text = number(value)
    assert "e" not in text
    assert float(text.replace("−", "-")) == pytest.approx(value, rel=6e-4)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (29.674, "29.67"),
        (1234.56, "1235"),
        (123456.7, "123457"),
        (0.012345, "0.01235"),
        (-3.5, "−3.500"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "plus_minus", "factor", "text"),
    [
        (29.674, 0.12, 1.0, "29.67 ± 0.12"),
        (0.029674, 0.00012, 1e-3, "29.67 ± 0.12"),
        (1234.5, 56.7, 1.0, "1234 ± 57"),
        (1234.5, 5.67, 1.0, "1234.5 ± 5.7"),
        (-0.02, 0.5, 1.0, "−0.02 ± 0.50"),
        (1234.5, 567.8, 1.0, "1230 ± 570"),
        (382.0, 30704.0, 1.0, "0 ± 31000"),
        (-382.0, 30704.0, 1.0, "0 ± 31000"),
        (29.674, None, 1.0, "29.67"),
        (None, 0.1, 1.0, "–"),
    ],
)
def test_decimals_follow_the_second_digit_of_what_is_open(
    value: float | None, plus_minus: float | None, factor: float, text: str
) -> None:
    assert with_uncertainty(value, plus_minus, factor) == text


@given(st.floats(-1e4, 1e4), st.floats(1e-4, 1e4), st.sampled_from([1e-6, 1e-3, 1.0, 1e3]))
def test_a_figure_is_printed_to_within_a_tenth_of_what_is_open(
    value: float, plus_minus: float, factor: float
) -> None:
    shown, _, shown_open = with_uncertainty(value * factor, plus_minus * factor, factor).partition(
        " ± "
    )
    assert float(shown.replace("−", "-")) == pytest.approx(value, abs=0.06 * plus_minus)
    assert float(shown_open) == pytest.approx(plus_minus, rel=0.06)


@pytest.mark.parametrize("plus_minus", [1e-7, 3e-9, 1e-12])
def test_what_is_open_is_never_printed_as_nothing(plus_minus: float) -> None:
    _, _, shown = with_uncertainty(1.0, plus_minus, 1.0).partition(" ± ")
    assert shown == "" or float(shown) > 0


@pytest.mark.parametrize(
    ("values", "prefix"),
    [
        ([2.5e6], "M"),
        ([1500.0, 2.0], "k"),
        ([5.0, None], ""),
        ([0.0297, 0.0001], "m"),
        ([-0.0297], "m"),
        ([2e-6], "µ"),
        ([2e-9], "n"),
        ([1.31e-11], "p"),
        ([3e-13], "p"),
        ([0.0], ""),
        ([None], ""),
        ([], ""),
    ],
)
def test_one_prefix_suits_the_largest(values: list[float | None], prefix: str) -> None:
    assert prefix_for(values)[1] == prefix


@given(st.floats(1e-12, 9e8))
def test_with_its_prefix_the_largest_reads_between_1_and_1000(value: float) -> None:
    factor, _ = prefix_for([value])
    assert 0.999 <= value / factor < 1000


def test_a_value_just_under_a_prefix_does_not_print_as_1000_of_the_smaller() -> None:
    factor, prefix = prefix_for([0.99996])
    assert (number(0.99996 / factor, 4), prefix) in (("1.0000", ""), ("1.000", ""))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0"), (0.000758, "0.00076"), (0.096, "0.096"), (0.1, "0.1"), (6.046, "6.0")],
)
def test_a_short_time_is_not_shown_as_nothing(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_known_uncertainty_is_never_shown_as_none() -> None:
    assert with_uncertainty(3.0, 4e-16, 1.0) == "3.000000000000 ± 0.000000000001"
    assert with_uncertainty(1230.0, 570.0, 1.0) == "1230 ± 570"
