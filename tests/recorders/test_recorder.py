"""Sources × ticks → rows: every cell at its own time, nothing invented, nothing lost unsaid."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.at_once import WAIT_S
from recorders.runfile import RunFile
from recorders.source import Channel, Fatal, Gone, Reading, Retry
from recorders.summary.reduction import EDGES, Reducer
from recorders.summary.summary import summarise
from recorders.wire import readings
from tests.support.doubles import (
    BlockingSource,
    ManualClock,
    Rig,
    Script,
    ScriptedSource,
    Value,
    constant_power,
    read_rows,
)
from wattui.runs.reduce import reduce_csv

PACKAGE = Channel("package0", "J", in_total=True, range_j=262_143.0, bound_w=1000.0)
DRAM = Channel("dram0", "J", in_total=True, range_j=65_712.0, bound_w=1000.0)
PSYS = Channel("psys", "J")
UNCORE = Channel("uncore0", "J")
GPU_W = Channel("gpu0", "W", in_total=True, remarks=("integrated",))
UTIL = Channel("cpu_util", "pct")

Rows = list[dict[str, str]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def steady(clock: ManualClock, power_w: float = 50.0) -> ScriptedSource:
    return ScriptedSource(clock, {PACKAGE: constant_power(power_w, start_j=1234.5)})


def failing(channel_w: float, start_s: float, end_s: float, error: Value) -> Script:
    return lambda time_s: error if start_s <= time_s < end_s else channel_w * time_s


def ticks(rows: Rows) -> Rows:
    return [row for row in rows if not row["event"]]


def events(rows: Rows) -> list[str]:
    return [row["event"] for row in rows if row["event"]]


def at(row: dict[str, str]) -> float:
    return float(row["time_s"])


def follows(rows: Rows, column: str, power_w: float, apart_s: float = 1e-6) -> bool:
    """True where every cell is the energy of its own row's time."""
    return all(
        float(row[column]) == pytest.approx(power_w * at(row), abs=power_w * apart_s + 1e-6)
        for row in rows
        if row[column]
    )


def test_energy_begins_at_zero_and_grows_as_power_times_time(
    tmp_path: Path, clock: ManualClock
) -> None:
    rows = Rig(tmp_path, clock, [steady(clock)]).run(1.95)
    assert (rows[0]["time_s"], rows[0]["package0_J"]) == ("0.000000", "0.000000")
    assert follows(rows, "package0_J", 50.0)
    assert {row["package0_W"] for row in ticks(rows)[1:]} == {"50.000"}
    assert ticks(rows)[-1]["package0_J"] == "95.000000"


def test_rows_lie_on_the_grid_of_the_rate(tmp_path: Path, clock: ManualClock) -> None:
    rows = Rig(tmp_path, clock, [steady(clock)], rate_hz=100.0).run(0.995)
    assert [at(row) for row in ticks(rows)] == pytest.approx([n / 100 for n in range(100)])


def test_an_edge_is_read_when_it_is_asked_for_not_at_the_next_tick(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.at(0.5234, do="begin", phase="idle")
    rig.at(1.2791, do="end", id=1)
    rows = rig.run(1.95)
    begin, end = (next(row for row in rows if row["event"] == what) for what in ("begin", "end"))
    assert (at(begin), at(end)) == (0.5234, 1.2791)
    assert float(end["package0_J"]) - float(begin["package0_J"]) == pytest.approx(50 * 0.7557)


@pytest.mark.parametrize(
    ("waits_s", "read"),
    [
        ([3e-3, 0.3e-3, 2e-3, 0.9e-3, 1e-3], ("0.553000", "27.650000", "2.765000")),
        ([25e-3], ("0.575000", "28.750000", "2.875000")),
        ([25e-3, 25e-3], ("0.550000", "27.500000", "2.750000")),
        ([0.15], ("0.550000", "27.500000", "2.750000")),
    ],
    ids=["often for long", "once for very long", "a slow counter", "a very slow counter"],
)
def test_an_edge_whose_reads_were_held_up_is_read_again_and_the_closest_counts(
    waits_s: list[float], read: tuple[str, ...], tmp_path: Path, clock: ManualClock
) -> None:
    waits_s = list(waits_s)

    def held_up(time_s: float) -> float:
        if time_s >= 0.55 and waits_s:
            clock.advance(waits_s.pop(0))
        return 5 * time_s

    channels = {PACKAGE: constant_power(50), DRAM: held_up}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, channels)])
    rig.at(0.55, do="begin", phase="idle")
    begin = next(row for row in rig.run(0.95) if row["event"] == "begin")
    assert (begin["time_s"], begin["package0_J"], begin["dram0_J"]) == read


