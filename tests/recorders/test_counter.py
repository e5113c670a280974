"""Raw readings become joules since the beginning: wraps, resets, failures, mirrors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.counter import Change, Counter, Integrator, mirrored, update_period_s
from recorders.sources.rapl_zones import possible_ranges_j

S = 1_000_000_000
INTEL_RANGE_J = 262_143.32885
AMD_RANGE_J = 65_532.610987


def joules(counter: Counter, *readings: tuple[float, float]) -> list[float]:
    energies = []
    for time_s, raw_j in readings:
        counter.update(raw_j, round(time_s * S))
        energies.append(counter.energy_j)
    return energies


def test_the_first_reading_is_zero_joules_whatever_the_counter_shows() -> None:
    assert joules(Counter(), (0, 123_456.0)) == [0.0]


def test_energy_is_what_was_added_since_the_first_reading() -> None:
    assert joules(Counter(), (0, 100.0), (1, 150.0), (2, 175.0)) == [0.0, 50.0, 75.0]


def test_power_is_the_mean_between_two_readings() -> None:
    counter = Counter()
    joules(counter, (0, 0.0), (0.5, 25.0))
    assert counter.power_w == pytest.approx(50.0)


def test_no_power_is_drawn_where_the_counter_did_not_move() -> None:
    counter = Counter()
    joules(counter, (0, 0.0), (0.5, 25.0), (1.0, 25.0))
    assert counter.power_w is None


def test_power_over_less_than_the_settling_time_waits_for_more() -> None:
    counter = Counter(settle_s=0.1)
    joules(counter, (0, 0.0), (0.05, 1.0))
    assert counter.power_w is None
    joules(counter, (0.2, 10.0))
    assert counter.power_w == pytest.approx(50.0)


def of_unknown_range(domain: str = "package", bound_w: float = 1000.0) -> Counter:
    return Counter(None, bound_w=bound_w, possible_ranges_j=possible_ranges_j(domain))


@pytest.mark.parametrize("range_j", possible_ranges_j("dram"))
def test_a_wrap_at_an_unreadable_range_is_told_by_the_width_of_its_register(range_j: float) -> None:
    counter = of_unknown_range("dram", 300.0)
    readings = [(n / 10, range_j - 20 + n) for n in range(20)]
    readings += [(2.0 + n / 10, n + 0.0) for n in range(4)]
    assert joules(counter, *readings)[-1] == pytest.approx(23.0)


def test_a_restart_is_no_wrap_where_no_register_ends_or_two_may_have() -> None:
    for last_j, watts in ((150_000.0, 100.0), (65_520.0, 290.0)):
        counter = of_unknown_range("dram", 300.0)
        before = [(n / 1, last_j + (n - 9) * watts) for n in range(10)]
        told = [counter.update(raw_j, round(s * S)) for s, raw_j in [*before, (10, 5), (11, 280)]]
        assert told[-1] == "reset", last_j
        assert counter.energy_j == pytest.approx(9 * watts + 275.0)


def test_a_drop_after_ten_seconds_invents_no_joules_where_the_range_is_unreadable() -> None:
    counter = of_unknown_range()
    told = [
        counter.update(raw_j, round(s * S))
        for s, raw_j in ((0, 3900.0), (10, 4000.0), (20, 0.01), (30, 100.01))
    ]
    assert told == [None, None, None, "reset"]
    assert counter.energy_j == pytest.approx(200.0)
    assert counter.lacks_j is not None


@pytest.mark.parametrize("range_j", [INTEL_RANGE_J, AMD_RANGE_J])
def test_a_wrap_adds_the_range(range_j: float) -> None:
    counter = Counter(range_j, bound_w=1000.0)
    readings = (0, range_j - 30), (1, 20.0), (2, 70.0)
    assert joules(counter, *readings) == [0.0, 0.0, pytest.approx(100.0)]


def test_a_reading_after_a_fall_is_not_known_before_the_next() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    joules(counter, (0, INTEL_RANGE_J - 30), (1, 20.0))
    assert (counter.is_known, counter.is_held) == (False, True)
    joules(counter, (2, 70.0))
    assert (counter.is_known, counter.is_held) == (True, False)


@given(
    st.lists(st.floats(50, 100), min_size=1, max_size=60),
    st.floats(0, AMD_RANGE_J, exclude_max=True),
    st.sampled_from([300.0, 1000.0, AMD_RANGE_J]),
)
def test_any_number_of_wraps_loses_nothing(
    steps_j: list[float], start_j: float, range_j: float
) -> None:
    counter = Counter(range_j, bound_w=150.0)
    true_j = start_j
    counter.update(true_j % range_j, 0)
    for second, step_j in enumerate(steps_j, 1):
        true_j += step_j
        counter.update(true_j % range_j, second * S)
    if counter.is_held:
        counter.update(true_j % range_j, (len(steps_j) + 1) * S)
    assert counter.energy_j == pytest.approx(math.fsum(steps_j), abs=1e-6)


def test_a_reset_adds_nothing_and_says_so() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    joules(counter, (0, 5000.0), (1, 5050.0))
    assert counter.update(0.0, 2 * S) is None
    assert counter.update(20.0, 3 * S) == "reset"
    assert counter.energy_j == 70.0
    assert counter.power_w is None
    assert counter.lacks_j == pytest.approx(50.0)


def test_a_counter_that_fell_and_stands_has_restarted_when_it_stood_for_long() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    joules(counter, (0, 5000.0), (1, 5050.0))
    events = [counter.update(0.0, n * S) for n in (2, 3, 4, 5)]
    assert [event for event in events if event] == ["reset"]
    assert counter.energy_j == 50.0


@pytest.mark.parametrize("reads", [2, 5, 15])
def test_a_wrong_value_that_is_answered_for_a_while_costs_nothing(reads: int) -> None:
    """A GPU at 200 W that answers 0 for 50 ms and comes back: 16 of 400 J were lost."""
    counter = Counter(bound_w=3000.0)
    readings = [(n / 10, 123.0 + 200.0 * n / 10) for n in range(31)]
    readings[10 : 10 + reads] = [(n / 10, 0.0) for n in range(10, 10 + reads)]
    events = [counter.update(raw_j, round(time_s * S)) for time_s, raw_j in readings]
    assert [event for event in events if event] == ["dropped"]
    assert counter.energy_j == pytest.approx(600.0)


def test_counting_goes_on_after_a_reset() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    assert joules(counter, (0, 5000.0), (1, 0.0), (2, 40.0))[-1] == 40.0


def test_a_counter_without_a_range_that_falls_has_been_reset() -> None:
    counter = Counter()
    counter.update(10.0, 0)
    assert counter.update(5.0, S) is None
    assert counter.update(6.0, 2 * S) == "reset"
    assert counter.energy_j == 1.0


def test_more_power_than_the_bound_is_not_believed() -> None:
    counter = Counter(bound_w=100.0)
    counter.update(0.0, 0)
    assert counter.update(1000.0, S) is None
    assert counter.update(1050.0, 2 * S) == "reset"
    assert counter.energy_j == 50.0


@pytest.mark.parametrize("wrong_j", [0.0, 5.0, 2e6, 4_294_967.295])
def test_a_wrong_reading_by_itself_is_dropped_and_costs_nothing(wrong_j: float) -> None:
    """A GPU's counter that answers 0 once: 1,003,294 J would be invented of 1,800."""
    counter = Counter(bound_w=3000.0)
    readings = [(n / 10, 1_003_294.0 + 60.0 * n) for n in range(31)]
    readings[15] = (1.5, wrong_j)
    events = [counter.update(raw_j, round(time_s * S)) for time_s, raw_j in readings]
    assert [event for event in events if event] == ["dropped"]
    assert counter.energy_j == pytest.approx(1800.0)


