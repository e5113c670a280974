"""The closed forms against numerical integration."""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbench.curves import (
    Constant,
    Driven,
    PowerCurve,
    Sine,
    Square,
    Steps,
    curve_from_dict,
    make_drive,
)

watts = st.floats(0, 300)
periods_s = st.floats(0.5, 5)
times_s = st.floats(0, 8)

constants = st.builds(Constant, watts)
squares = st.builds(
    lambda low_w, swing_w, period_s, duty, phase_s: Square(
        low_w, low_w + swing_w, period_s, duty, phase_s
    ),
    watts,
    watts,
    periods_s,
    st.floats(0, 1),
    st.floats(-3, 3),
)
sines = st.builds(
    lambda mean_w, share, period_s, phase_rad: Sine(mean_w, mean_w * share, period_s, phase_rad),
    watts,
    st.floats(0, 1),
    periods_s,
    st.floats(-7, 7),
)
steps = st.lists(st.tuples(st.floats(0.05, 2), watts), min_size=1, max_size=6).map(
    lambda pairs: Steps(
        tuple(math.fsum(gap_s for gap_s, _ in pairs[:n]) for n in range(len(pairs))),
        tuple(level_w for _, level_w in pairs),
    )
)
curves: st.SearchStrategy[PowerCurve] = st.one_of(constants, squares, sines, steps)


def edges_s(curve: PowerCurve, begin_s: float, end_s: float) -> list[float]:
    """Times between which the curve is smooth."""
    found: list[float] = []
    if isinstance(curve, Steps):
        found = list(curve.starts_s)
    if isinstance(curve, Square):
        high_s = curve.duty * curve.period_s
        first = math.floor((begin_s + curve.phase_s) / curve.period_s)
        last = math.ceil((end_s + curve.phase_s) / curve.period_s)
        starts_s = [n * curve.period_s - curve.phase_s for n in range(first, last + 1)]
        found = [s + d for s in starts_s for d in (0, high_s)]
    return [begin_s, *sorted(t_s for t_s in found if begin_s < t_s < end_s), end_s]


def integral_j(curve: PowerCurve, begin_s: float, end_s: float, panels: int = 200) -> float:
    """Two-point Gauss quadrature between the edges, J."""
    edges = edges_s(curve, begin_s, end_s)
    total_j = 0.0
    for left_s, right_s in pairwise(edges):
        half_s = (right_s - left_s) / panels / 2
        middles_s = (left_s + (2 * n + 1) * half_s for n in range(panels))
        nodes_s = (m + sign * half_s / math.sqrt(3) for m in middles_s for sign in (-1, 1))
        total_j += half_s * math.fsum(map(curve.power_w, nodes_s))
    return total_j


@given(curves, times_s, st.floats(0, 4))
def test_energy_is_the_integral_of_power(curve: PowerCurve, begin_s: float, span_s: float) -> None:
    end_s = begin_s + span_s
    closed_j = curve.energy_j(end_s) - curve.energy_j(begin_s)
    assert closed_j == pytest.approx(integral_j(curve, begin_s, end_s), rel=1e-6, abs=1e-4)


@given(curves, times_s, times_s)
def test_energy_never_falls(curve: PowerCurve, one_s: float, other_s: float) -> None:
    early_s, late_s = sorted((one_s, other_s))
    assert curve.energy_j(late_s) >= curve.energy_j(early_s) - 1e-9


@given(curves)
def test_energy_begins_at_nothing(curve: PowerCurve) -> None:
    assert curve.energy_j(0.0) == pytest.approx(0.0, abs=1e-12)


@given(curves)
def test_json_round_trip(curve: PowerCurve) -> None:
    assert curve_from_dict(json.loads(json.dumps(curve.to_dict()))) == curve


def test_known_joules() -> None:
    assert Constant(50.0).energy_j(3.0) == 150.0
    assert Square(20.0, 80.0, 1.0, duty=0.25).energy_j(10.0) == pytest.approx(350.0)
    assert Sine(40.0, 30.0, 2.0).energy_j(8.0) == pytest.approx(320.0)
    assert Steps((0.0, 1.0, 3.0), (10.0, 20.0, 5.0)).energy_j(5.0) == pytest.approx(60.0)


def drive(path: Path, *levels: tuple[float, float]) -> None:
    """Set levels, each at a time of the bench, as a program on it does."""
    with path.open("r+b") as file:
        numbers = [float(len(levels)), *(number for level in levels for number in level)]
        file.write(struct.pack(f"{len(numbers)}d", *numbers))


def test_a_driven_curve_follows_the_levels_that_a_program_sets(tmp_path: Path) -> None:
    make_drive(tmp_path / "drive")
    curve = Driven(10.0, str(tmp_path / "drive"))
    assert (curve.energy_j(3.0), curve.energy_j(-1.0), curve.power_w(3.0)) == (30.0, -10.0, 10.0)
    drive(tmp_path / "drive", (1.0, 20.0), (3.0, 5.0))
    assert curve.energy_j(5.0) == pytest.approx(60.0)
    assert [curve.power_w(t_s) for t_s in (0.9, 1.0, 3.1)] == [10.0, 20.0, 5.0]
    assert curve_from_dict(curve.to_dict()) == curve


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(-1.0),
        lambda: Square(2.0, 1.0, 1.0),
        lambda: Square(1.0, 2.0, 0.0),
        lambda: Sine(1.0, 2.0, 1.0),
        lambda: Steps((1.0,), (1.0,)),
        lambda: Driven(-1.0, "drive"),
        lambda: Steps((0.0, 0.0), (1.0, 2.0)),
    ],
)
def test_impossible_curves_are_refused(make: type[PowerCurve]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        make()
