"""Recordings of counters that fail: bridged, refused, lost, flagged, never invented."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from recorders.summary.summary import summarise
from testbench import topologies
from testbench.curves import Constant, Sine
from testbench.recording import BenchPhase, BenchRecording, program, record
from testbench.sandbox import Bench, unavailable_reason
from testbench.zones import INTEL, BenchZone, Topology, ZoneFault
from wattui.runs.reduce import reduce_csv

from .conftest import MakeBench
from .truth import (
    assert_covered,
    assert_exact,
    assert_never_falls,
    assert_on_curve,
    assert_rows_exact,
)

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

RATE_HZ = 50.0
TICKS_S = 3 / RATE_HZ
# How late an event may be told on a machine that is busy with other things.
SOON_S = 0.3
FAILS_S, WORKS_S = 2.0, 3.7
HOLDS_S, MOVES_S, FLAGGED_AFTER_S = 1.9, 3.9, 0.05
WHOLE = BenchPhase("whole", 1.2, 3.0)
DRAW_W = 50.0
# One row holds readings up to 2 ms apart; the counters move once per ms.
ROW_S = 0.003

FAULTS = {
    "eio": ZoneFault("eio", FAILS_S, WORKS_S),
    "garbage": ZoneFault("garbage", FAILS_S, WORKS_S),
    "empty": ZoneFault("empty", FAILS_S, WORKS_S),
    "gone": ZoneFault("gone", FAILS_S),
    "stuck": ZoneFault("stuck", HOLDS_S, MOVES_S),
    "reset": ZoneFault("reset", FAILS_S),
}
PSYS = Sine(120.0, 30.0, 0.9)
# Six packages, each with one fault, on a machine that pyRAPL refuses.
FAULTY = Topology(
    "faulty",
    (
        *(
            BenchZone(f"{n}", f"package-{n}", f"package{n}", Constant(DRAW_W), faults=(fault,))
            for n, fault in enumerate(FAULTS.values(), start=1)
        ),
        BenchZone("7", "psys", "psys", PSYS),
    ),
)
# pyRAPL keeps its files open in its own way: the same faults on a machine it reads.
FAULTY_PLAIN = (
    topologies.two_sockets()
    .changed(curve=Constant(DRAW_W))
    .with_faults("package0", FAULTS["eio"])
    .with_faults("package1", FAULTS["garbage"])
    .with_faults("dram0", FAULTS["stuck"])
    .with_faults("dram1", FAULTS["gone"])
)
PLACES = {
    "pread": {kind: f"package{n}" for n, kind in enumerate(FAULTS, start=1)},
    "pyRAPL": {"eio": "package0", "garbage": "package1", "stuck": "dram0", "gone": "dram1"},
}


def places(*kinds: str) -> list[tuple[str, str]]:
    """Reader and channel of every zone with one of these faults."""
    return [(reader, at[kind]) for reader, at in PLACES.items() for kind in kinds if kind in at]


@pytest.fixture(scope="module")
def kept() -> dict[str, BenchRecording]:
    """The recordings that the tests of this module share."""
    return {}


@pytest.fixture
def recordings(
    kept: dict[str, BenchRecording],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, BenchRecording]:
    """The recording of each faulty machine, by the reader it is read with; a repeated test gets
    new ones."""
    if reason := unavailable_reason():
        pytest.skip(reason)
    if kept and request.node.execution_count == 1:
        return kept
    for reader, topology in (("pread", FAULTY), ("pyRAPL", FAULTY_PLAIN)):
        with Bench(topology) as bench:
            folder = tmp_path_factory.mktemp(reader)
            kept[reader] = record(bench, folder, program(WHOLE), rate_hz=RATE_HZ)
    return kept


def events_of(recording: BenchRecording, channel: str) -> list[str]:
    """What happened to a channel, without the times that notes give."""
    told = (event.partition(" since ")[0] for event in recording.happened)
    return [event for event in told if event.endswith((f":{channel}", f" {channel}"))]


def assert_empty(recording: BenchRecording, channel: str, begin_s: float, end_s: float) -> None:
    """Neither joules nor watts of a channel, and no total that would lack it."""
    for column in (f"{channel}_J", f"{channel}_W", "total_J", "total_W"):
        assert set(recording.cells(column, begin_s, end_s)) == {""}


def test_the_readers_are_the_ones_meant(recordings: dict[str, BenchRecording]) -> None:
    for reader, recording in recordings.items():
        assert recording.source("powercap")["reader"].split()[0] == reader


@pytest.mark.parametrize(("reader", "channel"), places("eio", "garbage", "empty"))
def test_failed_reads_are_a_gap_and_bridged(
    reader: str, channel: str, recordings: dict[str, BenchRecording]
) -> None:
    recording = recordings[reader]
    assert events_of(recording, channel) == [f"gap:{channel}"]
    assert FAILS_S - ROW_S <= recording.event_s(f"gap:{channel}") <= FAILS_S + SOON_S
    assert_empty(recording, channel, FAILS_S, WORKS_S - ROW_S)
    again = recording.cells(f"{channel}_J", WORKS_S, WORKS_S + 0.4)
    # A reading that had to wait for a processor has a row apart.
    assert again.count("") <= len(again) / 4
    assert_exact(recording, "whole", channel)
    assert_on_curve(recording, channel, DRAW_W, ROW_S)


@pytest.mark.parametrize(("reader", "channel"), places("gone"))
def test_a_zone_that_goes_is_lost_and_the_rest_goes_on(
    reader: str, channel: str, recordings: dict[str, BenchRecording]
) -> None:
    recording = recordings[reader]
    assert events_of(recording, channel) == [f"lost:{channel}"]
    assert FAILS_S - ROW_S <= recording.event_s(f"lost:{channel}") <= FAILS_S + SOON_S
    assert_empty(recording, channel, FAILS_S, WHOLE.begin_s + WHOLE.seconds)
    assert_on_curve(recording, channel, DRAW_W, ROW_S)
    assert recording.summed_j(channel, "whole") is None
    assert recording.summed_j("total", "whole") is None
    assert "lost" in recording.flags()


@pytest.mark.parametrize(("reader", "channel"), places("stuck"))
def test_a_counter_that_sticks_is_flagged_and_never_zero_watts(
    reader: str, channel: str, recordings: dict[str, BenchRecording]
) -> None:
    recording = recordings[reader]
    assert events_of(recording, channel) == [f"note:stuck {channel}", f"note:moving {channel}"]
    flagged_s = recording.event_s(f"note:stuck {channel}")
    told = next(event for event in recording.happened if f"stuck {channel}" in event)
    since_s = recording.bench.seconds(recording.start_ns) + float(told.rpartition(" ")[2])
    assert since_s == pytest.approx(HOLDS_S, abs=SOON_S)
    assert flagged_s >= HOLDS_S + FLAGGED_AFTER_S - TICKS_S
    assert flagged_s <= HOLDS_S + FLAGGED_AFTER_S + SOON_S
    assert_empty(recording, channel, flagged_s, MOVES_S - ROW_S)
    assert set(recording.cells(f"{channel}_W", HOLDS_S + SOON_S, MOVES_S - ROW_S)) == {""}
    assert_exact(recording, "whole", channel)
    assert "stuck" in recording.flags()


@pytest.mark.parametrize(("reader", "channel"), places("reset"))
def test_a_reset_adds_nothing(
    reader: str, channel: str, recordings: dict[str, BenchRecording]
) -> None:
    recording = recordings[reader]
    assert events_of(recording, channel) == [f"reset:{channel}"]
    assert FAILS_S - ROW_S <= recording.event_s(f"reset:{channel}") <= FAILS_S + SOON_S
    missing_j = recording.true_j(channel, "whole") - recording.energy_j(channel, "whole")
    assert -DRAW_W * ROW_S <= missing_j <= DRAW_W * SOON_S
    assert "reset" in recording.flags()


def test_a_healthy_counter_beside_them(recordings: dict[str, BenchRecording]) -> None:
    assert events_of(recordings["pread"], "psys") == []
    assert_exact(recordings["pread"], "whole", "psys")
    assert_on_curve(recordings["pread"], "psys", PSYS.mean_w + PSYS.amplitude_w, ROW_S)


@pytest.mark.parametrize("reader", PLACES)
def test_nothing_falls_and_the_person_is_told(
    reader: str, recordings: dict[str, BenchRecording]
) -> None:
    recording = recordings[reader]
    assert_never_falls(recording)
    for kind, flag in (("eio", "gap"), ("gone", "lost"), ("stuck", "stuck")):
        channel = PLACES[reader][kind]
        told = [f for f in recording.run["summary"]["flags"] if f["name"] == flag]
        assert [f for f in told if channel in f["where"].split(", ")]
        assert f"! {flag} {told[0]['where']} {told[0]['text']}" in recording.said


def test_an_edge_without_a_reading_is_said_to_be_bridged(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    topology = topologies.plain(package=Constant(DRAW_W), dram=Constant(5.0))
    bench = make_bench(topology.with_faults("package0", ZoneFault("eio", 1.4, 2.2)))
    recording = record(bench, tmp_path, program(BenchPhase("late", 1.8, 1.1)), rate_hz=RATE_HZ)
    begin, _ = recording.edges("late")
    energy_j = recording.summed_j("package0", "late")
    assert begin["package0_J"] == begin["total_J"] == ""
    assert energy_j == pytest.approx(recording.true_block_j("package0", "late"), rel=0.002)
    assert "bridged_edge" in recording.flags()
    assert_exact(recording, "late", "dram0")


@pytest.mark.parametrize("make", [topologies.two_sockets, topologies.sparse_ids])
def test_a_slow_read_does_not_shift_the_others(
    make: Callable[[], Topology], make_bench: MakeBench, tmp_path: Path
) -> None:
    topology = make().with_faults("package0", ZoneFault("slow", 1.6, 2.4, delay_s=0.2))
    stretches = BenchPhase("whole", 1.2, 2.1), BenchPhase("after", 0.0, 0.2)
    recording = record(make_bench(topology), tmp_path, program(*stretches), rate_hz=RATE_HZ)
    for domain, curve in topology.curves.items():
        peak_w = max(curve.power_w(n / 100) for n in range(400))
        assert_on_curve(recording, domain, peak_w, ROW_S)
        assert_exact(recording, "whole", domain)
    read_s = [recording.at_s(row) for row in recording.rows if row["package0_J"]]
    assert max(late_s - early_s for early_s, late_s in pairwise(read_s)) >= 0.2
    assert_never_falls(recording)
    assert recording.happened == []


def test_edges_of_slow_counters(make_bench: MakeBench, tmp_path: Path) -> None:
    slow = ZoneFault("slow", 2.0, 2.5, delay_s=0.06)
    bench = make_bench(topologies.two_sockets().with_faults("package0", slow))
    recording = record(bench, tmp_path, program(BenchPhase("slow", 2.1, 2.1)), rate_hz=RATE_HZ)
    assert_rows_exact(recording, "slow", "package1", "dram0", "dram1")
    assert_covered(recording, "slow", "package1", "dram0", "dram1")


LAST_S = BenchPhase("whole", 1.2, 2.0)
CONSTANT = topologies.plain(package=Constant(DRAW_W), dram=Constant(5.0))


def plus_minus(recording: BenchRecording) -> dict[str, float | None]:
    """Each channel's ± of the energy while running, for those whose energy is known."""
    domains = recording.run["summary"]["running"]["domains"]
    return {n: d["running_j"]["plus_minus"] for n, d in domains.items() if d["running_j"]}


