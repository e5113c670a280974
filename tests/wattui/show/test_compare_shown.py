"""The sentence above a comparison."""

from __future__ import annotations

import math

import pytest

from recorders.summary.figures import Value
from wattui.analysis.compare import Comparison
from wattui.analysis.samples import describe
from wattui.analysis.sides import Sampled
from wattui.show.compare import change_text, ratio_text


def row(a: list[float], b: list[float], label: str = "", figure: str = "total") -> Comparison:
    sides = (
        Sampled(
            Value(sum(each) / len(each), 0.01, 0.01, 0.0),
            describe(each) if len(each) > 1 else None,
            tuple(each),
        )
        for each in (a, b)
    )
    return Comparison(label, "total", figure, "J", ("measured", "measured"), *sides)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [row([10.0, 10.1, 9.9, 10.0], [8.9, 8.8, 9.0, 8.9])],
            "B uses 11 % less energy per inference than A (12 to 9.6 % less): clear",
        ),
        (
            [row([10.0, 10.4, 9.6], [10.2, 9.8, 10.3], figure="energy")],
            "B uses 1.0 % more energy while running than A (",
        ),
        (
            [row([10.0, 10.1], [5.0, 5.1], "b1"), row([20.0, 20.1], [40.0, 40.1], "b8")],
            "geometric mean of 2 labels",
        ),
        (
            [row([10.0], [5.0], "b1"), row([20.0], [40.0], "b8")],
            "geometric mean of 2 labels; unclear: one run each",
        ),
        ([row([10.0], [10.0])], "B uses as much energy per inference as A: "),
        ([row([10.0], [5.0], figure="power")], ""),
    ],
)
def test_the_change_is_a_sentence(rows: list[Comparison], says: str) -> None:
    said = change_text(rows, "total")
    assert says in said
    assert bool(said) == bool(says)


@pytest.mark.parametrize(
    ("ratio", "interval", "shown"),
    [
        (1.001, (0.9991, 1.0029), "1.001 (0.999 … 1.003)"),
        (1.3, (0.91, 1.95), "1.30 (0.91 … 1.95)"),
        (2.0, (0.5, math.inf), "2.0 (0.5 … ∞)"),
        (1.2, (1.2, 1.2), "1.200 (1.200 … 1.200)"),
        (0.0, (0.0, 0.0), "0 (0 … 0)"),
        (None, None, "–"),
    ],
)
def test_a_ratio_lies_within_its_interval_as_shown(
    ratio: float | None, interval: tuple[float, float] | None, shown: str
) -> None:
    assert ratio_text(ratio, interval).plain == shown
