"""A run file played back: every row when it is due, as the recorder would have sent it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from wattui.errors import UsageError
from wattui.runs import lines
from wattui.runs.convert import write_parquet
from wattui.runs.lines import CsvLines, ParquetLines
from wattui.runs.run_json import ReadSource
from wattui.tui.state.live import Live
from wattui.tui.state.playback import Playback

HEADER = "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W\n"
UTC = "2026-01-01T00:00:00.000Z"
ROWS = [
    f"0.000000,{UTC},,,,,,0.000000,\n",
    f'1.000000,{UTC},running,"b1, hot",2,begin,0,20.000000,20.000\n',
    f'1.500000,{UTC},running,"b1, hot",2,,5,45.000000,50.000\n',
    f'2.000000,{UTC},running,"b1, hot",2,end,10,70.000000,50.000\n',
    f"3.000000,{UTC},,,,,10,90.000000,20.000\n",
]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.csv"
    path.write_text(HEADER + "".join(ROWS))
    return path


def test_parquet_gives_the_same_messages(path: Path, clock: Clock) -> None:
    parquet = in_format(path, "parquet")
    found = [Playback(each, math.inf, clock) for each in (path, parquet)]
    clock.now_s += 1
    of_csv, of_parquet = (playback.poll() for playback in found)
    assert of_parquet == of_csv
    assert found[1].length_s == found[0].length_s
    assert found[1].rate_hz == found[0].rate_hz


def times(playback: Playback) -> list[str]:
    return [message["time"][:3] for message in playback.poll()]


def test_rows_come_when_they_are_due(path: Path, clock: Clock) -> None:
    playback = Playback(path, clock=clock)
    assert times(playback) == ["0.0"]
    clock.now_s += 1.2
    assert times(playback) == ["1.0"]
    clock.now_s += 10
    assert times(playback) == ["1.5", "2.0", "3.0"]
    assert playback.ended


def test_speed_changes_from_now_on(path: Path, clock: Clock) -> None:
    playback = Playback(path, speed=2.0, clock=clock)
    clock.now_s += 0.5
    assert times(playback) == ["0.0", "1.0"]
    playback.faster(-1)
    assert playback.speed == 1.0
    clock.now_s += 0.4
    assert times(playback) == []
    clock.now_s += 0.1
    assert times(playback) == ["1.5"]


def test_as_fast_as_it_goes_gives_all(path: Path, clock: Clock) -> None:
    playback = Playback(path, speed=math.inf, clock=clock)
    clock.now_s += 0.001
    assert len(times(playback)) == len(ROWS)
    assert "ended" in playback.title


def test_a_pause_holds_the_time(path: Path, clock: Clock) -> None:
    playback = Playback(path, clock=clock)
    times(playback)
    playback.pause()
    clock.now_s += 60
    assert times(playback) == []
    playback.pause()
    clock.now_s += 1
    assert times(playback) == ["1.0"]


def test_it_makes_the_summary_of_the_file(path: Path, clock: Clock) -> None:
    playback = Playback(path, speed=math.inf, clock=clock)
    clock.now_s += 1
    live = Live(playback.columns)
    for message in playback.poll():
        live.take(message)
    running = live.summary().running
    assert running.inferences == 10
    assert running.domains["package0"].total_j_per_inference.value == pytest.approx(5.0)
    assert [(s.phase, s.label) for s in live.stretches] == [("running", "b1, hot")]


def test_damaged_rows_are_left_out(path: Path, clock: Clock) -> None:
    with path.open("a") as file:
        file.write("4.0,short\n")
        file.write(f"5.000000,{UTC},,,,,10,not a number,20.000\n")
        file.write(f"6.000000,{UTC},,,,,10,99.000000,20.000\n")
        file.write(f"7.000000,{UTC},,,,,10,9")
    playback = Playback(path, speed=math.inf, clock=clock)
    clock.now_s += 1
    assert times(playback)[-2:] == ["3.0", "6.0"]


def test_nothing_can_be_marked(path: Path, clock: Clock) -> None:
    assert (
        "nothing can be marked"
        in Playback(path, clock=clock).request(do="mark", phase="x")["error"]
    )


def test_sources_are_those_of_the_recording(path: Path, clock: Clock) -> None:
    assert Playback(path, clock=clock).sources[0].channels[0].origin == "measured"
    source = {"name": "powercap", "reader": "pyRAPL", "channels": []}
    path.with_suffix(".json").write_text(json.dumps({"sources": [source]}))
    assert Playback(path, clock=clock).sources == (ReadSource("powercap", "pyRAPL", ()),)
    path.with_suffix(".json").write_text(json.dumps({"sources": 5, "missing": {"a": 1}}))
    assert Playback(path, clock=clock).sources[0].name == "file"
    assert Playback(path, clock=clock).missing == ()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEADER + "x,y\n"])
def test_what_is_not_a_run_file_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"other\.csv"):
        Playback(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        Playback(tmp_path / "none.csv")


def test_the_length_is_the_time_of_the_last_whole_row(path: Path, clock: Clock) -> None:
    with path.open("a") as file:
        file.write(f"4.500000,{UTC},,,,,10,95.000000,20.000\n9.9,half")
    assert Playback(path, clock=clock).length_s == 4.5
    path.write_text(HEADER)
    assert Playback(path, clock=clock).length_s == 0.0


def test_a_forward_seek_reads_on_from_where_it_is(path: Path, clock: Clock) -> None:
    playback = Playback(path, clock=clock)
    assert times(playback) == ["0.0"]
    assert not playback.seek(1.6)
    assert times(playback) == ["1.0", "1.5"]
    assert playback.position_s == 1.5
    clock.now_s += 0.4
    assert times(playback) == ["2.0"], "time goes on from the time that was sought"


def test_a_seek_back_reads_the_rows_again_also_from_the_end(path: Path, clock: Clock) -> None:
    playback = Playback(path, clock=clock)
    assert not playback.seek(99.0)
    assert times(playback) == ["0.0", "1.0", "1.5", "2.0", "3.0"]
    assert playback.ended
    assert playback.seek(1.2)
    assert not playback.ended
    assert times(playback) == ["0.0", "1.0"]
    assert playback.seek(-5.0)
    assert times(playback) == ["0.0"]


def test_a_seek_back_reads_a_file_in_which_a_count_got_a_column(path: Path, clock: Clock) -> None:
    playback = Playback(path, math.inf, clock)
    clock.now_s += 1
    playback.poll()
    path.write_text(
        HEADER.strip()
        + ",count_tokens_out\n"
        + "".join(f"{row.strip()},{n}\n" for n, row in enumerate(ROWS))
    )
    playback.seek(2.0)
    found = playback.poll()
    assert [message["time"] for message in found][-1] == "2.000000"
    assert found[-1]["counts"] == {"tokens_out": 3}


def test_a_paused_playback_seeks_and_stays_paused(path: Path, clock: Clock) -> None:
    playback = Playback(path, clock=clock)
    times(playback)
    playback.pause()
    playback.seek(1.5)
    clock.now_s += 60
    assert times(playback) == ["1.0", "1.5"]
    clock.now_s += 60
    assert times(playback) == []


def test_a_long_seek_comes_in_parts_and_steps_go_on_from_what_is_sought(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking = iter(range(1000))
    playback = Playback(path, clock=lambda: float(next(ticking)))
    playback.seek(2.5)
    assert playback.is_seeking
    assert "seeking" in playback.title
    assert times(playback) == ["0.0"], "the screen is drawn after each part"
    assert playback.sought_s == 2.5
    while playback.is_seeking:
        playback.poll()
    assert playback.position_s == 2.0


def test_a_file_that_is_gone_is_named_by_a_seek_back(path: Path, clock: Clock) -> None:
    playback = Playback(path, clock=clock)
    playback.seek(2.0)
    playback.poll()
    path.unlink()
    with pytest.raises(UsageError, match="no such file"):
        playback.seek(0.0)


def long(path: Path, seconds: int) -> Path:
    """A file of a row a second in turns of 10 s idle at 10 W and 10 s running at 30 W, with an
    inference a second."""
    lines, energy_j, count = [HEADER], 0.0, 0
    for time_s in range(seconds):
        running = time_s // 10 % 2
        phase, label = ("running", "b1") if running else ("idle", "")
        where = f"{time_s}.000000,{UTC},{phase},{label},"
        if time_s % 10 == 0:
            before = ("idle", "") if running else ("running", "b1")
            ended = f"{time_s}.000000,{UTC},{before[0]},{before[1]},"
            lines += [f"{ended},end,{count},{energy_j:.6f},\n"] * bool(time_s)
            lines.append(f"{where},begin,{count},{energy_j:.6f},\n")
        lines.append(f"{where},,{count},{energy_j:.6f},{30 if running else 10}\n")
        energy_j, count = energy_j + (30 if running else 10), count + running
    path.write_text("".join(lines))
    return path


def in_format(csv: Path, end: str) -> Path:
    path = csv.with_suffix(f".{end}")
    if path != csv:
        write_parquet(csv, path)
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A far place is one after some rows."""
    monkeypatch.setattr(CsvLines, "much", 4000)
    monkeypatch.setattr(CsvLines, "near", 3000)
    monkeypatch.setattr(lines, "LINE_BYTES", 200)
    monkeypatch.setattr(ParquetLines, "much", 50)
    monkeypatch.setattr(ParquetLines, "near", 40)


