"""Every doubt has a name, the channels it is about, and words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recorders.summary.figures import Flag
from recorders.summary.reduction import EventRow
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction

Readings = Mapping[str, Sequence[tuple[float, float]]]


def phase(
    name: str, start_s: float, end_s: float, power_w: float, n: int | None = None
) -> list[EventRow]:
    return [
        event(start_s, "begin", name, {"total": 0.0}, n=0 if n else None),
        event(end_s, "end", name, {"total": (end_s - start_s) * power_w}, n=n),
    ]


GOOD = [*phase("idle", 0, 10, 20.0), *phase("running", 11, 31, 50.0, n=1000)]


def flags(
    rows: Sequence[EventRow], channels: Sequence[str] = ("total",), seconds: Readings | None = None
) -> dict[str, Flag]:
    return {flag.name: flag for flag in summarise(reduction(rows, channels, seconds)).flags}


def test_a_clean_recording_has_no_flags() -> None:
    assert flags(GOOD) == {}


def test_nothing_measured_at_all_is_said() -> None:
    assert "no_power" in flags(GOOD, channels=())


@pytest.mark.parametrize("failed_s", [0.0, 5.0, 20.0])
def test_a_channel_that_is_never_read_again_says_why_the_total_is_unknown(failed_s: float) -> None:
    package, dram, total = ("package0", "dram0", "total")
    read = {package: 0.0} if failed_s < 11 else {package: 0.0, dram: 0.0, total: 0.0}
    rows = [
        event(11.0, "begin", "running", read, n=0),
        event(31.0, "end", "running", {package: 1000.0}, n=100),
    ]
    rows.insert(failed_s > 11, event(failed_s, "gap:dram0"))
    found = summarise(reduction(rows, [package, dram, total]))
    assert found.running is not None
    assert found.running.domains[total].running_j is None
    (gap,) = (flag for flag in found.flags if flag.name == "gap")
    assert (gap.where, gap.text) == (
        dram,
        "no reading at an edge of running: its energy there is unknown, and so is the total",
    )


@pytest.mark.parametrize(
    ("channel", "name", "word"),
    [("est_cpu", "estimated", "estimated"), ("sim_cpu", "simulated", "made-up")],
)
def test_energy_that_was_not_measured_is_said(channel: str, name: str, word: str) -> None:
    found = flags(GOOD, channels=[channel])
    assert found[name].where == channel
    assert word in found[name].text


def test_running_time_without_a_label_is_told_beside_labels() -> None:
    rows = [
        *phase("idle", 0, 10, 20.0),
        event(11.0, "begin", "running", {"total": 0.0}, n=0, label="a"),
        event(11.3, "end", "running", {"total": 15.0}, n=1, label="a"),
        event(12.0, "begin", "running", {"total": 20.0}, n=1),
        event(13.2, "end", "running", {"total": 80.0}, n=101),
    ]
    flag = flags(rows)["unlabelled"]
    assert flag.text == "1.2 s and 100 inferences have no label and are in the figure of none"
    assert "unlabelled" not in flags(rows[:4])


def test_a_missing_count_names_the_ways_to_give_one() -> None:
    text = flags([*GOOD[:2], *phase("running", 11, 31, 50.0)])["no_count"].text
    assert all(way in text for way in ("--inferences", "--count-match", "wattui.count()"))


def test_a_count_that_went_away_with_its_server_sends_nobody_to_count_themselves() -> None:
    rows = [*GOOD[:2], *phase("running", 11, 31, 50.0)]
    text = flags([event(0, "note:server_unread http://h/metrics: gone"), *rows])["no_count"].text
    assert text == "no count is known, as a server could not be read; see server_unread"


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ("server_restarted http://h/metrics: what it counted", "a server restarted"),
        ("server_counts http://h/metrics: vLLM counts tokens_out", "the server counted nothing"),
    ],
)
def test_a_missing_count_of_a_server_speaks_of_the_server(note: str, says: str) -> None:
    rows = [*GOOD[:2], *phase("running", 11, 31, 50.0)]
    text = flags([event(0, f"note:{note}"), *rows])["no_count"].text
    assert says in text
    assert "--inferences" not in text


def test_a_missing_idle_baseline_is_said() -> None:
    assert "--idle" in flags(GOOD[2:])["no_idle"].text


def test_a_recording_that_broke_off_is_said() -> None:
    assert flags(GOOD[:3])["unfinished"].where == "running"


def test_a_recording_whose_phases_were_ended_when_it_broke_off_is_said() -> None:
    note = event(32, "note:broken off: the recording program was stopped before it had finished")
    assert "was stopped before it had finished" in flags([*GOOD, note])["unfinished"].text


def test_a_recording_that_broke_off_at_the_first_instant_of_a_phase_is_still_summarised() -> None:
    note = event(0, "note:update_period_s total=0.001")
    assert "unfinished" in flags([note, *GOOD[:3]])


@pytest.mark.parametrize(
    ("kind", "word"), [("gap", "bridged"), ("reset", "restarted"), ("lost", "disappeared")]
)
def test_what_happened_to_a_sensor_while_running_is_said(kind: str, word: str) -> None:
    found = flags([*GOOD[:3], event(15, f"{kind}:dram0", "running"), GOOD[3]])
    assert (found[kind].where, word in found[kind].text) == ("dram0", True)


def test_what_happened_between_the_phases_that_count_is_not_a_doubt() -> None:
    assert flags([*GOOD[:2], event(10.5, "reset:dram0"), *GOOD[2:]]) == {}


@pytest.mark.parametrize(
    ("note", "name"),
    [
        ("integrated gpu0", "integrated"),
        ("dropped dram0", "dropped"),
        ("mig gpu0", "mig"),
    ],
)
def test_what_was_noted_of_a_sensor_is_said_once(note: str, name: str) -> None:
    rows = [event(0, f"note:{note}"), event(1, f"note:{note}"), *GOOD]
    assert flags(rows)[name].where == note.partition(" ")[2]


def test_a_note_of_the_person_is_not_a_flag() -> None:
    assert flags([event(12, "note:opened the window"), *GOOD]) == {}


def test_an_edge_between_two_readings_is_said() -> None:
    begin, end = GOOD[2], event(31, "end", "running", n=1000)
    readings = {"total": [(30.0, 950.0), (32.0, 1050.0)]}
    found = flags([*GOOD[:2], begin, end], seconds=readings)
    assert found["bridged_edge"].where == "total"


@pytest.mark.parametrize(("update_s", "flagged"), [(0.1, False), (0.21, True)])
def test_a_running_phase_under_100_updates_of_a_counter_is_short(
    update_s: float, flagged: bool
) -> None:
    rows = [event(0, f"note:update_period_s total={update_s}"), *GOOD]
    assert ("short_window" in flags(rows)) is flagged


@given(st.floats(0.201, 100))
@example(20 / (100 / 9.7))
def test_the_uncertainty_of_a_short_window_is_one_update_in_percent(update_s: float) -> None:
    rows = [event(0, f"note:update_period_s total={update_s}"), *GOOD]
    found = re.search(r"±(\S+) %", flags(rows)["short_window"].text)
    assert found is not None
    assert "e" not in found[1]
    assert float(found[1]) == pytest.approx(100 * update_s / 20, rel=0.34)


@pytest.mark.parametrize(
    ("running_w", "later_w", "flagged"),
    [(50.0, 21.4, False), (50.0, 21.6, True), (50.0, 18.0, True), (22.0, 20.5, True)],
)
def test_idle_power_that_moved_by_more_than_5_percent_of_the_dynamic_power_is_drift(
    running_w: float, later_w: float, flagged: bool
) -> None:
    """Half a watt is nothing to a run at 50 W, and a quarter of what one at 22 W drew."""
    run = phase("running", 11, 31, running_w, n=1000)
    rows = [*phase("idle", 0, 10, 20.0), *run, *phase("idle", 40, 50, later_w)]
    assert ("idle_drift" in flags(rows)) is flagged


def test_armed_power_that_moved_is_drift_though_only_what_ran_has_a_label() -> None:
    rows = [*phase("idle", 0, 10, 20.0)]
    for repeat, armed_w in ((1, 25.0), (2, 60.0)):
        start_s = 30.0 * repeat
        rows += phase("armed", start_s, start_s + 5, armed_w)
        run = phase("running", start_s + 5, start_s + 15, 90.0, n=100 * repeat)
        rows += [replace(row, label="b1", repeat=repeat) for row in run]
    assert "from 25 to 60 W" in flags(rows)["idle_drift"].text


def test_two_models_that_draw_different_power_when_loaded_are_no_drift() -> None:
    rows = [*GOOD]
    for start_s, label, power_w in ((40.0, "small", 30.0), (50.0, "large", 60.0)):
        rows.append(event(start_s, "begin", "armed", {"total": 0.0}, label))
        rows.append(event(start_s + 5, "end", "armed", {"total": 5 * power_w}, label))
    assert "idle_drift" not in flags(rows)


def test_a_dynamic_energy_within_its_own_uncertainty_is_below_resolution_and_not_hidden() -> None:
    rows = [*phase("idle", 0, 5, 20.0), *phase("running", 11, 31, 20.001, n=10)]
    idle = [(float(t), 20.0 * t + (0.5 if t % 2 else 0.0)) for t in range(6)]
    found = flags(rows, seconds={"total": idle})
    assert "dynamic" in found["below_resolution"].text
    summary = summarise(reduction(rows, ["total"], {"total": idle}))
    assert summary.running is not None
    assert summary.running.domains["total"].dynamic_j_per_inference is not None


@pytest.mark.parametrize(("command_pct", "flagged"), [(48.0, False), (30.0, True)])
def test_a_processor_kept_busy_by_others_is_foreign_load(command_pct: float, flagged: bool) -> None:
    gauges = {
        "cpu_util_pct": [(float(t), 1.0 if t < 11 else 50.0) for t in range(31)],
        "command_cpu_pct": [(float(t), command_pct) for t in range(12, 31)],
    }
    assert ("foreign_load" in flags(GOOD, seconds=gauges)) is flagged


def test_a_busy_processor_while_idling_is_foreign_load() -> None:
    gauges = {"cpu_util_pct": [(float(t), 25.0) for t in range(10)]}
    found = flags(GOOD, seconds=gauges)["foreign_load"]
    assert (found.where, "25 %" in found.text) == ("idle", True)


BUSY: Readings = {
    "cpu_util_pct": [(float(t), 80.0) for t in range(31)],
    "command_cpu_pct": [(float(t), 30.0) for t in range(12, 31)],
}


def noted_load(time_s: float, text: str) -> EventRow:
    return event(time_s, f"note:other_load {text}", "", {})


def test_who_keeps_the_processor_busy_is_named_by_program_and_user() -> None:
    rows = [
        noted_load(3.0, "cpu python of user ana: 35 %"),
        noted_load(5.0, "cpu node of user bob: 12 %"),
        noted_load(6.0, "cpu python of user ana: 31 %"),
        noted_load(20.0, "cpu later of user eve: 99 %"),
        *GOOD,
    ]
    found = flags(sorted(rows, key=lambda row: row.time_s), seconds=BUSY)["foreign_load"]
    assert found.where == "idle"
    assert found.text.endswith(
        "busy: python of user ana used 35 % of the processor, "
        "node of user bob used 12 % of the processor"
    )


@pytest.mark.parametrize(("noted_s", "flagged"), [(5.0, True), (20.0, True), (10.5, False)])
def test_who_else_uses_a_gpu_is_named_if_it_was_in_a_phase(noted_s: float, flagged: bool) -> None:
    rows = [*GOOD, noted_load(noted_s, "gpu0 python of user ana: 35 %")]
    found = flags(sorted(rows, key=lambda row: row.time_s))
    assert ("foreign_load" in found) is flagged
    if flagged:
        assert found["foreign_load"].where == "gpu0"
        assert found["foreign_load"].text == "python of user ana used 35 % of gpu0"


def test_a_share_that_is_unknown_is_said() -> None:
    rows = [event(12.0, "note:unknown_share command_gpu0", "running", {}), *GOOD]
    found = flags(sorted(rows, key=lambda row: row.time_s))["unknown_share"]
    assert (found.where, "unknown" in found.text) == ("command_gpu0", True)


def while_running(column: str, *values: float) -> Readings:
    """One reading a second from the begin of GOOD's running phase."""
    return {column: [(11 + n, value) for n, value in enumerate(values)]}