def test_rows_belong_to_the_phase_that_is_open(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.at(0.55, do="begin", phase="idle", label="before")
    rig.at(1.25, do="end", id=1)
    for row in rig.run(1.95):
        inside = 0.55 <= at(row) <= 1.25
        assert (row["phase"], row["label"]) == (("idle", "before") if inside else ("", ""))


def test_the_total_is_packages_and_memory(tmp_path: Path, clock: ManualClock) -> None:
    channels = {channel: constant_power(w) for channel, w in ((PACKAGE, 50), (DRAM, 5), (PSYS, 90))}
    rows = Rig(tmp_path, clock, [ScriptedSource(clock, channels)]).run(0.95)
    assert follows(rows, "total_J", 55.0)
    assert all(row["total_J"] for row in rows)


def test_a_slow_read_gets_a_row_at_its_own_time(tmp_path: Path, clock: ManualClock) -> None:
    channels = {PACKAGE: constant_power(50), DRAM: constant_power(5)}
    source = ScriptedSource(clock, channels, read_s=[0.0, 0.2])
    rows = Rig(tmp_path, clock, [source], rate_hz=2.0).run(2.95)
    assert follows(rows, "package0_J", 50.0, apart_s=0.002)
    assert all(row["total_J"] == "" for row in rows)
    assert [at(row) for row in rows if row["dram0_J"]]


def test_an_edge_is_dated_at_its_readings_even_if_the_first_is_slow(
    tmp_path: Path, clock: ManualClock
) -> None:
    channels = {PACKAGE: constant_power(50), DRAM: constant_power(5)}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, channels, read_s=[0.15, 0.0])], rate_hz=2.0)
    rig.at(0.7, do="begin", phase="idle")
    begin = next(row for row in rig.run(0.95) if row["event"] == "begin")
    assert at(begin) == pytest.approx(0.85)
    assert float(begin["package0_J"]) == pytest.approx(50 * at(begin))
    assert float(begin["total_J"]) == pytest.approx(55 * at(begin))


def test_requests_do_not_wait_for_one_slow_tick_each(tmp_path: Path, clock: ManualClock) -> None:
    source = ScriptedSource(clock, {PACKAGE: constant_power(50)}, read_s=[0.15])
    rig = Rig(tmp_path, clock, [source], rate_hz=10.0)
    for text in ("one", "two", "three"):
        rig.at(1.0, do="note", text=text)
    rig.at(1.0, do="begin", phase="idle")
    begin = next(row for row in rig.run(2.95) if row["event"] == "begin")
    assert at(begin) < 1.4


def test_a_slow_channel_does_not_shift_the_times_of_the_others(
    tmp_path: Path, clock: ManualClock
) -> None:
    channels = {channel: constant_power(40) for channel in (PSYS, PACKAGE, DRAM)}
    source = ScriptedSource(clock, channels, read_s=[0.0, 0.015, 0.015])
    rig = Rig(tmp_path, clock, [source])
    rig.at(0.55, do="begin", phase="idle")
    rig.at(1.25, do="end", id=1)
    rows = rig.run(1.95)
    offsets_s = {"psys_J": 0.0, "package0_J": 0.015, "dram0_J": 0.030}
    for column, offset_s in offsets_s.items():
        for row in (row for row in rows if row[column]):
            expected_j = 40 * (at(row) - offset_s)
            assert float(row[column]) == pytest.approx(expected_j, abs=40 * 0.002)


