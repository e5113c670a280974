"""Joules per inference, against arithmetic done by hand."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.summary.combining import are_samples
from recorders.summary.figures import Domain, Summary, Value
from recorders.summary.reduction import EventRow
from recorders.summary.stats import interval95, t95
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction

Phase = tuple[str, float, float, int]


class Recording:
    """Phases one after another at a constant power each; a pause of 0.1 s between them."""

    def __init__(self, channel: str = "package0") -> None:
        self.channel = channel
        self.events: list[EventRow] = []
        self.readings: dict[str, list[tuple[float, float]]] = {channel: [(0.0, 0.0)]}
        self._time_s = self._energy_j = 0.0
        self._n: int | None = None

    def phase(
        self,
        name: str,
        seconds: float,
        power_w: float,
        n: int | None = None,
        label: str = "",
        repeat: int | None = None,
        late_n: int | None = None,
    ) -> None:
        self._edge("begin", name, label, repeat)
        self._time_s += seconds
        self._energy_j += seconds * power_w
        if n is not None:
            self._n = (self._n or 0) + n
        self._edge("end", name, label, repeat)
        if late_n is not None:
            self._n = (self._n or 0) + late_n
            self.events.append(event(self._time_s, "note:over", n=self._n))
        self._time_s += 0.1

    def note(self, text: str) -> None:
        self.events.append(event(self._time_s, f"note:{text}"))

    def summary(self) -> Summary:
        return summarise(reduction(self.events, [self.channel], self.readings))

    def _edge(self, what: str, name: str, label: str, repeat: int | None) -> None:
        energy_j = {self.channel: self._energy_j}
        row = event(self._time_s, what, name, energy_j, label, repeat, self._n)
        self.events.append(row)


def domain_of(summary: Summary, channel: str = "package0") -> Domain:
    assert summary.running is not None
    return summary.running.domains[channel]


def figures(domain: Domain) -> list[float | None]:
    values = (
        domain.total_j_per_inference,
        domain.dynamic_j_per_inference,
        domain.marginal_j_per_inference,
    )
    return [value.value if value else None for value in values]


def value_of(value: Value | None) -> float:
    assert value is not None
    return value.value


def plus_minus(value: Value | None) -> float:
    assert value is not None
    assert value.plus_minus is not None
    return value.plus_minus


def usual() -> Recording:
    """100 inferences in 10 s at 50 W, after 20 W idle and 30 W armed."""
    recording = Recording()
    recording.phase("idle", 10.0, 20.0)
    recording.phase("armed", 5.0, 30.0)
    recording.phase("running", 10.0, 50.0, n=100)
    return recording


def test_total_is_all_energy_over_inferences() -> None:
    assert figures(domain_of(usual().summary()))[0] == pytest.approx(500 / 100)


def test_dynamic_leaves_out_what_idling_would_have_drawn() -> None:
    assert figures(domain_of(usual().summary()))[1] == pytest.approx((500 - 20 * 10) / 100)


def test_marginal_leaves_out_what_the_loaded_model_would_have_drawn() -> None:
    assert figures(domain_of(usual().summary()))[2] == pytest.approx((500 - 30 * 10) / 100)


def test_powers_and_energy_are_those_of_the_phases() -> None:
    domain = domain_of(usual().summary())
    assert (domain.idle_w, domain.armed_w) == pytest.approx((20.0, 30.0))
    assert domain.running_w == pytest.approx(50.0)
    assert domain.running_j is not None
    assert domain.running_j.value == pytest.approx(500.0)


@given(
    idle_w=st.floats(1e-3, 300),  # a counter that does not move tells nothing: see below
    armed_w=st.floats(1e-3, 300),
    running_w=st.floats(1e-3, 300),
    idle_s=st.floats(1, 100),
    running_s=st.floats(0.1, 1000),
    n=st.integers(1, 10**6),
)
def test_the_three_formulas_hold_for_any_powers(
    idle_w: float, armed_w: float, running_w: float, idle_s: float, running_s: float, n: int
) -> None:
    recording = Recording()
    recording.phase("idle", idle_s, idle_w)
    recording.phase("armed", 5.0, armed_w)
    recording.phase("running", running_s, running_w, n=n)
    expected = [running_w - base_w for base_w in (0.0, idle_w, armed_w)]
    assert figures(domain_of(recording.summary())) == pytest.approx(
        [power_w * running_s / n for power_w in expected], abs=1e-6 * 1000 / n
    )


def test_running_below_the_idle_power_gives_a_negative_figure_and_it_is_kept() -> None:
    recording = Recording()
    recording.phase("idle", 10.0, 20.0)
    recording.phase("running", 10.0, 15.0, n=10)
    assert figures(domain_of(recording.summary()))[1] == pytest.approx(-5.0)


def test_several_idle_windows_are_weighted_by_their_time() -> None:
    recording = usual()
    recording.phase("idle", 30.0, 24.0)
    assert domain_of(recording.summary()).idle_w == pytest.approx((10 * 20 + 30 * 24) / 40)


def test_warm_up_and_cool_down_are_in_no_figure() -> None:
    plain, padded = usual(), Recording()
    padded.phase("idle", 10.0, 20.0)
    padded.phase("warmup", 3.0, 200.0, n=55)
    padded.phase("armed", 5.0, 30.0)
    padded.phase("running", 10.0, 50.0, n=100)
    padded.phase("cooldown", 3.0, 150.0)
    assert figures(domain_of(padded.summary())) == pytest.approx(
        figures(domain_of(plain.summary()))
    )


def test_a_running_phase_inside_another_is_not_counted_twice() -> None:
    def at(time_s: float, what: str, label: str, n: int) -> EventRow:
        return event(time_s, what, "running", {"package0": 10 * time_s}, label, n=n)

    rows = [
        at(0, "begin", "", 0),
        at(2, "begin", "a", 4),
        at(4, "end", "a", 9),
        at(10, "end", "", 20),
    ]
    summary = summarise(reduction(rows, ["package0"]))
    assert summary.running is not None
    assert (summary.running.seconds, summary.running.inferences) == (10, 20)
    assert figures(domain_of(summary))[0] == pytest.approx(100 / 20)


def test_without_a_baseline_the_net_figures_are_unknown_and_the_total_is_not() -> None:
    recording = Recording()
    recording.phase("running", 10.0, 50.0, n=100)
    summary = recording.summary()
    assert figures(domain_of(summary)) == [pytest.approx(5.0), None, None]
    assert "no_idle" in {flag.name for flag in summary.flags}


def test_without_a_count_there_is_energy_but_none_per_inference() -> None:
    recording = Recording()
    recording.phase("idle", 10.0, 20.0)
    recording.phase("running", 10.0, 50.0)
    summary = recording.summary()
    assert figures(domain_of(summary)) == [None, None, None]
    assert value_of(domain_of(summary).running_j) == pytest.approx(500.0)
    assert "no_count" in {flag.name for flag in summary.flags}


def test_a_recording_without_a_running_phase_says_so() -> None:
    recording = Recording()
    recording.phase("idle", 10.0, 20.0)
    summary = recording.summary()
    assert summary.running is None
    assert "no_running" in {flag.name for flag in summary.flags}


def test_an_empty_recording_has_a_summary() -> None:
    summary = summarise(reduction([], []))
    assert (summary.headline, summary.running) == (None, None)


@given(st.floats(0.0001, 0.5), st.floats(1, 100), st.integers(1, 1000))
def test_the_instrument_leaves_one_counter_update_of_energy_open(
    update_s: float, power_w: float, n: int
) -> None:
    recording = Recording()
    recording.note(f"update_period_s package0={update_s:.6f}")
    recording.phase("running", 10.0, power_w, n=n)
    total = domain_of(recording.summary()).total_j_per_inference
    assert plus_minus(total) == pytest.approx(power_w * update_s / n, rel=0.01)


def test_what_is_open_is_never_less_than_what_the_file_can_tell_apart() -> None:
    recording = Recording()
    recording.note("update_period_s package0=0.000001")
    recording.phase("running", 10.0, 0.002, n=10)
    total = domain_of(recording.summary()).total_j_per_inference
    assert plus_minus(total) == pytest.approx(1e-6 / 10)  # not 2 nJ


def test_what_is_open_grows_with_the_root_of_the_number_of_windows() -> None:
    once, often = Recording(), Recording()
    for recording, windows in ((once, 1), (often, 9)):
        recording.note("update_period_s package0=0.001000")
        for _ in range(windows):
            recording.phase("running", 9.0 / windows, 50.0, n=90 // windows)
    totals = [domain_of(r.summary()).total_j_per_inference for r in (once, often)]
    assert plus_minus(totals[1]) == pytest.approx(3 * plus_minus(totals[0]))


def test_an_edge_that_no_reading_is_near_leaves_open_what_lies_between_them() -> None:
    # The recorder was held for 7 s, and the phase of 0.5 s in it came late: anything from 0 to
    # all of the 210 J may have been used in it.
    late = [event(9.0, "late:5.000000", "running", label="b"), event(9.0, "begin", "running")]
    late += [event(9.0, "late:5.500000", "running"), event(9.0, "end", "running", n=10)]
    readings = {"package0": [(0.0, 0.0), (2.0, 60.0), (9.0, 270.0)]}
    noted = event(0.0, "note:update_period_s package0=0.001000")
    energy = domain_of(summarise(reduction([noted, *late], ["package0"], readings))).running_j
    assert value_of(energy) == pytest.approx(15.0)
    assert plus_minus(energy) == pytest.approx(math.hypot(4 / 7 * 210, 3.5 / 7 * 210))


def test_a_restless_baseline_widens_the_dynamic_energy_by_the_interval_of_its_mean() -> None:
    idle_w = [20.0, 24.0, 18.0, 22.0, 26.0]
    recording = Recording()
    recording.note("update_period_s package0=0.000001")
    recording.phase("idle", 5.0, fmean(idle_w))
    recording.phase("running", 10.0, 50.0, n=100)
    energies = [(float(second), sum(idle_w[:second])) for second in range(6)]
    recording.readings["package0"] = energies
    dynamic = domain_of(recording.summary()).dynamic_j_per_inference
    standard_error_w = stdev(idle_w) / math.sqrt(5)
    assert plus_minus(dynamic) == pytest.approx(2.776445 * standard_error_w * 10 / 100, rel=1e-3)


def test_an_estimate_claims_no_precision() -> None:
    recording = Recording("est_cpu")
    recording.phase("running", 10.0, 50.0, n=100)
    summary = recording.summary()
    domain = domain_of(summary, "est_cpu")
    assert domain.origin == "estimated"
    assert domain.total_j_per_inference is not None
    assert domain.total_j_per_inference.plus_minus is None
    assert domain.total_j_per_inference.value == pytest.approx(5.0)
    assert "estimated" in {flag.name for flag in summary.flags}


def repeated(powers_w: list[float], update_s: float = 1e-6) -> Summary:
    recording = Recording()
    recording.note(f"update_period_s package0={update_s:f}")
    recording.phase("idle", 10.0, 20.0)
    recording.readings["package0"] = [(float(second), 20.0 * second) for second in range(11)]
    for repeat, power_w in enumerate(powers_w, 1):
        recording.phase("running", 10.0, power_w, n=100, repeat=repeat)
    return recording.summary()


def test_each_repeat_has_its_own_figures() -> None:
    summary = repeated([50.0, 60.0, 40.0])
    assert [group.repeat for group in summary.repeats] == [1, 2, 3]
    totals = [group.domains["package0"].total_j_per_inference for group in summary.repeats]
    assert [total and total.value for total in totals] == pytest.approx([5.0, 6.0, 4.0])


def test_over_repeats_the_interval_is_students() -> None:
    powers_w = [50.0, 60.0, 40.0, 55.0]
    domain = domain_of(repeated(powers_w))
    values = [power_w * 10 / 100 for power_w in powers_w]
    half = 3.182446 * stdev(values) / math.sqrt(4)
    assert value_of(domain.total_j_per_inference) == pytest.approx(fmean(values))
    assert plus_minus(domain.total_j_per_inference) == pytest.approx(half, rel=1e-3)
    assert plus_minus(domain.dynamic_j_per_inference) == pytest.approx(half, rel=1e-3)


def test_repeats_with_equal_ticks_keep_the_uncertainty_of_the_counter() -> None:
    """Five equal readings said ± 0 of a counter that moves in steps of 5 J."""
    domain = domain_of(repeated([50.0] * 5, update_s=0.1))
    energy, total = domain.running_j, domain.total_j_per_inference
    assert plus_minus(energy) == pytest.approx(math.sqrt(5) * 50 * 0.1)
    assert plus_minus(total) == pytest.approx(math.sqrt(5) * 50 * 0.1 / 500)
    assert plus_minus(domain.dynamic_j_per_inference) > plus_minus(total)


def test_repeats_whose_spread_is_rounding_have_no_known_uncertainty() -> None:
    """Of an estimate nothing but the scatter is known, and there is none."""
    recording = Recording("est_cpu")
    for repeat in range(1, 4):
        recording.phase("running", 10.0, 0.1 + 0.2, n=100, repeat=repeat)
    total = domain_of(recording.summary(), "est_cpu").total_j_per_inference
    assert total is not None
    assert total.plus_minus is None


def test_mean_and_median_over_repeats() -> None:
    found = repeated([50.0, 70.0, 54.0]).over_repeats["total_j_per_inference"]
    assert (found.mean, found.median) == pytest.approx((5.8, 5.4))
    assert found.interval95 == pytest.approx(
        4.302653 * stdev([5.0, 7.0, 5.4]) / math.sqrt(3), rel=1e-3
    )


def test_the_median_of_an_even_number_of_repeats_is_between_the_middle_two() -> None:
    found = repeated([50.0, 70.0, 54.0, 60.0]).over_repeats["total_j_per_inference"]
    assert found.median == pytest.approx(5.7)


def test_one_run_has_no_repeats() -> None:
    summary = usual().summary()
    assert (summary.repeats, summary.over_repeats) == ([], {})


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042)]
)
def test_students_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert t95(degrees) == pytest.approx(quantile, abs=5e-4)


@pytest.mark.parametrize(("degrees", "quantile"), [(31, 2.040), (40, 2.021), (60, 2.000)])
def test_many_repeats_still_have_students_quantile(degrees: int, quantile: float) -> None:
    assert t95(degrees) == pytest.approx(quantile, rel=0.01)


@given(st.lists(st.floats(1, 100), min_size=2, max_size=20), st.floats(0.1, 10))
def test_the_interval_scales_with_its_values(values: list[float], factor: float) -> None:
    scaled = interval95([factor * value for value in values])
    assert scaled == pytest.approx(factor * interval95(values), rel=1e-6, abs=1e-9)


def test_each_label_has_its_own_figures_against_its_own_armed_power() -> None:
    recording = Recording()
    for label, armed_w, running_w, n in (("b1", 25.0, 45.0, 100), ("b32", 35.0, 95.0, 3200)):
        recording.phase("armed", 5.0, armed_w, label=label)
        recording.phase("running", 10.0, running_w, n=n, label=label)
    groups = {group.label: group.domains["package0"] for group in recording.summary().labels}
    assert figures(groups["b1"])[0] == pytest.approx(450 / 100)
    assert figures(groups["b1"])[2] == pytest.approx((45 - 25) * 10 / 100)
    assert figures(groups["b32"])[2] == pytest.approx((95 - 35) * 10 / 3200)


def test_a_label_that_ran_several_times_has_the_interval_of_its_own_repeats() -> None:
    recording = Recording()
    powers_w = {"b1": [50.0, 60.0, 40.0], "b8": [80.0, 80.0, 80.0]}
    for repeat in (1, 2, 3):
        for label, watts in powers_w.items():
            power_w = watts[repeat - 1]
            recording.phase("running", 10.0, power_w, n=100, label=label, repeat=repeat)
    groups = {group.label: group.domains["package0"] for group in recording.summary().labels}
    half = 4.302653 * stdev([5.0, 6.0, 4.0]) / math.sqrt(3)
    assert plus_minus(groups["b1"].total_j_per_inference) == pytest.approx(half, rel=1e-3)
    # Without any spread, what is left is an update (0.1 s, as it is not known) of each repeat.
    update = math.sqrt(3) * 80 * 0.1 / 300
    assert plus_minus(groups["b8"].total_j_per_inference) == pytest.approx(update)


def test_repeats_that_did_not_run_the_same_are_no_samples_of_all_that_ran() -> None:
    recording = Recording()
    for label, repeat, power_w in (("a", 1, 10.0), ("a", 2, 11.0), ("b", None, 500.0)):
        recording.phase("running", 10.0, power_w, n=100, label=label, repeat=repeat)
    summary = recording.summary()
    whole = domain_of(summary)
    assert value_of(whole.running_j) == pytest.approx(5210)
    assert whole.running_j is not None
    assert whole.running_j.plus_minus == whole.running_j.resolution, "of the instrument"
    assert summary.over_repeats == {}
    b, a = (summary.labels[n].domains["package0"].total_j_per_inference for n in (1, 0))
    half = 12.706205 * stdev([1.0, 1.1]) / math.sqrt(2)
    assert plus_minus(a) == pytest.approx(half, rel=1e-3)
    assert b is not None
    assert b.plus_minus == b.resolution


@pytest.mark.parametrize(
    ("windows", "alike"),
    [
        ([(1, "a"), (2, "a")], True),
        ([(1, "a"), (1, "b"), (2, "b"), (2, "a")], True),
        ([(1, "a"), (2, "a"), (None, "b")], False),
        ([(1, "a"), (1, "b"), (2, "a")], False),
        ([(1, "a"), (2, "a"), (None, "a")], False),
        ([(1, "a")], False),
        ([(None, "a"), (None, "a")], False),
        ([], False),
    ],
)
def test_repeats_are_samples_where_each_ran_the_same(
    windows: list[tuple[int | None, str]], alike: bool
) -> None:
    assert are_samples(windows) is alike


def layers(powers_w: Mapping[str, float], *notes: str) -> Summary:
    """Cells of 10 s and 100 inferences each, over an idle power of 20 W."""
    recording = Recording()
    recording.phase("idle", 10.0, 20.0)
    for label, power_w in powers_w.items():
        recording.phase("running", 10.0, power_w, n=100, label=label)
    for text in notes:
        recording.note(text)
    return recording.summary()


def test_a_difference_of_two_labels_is_that_of_their_figures() -> None:
    summary = layers({"to conv": 50.0, "to relu": 53.0}, "difference to relu minus to conv")
    (found,) = summary.differences
    assert (found.label, found.minus) == ("to relu", "to conv")
    figure = found.domains["package0"].total_j_per_inference
    assert value_of(figure) == pytest.approx(0.3)
    wholes = [group.domains["package0"].total_j_per_inference for group in summary.labels]
    assert plus_minus(figure) == pytest.approx(math.hypot(*map(plus_minus, wholes)))
    assert "negative_difference" not in [flag.name for flag in summary.flags]


def test_a_difference_below_zero_stays_and_is_flagged() -> None:
    summary = layers({"a": 50.0, "b": 47.0}, "difference b minus a")
    figure = summary.differences[0].domains["package0"].total_j_per_inference
    assert value_of(figure) == pytest.approx(-0.3)
    (flag,) = [flag for flag in summary.flags if flag.name == "negative_difference"]
    assert flag.where == "b"
    assert flag.text.startswith("1 of 1 differences")


def test_the_parts_of_a_whole_are_summed_with_their_doubts_in_quadrature() -> None:
    notes = ("part conv of net", "part fc of net", "part fc of net", "part gone of net")
    summary = layers({"net": 60.0, "conv": 50.0, "fc": 30.0}, *notes)
    (found,) = summary.sums
    assert (found.whole, found.parts) == ("net", 2)
    figures_ = found.domains["package0"]
    assert value_of(figures_.total_j_per_inference) == pytest.approx(8.0)
    assert value_of(figures_.dynamic_j_per_inference) == pytest.approx(4.0)
    assert figures_.marginal_j_per_inference is None


@pytest.mark.parametrize("note", ["difference a", "difference a minus gone", "part a", "part  of "])
def test_a_note_about_what_did_not_run_gives_nothing(note: str) -> None:
    summary = layers({"a": 50.0}, note)
    assert (summary.differences, summary.sums) == ([], [])


def test_a_count_given_for_the_command_belongs_to_all_that_ran() -> None:
    recording = Recording()
    recording.phase("running", 5.0, 50.0)
    recording.phase("running", 5.0, 50.0, late_n=10)
    assert figures(domain_of(recording.summary()))[0] == pytest.approx(500 / 10)


def test_a_count_given_for_the_command_is_not_repeated_for_every_label() -> None:
    recording = Recording()
    recording.phase("running", 5.0, 50.0, label="b1")
    recording.phase("running", 5.0, 50.0, label="b32", late_n=10)
    summary = recording.summary()
    assert summary.running is not None
    known = [group.inferences for group in summary.labels if group.inferences is not None]
    assert summary.running.inferences == 10
    assert sum(known) <= 10


def test_a_count_given_for_the_command_belongs_to_each_of_its_repeats() -> None:
    recording = Recording()
    for repeat in (1, 2, 3):
        recording.phase("running", 10.0, 50.0, repeat=repeat, late_n=10)
    summary = recording.summary()
    assert summary.running is not None
    assert summary.running.inferences == 30
    assert [group.inferences for group in summary.repeats] == [10, 10, 10]
    assert figures(domain_of(summary))[0] == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("channels", "headline"),
    [
        (["package0", "psys", "total"], "total"),
        (["est_cpu", "psys"], "psys"),
        (["psys", "sim_cpu"], "psys"),
        (["core0"], "core0"),
        ([], None),
    ],
)
def test_the_headline_is_the_total_or_the_best_there_is(
    channels: list[str], headline: str | None
) -> None:
    assert summarise(reduction([], channels)).headline == headline


def test_a_summary_is_plain_json() -> None:
    summary = json.loads(json.dumps(usual().summary().to_dict(), allow_nan=False))
    total: Mapping[str, float] = summary["running"]["domains"]["package0"]["total_j_per_inference"]
    assert total["value"] == pytest.approx(5.0)
    assert [row["phase"] for row in summary["phases"]] == ["idle", "armed", "running"]


PHASES = st.tuples(
    st.sampled_from(["idle", "armed", "running", "io"]),
    st.just(0.0) | st.floats(0.001, 20),
    st.floats(0, 200),
    st.integers(0, 50),
)


@given(st.lists(PHASES, max_size=8))
def test_any_sequence_of_phases_has_a_summary(phases: list[Phase]) -> None:
    recording = Recording()
    for name, seconds, power_w, n in phases:
        recording.phase(name, seconds, power_w, n=n)
    summary = recording.summary()
    json.dumps(summary.to_dict(), allow_nan=False)
    ran = [seconds for name, seconds, _, _ in phases if name == "running"]
    assert (summary.running is not None) == bool(ran)
    if summary.running:
        assert summary.running.seconds == pytest.approx(math.fsum(ran))


SLOW_GPU = {"package0": 0.001, "gpu0": 0.1}


def short_command(gpu_j: float, idle_gpu_j: float = 200.0) -> Summary:
    """43 ms at 10 W of a processor, after 10 s at 5 W, beside a GPU that is read every 100 ms."""
    noted = " ".join(f"{name}={period}" for name, period in SLOW_GPU.items())

    def edge(time_s: float, what: str, phase: str, package_j: float, gpu_j: float) -> EventRow:
        joules = {"package0": package_j, "gpu0": gpu_j, "total": package_j + gpu_j}
        return event(time_s, what, phase, joules, n=100 if time_s > 11 else 0)

    rows = [
        event(0.0, f"note:update_period_s {noted}"),
        edge(0.0, "begin", "idle", 0.0, 0.0),
        edge(10.0, "end", "idle", 50.0, idle_gpu_j),
        edge(11.0, "begin", "running", 55.0, 220.0),
        edge(11.043, "end", "running", 55.43, 220.0 + gpu_j),
    ]
    return summarise(reduction(rows, ["package0", "gpu0", "total"]))


def test_a_counter_that_did_not_move_is_unknown_and_not_0_joules() -> None:
    found = short_command(gpu_j=0.0)
    gpu = domain_of(found, "gpu0")
    assert (gpu.running_j, gpu.running_w, gpu.total_j_per_inference) == (None, None, None)
    assert gpu.idle_w == pytest.approx(20.0)
    assert value_of(domain_of(found).running_j) == pytest.approx(0.43)
    total = domain_of(found, "total").running_j
    assert value_of(total) == pytest.approx(0.43)
    assert total is not None
    assert total.plus_minus is None  # an update of the GPU may be missing in it
    assert found.contents == "1 package, no GPU"
    (flag,) = (flag for flag in found.flags if flag.name == "incomplete")
    assert flag.text.startswith("without gpu0: its counter did not move while it ran")


def test_a_counter_that_moved_once_is_a_figure_with_its_error() -> None:
    found = short_command(gpu_j=2.0)
    gpu_j = domain_of(found, "gpu0").running_j
    assert (value_of(gpu_j), plus_minus(gpu_j)) == pytest.approx((2.0, 2.0 / 0.043 * 0.1))
    assert found.contents == ""


def test_a_baseline_too_short_for_the_counter_to_move_is_unknown_and_not_0_watts() -> None:
    recording = Recording()
    recording.phase("idle", 0.05, 0.0)
    recording.phase("running", 10.0, 15.0, n=10)
    domain = domain_of(recording.summary())
    assert domain.idle_w is None
    assert figures(domain)[:2] == [pytest.approx(15.0), None]


def test_a_label_in_which_a_counter_did_not_move_is_named() -> None:
    recording = Recording()
    recording.phase("running", 10.0, 15.0, n=10, label="b1")
    recording.phase("running", 0.01, 0.0, n=10, label="b8")
    found = recording.summary()
    assert [group.domains["package0"].running_j is None for group in found.labels] == [False, True]
    (flag,) = (flag for flag in found.flags if flag.name == "under_one_update")
    assert flag.text.startswith("its counter did not move while b8 ran")


@pytest.mark.slow
def test_the_time_for_a_summary_grows_with_the_number_of_phases_not_its_square() -> None:
    def seconds(phases: int) -> float:
        rows = [
            event(number + part, what, "running", {"package0": 10.0 * number + part}, f"b{number}")
            for number in range(phases)
            for part, what in ((0.0, "begin"), (0.5, "end"))
        ]
        begun_s = time.process_time()
        summarise(reduction(rows, ["package0"]))
        return time.process_time() - begun_s

    seconds(100)
    assert seconds(8000) < 40 * seconds(1000) + 0.1