@pytest.mark.parametrize(
    ("column", "values", "name", "where"),
    [
        ("gpu0_clock_MHz", [1980] * 10 + [1755] * 10, "throttling", "gpu0"),
        ("cpu_freq_MHz", [4200] * 5 + [3600] * 15, "throttling", "cpu"),
        ("gpu1_temp_C", [40 + n for n in range(20)], "thermal_drift", "gpu1"),
        ("cpu_temp_C", [50] * 10 + [61] * 10, "thermal_drift", "cpu"),
    ],
)
def test_heat_is_said(column: str, values: list[float], name: str, where: str) -> None:
    found = flags(GOOD, seconds=while_running(column, *values))
    assert set(found) == {name}
    assert found[name].where == where


def test_a_fallen_clock_is_told_in_mhz() -> None:
    column = "gpu0_clock_MHz"
    found = flags(GOOD, seconds=while_running(column, *[1980] * 10, *[1755] * 10))
    assert "from 1980 to 1755 MHz while running" in found["throttling"].text


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("gpu0_clock_MHz", [1980] * 10 + [1930] * 10),
        ("gpu0_clock_MHz", [1755] * 10 + [1980] * 10),
        ("gpu0_clock_MHz", [1980, 1500, 1200, 900]),
        ("gpu0_temp_C", [70] * 10 + [79] * 10),
        ("gpu0_temp_C", [80] * 10 + [60] * 10),
        ("gpu0_mem_MiB", [1000] * 10 + [10] * 10),
    ],
)
def test_what_is_no_heat_is_not_said(column: str, values: list[float]) -> None:
    assert flags(GOOD, seconds=while_running(column, *values)) == {}