@pytest.mark.parametrize("read_s", [[0.0, 0.003], [0.005, 0.005, 0.005], [0.0, 0.2, 0.2]])
def test_time_never_goes_back_from_row_to_row(
    tmp_path: Path, clock: ManualClock, read_s: list[float]
) -> None:
    channels = {channel: constant_power(40) for channel in (PSYS, PACKAGE, DRAM)}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, channels, read_s)])
    rig.at(0.55, do="begin", phase="idle")
    rig.at(1.25, do="end", id=1)
    times_s = [at(row) for row in rig.run(1.95)]
    assert times_s == sorted(times_s)


def test_a_failed_read_is_an_empty_cell_one_gap_and_an_exact_bridge(
    tmp_path: Path, clock: ManualClock
) -> None:
    channels = {PACKAGE: failing(50, 0.95, 2.65, Retry("EIO")), DRAM: constant_power(5)}
    rows = Rig(tmp_path, clock, [ScriptedSource(clock, channels)]).run(3.95)
    failed = [row for row in ticks(rows) if 0.95 <= at(row) < 2.65]
    assert {(row["package0_J"], row["package0_W"], row["total_J"]) for row in failed} == {
        ("", "", "")
    }
    assert all(row["dram0_J"] for row in failed)
    assert events(rows) == ["gap:package0"]
    assert follows(rows, "package0_J", 50.0)


def test_a_zone_that_goes_away_is_lost_once_and_the_rest_goes_on(
    tmp_path: Path, clock: ManualClock
) -> None:
    channels = {PACKAGE: constant_power(50), DRAM: failing(5, 0.95, 99, Gone("ENODEV"))}
    rows = Rig(tmp_path, clock, [ScriptedSource(clock, channels)]).run(1.95)
    assert events(rows) == ["lost:dram0"]
    assert all(row["package0_J"] for row in ticks(rows))
    assert not any(row["dram0_J"] or row["total_J"] for row in ticks(rows) if at(row) > 0.95)


def test_a_source_that_fails_as_a_whole_loses_each_of_its_channels(
    tmp_path: Path, clock: ManualClock
) -> None:
    broken = ScriptedSource(clock, {DRAM: constant_power(5), UTIL: constant_power(1)})
    rig = Rig(tmp_path, clock, [steady(clock), broken])
    rig.when(0.95, lambda: setattr(broken, "broken", Fatal("the driver is gone")))
    rows = rig.run(1.95)
    assert events(rows) == ["lost:dram0"]
    assert all(row["package0_J"] for row in ticks(rows))


def test_a_counter_that_stands_still_is_noted_and_shows_nothing_until_it_moves(
    tmp_path: Path, clock: ManualClock
) -> None:
    moves = Channel("package0", "J", in_total=True, bound_w=1000.0, always_moves=True)
    stuck: Script = lambda time_s: 50 * (1.0 if 1.0 <= time_s < 5.0 else time_s)  # noqa: E731
    rows = Rig(tmp_path, clock, [ScriptedSource(clock, {moves: stuck})]).run(5.95)
    assert events(rows) == ["note:stuck package0 since 1.000000", "note:moving package0"]
    assert not any(row["package0_J"] for row in ticks(rows) if 3.3 < at(row) < 4.9)
    assert ticks(rows)[-1]["package0_J"] == "295.000000"


class PoweredSource(ScriptedSource):
    """A counter that never moves, of a device that tells its power as well."""

    power_w: float | None = 120.0

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        return [reading._replace(power_w=self.power_w) for reading in super().read()]


