"""A counter's energy at an edge, between its moves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.edges import EdgeFinder, Located
from testbench.counters import RAPL_J, SlowCounter
from testbench.curves import Constant, PowerCurve, Square, Steps

T_S, READ_NS = 0.001, 10_000
EDGE_S = 0.0504


class Watched:
    """A finder that reads a counter from time to time, and often while an edge waits."""

    def __init__(self, curve: PowerCurve, refresh_s: float = T_S, uneven: float = 0.0) -> None:
        self.counter = SlowCounter("package0", curve, refresh_s, RAPL_J, uneven)
        self.finder = EdgeFinder(RAPL_J)
        self.finder.learn(refresh_s)
        self.now_ns = 0
        self.found: list[Located] = []
        self.shown_j = 0.0

    def read(self, at_s: float | None = None) -> None:
        begun_ns = self.now_ns if at_s is None else round(at_s * 1e9)
        self.now_ns = begun_ns + READ_NS
        self.shown_j = self.counter.shown_j((begun_ns + self.now_ns) / 2e9)
        self.found += self.finder.see(self.shown_j, begun_ns, self.now_ns)

    def edge(self, at_s: float) -> None:
        self.read(at_s)
        self.found += self.finder.mark(round(at_s * 1e9), self.shown_j)

    def watch(self, until_s: float = math.inf) -> None:
        while self.finder.waits and self.now_ns < until_s * 1e9:
            self.read(max(self.now_ns, self.finder.due_ns()) * 1e-9)

    def error_j(self, at_s: float) -> float:
        (located,) = (found for found in self.found if found.time_ns == round(at_s * 1e9))
        return located.energy_j - self.counter.curve.energy_j(at_s)


def test_an_edge_lies_between_two_refreshes() -> None:
    watched = Watched(Constant(50.0))
    watched.edge(EDGE_S)
    read_j = watched.shown_j
    watched.watch()
    assert read_j == pytest.approx(50 * 0.050, abs=RAPL_J)
    assert watched.error_j(EDGE_S) == pytest.approx(0, abs=0.05 * 50 * T_S)
    (found,) = watched.found
    assert abs(watched.error_j(EDGE_S)) <= found.plus_minus_j < 0.1 * 50 * T_S


@pytest.mark.parametrize("late_s", [0.0001, 0.0004, 0.0008])
def test_a_load_that_steps_at_the_edge_is_taken_from_its_quiet_side(late_s: float) -> None:
    edge_s = 0.050 + late_s
    watched = Watched(Steps((0.0, edge_s), (20.0, 200.0)))
    watched.read(0.01)
    watched.read(0.03)
    watched.edge(edge_s)
    watched.watch()
    straight_j = (20 * late_s + 200 * (T_S - late_s)) * late_s / T_S - 20 * late_s
    assert abs(watched.error_j(edge_s)) < 0.15 * straight_j
    assert abs(watched.error_j(edge_s)) <= watched.found[0].plus_minus_j


def test_a_counter_that_stands_still_is_given_up_after_four_periods() -> None:
    watched = Watched(Steps((0.0, 0.04), (50.0, 0.0)))
    watched.read(0.02)
    watched.edge(EDGE_S)
    watched.watch(1.0)
    assert watched.now_ns * 1e-9 < EDGE_S + 5 * T_S
    assert watched.found == []


def test_a_reader_that_stalls_leaves_more_open() -> None:
    widths_j = []
    for stalls_s in (0.0, 0.0035):
        watched = Watched(Constant(50.0))
        watched.read(0.02)
        watched.edge(EDGE_S)
        if stalls_s:
            watched.read(EDGE_S + stalls_s)
        watched.watch()
        (found,) = watched.found
        assert abs(watched.error_j(EDGE_S)) <= found.plus_minus_j
        widths_j.append(found.plus_minus_j)
    assert widths_j[1] > 3 * widths_j[0]


def test_refreshes_that_come_early_or_late_are_noticed() -> None:
    watched = Watched(Constant(50.0), uneven=0.2)
    edges_s = [0.05 + 0.0137 * n for n in range(40)]
    for edge_s in edges_s:
        watched.edge(edge_s)
        watched.watch()
    inside = [
        abs(watched.error_j(edge_s)) <= found.plus_minus_j
        for edge_s, found in zip(edges_s, watched.found, strict=True)
    ]
    assert sum(inside) >= 0.95 * len(inside)


def test_two_edges_within_one_refresh_are_both_found() -> None:
    watched = Watched(Constant(300.0), refresh_s=0.1)
    watched.read(0.35)
    for edge_s in (0.42, 0.43):
        watched.edge(edge_s)
    watched.watch()
    first, last = watched.found
    assert last.energy_j - first.energy_j == pytest.approx(300 * 0.01, rel=0.05)


def test_an_edge_soon_followed_by_another_is_found_from_one_move() -> None:
    watched = Watched(Constant(50.0))
    watched.read(0.01)
    watched.read(0.03)
    for edge_s in (EDGE_S, EDGE_S + T_S):
        watched.edge(edge_s)
        watched.watch(edge_s + 0.9 * T_S)
    assert abs(watched.error_j(EDGE_S)) <= watched.found[0].plus_minus_j < 0.2 * 50 * T_S


def test_power_that_changes_beside_the_edge_widens_its_bar() -> None:
    watched = Watched(Square(20.0, 80.0, 0.0073))
    edges_s = [0.05 + 0.0311 * n for n in range(60)]
    for edge_s in edges_s:
        watched.edge(edge_s)
        watched.watch()
    inside = [
        abs(watched.error_j(edge_s)) <= found.plus_minus_j
        for edge_s, found in zip(edges_s, watched.found, strict=True)
    ]
    assert sum(inside) >= 0.95 * len(inside)


def test_nothing_is_found_while_the_period_is_unknown() -> None:
    finder = EdgeFinder()
    finder.see(1.0, 0, 10)
    assert finder.mark(10, 1.0) == []
    assert not finder.waits
    assert math.isinf(finder.due_ns())


@given(
    st.floats(1e-5, 0.2),
    st.lists(
        st.tuples(
            st.integers(0, 300_000_000),
            st.integers(0, 5_000_000),
            st.floats(0, 50),
            st.booleans(),
        ),
        max_size=60,
    ),
)
def test_whatever_is_read_an_edge_lies_between_its_readings(
    period_s: float, reads: list[tuple[int, int, float, bool]]
) -> None:
    finder = EdgeFinder(RAPL_J)
    finder.learn(period_s)
    now_ns, energy_j = 0, 0.0
    found: list[Located] = []
    for after_ns, took_ns, step_j, is_edge in reads:
        begun_ns, now_ns = now_ns + after_ns, now_ns + after_ns + took_ns
        energy_j += step_j
        found += finder.see(energy_j, begun_ns, now_ns)
        if is_edge:
            found += finder.mark(begun_ns, energy_j)
        assert finder.waits == (finder.due_ns() < math.inf)
    for located in [*found, *finder.give_up()]:
        assert math.isfinite(located.energy_j)
        assert 0 <= located.plus_minus_j < math.inf