def test_what_held_the_clocks_back_is_said_with_its_share_of_the_time() -> None:
    values = [1.0] * 5 + [3.0] * 2 + [0.0] * 3
    found = flags(GOOD, seconds=while_running("gpu0_held_bits", *values))
    assert list(found) == ["held_back"]
    assert found["held_back"].where == "gpu0"
    assert found["held_back"].text.endswith("70 % by its power limit, 20 % by heat")


def test_clocks_that_nothing_held_back_are_not_said() -> None:
    before = {"gpu0_held_bits": [(t, 1.0) for t in range(10)]}
    assert flags(GOOD, seconds=before | while_running("gpu0_held_bits", *[0.0] * 10)) == {}
    assert flags(GOOD, seconds=before) == {}


def test_labels_at_other_clocks_are_no_throttling() -> None:
    """What ran last draws more and so runs slower: each label keeps its own clock."""
    rows = [
        *phase("idle", 0, 10, 20.0),
        *(replace(row, label="b1") for row in phase("running", 11, 21, 50.0, n=10)),
        *(replace(row, label="b64") for row in phase("running", 22, 32, 50.0, n=10)),
    ]
    column = "gpu0_clock_MHz"
    points = while_running(column, *[1980] * 11, *[1500] * 11)
    assert "throttling" not in flags(rows, seconds=points)