GPU = Channel("gpu0", "J", in_total=True, bound_w=700.0, always_moves=True)


def test_power_is_integrated_where_a_counter_stands_still_and_the_device_draws(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [PoweredSource(clock, {GPU: lambda _: 400.0})])
    rig.at(3.0, do="begin", phase="running", label="b1")
    rig.at(7.0, do="end", id=1)
    rig.run(8.0)
    live = summarise(rig.recorder.reduction)
    assert live.to_dict() == summarise(reduce_csv(rig.path)).to_dict()
    assert live.running is not None
    energy = live.running.domains["gpu0"].running_j
    assert energy is not None
    assert energy.value == pytest.approx(480.0, rel=1e-6)
    assert energy.plus_minus is not None
    texts = {flag.name: flag.text for flag in live.flags if flag.where == "gpu0"}
    assert re.fullmatch(
        r"its counter got stuck; from 2\.\d+ s on, power readings were integrated",
        texts["integrated"],
    )
    assert texts["stuck"].startswith("the counter was stuck for 2.")
    assert "b1" not in texts["stuck"]


@pytest.mark.parametrize("power_w", [0.0, None])
def test_a_counter_that_stands_still_stays_unknown_where_nothing_is_drawn(
    tmp_path: Path, clock: ManualClock, power_w: float | None
) -> None:
    source = PoweredSource(clock, {GPU: lambda _: 400.0})
    source.power_w = power_w
    rows = Rig(tmp_path, clock, [source]).run(4.0)
    assert events(rows) == ["note:stuck gpu0 since 0.000000"]
    assert not any(row["gpu0_J"] for row in ticks(rows) if at(row) > 2.5)


def test_a_counter_that_restarts_is_a_reset_and_adds_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    reset: Script = lambda t: 9000.0 + 50 * t if t < 1.05 else 50 * (t - 1.05)  # noqa: E731
    rows = Rig(tmp_path, clock, [ScriptedSource(clock, {PACKAGE: reset})]).run(1.95)
    assert events(rows) == ["reset:package0", "note:lacks up to 5 J of package0"]
    assert [at(row) for row in ticks(rows) if not row["package0_J"]] == [pytest.approx(1.1)]
    energies = [float(row["package0_J"]) for row in ticks(rows) if row["package0_J"]]
    assert energies == sorted(energies)
    assert energies[-1] == pytest.approx(50 * 1.0 + 50 * 0.8)


def test_power_is_integrated_where_there_is_no_counter_and_that_is_noted(
    tmp_path: Path, clock: ManualClock
) -> None:
    rows = Rig(tmp_path, clock, [ScriptedSource(clock, {GPU_W: lambda time_s: 10 * time_s})]).run(
        2.0
    )
    last = ticks(rows)[-1]
    assert events(rows) == ["note:integrated gpu0"]
    assert float(last["gpu0_J"]) == pytest.approx(10 * at(last) ** 2 / 2)
    assert float(last["gpu0_W"]) == pytest.approx(10 * at(last))


def test_update_periods_are_noted(tmp_path: Path, clock: ManualClock) -> None:
    source = ScriptedSource(
        clock, {PACKAGE: constant_power(50)}, periods_s={"package0": 0.001, "dram0": 0.0305}
    )
    rows = Rig(tmp_path, clock, [source]).run(0.5)
    assert events(rows) == ["note:update_period_s package0=0.001000 dram0=0.030500"]


def test_a_machine_that_slept_has_a_gap_and_counts_nothing_of_its_sleep(
    tmp_path: Path, clock: ManualClock
) -> None:
    jumped = [0.0]
    source = ScriptedSource(clock, {PACKAGE: lambda time_s: 50 * time_s + jumped[0]})
    rig = Rig(tmp_path, clock, [source])

    def sleep() -> None:
        clock.suspend(3600.0)
        jumped[0] = 77.0

    rig.when(1.02, sleep)
    rows = rig.run(2.95)
    assert "gap:package0" in events(rows)
    assert any("suspended for 3600" in what for what in events(rows))
    assert source.was_reset
    assert 95.0 - 5.0 <= float(ticks(rows)[-1]["package0_J"]) - 50.0 <= 95.0