def test_a_reset_just_before_the_end_of_the_range_is_not_taken_for_a_wrap() -> None:
    """At 50 W a tenth of a second is 5 J: that 140 J were left to the end says it was no wrap."""
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    counter.learn(0.001)
    start_j = INTEL_RANGE_J - 140 - 50 * 2.0
    before = [(n / 10, start_j + 5.0 * n) for n in range(21)]
    after = [(2.1 + n / 10, 2.5 + 5.0 * n) for n in range(10)]
    events = [counter.update(raw_j, round(time_s * S)) for time_s, raw_j in before + after]
    assert [event for event in events if event] == ["reset"]
    assert counter.energy_j == pytest.approx(100.0 + 45.0)
    assert counter.lacks_j == pytest.approx(142.5)


@pytest.mark.parametrize("rate_hz", [1, 10, 50, 1000])
def test_a_counter_in_a_wrong_unit_is_refused_in_words_and_soon(rate_hz: int) -> None:
    """4 kJ a second: no package draws that, and a reset at each reading says nothing."""
    counter = Counter(137_438.953471, bound_w=1000.0)
    counter.learn(0.001)
    events: list[str] = []
    for n in range(10 * max(rate_hz, 10)):
        if event := counter.update(4000.0 * n / rate_hz % 137_438.95, round(n * S / rate_hz)):
            events.append(event)
        if event == "refused":
            break
    assert events[-1] == "refused"
    assert len(events) <= 3
    assert "counter has the wrong unit" in counter.why
    assert counter.energy_j < 150.0


