"""A meter outside the machine in a recording: its own times, edges, gaps, and the file alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recorders.meters.meter import Access
from recorders.meters.source import MeterSource
from recorders.meters.specs import parse_spec
from recorders.summary.figures import Domain, Summary
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig
from tests.support.meters import CurveSpec, metered, plug
from wattui.runs.reduce import reduce_csv


def recorded(rig: Rig, until_s: float) -> Summary:
    """The summary, which is the same from the file."""
    rig.run(until_s)
    live = summarise(rig.recorder.reduction)
    assert summarise(reduce_csv(rig.path)) == live
    return live


def wall(summary: Summary) -> Domain:
    assert summary.running is not None
    return summary.running.domains["meter_wall"]


def phases(rig: Rig, begin_s: float = 20.0, end_s: float = 50.0) -> None:
    rig.at(1.0, do="begin", phase="idle")
    rig.at(begin_s - 1, do="end", id=1)
    rig.at(begin_s, do="begin", phase="running")
    rig.at(end_s - 0.5, do="count", n=100)
    rig.at(end_s, do="end", id=2)


def slow_w(time_s: float) -> float:
    return 100 + 40 * math.sin(time_s / 5)


def slow_j(time_s: float) -> float:
    return 1e6 + 100 * time_s + 200 * (1 - math.cos(time_s / 5))


@pytest.mark.parametrize("delay_s", [0.0, 0.4])
def test_power_at_one_hertz_is_integrated_to_one_percent(tmp_path: Path, delay_s: float) -> None:
    rig = metered(tmp_path, CurveSpec(slow_w, delay_s=delay_s), 50.3)
    phases(rig)
    found = wall(recorded(rig, 50.3)).running_j
    assert found is not None
    assert found.value == pytest.approx(slow_j(50.0) - slow_j(20.0), rel=0.01)
    assert found.plus_minus is not None
    assert abs(found.value - (slow_j(50.0) - slow_j(20.0))) < found.plus_minus


def test_a_counter_is_right_to_its_last_digit(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0, lambda t: 1e9 + 3.6 * (100 * t // 3.6), counts=True)
    rig = metered(tmp_path, spec, 50.3)
    phases(rig)
    found = wall(recorded(rig, 50.3))
    assert found.origin == "measured"
    assert found.running_j is not None
    assert found.running_j.value == pytest.approx(3000, abs=2 * 3.6)
    assert found.idle_w == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("rate_hz", [1.0, 10.0])
def test_what_a_meter_showed_before_the_recording_begins_its_idle(
    tmp_path: Path, rate_hz: float
) -> None:
    # Its second reading, at 0.06 s, is collected with that from before the recording.
    spec, clock = CurveSpec(lambda _: 100.0, delay_s=-0.06), ManualClock()
    source = MeterSource("wall", spec, Access("wall", {}, clock=clock.monotonic_ns))
    source.poller.step()
    clock.advance(0.9)
    rig = Rig(tmp_path, clock, [source], rate_hz)
    for second in range(12):
        rig.when(second, source.poller.step)
    rig.at(0.02, do="begin", phase="idle")
    rig.at(5.0, do="end", id=1)
    rig.at(5.0, do="begin", phase="running")
    rig.at(10.0, do="end", id=2)
    found = wall(recorded(rig, 10.0))
    assert found.idle_w == pytest.approx(100)
    assert found.running_j is not None
    assert found.running_j.value == pytest.approx(500)


def tasmota(time_s: float) -> Any:
    energy = {"Total": round(slow_j(time_s) / 3.6e6, 3), "Power": round(slow_w(time_s))}
    return {"StatusSNS": {"ENERGY": energy}}


def home_assistant(time_s: float) -> Any:
    unit = {"unit_of_measurement": "kW"}
    now = datetime.now(UTC).isoformat()
    return {"state": f"{slow_w(time_s) / 1000:.4f}", "attributes": unit, "last_reported": now}


@pytest.mark.parametrize(
    ("profile", "document"),
    [
        (
            "shelly1:{}",
            lambda t: {"meters": [{"power": slow_w(t), "total": int(slow_j(t) / 60)}]},
        ),
        (
            "shelly2:{}",
            lambda t: {"apower": slow_w(t), "aenergy": {"total": round(slow_j(t) / 3600, 3)}},
        ),
        ("shelly2:{}/em:0", lambda t: {"total_act_power": slow_w(t)}),
        ("tasmota:{}", tasmota),
        ("homeassistant:http://{}/sensor.plug_power", home_assistant),
        ("http://{}/x#/w", lambda t: {"w": slow_w(t)}),
        ("http://{}/x#/w&J=/wh*3600", lambda t: {"w": 0, "wh": slow_j(t) / 3600}),
    ],
)
def test_every_profile_records_the_joules_of_its_device(
    tmp_path: Path, profile: str, document: Callable[[float], Any]
) -> None:
    with plug() as device:
        rig = metered(tmp_path, parse_spec(profile.format(device.host)), 50.3)
        start_ns = rig.clock.now_ns

        def answer(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
            time_s = (rig.clock.now_ns - start_ns) * 1e-9
            return 200, {}, json.dumps(document(time_s)).encode()

        device.answer = answer
        phases(rig)
        found = wall(recorded(rig, 50.3))
    assert found.running_j is not None
    assert found.running_j.value == pytest.approx(slow_j(50.0) - slow_j(20.0), rel=0.01)
    assert found.idle_w == pytest.approx((slow_j(19.0) - slow_j(1.0)) / 18, rel=0.01)


def test_a_step_is_found_at_its_own_time_and_not_when_the_answer_came(tmp_path: Path) -> None:
    def step_w(time_s: float) -> float:
        return 200.0 if 20.0 <= time_s < 50.0 else 100.0

    rig = metered(tmp_path, CurveSpec(step_w, delay_s=2.0, period_s=0.2), 51)
    phases(rig)
    found = wall(recorded(rig, 51)).running_j
    assert found is not None
    assert found.value == pytest.approx(6000, abs=30)


def test_a_delay_that_is_known_is_taken_off(tmp_path: Path) -> None:
    def shown_w(time_s: float) -> float:
        return 200.0 if 20.0 <= time_s - 3.5 < 50.0 else 100.0

    rig = metered(tmp_path, CurveSpec(shown_w, period_s=0.2), 50.1, delay_s=3.5)
    phases(rig)
    found = wall(recorded(rig, 50.1)).running_j
    assert found is not None
    assert found.value == pytest.approx(6000, abs=30)


def test_it_is_in_no_total_and_is_not_the_headline(tmp_path: Path) -> None:
    rig = metered(tmp_path, CurveSpec(lambda _: 100.0), 50.3)
    phases(rig)
    summary = recorded(rig, 50.3)
    assert summary.headline == "total"
    assert summary.quoted is not None
    assert summary.quoted.running_j is not None
    assert summary.quoted.running_j.value == pytest.approx(1500, abs=1e-3)


def test_nothing_is_interpolated_over_a_silence_of_power(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0)
    rig = metered(tmp_path, spec, 50.3)
    rig.when(30.0, lambda: setattr(spec, "broken", "the plug does not answer"))
    rig.when(40.0, lambda: setattr(spec, "broken", ""))
    phases(rig)
    summary = recorded(rig, 50.3)
    assert wall(summary).running_j is None
    assert wall(summary).idle_w == pytest.approx(100)
    silent = next(flag for flag in summary.flags if flag.name == "silent")
    assert "the plug does not answer" in silent.text
    assert silent.text.endswith("the energy of running is unknown")


def test_a_counter_goes_on_after_a_silence_of_half_a_minute(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0, lambda t: 100 * t, counts=True)
    rig = metered(tmp_path, spec, 80.3)
    rig.when(25.0, lambda: setattr(spec, "broken", "the plug does not answer"))
    rig.when(55.0, lambda: setattr(spec, "broken", ""))
    phases(rig, end_s=80.0)
    summary = recorded(rig, 80.3)
    found = wall(summary).running_j
    assert found is not None
    assert found.value == pytest.approx(6000, abs=1)
    silent = next(flag for flag in summary.flags if flag.name == "silent")
    assert "unknown" not in silent.text


def test_an_edge_in_the_silence_of_a_counter_is_unknown(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0, lambda t: 100 * t, counts=True)
    rig = metered(tmp_path, spec, 60)
    rig.when(40.0, lambda: setattr(spec, "broken", "gone"))
    phases(rig)
    assert wall(recorded(rig, 60)).running_j is None


def test_a_plug_that_restarts_is_a_reset(tmp_path: Path) -> None:
    def counted(time_s: float) -> float:
        return 1e6 + 100 * time_s if time_s < 30 else 100 * (time_s - 30)

    rig = metered(tmp_path, CurveSpec(lambda _: 100.0, counted, counts=True), 50.3)
    phases(rig)
    summary = recorded(rig, 50.3)
    assert "meter_wall" in [flag.where for flag in summary.flags if flag.name == "reset"]
    found = wall(summary).running_j
    assert found is not None
    assert found.plus_minus is None
    assert found.value == pytest.approx(3000, abs=201)


def test_one_lost_answer_is_no_gap(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0)
    rig = metered(tmp_path, spec, 50.3)
    rig.when(30.5, lambda: setattr(spec, "broken", "gone"))
    rig.when(31.5, lambda: setattr(spec, "broken", ""))
    phases(rig)
    summary = recorded(rig, 50.3)
    found = wall(summary).running_j
    assert found is not None
    assert found.value == pytest.approx(3000)
    assert "silent" not in [flag.name for flag in summary.flags]


def test_the_end_of_a_recording_waits_for_the_reading_after_the_last_edge(tmp_path: Path) -> None:
    rig = metered(tmp_path, CurveSpec(lambda _: 100.0), 50.0)
    phases(rig)
    found = wall(recorded(rig, 50.01)).running_j
    assert found is not None
    assert found.value == pytest.approx(3000)


def test_a_meter_that_says_nothing_more_before_the_end_has_a_reason(tmp_path: Path) -> None:
    clock = ManualClock()
    spec = CurveSpec(lambda _: 100.0)
    source = MeterSource("wall", spec, Access("wall", {}, clock=clock.monotonic_ns))
    source.poller.step()
    rig = Rig(tmp_path, clock, [source])
    phases(rig, 5.0, 10.0)
    summary = recorded(rig, 10.5)
    assert wall(summary).running_j is None
    flags = {flag.name: flag.text for flag in summary.flags if flag.where == "meter_wall"}
    assert flags["silent"] == (
        "no reading since 0.0 s (nothing new came before the recording ended): the energy of "
        "idle, running is unknown"
    )
    assert "short_window" not in flags


def test_a_silent_meter_does_not_delay_the_end(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0)
    rig = metered(tmp_path, spec, 50.0)
    rig.when(30.0, lambda: setattr(spec, "broken", "gone"))
    phases(rig)
    recorded(rig, 50.1)
    assert rig.clock.monotonic_ns() - rig.clock.start_ns < 50.3e9


def test_the_end_waits_longer_for_a_slower_meter_whose_pace_is_noted(tmp_path: Path) -> None:
    spec = CurveSpec(lambda _: 100.0, period_s=4.0)
    rig = metered(tmp_path, spec, 50.0)
    phases(rig)
    summary = recorded(rig, 50.01)
    found = wall(summary).running_j
    assert found is not None
    assert found.value == pytest.approx(3000)
    notes = [row.event for row in rig.recorder.reduction.remarks]
    assert "note:update_period_s meter_wall=4.000000" in notes
