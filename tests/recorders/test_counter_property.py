"""Any power curve and any schedule of wraps, resets, failures and late reads, unwrapped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorders.counter import LAP_S, REFRESH_SLACK_S, STUCK_READS, STUCK_S, Counter, Event

BOUND_W = 1000.0
# A counter that a machine at BOUND_W cannot lap while it is read in time.
SHORTEST_RANGE_J = 2 * BOUND_W * (LAP_S + REFRESH_SLACK_S)
# Sums of microjoules as floats.
ROUNDING_J = 1e-3

Kind = Literal["read", "fail", "reset"]


@dataclass(frozen=True)
class Step:
    """A pause at one power, and what ends it: a read, a failed read, or a reset and a read."""

    pause_s: float
    power_w: float
    kind: Kind
    # How much of the pause comes after the reset.
    share: float

    @property
    def energy_uj(self) -> int:
        """Energy of the pause."""
        return round(self.pause_s * self.power_w * 1e6)

    def after_reset_uj(self) -> int:
        """Energy of the pause after its reset."""
        return round(self.energy_uj * self.share)


@dataclass
class Interval:
    """What happened since the last reading."""

    energy_j: float = 0.0
    elapsed_s: float = 0.0
    was_reset: bool = False

    def add(self, step: Step) -> None:
        self.energy_j += step.energy_uj * 1e-6
        self.elapsed_s += step.pause_s
        self.was_reset |= step.kind == "reset"

    @property
    def most_j(self) -> float:
        """The most that is believed to have been used."""
        return BOUND_W * (self.elapsed_s + REFRESH_SLACK_S)


@dataclass
class World:
    """A register with its truth, and the counter that reads it."""

    range_uj: int
    below_end_uj: int
    wraps: bool = True
    counter: Counter = field(init=False)
    interval: Interval = field(default_factory=Interval)
    # Readings that were held, and what happened before each.
    held: list[Interval] = field(default_factory=list)
    now_s: float = 10.0
    true_j: float = 0.0
    missing_j: float = 0.0
    invented_j: float = 0.0
    failing: bool = False

    def __post_init__(self) -> None:
        self.raw_uj = max(0, self.range_uj - self.below_end_uj)
        self.counter = Counter(self.range_uj * 1e-6 if self.wraps else None, BOUND_W)
        assert self.read() is None

    def pass_time(self, step: Step) -> None:
        self.now_s += step.pause_s
        self.true_j += step.energy_uj * 1e-6
        self.interval.add(step)
        uj = step.after_reset_uj() if step.kind == "reset" else self.raw_uj + step.energy_uj
        self.raw_uj = uj % self.range_uj if self.wraps else uj

    def fail(self) -> None:
        """A failed read: a gap the first time, no joule and no watt changed."""
        energy_j = self.counter.energy_j
        assert self.counter.miss() == (None if self.failing else "gap")
        assert self.counter.energy_j == energy_j
        self.failing = True

    def read(self) -> Event | None:
        """A good read, and what may be wrong after it."""
        energy_j = self.counter.energy_j
        event = self.counter.update(self.raw_uj * 1e-6, round(self.now_s * 1e9))
        assert self.counter.energy_j >= energy_j
        self.held.append(self.interval)
        self.interval, self.failing = Interval(), False
        if not self.counter.is_held:
            self._allow(event)
            self.held = []
        return event

    def _allow(self, event: Event | None) -> None:
        """What may be wrong of the intervals that are decided now.

        Where there was a reset, or a fall that the power before and after does not explain, their
        energy may be missing. A reset that looks like a wrap adds what is believed at most.
        """
        intervals = self.held
        if event in ("reset", "dropped", "refused") or any(i.was_reset for i in intervals):
            self.missing_j += sum(interval.energy_j for interval in intervals)
        if any(interval.was_reset for interval in intervals):
            self.invented_j += sum(interval.most_j for interval in intervals)

    def check(self) -> None:
        """The error is within what was allowed; no power is negative or above what is believed."""
        undecided_j = self.interval.energy_j + sum(interval.energy_j for interval in self.held)
        error_j = self.true_j - undecided_j - self.counter.energy_j
        assert -self.invented_j - ROUNDING_J <= error_j <= self.missing_j + ROUNDING_J
        power_w = self.counter.power_w
        assert power_w is None or power_w >= 0.0


pauses_s = st.one_of(
    st.floats(0.0005, 0.1), st.floats(0.1, LAP_S), st.floats(LAP_S, 900.0), st.just(0.1)
)
powers_w = st.one_of(st.just(0.0), st.floats(0.0, 100.0), st.floats(0.0, BOUND_W))
kinds: st.SearchStrategy[Kind] = st.sampled_from(["read", "read", "read", "fail", "reset"])
steps = st.builds(Step, pauses_s, powers_w, kinds, st.floats(0.0, 1.0))
ranges_uj = st.one_of(
    st.integers(int(SHORTEST_RANGE_J * 1e6), 20 * int(SHORTEST_RANGE_J * 1e6)),
    st.sampled_from([65_532_610_987, 262_143_328_850]),
)
# Most counters begin so close to their end that a wrap is due soon.
below_end_uj = st.one_of(
    st.integers(1, 300_000_000),
    st.integers(1, 3_000_000_000),
    st.integers(1, 262_143_328_850),
)


@given(ranges_uj, below_end_uj, st.lists(steps, max_size=60), st.booleans())
def test_never_wrong_by_more_than_the_intervals_that_were_reset(
    range_uj: int, below_end_uj: int, schedule: list[Step], wraps: bool
) -> None:
    world = World(range_uj, below_end_uj, wraps)
    for step in schedule:
        world.pass_time(step)
        if step.kind == "fail":
            world.fail()
        elif world.read() == "refused":
            return
        world.check()


steady_w = st.floats(0.1, 0.4 * BOUND_W)
in_time = st.builds(
    Step,
    st.floats(0.0005, LAP_S / 2),
    # Times a power that does not change by more than a wrap may.
    st.floats(1.0, 2.5),
    st.sampled_from(["read", "read", "fail"]),
    st.just(0.0),
)


@given(ranges_uj, below_end_uj, steady_w, st.lists(in_time, max_size=60))
def test_exact_without_resets(
    range_uj: int, below_end_uj: int, least_w: float, schedule: list[Step]
) -> None:
    world = World(range_uj, below_end_uj)
    for step in schedule:
        world.pass_time(replace(step, power_w=step.power_w * least_w))
        if step.kind == "fail" and world.interval.elapsed_s < LAP_S:
            world.fail()
        else:
            assert world.read() is None
    if world.counter.is_held:
        world.pass_time(Step(0.1, least_w, "read", 0.0))
        assert world.read() is None
    assert world.missing_j == world.invented_j == 0.0
    world.check()


@given(
    held=st.integers(1, 400),
    pause_s=st.floats(0.001, 0.2),
    power_w=st.floats(0.001, 0.99 * BOUND_W),
    below_end_uj=st.integers(100_000_000_000, 262_143_328_850),
)
def test_a_counter_that_sticks_and_catches_up_loses_nothing(
    held: int, pause_s: float, power_w: float, below_end_uj: int
) -> None:
    """No wrap lies in between: one after a standstill is not told from a reset."""
    range_uj = 262_143_328_850
    world = World(range_uj, below_end_uj)
    step = Step(pause_s, power_w, "read", 0.0)
    stuck_uj, events = world.raw_uj, []
    for _ in range(held):
        world.pass_time(step)
        events.append(world.counter.update(stuck_uj * 1e-6, round(world.now_s * 1e9)))
        assert world.counter.energy_j == 0.0
        assert world.counter.power_w is None
    assert set(events) == {None}
    world.pass_time(step)
    assert world.read() is None
    assert world.counter.energy_j == pytest.approx(world.true_j, abs=ROUNDING_J)


@given(reads=st.integers(1, 60), pause_s=st.floats(0.01, 3.0), must_move=st.booleans())
def test_stuck_is_said_once_after_two_seconds_and_five_reads(
    reads: int, pause_s: float, must_move: bool
) -> None:
    counter = Counter(must_move=must_move)
    times_ns = [round(n * pause_s * 1e9) for n in range(reads + 1)]
    events = [counter.update(7.0, at_ns) for at_ns in times_ns]
    due = [n for n, at_ns in enumerate(times_ns) if n >= STUCK_READS and at_ns >= STUCK_S * 1e9]
    first = due[0] if due and must_move else None
    assert [n for n, event in enumerate(events) if event] == [first] * (first is not None)
    assert counter.stuck == (first is not None)
    assert counter.energy_j == 0.0
    assert counter.power_w is None


@given(below_end_j=st.floats(300.0, 1900.0), after_j=st.floats(0.0, 50.0))
def test_a_reset_after_a_standstill_is_not_taken_for_a_wrap(
    below_end_j: float, after_j: float
) -> None:
    world = World(65_532_610_987, round(below_end_j * 1e6))
    for _ in range(20):
        world.pass_time(Step(0.1, 0.0, "read", 0.0))
        assert world.read() is None
    world.pass_time(Step(0.1, 10 * after_j, "reset", 1.0))
    assert world.read() is None
    world.pass_time(Step(0.1, 10.0, "read", 0.0))
    assert world.read() == "reset"
    assert world.counter.energy_j == pytest.approx(1.0, abs=1e-5)


@given(
    st.lists(st.floats(10.0, 80.0), min_size=3, max_size=40),
    st.data(),
    st.floats(0.0, 262_143.0),
)
def test_any_one_wrong_reading_costs_nothing(
    powers_w: list[float], data: st.DataObject, wrong_j: float
) -> None:
    raws_j = [1000.0]
    for power_w in powers_w:
        raws_j.append(raws_j[-1] + power_w / 10)
    true_j = raws_j[-1] - raws_j[0]
    place = data.draw(st.integers(1, len(raws_j) - 2))
    # What is within what can be drawn cannot be known to be wrong.
    assume(not 0 <= wrong_j - raws_j[place - 1] <= 0.3 * BOUND_W)
    raws_j[place] = wrong_j
    counter = Counter(262_143.328850, BOUND_W)
    events = [counter.update(raw_j, 10**9 + n * 10**8) for n, raw_j in enumerate(raws_j)]
    assert [event for event in events if event] == ["dropped"]
    assert counter.energy_j == pytest.approx(true_j)
