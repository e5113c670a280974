"""A counter that refreshes periodically, read at other times: the interval of its energy."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from recorders.beat import SHARE, Beat

LOOK_S = 0.005
CALL_S = 50e-6


@dataclass
class Simulated:
    """A counter with a curve, a refresh that may be uneven, and reads that may be late."""

    period_s: float
    rate_hz: float
    late_s: float = 0.0
    uneven: float = 0.0
    seed: int = 0
    energy_j: Callable[[float], float] = lambda t_s: 300.0 * t_s
    seconds: float = 20.0
    beat: Beat = field(default_factory=Beat)
    looks: int = 0
    wakes: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        begin_s = self.random.random() * self.period_s
        count = int(self.seconds / self.period_s) + 100
        errors_s = (self.random.gauss(0, self.uneven) * self.period_s for _ in range(count))
        self.moves_s = [begin_s + n * self.period_s + e for n, e in enumerate(errors_s)]

    def shown_j(self, at_s: float) -> float:
        """The counter, in whole millijoules."""
        place = bisect_right(self.moves_s, at_s) - 1
        return math.floor(self.energy_j(self.moves_s[place]) * 1e3) / 1e3 if place >= 0 else 0.0

    def powers(self) -> Iterator[tuple[float, float]]:
        """When a power is given, and the power."""
        now_s, due_s, from_j = self.period_s, 0.0, self.shown_j(self.period_s)
        start_s = now_s + self.random.random() * self.period_s
        for tick in range(int(self.seconds * self.rate_hz)):
            tick_s = start_s + tick / self.rate_hz + abs(self.random.gauss(0, self.late_s))
            while (at_ns := self.beat.look_at_ns(round(now_s * 1e9))) is not None:
                woken_s = max(now_s + LOOK_S * (1 + self.random.random() / 10), at_ns * 1e-9)
                if woken_s + 0.1 * LOOK_S > tick_s:
                    break
                now_s = woken_s
                self.wakes += 1
                if self.beat.look_is_due(round(now_s * 1e9)):
                    self.beat.look(self.shown_j(now_s), *self._times_ns(now_s))
                    self.looks += 1
            now_s = max(now_s, tick_s)
            if now_s < due_s:
                continue
            due_s = max(due_s + self.period_s, now_s + self.period_s / 2)
            shown_j = self.shown_j(now_s)
            over_s = self.beat.over_s(shown_j, *self._times_ns(now_s))
            if over_s:
                yield now_s, (shown_j - from_j) / over_s
            if over_s or not tick:
                from_j = shown_j

    def _times_ns(self, at_s: float) -> tuple[int, int]:
        return round(at_s * 1e9), round((at_s + CALL_S) * 1e9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("late_s", [0.0, 0.001, 0.004, 0.02])
@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 50.0])
@pytest.mark.parametrize("period_s", [0.02, 0.1])
def test_a_constant_load_has_one_power_however_the_reads_fall(
    period_s: float, rate_hz: float, late_s: float, seed: int
) -> None:
    world = Simulated(period_s, rate_hz, late_s, seed=seed)
    powers = list(world.powers())
    assert len(powers) > 10
    assert [w for _, w in powers] == pytest.approx([300.0] * len(powers), rel=1.2 * SHARE)


@pytest.mark.parametrize("seed", range(8))
def test_refreshes_that_come_a_little_early_or_late_are_followed(seed: int) -> None:
    world = Simulated(0.1, 10.0, 0.001, uneven=0.005, seed=seed)
    powers = [w for _, w in world.powers()]
    assert len(powers) > 20
    assert powers == pytest.approx([300.0] * len(powers), rel=0.1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 50.0])
def test_a_step_is_seen_soon_and_without_overshoot(rate_hz: float, seed: int) -> None:
    step_s, low_w, high_w = 10.03, 90.0, 610.0

    def energy_j(t_s: float) -> float:
        return low_w * min(t_s, step_s) + high_w * max(0.0, t_s - step_s)

    world = Simulated(0.1, rate_hz, 0.001, seed=seed, energy_j=energy_j)
    powers = list(world.powers())
    assert min(w for _, w in powers) >= low_w * (1 - 1.2 * SHARE)
    assert max(w for _, w in powers) <= high_w * (1 + 1.2 * SHARE)
    arrived_s = next(at_s for at_s, w in powers if w > high_w * (1 - 1.2 * SHARE))
    assert arrived_s < step_s + 5.0


def test_a_counter_without_a_beat_has_powers_over_many_refreshes() -> None:
    world = Simulated(0.1, 10.0, 0.001, uneven=0.3)
    world.moves_s.sort()
    powers = [w for _, w in world.powers()]
    assert len(powers) > 3
    assert powers == pytest.approx([300.0] * len(powers), rel=3 * SHARE)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("period_s", [0.02, 0.1])
def test_the_first_power_comes_when_the_beat_is_known(period_s: float, seed: int) -> None:
    world = Simulated(period_s, 10.0, 0.001, seed=seed)
    first_s, first_w = next(world.powers())
    assert first_s < 14 * period_s + 0.5
    assert first_w == pytest.approx(300.0, rel=1.2 * SHARE)


def test_the_beat_is_looked_at_ever_more_seldom() -> None:
    world = Simulated(0.1, 10.0, seconds=100.0)
    list(world.powers())
    assert world.beat.period_s == pytest.approx(0.1, rel=1e-3)
    assert world.looks < 500


@pytest.mark.parametrize("seed", range(4))
def test_between_reads_far_apart_the_counter_is_left_alone(seed: int) -> None:
    world = Simulated(0.02, 5.0, 0.001, seed=seed)
    assert len(list(world.powers())) > 90
    assert world.looks < 300
    assert world.wakes < 400


def test_a_counter_that_never_moves_is_given_up() -> None:
    beat = Beat()
    looks = 0
    while beat.look_at_ns(looks * 5_000_000) is not None:
        beat.look(7.0, looks * 5_000_000, looks * 5_000_000 + 1000)
        looks += 1
    assert looks < 1000
    assert beat.period_s is None


def test_a_sleep_soon_after_the_beat_was_found_is_no_reason_to_give_it_up() -> None:
    beat, now_ns = Beat(), 0

    def look_until_known() -> None:
        nonlocal now_ns
        while beat.look_at_ns(now_ns) is not None:
            now_ns += 5_000_000
            beat.look(now_ns // 100_000_000, now_ns, now_ns + 50_000)

    look_until_known()
    beat.restart()
    assert beat.look_at_ns(now_ns) == now_ns
    look_until_known()
    assert beat.period_s == pytest.approx(0.1, rel=0.01)
    middle_ns = (now_ns // 10**8 + 1) * 10**8 + 50_000_000
    times_ns = range(middle_ns, middle_ns + 10**9, 10**8)
    spans_s = [beat.over_s(at_ns // 10**8, at_ns, at_ns + 50_000) for at_ns in times_ns]
    assert spans_s[1:] == pytest.approx([0.1] * 9, rel=0.02)


def test_no_power_is_given_across_a_sleep() -> None:
    world = Simulated(0.1, 10.0)
    list(world.powers())
    world.beat.restart()
    assert world.beat.over_s(1e6, 10**12, 10**12 + 1000) is None
    assert world.beat.over_s(1e6 + 1, 10**12 + 50_000_000, 10**12 + 50_001_000) is None
