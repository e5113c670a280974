"""The dashboard as it plays a recording back, by its keys and its words."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.support.dashboards import (
    MINI,
    SMALL,
    WIDE,
    dashboard_of,
    notified,
    offered,
    screen,
    settle,
    until_shown,
)
from tests.support.fakes import FakeSession
from tests.support.made_runs import B1, IDLE, Part, finished
from wattui.runs import lines
from wattui.runs.lines import CsvLines
from wattui.tui.state.playback import Playback
from wattui.tui.widgets.seek_bar import SeekBar


async def test_a_playback_is_paused_and_played_at_other_speeds(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    header = "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W\n"
    path.write_text(header + "".join(f"{n}.0,,,,,,,{n * 20}.0,20.0\n" for n in range(60)))
    playback = Playback(path)
    app = dashboard_of(playback)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("greater_than_sign", "greater_than_sign", "less_than_sign")
        assert playback.speed == 2.0
        await pilot.press("space")
        assert playback.paused
        await until_shown(pilot, "run.csv paused  space to continue, < > speed")
        await pilot.press("p")
        await settle(pilot)
        assert "nothing can be marked" in screen(app)
        assert not app.screen.is_modal, "what would be refused is not asked for"
        assert {"Play slower", "Play faster"} <= set(offered(app))
        assert not {"Phase", "Note", "Meter", "Undo"} & set(offered(app))


async def test_a_playback_goes_to_any_time_by_key_and_click(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    header = "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W\n"
    path.write_text(header + "".join(f"{n}.0,,,,,,,{n * 20}.0,20.0\n" for n in range(101)))
    playback = Playback(path)
    playback.pause()
    app = dashboard_of(playback)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("right", "right")
        assert (playback.position_s, app.main.live.time_s) == (10.0, 10.0)
        await until_shown(pilot, "❚❚ 00:10.0 ━")
        assert "─ 01:40.0  × 1" in screen(app)
        assert "space Play  ←→ 5 s  Home Start  End End  <> Speed  r Live" in screen(app)
        await pilot.press("left")
        assert app.main.live.time_s == 5.0
        assert app.main.live.energy_j("package0") == 100.0
        await pilot.press("f", "left")
        assert not app.main.view.live, "frozen graphs are moved"
        assert app.main.live.time_s == 5.0
        await pilot.press("f", "end")
        assert app.main.live.time_s == 100.0
        assert playback.ended
        await pilot.press("home")
        assert app.main.live.time_s == 0.0
        bar = app.main.query_one(SeekBar)
        await pilot.click(SeekBar, offset=(1 + bar._bar.start + len(bar._bar) // 2, 0))
        await pilot.pause()
        assert app.main.live.time_s == pytest.approx(50.0, abs=2.0)
        await pilot.resize_terminal(*MINI)
        await settle(pilot)
        assert not bar.display
        assert not app.main.show_vertical_scrollbar
        assert "Nothing has run yet." in screen(app)
        assert "to mark running" not in screen(app), "space pauses"


async def test_a_recording_has_no_seek_bar() -> None:
    app = dashboard_of(FakeSession(Path("run.csv")))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert not app.main.query_one(SeekBar).display
        await pilot.press("home", "left", "right", "end")
        assert "space Idle/Run" in screen(app)


async def test_a_playback_that_has_ended_is_played_again_by_space(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    header = "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W\n"
    path.write_text(header + "".join(f"{n / 10},,,,,,,{n * 2}.0,20.0\n" for n in range(30)))
    app = dashboard_of(Playback(path, math.inf))
    async with app.run_test(size=WIDE) as pilot:
        await until_shown(pilot, "run.csv ended")
        assert "space to play again, r for live" in screen(app)
        await until_shown(pilot, "space Play ")
        assert "speed" not in screen(app).splitlines()[0]
        ended = app.stream
        await pilot.press("space")
        await until_shown(pilot, "run.csv × 1  space to pause, < > speed")
        await until_shown(pilot, "space Pause ")
        assert app.stream is not ended
        await until_shown(pilot, "run.csv ended")
        assert app.main.live.time_s == pytest.approx(2.9)
        path.unlink()
        await pilot.press("space")
        await settle(pilot)
        assert "run.csv: no such file" in notified(app)


async def test_the_end_of_a_long_recording_is_there_at_once_and_its_energies_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 J an inference from 11 to 15 s, of which the rows are skipped."""
    monkeypatch.setattr(CsvLines, "much", 2000)
    monkeypatch.setattr(CsvLines, "near", 1500)
    monkeypatch.setattr(lines, "LINE_BYTES", 100)
    path = finished(tmp_path / "run.csv", [IDLE, B1, Part("idle", 100, 10.0)]).csv
    app = dashboard_of(Playback(path))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("end")
        await until_shown(pilot, "01:56.0  100 inferences")
        assert app.main.live.history.first_s is not None
        assert app.main.live.history.first_s > 20, "the rows before are skipped"
        await until_shown(pilot, "2.00")
        assert app.main.live.is_whole