def assert_stuck(recording: BenchRecording, *channels: str) -> None:
    """The standstill stands in the flags with the phase that it falsifies, as the file says."""
    flags = recording.run["summary"]["flags"]
    told = {flag["where"]: flag["text"] for flag in flags if flag["name"] == "stuck"}
    assert set(told) == set(channels)
    assert all("running whole" in text for text in told.values())
    assert summarise(reduce_csv(recording.path)).to_dict() == recording.run["summary"]


@pytest.mark.parametrize("ends_s", [math.inf, 4.5])
def test_a_counter_that_freezes_in_the_last_second_is_told_in_that_phase(
    ends_s: float, make_bench: MakeBench, tmp_path: Path
) -> None:
    """Half of the energy would be missing, at a ± of a thousandth."""
    frozen = ZoneFault("frozen", 2.2, ends_s)
    stretches = LAST_S, BenchPhase("after", 4.0, 1.2)
    bench = make_bench(CONSTANT.with_faults("package0", frozen))
    recording = record(bench, tmp_path, program(*stretches), rate_hz=10)
    assert_stuck(recording, "package0")
    assert recording.edges("whole")[1]["package0_J"] == ""
    assert recording.summed_j("package0", "whole") is None or ends_s < math.inf
    assert plus_minus(recording).get("package0") is None
    assert plus_minus(recording).get("total") is None
    assert_exact(recording, "whole", "dram0")