def test_dates_go_on_by_the_time_that_the_machine_slept(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.when(1.02, lambda: clock.suspend(3600.0))
    rows = rig.run(2.95)
    elapsed = datetime.fromisoformat(rows[-1]["time_utc"]) - datetime.fromisoformat(
        rows[0]["time_utc"]
    )
    assert elapsed.total_seconds() == pytest.approx(3600 + at(rows[-1]), abs=0.001)


def test_a_system_clock_that_is_set_back_changes_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.when(1.02, lambda: setattr(clock, "wall_start_ns", clock.wall_start_ns - 3600 * 10**9))
    rows = rig.run(2.95)
    first = datetime.fromisoformat(rows[0]["time_utc"])
    for row in rows:
        elapsed = datetime.fromisoformat(row["time_utc"]) - first
        assert elapsed.total_seconds() == pytest.approx(at(row), abs=0.0011)
    assert not any(row["event"].startswith("reset") for row in rows)


def test_a_recorder_that_was_stopped_for_seconds_has_a_gap_and_a_bridge(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.when(1.02, lambda: clock.advance(5.0))
    rows = rig.run(7.95)
    assert "gap:package0" in events(rows)
    assert follows(rows, "package0_J", 50.0)


def test_the_count_is_on_every_row_once_something_was_counted(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.at(0.55, do="count", n=3)
    rig.at(1.05, do="count", n=4)
    counts = [(at(row), row["inferences"]) for row in rig.run(1.95)]
    assert {n for t, n in counts if t < 0.55} == {""}
    assert {n for t, n in counts if 0.55 < t < 1.05} == {"3"}
    assert {n for t, n in counts if t > 1.05} == {"7"}


@pytest.mark.parametrize("text", ["plain", 'with "quotes", commas', "and µ ✓"])
def test_a_note_is_a_row_of_its_own(tmp_path: Path, clock: ManualClock, text: str) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.at(0.55, do="note", text=text)
    assert events(rig.run(0.95)) == [f"note:{text}"]


@pytest.mark.parametrize("label", ["caf\udce9", "two\nlines", "\x00", "-" * 4096])
def test_any_label_a_program_can_have_is_recorded(
    tmp_path: Path, clock: ManualClock, label: str
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.at(0.55, owner=9, do="begin", phase="running", label=label)
    rows = rig.run(0.95)
    assert events(rows) == ["begin", "end"]
    assert len(ticks(rows)) == 10


def test_a_source_that_hangs_in_its_driver_holds_nobody_up(
    tmp_path: Path, clock: ManualClock
) -> None:
    hanging = BlockingSource(clock, {DRAM: constant_power(5)})
    rig = Rig(tmp_path, clock, [steady(clock), hanging])
    hanging.gate.clear()
    rows = rig.run(1.95)
    hanging.gate.set()
    assert [at(row) for row in ticks(rows)] == pytest.approx([n / 10 for n in range(20)])
    assert all(row["package0_J"] for row in ticks(rows))
    assert not any(row["dram0_J"] for row in ticks(rows)[1:])


def test_a_source_that_hangs_for_5_s_takes_no_reading_from_the_others(
    tmp_path: Path, clock: ManualClock
) -> None:
    hanging = BlockingSource(clock, {DRAM: constant_power(5)})
    healthy = BlockingSource(clock, {UNCORE: constant_power(3)})
    rig = Rig(tmp_path, clock, [steady(clock), hanging, healthy])
    rig.when(1.01, hanging.gate.clear)
    for place in range(20):
        what = "end" if place % 2 else "begin"
        rig.at(1.55 + place * 0.2, do=what, id=place // 2 + 1, phase="running")
    waiting_since_s = time.monotonic()
    rows = rig.run(6.15)
    hanging.gate.set()
    # Only the first edge waits for it.
    assert time.monotonic() - waiting_since_s < 10 * WAIT_S
    assert [at(row) for row in ticks(rows)] == pytest.approx([n / 10 for n in range(62)])
    assert all(row["package0_J"] for row in ticks(rows))
    edges = [row for row in rows if row["event"] in ("begin", "end")]
    assert len(edges) == 20
    for edge in edges:
        assert float(edge["uncore0_J"]) == pytest.approx(3 * at(edge), abs=1e-3)
        assert float(edge["package0_J"]) == pytest.approx(50 * at(edge), abs=1e-3)
        assert edge["dram0_J"] == ""


def test_a_source_with_a_thread_of_its_own_is_read_at_the_edges(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock), BlockingSource(clock, {DRAM: constant_power(5)})])
    rig.at(0.55, do="begin", phase="idle")
    rig.at(1.25, do="end", id=1)
    begin, end = (row for row in rig.run(1.95) if row["event"] in ("begin", "end"))
    assert float(end["dram0_J"]) - float(begin["dram0_J"]) == pytest.approx(5 * 0.7)
    assert float(end["total_J"]) - float(begin["total_J"]) == pytest.approx(55 * 0.7)


class LateSource(BlockingSource):
    """The recorder hears of its readings at an edge so much later."""

    late_s: tuple[float, ...] = ()

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        readings = super().read(counters_only)
        if counters_only and self.late_s:
            self._clock.advance(self.late_s[0])
            self.late_s = self.late_s[1:]
        return readings


def test_a_reading_that_came_late_from_its_thread_is_taken_again(
    tmp_path: Path, clock: ManualClock
) -> None:
    late = LateSource(clock, {DRAM: constant_power(5)})
    rig = Rig(tmp_path, clock, [steady(clock), late])
    late.late_s = (5e-3, 2e-3, 0.1e-3, 9e-3)
    rig.at(0.55, do="begin", phase="idle")
    begin = next(row for row in rig.run(0.95) if row["event"] == "begin")
    # 5 W over 557 ms; the row's own time is 0.1 ms later.
    assert (begin["time_s"], begin["dram0_J"]) == ("0.557100", "2.785000")


def test_gauges_with_a_thread_of_their_own_do_not_delay_an_edge(
    tmp_path: Path, clock: ManualClock
) -> None:
    hanging = BlockingSource(clock, {UTIL: constant_power(5)})
    rig = Rig(tmp_path, clock, [steady(clock), hanging])
    hanging.gate.clear()
    rig.at(0.55, do="begin", phase="idle")
    begin = next(row for row in rig.run(0.95) if row["event"] == "begin")
    hanging.gate.set()
    assert at(begin) == 0.55


def test_the_front_end_gets_rows_no_faster_than_it_asked(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)], rate_hz=100.0)
    rig.at(0.005, do="rows", rate_hz=4.0)
    rig.at(2.005, do="rows", rate_hz=0)
    rig.run(3.95)
    times_s = [float(message["time"]) for message in rig.sent if message["t"] == "row"]
    assert 7 <= len(times_s) <= 9
    assert max(times_s) < 2.01
    assert readings(rig.layout.columns, rig.sent[-1])["package0_W"] == pytest.approx(50.0)


def test_a_gauge_that_is_read_rarely_reaches_a_front_end_that_asks_for_few_rows(
    tmp_path: Path, clock: ManualClock
) -> None:
    gauge = ScriptedSource(clock, {Channel("cpu_util", "pct"): lambda time_s: 10 * time_s})
    gauge.period_s = 0.7
    rig = Rig(tmp_path, clock, [steady(clock), gauge], rate_hz=100.0)
    rig.at(0.005, do="rows", rate_hz=4.0)
    rig.run(5.0)
    sent = [message for message in rig.sent if message["t"] == "row"]
    values = [readings(rig.layout.columns, message).get("cpu_util_pct") for message in sent]
    assert len([value for value in values if value is not None]) >= 6


def test_a_front_end_of_few_rows_gets_the_readings_before_an_edge(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)], rate_hz=100.0, follows=True)
    rig.at(0.005, do="rows", rate_hz=1.0)
    rig.at(0.545, do="begin", phase="idle")
    rig.at(1.545, do="end", id=1)
    rig.run(2.0)
    edges = [place for place, each in enumerate(rig.sent) if each.get("event") in EDGES]
    assert len(edges) == 2
    for place in edges:
        before, edge = rig.sent[place - 1], rig.sent[place]
        assert before["t"] == "row"
        assert 0 <= float(edge["time"]) - float(before["time"]) <= 0.011
        assert "package0_J" in readings(rig.layout.columns, before)
    assert [each["phase"] for each in (rig.sent[edges[0] - 1], rig.sent[edges[1] - 1])] == [
        "",
        "idle",
    ]
    times_s = [float(each["time"]) for each in rig.sent if each["t"] in ("row", "event")]
    assert times_s == sorted(times_s)