def test_a_standstill_is_said_with_its_time_and_the_phases_that_it_falsifies() -> None:
    rows = [*GOOD[:3], event(30.5, "note:stuck package0 since 30.0", "running"), GOOD[3]]
    found = flags(rows)["stuck"]
    assert found.where == "package0"
    assert "stuck for 1.0 s in running" in found.text


def test_the_plus_minus_of_a_phase_with_a_standstill_is_unknown() -> None:
    """Frozen for its last second, a phase was 18 % too low at a ± of 0.014 %."""
    channels = ["package0", "total"]
    rows = [
        event(10, "begin", "running", dict.fromkeys(channels, 0.0), n=0),
        event(12, "note:stuck package0 since 11.9", "running"),
        event(13, "note:moving package0", "running"),
        event(20, "end", "running", dict.fromkeys(channels, 500.0), n=9),
    ]
    running = summarise(reduction(rows, channels)).running
    assert running is not None
    for channel in channels:
        value = running.domains[channel].running_j
        assert value is not None
        assert (value.value, value.plus_minus) == (500.0, None)


@pytest.mark.parametrize("ends", ["note:moving package0", "reset:package0"])
def test_a_standstill_ends_where_the_counter_moves_or_begins_again(ends: str) -> None:
    rows = [
        *GOOD[:3],
        event(12, "note:stuck package0 since 11.5", "running"),
        event(13.5, ends, "running"),
        GOOD[3],
    ]
    assert "stuck for 2.0 s in running" in flags(rows)["stuck"].text


