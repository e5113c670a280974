"""A run file played back gives what was recorded, when it was recorded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Channel, Gone
from recorders.sources.replay import Replay, open_replay
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power

FIXED = "time_s,time_utc,phase,label,repeat,event,inferences"


def write_run(path: Path, columns: str, *rows: str) -> Path:
    body = [f"{row.partition(',')[0]},,,,,,,{row.partition(',')[2]}" for row in rows]
    path.write_text("\n".join([f"{FIXED},{columns}", *body]) + "\n")
    return path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def values(source: Replay) -> dict[str, float]:
    names = [channel.name for channel in source.channels()]
    return {names[r.channel]: r.value for r in source.read() if isinstance(r.value, float)}


def test_values_come_at_their_own_time(tmp_path: Path, clock: ManualClock) -> None:
    path = write_run(
        tmp_path / "a.csv", "package0_J,cpu_util_pct", "0.0,0.0,5", "1.0,50.0,", "2.0,90.0,7"
    )
    source = open_replay(path, clock=clock.monotonic_ns)
    assert values(source) == {"package0": 0.0, "cpu_util": 5.0}
    clock.advance(1.5)
    assert values(source) == {"package0": 50.0, "cpu_util": 5.0}
    clock.advance(0.5)
    assert values(source) == {"package0": 90.0, "cpu_util": 7.0}


def test_twice_the_speed_is_half_the_time(tmp_path: Path, clock: ManualClock) -> None:
    path = write_run(tmp_path / "a.csv", "package0_J", "0.0,0.0", "1.0,50.0", "2.0,90.0")
    source = open_replay(path, speed=2.0, clock=clock.monotonic_ns)
    clock.advance(0.5)
    assert values(source) == {"package0": 50.0}


def test_a_channel_that_began_late_is_not_there_before(tmp_path: Path, clock: ManualClock) -> None:
    path = write_run(tmp_path / "a.csv", "package0_J,gpu0_J", "0.0,0.0,", "1.0,5.0,3.0")
    source = open_replay(path, clock=clock.monotonic_ns)
    assert values(source) == {"package0": 0.0}


def test_after_the_end_everything_is_gone(tmp_path: Path, clock: ManualClock) -> None:
    path = write_run(tmp_path / "a.csv", "package0_J", "0.0,0.0", "1.0,5.0")
    source = open_replay(path, clock=clock.monotonic_ns)
    clock.advance(1.01)
    with pytest.raises(Gone, match="ended"):
        source.read()


def test_the_total_is_made_anew_from_the_same_parts(tmp_path: Path) -> None:
    columns = "package0_J,package0_W,dram0_J,dram0_W,psys_J,psys_W,total_J,total_W"
    source = open_replay(write_run(tmp_path / "a.csv", columns, "0.0" + ",1" * 8))
    assert {channel.name: channel.in_total for channel in source.channels()} == {
        "package0": True,
        "dram0": True,
        "psys": False,
    }


def test_origins_are_those_of_the_recording(tmp_path: Path) -> None:
    columns = "est_cpu_J,sim_cpu_J,meter_plug_J,gpu0_J,cpu_temp_C"
    source = open_replay(write_run(tmp_path / "a.csv", columns, "0.0" + ",1" * 5))
    assert [(c.name, c.unit, c.origin) for c in source.channels()] == [
        ("est_cpu", "J", "estimated"),
        ("sim_cpu", "J", "simulated"),
        ("meter_plug", "J", "manual"),
        ("gpu0", "J", "measured"),
        ("cpu_temp", "C", "measured"),
    ]


def test_a_meter_that_was_read_by_hand_is_not_played_back_as_a_curve(tmp_path: Path) -> None:
    columns = "package0_J,package0_W,meter_wall_J,meter_wall_W"
    source = open_replay(write_run(tmp_path / "a.csv", columns, "0.0,1,2,,103.2"))
    assert [channel.name for channel in source.channels()] == ["package0"]


def test_another_kind_of_table_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("name,value\na,1\n")
    with pytest.raises(ValueError, match="is not a run file"):
        open_replay(tmp_path / "other.csv")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ValueError, match="is not a run file"):
        open_replay(tmp_path / "empty.csv")


@given(cut=st.integers(1, 40))
def test_half_a_number_at_the_end_of_a_file_that_broke_off_is_not_a_reading(cut: int) -> None:
    lines = "0.000000,1000.000000", "1.000000,2000.000000", "1.500000,3000.000000"
    clock = ManualClock()
    with TemporaryDirectory() as directory:
        path = write_run(Path(directory) / "a.csv", "package0_J", *lines)
        path.write_bytes(path.read_bytes()[:-cut])
        source = open_replay(path, clock=clock.monotonic_ns)
    seen = set()
    with suppress(Gone):
        while True:
            seen |= set(values(source).values())
            clock.advance(0.1)
    assert {1000.0} <= seen <= {1000.0, 2000.0, 3000.0}


def test_what_the_recorder_writes_plays_back_to_the_same_file(
    tmp_path: Path, clock: ManualClock
) -> None:
    package = Channel("package0", "J", in_total=True)
    first = Rig(tmp_path, clock, [ScriptedSource(clock, {package: constant_power(50)})])
    original = first.run(1.95)
    source = open_replay(first.path, clock=clock.monotonic_ns)
    clock.advance(1.04)
    assert values(source) == {"package0": pytest.approx(50.0)}
    assert len(original) == 20