def test_a_front_end_that_follows_can_make_the_same_summary(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)], rate_hz=10.0, follows=True)
    rig.at(0.01, do="rows", rate_hz=10.0)
    rig.at(1.0, do="command", label="net", repeat=2)
    rig.at(2.0, owner=7, do="begin", phase="armed", label="b1")
    rig.at(3.0, owner=7, do="end", id=2)
    rig.at(3.5, owner=7, do="begin", phase="running", label="b1")
    rig.at(4.0, owner=7, do="note", text="half, way")
    rig.at(6.0, do="command_end", inferences=40)
    rig.run(7.0)
    mirror = Reducer(rig.layout.columns)
    for message in rig.sent:
        if message["t"] == "renamed":
            mirror.rename_running_since(message["first_event"])
        elif message["t"] in ("row", "event"):
            where = message["phase"], message["label"], message["repeat"]
            cells, count = message["cells"], message["inferences"]
            mirror.add(message["time"], cells, message["event"], where, count)
    assert summarise(mirror.reduction).to_dict() == summarise(rig.recorder.reduction).to_dict()
    assert "renamed" in [message["t"] for message in rig.sent]


def test_sources_are_closed_at_the_end(tmp_path: Path, clock: ManualClock) -> None:
    source = steady(clock)
    Rig(tmp_path, clock, [source]).run(0.5)
    assert source.closed