def test_counters_that_are_all_frozen_are_not_0_joules(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(CONSTANT.with_faults(None, ZoneFault("frozen", 2.0)))
    recording = record(bench, tmp_path, program(BenchPhase("whole", 2.3, 1.0)), rate_hz=10)
    assert_stuck(recording, "package0", "dram0")
    running = recording.run["summary"]["running"]["domains"]
    assert {name: domain["running_j"] for name, domain in running.items()} == {
        "package0": None,
        "dram0": None,
        "total": None,
    }
    assert "0 J" not in recording.said.partition("!")[0]


@pytest.mark.parametrize("rate_hz", [10, 50, 200])
def test_a_package_in_a_wrong_unit_is_refused_from_the_start(
    rate_hz: int, make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(CONSTANT.with_faults("package0", ZoneFault("scaled", factor=80.0)))
    recording = record(bench, tmp_path, program(BenchPhase("whole", 1.2, 1.1)), rate_hz=rate_hz)
    assert recording.energy_columns == {"dram0_J", "total_J", "est_cpu_J"}
    assert "counter has the wrong unit: it shows 4," in recording.said
    assert recording.run["summary"]["contents"] == "DRAM only"
    assert [event.partition(":")[0] for event in recording.happened] == ["note"]


@pytest.mark.parametrize("fault", [ZoneFault("scaled", 1.6), ZoneFault("jumping", 1.6)])
def test_a_counter_that_goes_wrong_is_refused_in_words(
    fault: ZoneFault, make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(CONSTANT.with_faults("dram0", fault))
    recording = record(bench, tmp_path, program(WHOLE), rate_hz=RATE_HZ)
    happened = events_of(recording, "dram0") + [e for e in recording.happened if "missing" in e]
    assert len(happened) <= 4
    assert "note:missing dram0: " in happened[-1]
    assert recording.run["summary"]["contents"] == "1 package, no DRAM"
    assert recording.summed_j("dram0", "whole") is None
    assert_exact(recording, "whole", "package0")


def test_dram_by_four_is_known_by_its_own_limit(make_bench: MakeBench, tmp_path: Path) -> None:
    limited = CONSTANT.changed(
        "dram0", curve=Constant(12.0), power_limit_uw=0, max_power_uw=20_000_000
    )
    bench = make_bench(limited.with_faults("dram0", ZoneFault("scaled", factor=4.0)))
    recording = record(bench, tmp_path, program(BenchPhase("whole", 1.2, 1.1)), rate_hz=10)
    assert recording.energy_columns == {"package0_J", "total_J"}
    assert re.search(r"the wrong unit: it shows (4|5)\d W, above the 40 W possible", recording.said)
    assert recording.run["summary"]["contents"] == "1 package, no DRAM"


def test_one_wrong_reading_is_dropped_and_told(make_bench: MakeBench, tmp_path: Path) -> None:
    rate_hz = 4
    wrong = ZoneFault("garbage", 2.0, 2.0 + 1 / rate_hz, text="0\n")
    bench = make_bench(CONSTANT.with_faults("package0", wrong))
    recording = record(bench, tmp_path, program(WHOLE), rate_hz=rate_hz)
    assert events_of(recording, "package0") == ["note:dropped package0"]
    assert_exact(recording, "whole", "package0", "total")
    assert "dropped" in recording.flags()


def test_a_reset_just_before_the_end_of_the_range(make_bench: MakeBench, tmp_path: Path) -> None:
    """140 J before its end: what a wrap would add was never used."""
    near = INTEL.wrapping_at(Constant(DRAW_W), 2.0 + 140 / DRAW_W)
    topology = CONSTANT.changed("package0", counter=near)
    bench = make_bench(topology.with_faults("package0", ZoneFault("reset", 2.0)))
    recording = record(bench, tmp_path, program(WHOLE), rate_hz=10)
    assert events_of(recording, "package0") == ["reset:package0"]
    missing_j = recording.true_j("package0", "whole") - recording.energy_j("package0", "whole")
    assert 0 <= missing_j <= DRAW_W * SOON_S
    (flag,) = (f for f in recording.run["summary"]["flags"] if f["name"] == "reset")
    assert "at most 14" in flag["text"]


def test_a_zone_that_appears_later_is_named(make_bench: MakeBench, tmp_path: Path) -> None:
    topology = topologies.two_sockets().with_faults("package1", ZoneFault("gone", 0.0, 2.0))
    recording = record(make_bench(topology), tmp_path, program(WHOLE), rate_hz=10)
    assert recording.run["summary"]["contents"] == "1 of 2 packages, 1 of 2 DRAM"
    (flag,) = (f for f in recording.run["summary"]["flags"] if f["name"] == "incomplete")
    assert flag["where"] == "dram1, package1" or flag["where"] == "package1, dram1"
    assert "appeared after the recording started" in flag["text"]