@pytest.mark.parametrize("moving_s", [9.0, None])
def test_a_standstill_outside_of_a_phase_is_not_in_its_plus_minus(moving_s: float | None) -> None:
    stuck = event(8 if moving_s else 35, f"note:stuck package0 since {7.9 if moving_s else 34}")
    rows = [stuck, event(moving_s, "note:moving package0")] if moving_s else [stuck]
    channels = ["package0"]
    ran = [
        event(10, "begin", "running", {"package0": 0.0}, n=0),
        event(20, "end", "running", {"package0": 500.0}, n=9),
    ]
    events = sorted([*rows, *ran], key=lambda row: row.time_s)
    running = summarise(reduction(events, channels)).running
    assert running is not None
    assert running.domains["package0"].running_j is not None
    assert running.domains["package0"].running_j.plus_minus is not None


def test_what_a_reset_may_lack_is_said() -> None:
    lacks = event(15, "note:lacks up to 142 J of dram0", "running")
    found = flags([*GOOD[:3], event(15, "reset:dram0", "running"), lacks, GOOD[3]])
    assert "at most 142 J of dram0" in found["reset"].text


def test_a_reset_may_be_a_wrap_where_the_range_is_not_known() -> None:
    notes = [event(0, "note:no_range dram0")]
    found = flags([*notes, *GOOD[:3], event(15, "reset:dram0", "running"), GOOD[3]])
    assert "max_energy_range_uj" in found["reset"].text


def running_at(**powers_w: float) -> list[EventRow]:
    """Ten seconds of running, each channel at its power."""
    ended_j = {channel: 10 * power_w for channel, power_w in powers_w.items()}
    return [
        event(0, "begin", "idle", dict.fromkeys(powers_w, 0.0)),
        event(10, "end", "idle", ended_j),
        event(10, "begin", "running", dict.fromkeys(powers_w, 0.0), n=0),
        event(20, "end", "running", ended_j, n=100),
    ]


@pytest.mark.parametrize(
    ("powers_w", "where"),
    [
        ({"package0": 87.81, "psys": 0.006}, "psys"),
        ({"package0": 40.0, "package1": 40.0, "psys": 70.0}, "psys"),
        ({"package0": 40.0, "psys": 60.0}, None),
        ({"package0": 40.0, "core0": 45.0}, "core"),
        ({"package0": 20.0, "dram0": 24.0}, "dram"),
        ({"package0": 40.0, "core0": 38.0, "dram0": 5.0}, None),
    ],
)
def test_counters_that_contradict_each_other_are_said(
    powers_w: dict[str, float], where: str | None
) -> None:
    found = flags(running_at(**powers_w), list(powers_w)).get("implausible")
    assert (found and found.where) == where


def test_a_reading_that_cannot_be_true_is_said_in_words() -> None:
    note = event(0, "note:implausible cpu_temp: -263.2 C is outside the range -40 to 150")
    found = flags([note, *GOOD])["implausible"]
    assert (found.where, "-263.2 C is outside the range -40 to 150" in found.text) == (
        "cpu_temp",
        True,
    )


def test_a_battery_that_is_charged_has_not_disappeared() -> None:
    rows = [
        event(0, "begin", "running", {"battery": 0.0}, n=0),
        event(5, "lost:battery", "running"),
        event(10, "end", "running", {}, n=100),
    ]
    flags = summarise(reduction(rows, ["battery"])).flags
    (lost,) = [flag for flag in flags if flag.name == "lost"]
    assert "it stopped discharging" in lost.text