def test_a_counter_that_jumps_about_is_refused() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    for n, raw_j in enumerate([5000.0, 90_000.0, 20_000.0, 70_000.0, 40_000.0]):
        event = counter.update(raw_j, n * S)
    assert event == "refused"
    assert "jumps" in counter.why


def test_where_readings_are_of_the_past_nothing_is_held() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0, confirms=False)
    assert joules(counter, (0, INTEL_RANGE_J - 30), (1, 20.0)) == [0.0, pytest.approx(50.0)]
    assert counter.update(5.0, 2 * S) == "reset"


def test_a_pause_in_which_the_counter_may_have_lapped_is_not_guessed() -> None:
    counter = Counter(AMD_RANGE_J, bound_w=1000.0)
    counter.update(0.0, 0)
    assert counter.update(280.0, 600 * S) == "reset"
    assert counter.energy_j == 0.0


def test_a_failed_read_is_bridged_exactly_and_only_its_beginning_is_a_gap() -> None:
    counter = Counter(1000.0, bound_w=500.0)
    counter.update(950.0, 0)
    assert [counter.miss() for _ in range(17)] == ["gap"] + [None] * 16
    assert counter.update(35.0, round(1.7 * S)) is None
    assert counter.update(40.0, round(1.8 * S)) is None
    assert counter.energy_j == pytest.approx(90.0)
    assert counter.miss() == "gap"


