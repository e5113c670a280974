"""Edges between the readings of a meter that gives them by itself."""

from __future__ import annotations

import pytest

from recorders.between import BetweenReadings

S = 1_000_000_000


def finder() -> BetweenReadings:
    """A meter of 50 W that has given its first reading, at 1 s."""
    made = BetweenReadings(counts=False)
    made.see(50.0, S, S)
    return made


@pytest.mark.parametrize("is_settled_early", [False, True])
def test_an_edge_on_hold_has_the_energy_when_it_was_for_the_program(
    is_settled_early: bool,
) -> None:
    meter, read_ns, at_ns = finder(), int(1.4 * S), int(1.5 * S)
    meter.mark(read_ns, 0.0, hold=True)
    found = meter.settle(read_ns, at_ns) if is_settled_early else []
    found += meter.see(100.0, 2 * S, 2 * S)
    found += [] if is_settled_early else meter.settle(read_ns, at_ns)
    (edge,) = found
    assert (edge.time_ns, edge.energy_j) == (read_ns, pytest.approx(75.0))
    assert meter.settle(read_ns, 3 * S) == []


def test_the_end_of_a_block_was_before_its_reading() -> None:
    meter = finder()
    meter.mark(int(1.6 * S), 0.0, at_ns=int(1.5 * S))
    (edge,) = meter.see(100.0, 2 * S, 2 * S)
    assert edge.energy_j == pytest.approx(75.0)


def test_an_edge_on_hold_is_that_of_its_reading_at_last() -> None:
    meter = finder()
    meter.mark(int(1.4 * S), 0.0, hold=True)
    meter.mark(int(2.4 * S), 0.0, hold=True)
    assert meter.see(100.0, 2 * S, 2 * S) == []
    (edge,) = meter.give_up()
    assert edge.energy_j == pytest.approx(70.0)
