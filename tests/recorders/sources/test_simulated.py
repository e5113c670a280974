"""The made-up curve is the closed form that it says it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.sources.simulated import Simulated, energy_j
from tests.support.doubles import ManualClock


def test_it_is_called_simulated_and_is_in_no_total() -> None:
    (channel,) = Simulated().channels()
    assert (channel.name, channel.unit) == ("sim_cpu", "J")
    assert (channel.origin, channel.in_total) == ("simulated", False)


def test_a_whole_turn_is_its_mean_power_times_its_length() -> None:
    assert energy_j(8.0) == pytest.approx(30.0 * 8.0)
    assert energy_j(80.0) == pytest.approx(30.0 * 80.0)


@given(st.floats(0, 1000))
def test_power_is_30_w_swinging_by_10_w(time_s: float) -> None:
    half_s = 1e-3
    slope_w = (energy_j(time_s + half_s) - energy_j(time_s - half_s)) / (2 * half_s)
    assert slope_w == pytest.approx(30 + 10 * math.sin(2 * math.pi * time_s / 8), abs=1e-3)


@given(st.lists(st.floats(0, 10), max_size=20))
def test_its_counter_never_falls(steps_s: list[float]) -> None:
    clock = ManualClock()
    source = Simulated(clock.monotonic_ns)
    values = [source.read()[0].value]
    for step_s in steps_s:
        clock.advance(step_s)
        values.append(source.read()[0].value)
    energies = [value for value in values if isinstance(value, float)]
    assert len(energies) == len(values)
    assert energies == sorted(energies)


def test_a_reading_has_the_time_at_which_it_was_taken() -> None:
    clock = ManualClock()
    source = Simulated(clock.monotonic_ns)
    clock.advance(2.0)
    (reading,) = source.read()
    assert reading.time_ns == clock.now_ns
    assert reading.value == pytest.approx(energy_j(2.0))


def test_its_uncertainty_is_that_of_a_counter_read_as_often() -> None:
    assert Simulated().update_periods_s() == {"sim_cpu": Simulated.period_s} == {"sim_cpu": 0.001}