def test_a_counter_that_must_move_and_does_not_is_stuck_until_it_does() -> None:
    counter = Counter(must_move=True)
    counter.update(7.0, 0)
    events = [counter.update(7.0, tick * S // 10) for tick in range(1, 31)]
    assert [e for e in events if e] == ["stuck"]
    assert counter.stuck
    assert counter.update(8.0, 4 * S) == "moving"
    assert not counter.stuck


@pytest.mark.parametrize(("period_s", "due_s"), [(0.001, 0.05), (0.1, 0.5)])
def test_a_counter_is_stuck_when_it_misses_a_few_of_its_own_updates(
    period_s: float, due_s: float
) -> None:
    counter = Counter(must_move=True)
    counter.learn(period_s)
    counter.update(1.0, 0)
    counter.update(2.0, S)
    assert counter.update(2.0, round((1 + 0.9 * due_s) * S)) is None
    assert counter.update(2.0, round((1 + 1.1 * due_s) * S)) == "stuck"
    assert (counter.moved_ns, counter.is_known) == (S, False)


def test_a_stuck_counter_needs_both_time_and_readings() -> None:
    quick, slow = Counter(must_move=True), Counter(must_move=True)
    quick.update(1.0, 0)
    slow.update(1.0, 0)
    assert all(quick.update(1.0, n * S // 1000) is None for n in range(1, 1000))
    assert [slow.update(1.0, n * 10 * S) for n in range(1, 4)] == [None] * 3


def test_a_counter_that_may_rest_is_never_stuck() -> None:
    counter = Counter()
    counter.update(1.0, 0)
    assert not any(counter.update(1.0, n * S) for n in range(1, 20))


def test_what_was_drawn_while_the_machine_slept_is_not_counted() -> None:
    counter = Counter(INTEL_RANGE_J, bound_w=1000.0)
    joules(counter, (0, 100.0), (1, 150.0))
    counter.forget()
    assert joules(counter, (1.1, 120.0), (2.1, 130.0))[-1] == 60.0


@given(st.lists(st.one_of(st.none(), st.floats(0, 1000)), max_size=60), st.floats(1, 1000))
def test_energy_never_falls_and_power_is_never_negative(
    raws_j: list[float | None], range_j: float
) -> None:
    counter = Counter(range_j, bound_w=500.0, must_move=True)
    energy_j = 0.0
    for tick, raw_j in enumerate(raws_j):
        if raw_j is None:
            counter.miss()
        else:
            counter.update(raw_j % range_j, tick * S // 10)
            assert counter.power_w is None or counter.power_w >= 0
        assert counter.energy_j >= energy_j
        energy_j = counter.energy_j


@given(st.floats(0, 500), st.lists(st.floats(0.001, 2), min_size=1, max_size=40))
def test_a_constant_power_integrates_to_power_times_time(
    power_w: float, steps_s: list[float]
) -> None:
    integrator = Integrator()
    time_ns = 0
    integrator.update(power_w, time_ns)
    for step_s in steps_s:
        time_ns += round(step_s * S)
        integrator.update(power_w, time_ns)
    assert integrator.energy_j == pytest.approx(power_w * time_ns / S)


def test_a_ramp_integrates_by_trapezoids() -> None:
    integrator = Integrator()
    for second in range(11):
        integrator.update(10.0 * second, second * S)
    assert integrator.energy_j == pytest.approx(500.0)
    assert integrator.power_w == 100.0


def test_the_integral_bridges_missing_readings_but_not_a_sleep() -> None:
    integrator = Integrator()
    integrator.update(50.0, 0)
    assert [integrator.miss(), integrator.miss()] == ["gap", None]
    integrator.update(70.0, 2 * S)
    assert integrator.energy_j == pytest.approx(120.0)
    integrator.forget()
    integrator.update(70.0, 100 * S)
    assert integrator.energy_j == pytest.approx(120.0)


@given(st.lists(st.floats(0, 5), min_size=3, max_size=40), st.floats(1, 1e5))
def test_one_counter_shown_twice_is_found(steps_j: list[float], start_j: float) -> None:
    values_j, at_j = [], start_j
    for step_j in steps_j:
        at_j += step_j
        values_j.append(at_j)
    assert mirrored(values_j[0::2], values_j[1::2])


def test_two_counters_that_run_apart_are_two() -> None:
    assert not mirrored([100.0, 101.0, 102.0], [100.5, 102.2, 104.1])
    assert not mirrored([100.0, 101.0, 102.0], [5.0, 6.0, 7.0])


def test_counters_that_say_nothing_count_as_two() -> None:
    assert not mirrored([0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    assert not mirrored([], [])


def seen_ms(*times_ms: tuple[float, float]) -> list[Change]:
    """Changes at times, each with the time of the read before."""
    return [Change(round(seen * 1e6), round(unseen * 1e6)) for seen, unseen in times_ms]


def closely(*times_ms: float) -> list[Change]:
    return seen_ms(*((time_ms, time_ms - 0.05) for time_ms in times_ms))


def test_the_update_period_is_the_most_frequent_step() -> None:
    changes = closely(0, 1, 2, 3, 9, 10.02, 11, 17, 23, 24, 25)
    assert update_period_s(changes) == pytest.approx(0.001, rel=0.02)


def test_a_busy_machine_that_sees_changes_late_does_not_make_an_update_period() -> None:
    every_4_ms = seen_ms(*((4 * n, 4 * n - 3.9) for n in range(20)))
    assert update_period_s(every_4_ms) is None
    then_seen = closely(*(81 + n for n in range(4)))
    assert update_period_s(every_4_ms + then_seen) == pytest.approx(0.001)


@pytest.mark.parametrize("times_ms", [[], [5.0], [5.0, 6.0, 7.0]])
def test_few_changes_give_no_update_period(times_ms: list[float]) -> None:
    assert update_period_s(closely(*times_ms)) is None


def test_power_is_over_the_time_between_moves_where_that_is_known() -> None:
    counter = Counter(settle_s=math.inf)
    counter.update(0.0, 0)
    counter.update(60.0, round(0.08 * S), 0.1)
    assert counter.power_w == pytest.approx(600.0)
    counter.update(120.0, round(0.2 * S))
    assert counter.power_w is None
    counter.update(180.0, round(0.28 * S), 0.2)
    assert counter.power_w == pytest.approx(600.0)


def test_a_time_between_moves_that_is_known_only_after_the_move_is_used_then() -> None:
    """The next power had all energy since the start over one period: 3,465 W for at most 500."""
    counter = Counter(bound_w=8000.0, settle_s=math.inf)
    counter.update(0.0, 0, None)
    counter.update(300.0, S, None)
    counter.update(300.0, S + 50_000_000, 1.0)
    assert counter.power_w == pytest.approx(300.0)
    counter.update(330.0, S + 100_000_000, 0.1)
    assert counter.power_w == pytest.approx(300.0)


def test_the_first_time_between_moves_that_holds_a_reset_gives_no_power() -> None:
    counter = Counter(settle_s=math.inf)
    counter.update(1000.0, 0)
    counter.update(5.0, S)
    assert counter.update(65.0, round(1.1 * S), 1.1) == "reset"
    assert counter.power_w is None
    counter.update(125.0, round(1.2 * S), 0.1)
    assert counter.power_w == pytest.approx(600.0)
