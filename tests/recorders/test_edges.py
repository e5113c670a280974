"""A counter's energy at an edge, between its moves."""

from __future__ import annotations

import math
import random

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

    def edge_of_program(self, read_s: float, at_s: float) -> None:
        """An edge that was read before or after it was one for the program."""
        self.read(read_s)
        read_ns, at_ns = round(read_s * 1e9), round(at_s * 1e9)
        if at_ns < read_ns:
            self.found += self.finder.mark(read_ns, self.shown_j, at_ns=at_ns)
            self.watch()
        else:
            self.found += self.finder.mark(read_ns, self.shown_j, hold=True)
            self.watch()
            assert self.found == []
            self.found += self.finder.settle(read_ns, at_ns)

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


# When the counter was read, and when the edge was for the program: refreshes are at whole ms.
PROGRAMS_EDGES = [
    (0.0504, 0.0503),
    (0.0504, 0.0505),
    (0.0501, 0.0498),
    (0.0508, 0.0512),
    (0.0508, 0.0526),
    (0.0501, 0.0471),
]


@pytest.mark.parametrize(("read_s", "at_s"), PROGRAMS_EDGES)
@pytest.mark.parametrize("steps", [False, True])
def test_a_program_that_says_when_its_edge_was_gets_the_energy_then(
    read_s: float, at_s: float, steps: bool
) -> None:
    levels_w = (20.0, 200.0) if at_s > read_s else (200.0, 20.0)
    watched = Watched(Steps((0.0, at_s), levels_w) if steps else Constant(100.0))
    for before_s in (0.01, 0.03):
        watched.read(before_s)
    watched.edge_of_program(read_s, at_s)
    (found,) = watched.found
    assert found.time_ns == round(read_s * 1e9)
    error_j = found.energy_j - watched.counter.curve.energy_j(at_s)
    assert abs(error_j) <= found.plus_minus_j
    # Without it, the energy would be that of the reading.
    assert abs(error_j) < 0.3 * abs(read_s - at_s) * 100


def test_the_power_of_a_long_wait_is_not_that_of_before_it() -> None:
    read_s, at_s = EDGE_S, EDGE_S + 10 * T_S
    watched = Watched(Steps((0.0, read_s), (20.0, 200.0)))
    watched.edge_of_program(read_s, at_s)
    (found,) = watched.found
    assert found.energy_j == pytest.approx(20 * read_s + 200 * (at_s - read_s), rel=0.02)


def test_what_powers_differed_by_at_edges_before_widens_the_bar_of_a_long_wait() -> None:
    watched, rng, inside = Watched(Square(20.0, 90.0, 0.0073)), random.Random(1), 0
    for number in range(40):
        begin_s, wait_s = 0.05 + 0.1 * number + rng.uniform(0.0, 0.01), rng.uniform(0.001, 0.01)
        for read_s, at_s in (
            (begin_s, begin_s + wait_s),
            (begin_s + 0.05, begin_s + 0.05 - wait_s),
        ):
            watched.found.clear()
            watched.edge_of_program(read_s, at_s)
            (found,) = watched.found
            off_j = found.energy_j - watched.counter.curve.energy_j(at_s)
            inside += abs(off_j) <= found.plus_minus_j
    assert inside >= 0.95 * 80


def test_an_edge_is_settled_once_and_not_kept_for_ever() -> None:
    watched = Watched(Constant(100.0))
    watched.read(0.01)
    for edge_s in (0.0504, 0.0604):
        watched.read(edge_s)
        watched.finder.mark(round(edge_s * 1e9), watched.shown_j, hold=True)
        watched.watch()
    assert len(watched.finder.settle(50_400_000, 50_500_000)) == 1
    assert watched.finder.settle(50_400_000, 50_900_000) == []
    (left,) = watched.finder.give_up()
    assert left.time_ns == 60_400_000
    assert left.energy_j == pytest.approx(100 * 0.0604, abs=0.01)
    assert watched.finder.give_up() == []


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