def test_a_disk_that_fills_up_is_said_once_and_taken_back_once(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = RunFile.flush
    full = [False]

    def flush_or_fail(file: RunFile) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(file)

    rig = Rig(tmp_path, clock, [steady(clock)])
    monkeypatch.setattr(RunFile, "flush", flush_or_fail)
    rig.when(2.0, lambda: full.__setitem__(0, True))
    rig.when(6.0, lambda: full.__setitem__(0, False))
    rows = rig.run(7.95)
    said = [message["error"] for message in rig.sent if message["t"] == "writing"]
    assert said == ["No space left on device", None]
    assert len(ticks(rows)) == 80


def test_sampling_is_reported_as_it_was(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, [steady(clock)], rate_hz=100.0)
    rig.run(1.95)
    sampling = rig.recorder.sampling()
    assert sampling["rate_asked_hz"] == 100.0
    assert sampling["rate_achieved_hz"] == pytest.approx(100.0, rel=0.01)
    assert sampling["missed"] == 0
    assert sampling["lateness_ms"]["max_ms"] == 0.0


@given(
    st.lists(st.sampled_from(["good", "retry"]), min_size=1, max_size=40),
    st.sets(st.integers(1, 3900)),
)
def test_whatever_fails_and_whenever_a_phase_begins_every_cell_is_the_true_energy(
    outcomes: list[str], edges_ms: set[int]
) -> None:
    def script(time_s: float) -> Value:
        failed = outcomes[int(time_s * 10) % len(outcomes)] == "retry"
        return Retry("EIO") if failed else 50 * time_s + 262_100.0

    clock = ManualClock()
    wraps: Script = lambda t: v % 262_143.0 if isinstance(v := script(t), float) else v  # noqa: E731
    with TemporaryDirectory() as directory:
        rig = Rig(Path(directory), clock, [ScriptedSource(clock, {PACKAGE: wraps})])
        for edge_ms in edges_ms:
            rig.at(edge_ms / 1000, do="mark", phase=f"phase {edge_ms}")
        rows = rig.run(3.95)
    known = [row for row in rows if row["package0_J"]]
    for row in known:
        expected_j = 50 * (at(row) - at(known[0]))
        assert float(row["package0_J"]) == pytest.approx(expected_j, abs=1e-4)
    begun = [row["event"] for row in rows].count("begin")
    assert begun == len(edges_ms)


def test_an_edge_at_which_a_counter_has_just_wrapped_is_known(
    tmp_path: Path, clock: ManualClock
) -> None:
    channel = Channel("package0", "J", in_total=True, range_j=262_143.0, bound_w=1000.0)
    wraps: Script = lambda t: (262_143.0 - 51.0 + 50 * t) % 262_143.0  # noqa: E731
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, {channel: wraps})])
    rig.at(0.5, do="begin", phase="running")
    rig.at(1.05, do="end", id=1)
    rows = rig.run(1.45)
    begin, end = (row for row in rows if row["event"] in ("begin", "end"))
    assert float(end["package0_J"]) - float(begin["package0_J"]) == pytest.approx(27.5)
    assert end["total_J"] == end["package0_J"]
    assert not any(row["event"].startswith("reset") for row in rows)