def taken(found: Playback, live: Live | None = None) -> Live:
    """What a screen knows after all rows up to a sought time."""
    live = live or Live(found.columns)
    live.skipped_s = found.skipped_s
    for _ in range(1000):
        for message in found.poll():
            live.take(message)
        if not found.is_seeking:
            break
    return live


@pytest.mark.parametrize("end", ["csv", "parquet"])
@pytest.mark.parametrize("time_s", [994.0, 1999.0, 1234.0])
def test_a_far_time_is_reached_by_its_last_rows_and_then_has_the_same_summary(
    tmp_path: Path, clock: Clock, small: None, time_s: float, end: str
) -> None:
    path = in_format(long(tmp_path / "run.csv", 2000), end)
    found = Playback(path, clock=clock)
    assert found.seek(time_s), "rows start over"
    assert 0 < time_s - found.skipped_s < 80
    live = taken(found)
    assert (live.run_s, live.is_whole) == (time_s, False)
    live.backfill(found.reduce())
    whole = Playback(path, math.inf, clock)
    everything = Live(whole.columns)
    for _ in range(1000):
        messages = whole.poll()
        for message in messages:
            if float(message["time"]) <= time_s:
                everything.take(message)
        if not messages:
            break
        clock.now_s += 1
    assert live.summary() == everything.summary()


def test_the_start_of_a_long_file_is_read_whole(tmp_path: Path, clock: Clock, small: None) -> None:
    found = Playback(long(tmp_path / "run.csv", 2000), clock=clock)
    found.seek(1999.0)
    assert found.seek(3.0)
    assert found.skipped_s == 0
    assert times(found) == ["0.0", "0.0", "1.0", "2.0", "3.0"]
