"""The dashboard as it replaces its recorder: recordings, results, and one that is lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from recorders.client import Config, Finished
from recorders.summary.reduction import Reducer
from recorders.summary.summary import summarise
from tests.support.dashboards import (
    WIDE,
    dashboard,
    marks,
    notified,
    screen,
    settle,
    until,
    until_shown,
)
from tests.support.fakes import FakeSession, row
from wattui.capture.stages import Recipe
from wattui.tui import app as module
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.launch_form import LaunchForm
from wattui.tui.screens.results import Results


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations of the recorders that the dashboard starts."""
    started: list[Config] = []

    class Started(FakeSession):
        def __init__(self, config: Config, exports: object = None) -> None:
            super().__init__(config.csv)
            started.append(config)

        def wait_ready(self) -> Started:
            return self

    monkeypatch.setattr(module, "Session", Started)
    return started


async def test_recording_starts_with_a_new_file_and_goes_on_in_the_same_phase(
    sessions: list[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app, first = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("space", "r", "enter")
        await settle(pilot)
        assert "● REC" in screen(app)
        assert marks(app.stream) == [{"do": "mark", "phase": "running", "label": ""}]
    assert first.finished
    assert sessions[0].csv is not None
    assert sessions[0].csv.suffix == ".csv"


async def test_the_graphs_and_the_zoom_survive_the_start_of_a_recording(
    sessions: list[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app, first = dashboard()
    first.coming = [row(time_s / 10, 37) for time_s in range(300)]
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("minus", "r", "enter")
        await settle(pilot)
        app.stream.coming = [row(time_s / 10, 74) for time_s in range(50)]
        app.main.catch_up()
        await settle(pilot)
        assert app.main.live.history.stats("package0_W", 0, 29) == pytest.approx((37.0, 37.0))
        assert app.main.view.bin_s == pytest.approx(0.8)
        text = screen(app)
        assert "● REC" in text
        assert "00:04.9" in text
        assert "-20s" in text


async def test_an_existing_file_is_refused_as_it_is_typed(
    sessions: list[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.csv").touch()
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("r", "ctrl+u", *"run.csv")
        await settle(pilot)
        assert "run.csv exists: fix: use another name" in screen(app)
        await pilot.press("enter")
        assert isinstance(app.screen, Ask)
    assert sessions == []


async def test_a_recording_is_converted_while_the_screen_goes_on(sessions: list[Config]) -> None:
    class Converting(FakeSession):
        converted = threading.Event()

        def keep(self) -> Finished | None:
            assert self.converted.wait(30)
            return super().keep()

    session = Converting(Path("run.parquet"))
    session.done = ended(session.columns)
    app, _ = dashboard(session)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await until(pilot, lambda: "Writing run.parquet; its results follow" in notified(app))
        await until(pilot, lambda: app.stream is not session)
        assert not isinstance(app.screen, Results)
        session.converted.set()
        await until(pilot, lambda: isinstance(app.screen, Results))
    assert sessions[0].csv is None


async def test_quitting_while_a_recording_is_converted_tells_where_it_is(
    sessions: list[Config],
) -> None:
    converted = threading.Event()

    class Converting(FakeSession):
        def keep(self) -> Finished | None:
            assert converted.wait(30)
            self.csv = Path("run.csv")
            return super().keep()

    session = Converting(Path("run.parquet"))
    done = ended(session.columns)
    session.done = replace(done, run={**done.run, "file": {"remarks": ["not converted"]}})
    app, _ = dashboard(session)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await until(pilot, lambda: app.stream is not session)
        app.exit()
    converted.set()
    [(csv, missing)] = app.close_session()
    assert (csv, missing[0]) == (Path("run.csv"), "not converted")


async def test_the_end_of_a_recording_shows_its_results(sessions: list[Config]) -> None:
    session = FakeSession(Path("run.csv"))
    session.done = ended(session.columns)
    app, _ = dashboard(session)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, Results)
        assert "5.500" in screen(app)
        assert "7 rows are missing (No space left on device)" in screen(app)
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.screen, Results)
    assert sessions[0].csv is None


def ended(columns: Sequence[str]) -> Finished:
    """The end of a recording that lost seven rows."""
    reducer = Reducer(columns)
    edges = [row(0, 30, "running", "begin", 0), row(10, 30, "running", "end", 60)]
    for edge in edges:
        where = (edge["phase"], edge["label"], None)
        reducer.add(edge["time"], edge["cells"], edge["event"], where, edge["inferences"])
    summary, run = summarise(reducer.reduction), {"lost_rows": 7}
    return Finished(summary, run, write_error="No space left on device")


async def test_a_recorder_that_is_lost_is_shown_and_can_be_started_again(
    sessions: list[Config],
) -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        session.lost = "signal 9"
        await settle(pilot)
        await pilot.press("z")
        assert "recorder lost signal 9" in screen(app)
        await pilot.press("r")
        await settle(pilot)
        assert "recorder lost" not in screen(app)
    assert len(sessions) == 1


async def test_a_launch_whose_recorder_is_lost_shows_it_until_a_new_one_is_started(
    sessions: list[Config], tmp_path: Path
) -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        app._start_launch(Recipe(["true"], tmp_path / "run.csv", idle_s=60.0))
        await pilot.press("l")
        await settle(pilot)
        assert "A command is running; press x to stop it" in notified(app)
        app.stream.lost = "signal 9"
        await until_shown(pilot, "recorder lost signal 9")
        await settle(pilot)
        assert len(sessions) == 1
        assert not [each for each in app._notifications if "exited" in each.title]
        await pilot.press("l")
        await settle(pilot)
        assert isinstance(app.screen, LaunchForm)
        await pilot.press("escape", "r")
        await settle(pilot)
        assert "recorder lost" not in screen(app)


async def test_a_stream_with_other_columns_takes_the_place_of_one(sessions: list[Config]) -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        other = FakeSession()
        other.columns = ["gpu0_J", "gpu0_W"]
        cells = {"cells": ["1.0", "250.0"]}
        app._replace_stream(other)  # type: ignore[arg-type]
        other.coming = [row(n / 10, 30.0) | cells for n in range(20)]
        app._tick()
        await until_shown(pilot, "250 W")
    assert session.finished


@pytest.mark.parametrize(("away_s", "rings"), [(60.0, True), (0.0, False)])
async def test_the_end_of_a_launch_rings_if_nobody_is_there(
    sessions: list[Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    away_s: float,
    rings: bool,
) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.delenv("TMUX", raising=False)
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        app._start_launch(Recipe(["false"], tmp_path / "run.csv", idle_s=0.0))
        written: list[str] = []
        monkeypatch.setattr(app._driver, "write", written.append)
        app._typed_s -= away_s
        assert app.is_watched != rings
        await until(pilot, lambda: app._launched is None)
        sent = [text for text in written if text.startswith("\a")]
        expected = "\a\x1b]9;wattui: run.csv: the command exited with status 1\x1b\\"
        assert sent == ([expected] if rings else [])
        app.app_focus = False
        assert not app.is_watched