@pytest.mark.parametrize("kept_rows", [0, 1, 25])
def test_a_file_that_was_truncated_has_every_edge_and_the_same_figures(
    tmp_path: Path, clock: ManualClock, kept_rows: int
) -> None:
    """Its phases that were open then had no begin any more: their energy was unknown."""
    rig = Rig(tmp_path, clock, [steady(clock)])
    rig.at(0.5, do="begin", phase="idle")
    rig.at(2.0, do="end", id=1)
    rig.at(2.5, do="begin", phase="running", label='a "quoted", b')
    rig.at(4.0, do="count", n=7)
    rig.at(5.0, do="end", id=2)
    rig.at(5.5, do="begin", phase="running", label="open")
    rig.when(6.5, lambda: keep_lines(rig.path, kept_rows))
    rig.at(8.0, do="end", id=3)
    rig.run(9.0)
    found = summarise(reduce_csv(tmp_path / "run.recovered.csv"))
    live = summarise(rig.recorder.reduction)
    assert found.labels == live.labels
    assert [group.label for group in found.labels] == ['a "quoted", b', "open"]
    energies = [group.domains["package0"].running_j for group in found.labels]
    assert [each and each.value for each in energies] == [pytest.approx(125), pytest.approx(125)]
    assert found.labels[0].inferences == 7
    assert [phase.start_s for phase in found.phases] == [0.5, 2.5, 5.5]
    assert "run_file" in {flag.name for flag in found.flags}
    account = rig.file.account()
    assert f"{account['lost_rows']} rows were lost" in account["file"]["remarks"][0]
    rows = read_rows(tmp_path / "run.recovered.csv")
    assert len(rows) + account["lost_rows"] == 91 + len(events(rows))
    times = [at(row) for row in rows]
    assert times == sorted(times)


def keep_lines(path: Path, kept_rows: int) -> None:
    """Truncate a run file as another program does."""
    lines = path.read_text().splitlines(keepends=True)
    os.truncate(path, len("".join(lines[: kept_rows + bool(kept_rows)])))
