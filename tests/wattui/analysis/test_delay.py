"""The delay of a meter, from how it follows the sensors around steps of the load."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from wattui.analysis.delay import Seen, find_delay, of_counter

# Idle and busy in turn for a minute, 50 and 90 W.
EDGES_S = (12.3, 21.6, 27.9, 37.2, 43.6, 52.9)
STEP_S = 0.05


def inside_w(time_s: float) -> float:
    return 50.0 + 40.0 * (sum(edge_s <= time_s for edge_s in EDGES_S) % 2)


def inside_j(time_s: float) -> float:
    """Joules until then."""
    known_s = [0.0, *(edge_s for edge_s in EDGES_S if edge_s < time_s), time_s]
    return sum(inside_w((a + b) / 2) * (b - a) for a, b in pairwise(known_s))


INSIDE = [(n * STEP_S, inside_j(n * STEP_S)) for n in range(int(60 / STEP_S))]


def readings(latency_s: float, window_s: float, noise_w: float, seed: int) -> Sequence[Seen]:
    """A meter that shows 20 W and 1.2 times a mean inside, about once a second."""
    chance, time_s, found = random.Random(seed), 3.0, []
    while (time_s := time_s + 1.0 + chance.uniform(0, 0.03)) < 59:
        last_s = time_s - latency_s
        mean_w = (inside_j(last_s) - inside_j(last_s - window_s)) / window_s
        found.append(Seen(time_s, 20 + 1.2 * mean_w + chance.gauss(0, noise_w)))
    return found


@pytest.mark.parametrize(
    ("latency_s", "window_s", "noise_w"), [(0.35, 1.0, 0.4), (0.5, 2.0, 1.0), (0.05, 0.1, 0.0)]
)
def test_a_known_delay_is_found_within_its_uncertainty(
    latency_s: float, window_s: float, noise_w: float
) -> None:
    found = find_delay(INSIDE, readings(latency_s, window_s, noise_w, 7))
    assert found.delay_s == pytest.approx(latency_s + window_s / 2, abs=found.plus_minus_s + 0.03)
    assert found.plus_minus_s < 0.3
    assert found.factor == pytest.approx(1.2, abs=0.03)
    assert found.base_w == pytest.approx(20, abs=2)
    assert found.explained > 0.99


def test_a_counter_is_only_as_late_as_it_is() -> None:
    counted_j = [(n + 0.4, 1e6 + 20 * n + 1.2 * inside_j(n)) for n in range(3, 59)]
    found = of_counter(INSIDE, counted_j)
    assert found.delay_s == pytest.approx(0.4, abs=0.06)


def test_a_meter_of_something_else_does_not_follow() -> None:
    chance = random.Random(3)
    noise = [Seen(float(n), 100 + chance.gauss(0, 5)) for n in range(8, 59)]
    with pytest.raises(ValueError, match="does not follow the sensors"):
        find_delay(INSIDE, noise)


def test_too_few_readings_and_no_sensor_are_said() -> None:
    with pytest.raises(ValueError, match="gave 1 readings, and 15 are needed"):
        find_delay(INSIDE, [Seen(30.0, 100.0)])
    with pytest.raises(ValueError, match="gave no readings"):
        find_delay([], [Seen(30.0, 100.0)])
