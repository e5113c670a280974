"""Meters read by hand: accepted input, written notes, and the resulting energy."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.client import Config
from recorders.source import Channel
from recorders.summary.by_hand import check_names, hand_reading, unread
from recorders.summary.figures import Domain, Summary
from recorders.summary.reduction import EventRow
from recorders.summary.spans import spans
from recorders.summary.stats import interval95
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power, event, reduction

WALL = "meter_wall"
CHANNELS = ("package0", WALL, "total")
POWERS = st.lists(st.floats(0, 500), min_size=1, max_size=6)


def read(time_s: float, power_w: float) -> EventRow:
    return event(time_s, "note:meter wall", power_w={WALL: power_w})


def edges(phase: str, start_s: float, end_s: float, label: str = "") -> tuple[EventRow, EventRow]:
    begin, end = (
        event(t, what, phase, {"package0": 30 * t, "total": 30 * t}, label, n=n)
        for t, what, n in ((start_s, "begin", 0), (end_s, "end", 10 if phase == "running" else 0))
    )
    return begin, end


def summary(*rows: EventRow) -> Summary:
    return summarise(reduction(sorted(rows, key=lambda row: row.time_s), CHANNELS))


def wall(of: Summary) -> Domain:
    assert of.running is not None
    return of.running.domains[WALL]


@pytest.mark.parametrize(
    ("asked", "note", "power_w"),
    [
        ({"power_w": 103.2}, "meter wall 103.2 W", 103.2),
        ({"power_w": 0}, "meter wall 0 W", 0.0),
        (
            {"voltage_v": 230.0, "current_a": 0.5},
            "meter wall 115 W (230 V × 0.5 A, power factor not known)",
            115.0,
        ),
        (
            {"power_w": 103.2, "voltage_v": 230.1, "current_a": 0.4485},
            "meter wall 103.2 W (230.1 V × 0.4485 A, power factor not known)",
            103.2,
        ),
        (
            {"voltage_v": 230.0, "current_a": 0.5, "power_factor": 0.8},
            "meter wall 92 W (230 V × 0.5 A × 0.8)",
            92.0,
        ),
        (
            {"power_w": 80.0, "voltage_v": 230.0, "current_a": 0.5},
            "meter wall 80 W (230 V, 0.5 A)",
            80.0,
        ),
    ],
)
def test_a_reading_is_noted_with_what_it_was_made_of(
    asked: dict[str, float], note: str, power_w: float
) -> None:
    reading = hand_reading({"name": "wall", **asked}, ["wall", "ups"])
    assert reading.note == f"note:{note}"
    assert reading.power_w == pytest.approx(power_w)
    assert reading.channel == WALL


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "give either power_w, or"),
        ({"power_w": -0.1}, "0 or more"),
        ({"power_w": math.nan}, "0 or more"),
        ({"power_w": math.inf}, "0 or more"),
        ({"power_w": "many"}, "'many' is not a number"),
        ({"power_w": True}, "not a number"),
        ({"voltage_v": 230.0}, "give either"),
        ({"power_w": 1.0, "voltage_v": 230.0}, "give either"),
        ({"power_w": 1.0, "power_factor": 0.5}, "give either"),
        ({"voltage_v": 230.0, "current_a": 1.0, "power_factor": 1.1}, "between 0 and 1"),
        ({"power_w": 300.0, "voltage_v": 230.0, "current_a": 1.0}, "does not match"),
        (
            {"power_w": 90.0, "voltage_v": 230.0, "current_a": 1.0, "power_factor": 0.9},
            "does not match",
        ),
        ({"voltage_v": 1e300, "current_a": 1e300}, "does not match"),
        (
            {"name": "fridge", "power_w": 1.0},
            "unknown wall meter 'fridge'; this recording has wall, ups",
        ),
        ({"power_w": 1.0, "at": 12.5}, "backdated"),
    ],
)
def test_what_no_meter_can_say_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        hand_reading({"name": "wall", **asked}, ["wall", "ups"])


def test_without_a_meter_every_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="this recording has none"):
        hand_reading({"name": "wall", "power_w": 1.0}, [])


@pytest.mark.parametrize("names", [[""], ["wall meter"], ["wänd"], ["a,b"], ["wall", "wall"]])
def test_a_name_that_cannot_be_a_column_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="meter"):
        Config(csv=None, meters=names)
    check_names(["wall", "UPS_2"])


@given(POWERS, st.floats(0.1, 1000))
def test_the_energy_of_a_phase_is_the_mean_of_its_readings_times_its_time(
    powers_w: list[float], seconds: float
) -> None:
    times_s = [10 + seconds * (n + 1) / (len(powers_w) + 1) for n in range(len(powers_w))]
    begin, end = edges("running", 10, 10 + seconds)
    span = spans(reduction([begin, *map(read, times_s, powers_w), end], CHANNELS))[0]
    mean_w = math.fsum(powers_w) / len(powers_w)
    assert span.energy_j[WALL] == pytest.approx(mean_w * seconds, rel=1e-9, abs=1e-9)
    error_w = interval95(powers_w) if len(powers_w) > 1 else 0.0
    if error_w:
        assert span.error_j[WALL] == pytest.approx(error_w * seconds, rel=1e-6)
    else:
        assert span.error_j[WALL] is None


def test_readings_of_one_phase_say_nothing_of_another() -> None:
    found = summary(*edges("idle", 0, 10), read(5, 50), *edges("running", 12, 22), read(20, 100))
    domain = wall(found)
    assert (domain.idle_w, domain.running_w) == (50, 100)
    assert domain.running_j is not None
    assert domain.dynamic_j_per_inference is not None
    assert domain.running_j.value == 1000
    assert domain.dynamic_j_per_inference.value == pytest.approx((1000 - 50 * 10) / 10)


def test_a_phase_without_a_reading_has_no_energy() -> None:
    found = summary(*edges("idle", 0, 10), read(5, 50), *edges("running", 12, 22), read(11, 80))
    domain = wall(found)
    assert (domain.running_w, domain.running_j) == (None, None)
    assert domain.dynamic_j_per_inference is None
    flag = next(flag for flag in found.flags if flag.name == "manual")
    assert flag.where == WALL
    assert "2 manual readings" in flag.text
    assert "some running phases have no reading" in flag.text


@pytest.mark.parametrize("factor", [None, 0.8])
def test_volts_times_amperes_are_called_apparent_power(rig: Rig, factor: float | None) -> None:
    rig.at(1.0, do="begin", phase="running")
    asked = {"voltage_v": 230.0, "current_a": 0.5, "power_factor": factor}
    rig.at(1.5, do="meter", name="wall", **asked)
    rig.run(2.0)
    flags = summarise(rig.recorder.reduction).flags
    text = next(flag.text for flag in flags if flag.name == "manual")
    assert ("apparent power" in text) == (factor is None)


def test_the_error_is_that_of_the_readings_in_both_phases() -> None:
    idle, running = (48.0, 52.0), (98.0, 100.0, 105.0)
    found = summary(
        *edges("idle", 0, 40),
        *(read(5 + n, w) for n, w in enumerate(idle)),
        *edges("running", 50, 70),
        *(read(55 + n, w) for n, w in enumerate(running)),
    )
    value = wall(found).dynamic_j_per_inference
    assert value is not None
    errors_w = [interval95(w) for w in (idle, running)]
    assert value.plus_minus == pytest.approx(math.hypot(*errors_w) * 20 / 10)


def test_a_baseline_that_was_not_read_leaves_the_error_as_it_was() -> None:
    rows = [*edges("idle", 20, 60), read(30, 48), read(40, 52)]
    rows += [*edges("running", 70, 90), read(75, 99), read(80, 101)]
    once = wall(summary(*rows)).dynamic_j_per_inference
    twice = wall(summary(*edges("idle", 0, 10), *rows)).dynamic_j_per_inference
    assert once is not None
    assert once.plus_minus is not None
    assert twice == once


@pytest.mark.parametrize("running", [(100.0,), (100.0, 100.0)])
def test_one_reading_or_the_same_twice_leaves_the_error_unknown(running: tuple[float]) -> None:
    found = summary(*edges("running", 0, 10), *(read(5 + n, w) for n, w in enumerate(running)))
    energy = wall(found).running_j
    assert energy is not None
    assert (energy.value, energy.plus_minus) == (1000, None)


def test_a_phase_inside_another_has_its_own_power() -> None:
    outer, inner = edges("running", 0, 10), edges("copy", 4, 7)
    rows = [outer[0], read(2, 50), inner[0], read(5, 100), inner[1], read(8, 60), outer[1]]
    found = {span.phase: span for span in spans(reduction(rows, CHANNELS))}
    assert found["copy"].energy_j[WALL] == 300
    assert found["running"].energy_j[WALL] == pytest.approx(55 * 7 + 100 * 3)


def test_a_phase_around_one_that_was_not_read_has_no_energy() -> None:
    outer, inner = edges("running", 0, 10), edges("copy", 1, 9)
    rows = [outer[0], read(0.5, 50), *inner, outer[1]]
    found = {span.phase: span.energy_j[WALL] for span in spans(reduction(rows, CHANNELS))}
    assert found == {"running": None, "copy": None}


def test_a_meter_that_was_never_read_is_nowhere() -> None:
    found = summary(*edges("idle", 0, 10), *edges("running", 12, 22))
    assert found.running is not None
    assert list(found.running.domains) == ["package0", "total"]
    assert all(WALL not in phase.energy_j for phase in found.phases)
    assert "manual" not in [flag.name for flag in found.flags]


def test_the_wall_is_never_part_of_the_total_nor_quoted_before_a_counter() -> None:
    rows = [*edges("running", 0, 10), read(5, 100)]
    assert summary(*rows).headline == "total"
    rows.sort(key=lambda row: row.time_s)
    assert summarise(reduction(rows, [WALL, "psys"])).headline == "psys"
    assert summarise(reduction(rows, [WALL])).headline == WALL


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    clock = ManualClock()
    package = Channel("package0", "J", in_total=True)
    source = ScriptedSource(clock, {package: constant_power(50.0)})
    return Rig(tmp_path, clock, [source], meters=["wall"])


def test_a_meter_that_a_source_reads_is_not_read_by_hand_too() -> None:
    assert unread(["wall", "ups"], [Channel(WALL, "W", origin="manual")]) == ["ups"]


def test_a_reading_is_a_row_of_its_own_with_every_counter(rig: Rig) -> None:
    rig.at(1.03, do="begin", phase="running", label="b1")
    rig.at(2.03, owner=11, do="meter", name="wall", power_w=103.2)
    rows = rig.run(3.0)
    (row,) = (row for row in rows if row["meter_wall_W"])
    assert row["event"] == "note:meter wall 103.2 W"
    assert (row["phase"], row["label"]) == ("running", "b1")
    assert float(row["time_s"]) == pytest.approx(2.03)
    assert float(row["meter_wall_W"]) == 103.2
    assert float(row["package0_J"]) == float(row["total_J"]) == pytest.approx(50 * 2.03)
    assert not any(row["meter_wall_J"] for row in rows)
    assert next(r["phase"] for r in rows if float(r["time_s"]) > 2.03) == "running"


def test_a_small_reading_is_not_written_as_0(rig: Rig) -> None:
    rig.at(1.0, do="meter", name="wall", power_w=0.0004)
    assert [float(r["meter_wall_W"]) for r in rig.run(2.0) if r["meter_wall_W"]] == [0.0004]


def test_a_refused_reading_leaves_nothing_in_the_file(rig: Rig) -> None:
    rig.at(1.0, do="meter", name="wall", power_w=-3)
    rig.at(1.1, do="meter", name="plug", power_w=3)
    rows = rig.run(2.0)
    assert ["meter:" in answer["error"] for answer in rig.inbox.answers[:2]] == [True, True]
    assert not any("meter" in row["event"] for row in rows)


def test_a_pause_is_no_gap_of_a_meter_that_is_read_by_hand(rig: Rig) -> None:
    rig.when(1.0, lambda: rig.clock.suspend(60))
    gaps = [row["event"] for row in rig.run(3.0) if row["event"].startswith("gap:")]
    assert gaps == ["gap:package0"]
