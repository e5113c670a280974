"""The dashboard by its keys and its words, on a recorder that is not there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.events import Click, MouseDown, MouseMove, MouseUp
from textual.widgets import Input, Static

from recorders.client import Config
from recorders.source import Channel, Refusal
from tests.support.dashboards import (
    MIDDLE,
    MINI,
    SMALL,
    TOO_SMALL,
    WIDE,
    dashboard,
    marks,
    notified,
    offered,
    screen,
    settle,
    until,
    until_shown,
)
from tests.support.fakes import FakeSession, row
from wattui.config import Settings, load
from wattui.runs.run_json import ReadSource
from wattui.tui.app import Dashboard
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.doctor import DoctorScreen
from wattui.tui.screens.launch_form import LaunchForm
from wattui.tui.screens.main import HINT, LAYOUT_KEYS
from wattui.tui.screens.runs import Runs
from wattui.tui.screens.settings import SettingsScreen
from wattui.tui.screens.steady import SteadyCommandPalette
from wattui.tui.state.live import Live
from wattui.tui.state.options import Start
from wattui.tui.widgets.chart import Chart


@pytest.mark.parametrize(("size", "graphs"), [(WIDE, 3), (MIDDLE, 3), (SMALL, 1)])
async def test_each_size_shows_the_graphs_that_fit(size: tuple[int, int], graphs: int) -> None:
    app, _ = dashboard()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert len(app.query(Chart)) == graphs
        shown = screen(app)
        assert "CPU package" in shown
        assert "30.0 W" in shown
        assert "897.0 J" in shown


async def test_too_small_a_terminal_says_what_is_needed() -> None:
    app, _ = dashboard()
    async with app.run_test(size=TOO_SMALL) as pilot:
        await settle(pilot)
        assert "39×6; wattui needs 40×6" in " ".join(screen(app).split())


async def test_graphs_are_drawn_once_in_a_column_and_what_is_left_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, session = dashboard()
    drawn: list[float] = []
    show = Chart.show

    def noted(self: Chart, live: Live, *look: Any) -> None:
        drawn.append(live.time_s)
        show(self, live, *look)

    monkeypatch.setattr(Chart, "show", noted)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        for time_s in (30.1, 30.2, 30.3, 30.5):
            drawn.clear()
            session.coming = [row(time_s, 40.0)]
            app.main.take(session.poll())
            assert app.main.keep_up() == bool(drawn)
            assert bool(drawn) == (time_s in (30.1, 30.5))
        app.main.take([row(30.6, 50.0)])
        assert not app.main.keep_up()
        assert app.main.keep_up()
        assert drawn[-1] == 30.6


async def test_resizing_loses_no_data() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        for size in (SMALL, TOO_SMALL, MIDDLE):
            await pilot.resize_terminal(*size)
            await settle(pilot)
        assert len(app.query(Chart)) == 3
        assert app.main.live.history.stats("package0_W", 0, 30) == pytest.approx((30.0, 30.0))


async def test_beside_the_output_of_a_command_graphs_have_enough_rows_to_be_drawn() -> None:
    app, _ = dashboard(FakeSession(measured=False))
    async with app.run_test(size=(120, 30)) as pilot:
        app._launched = SimpleNamespace(  # type: ignore[assignment]
            title="python infer.py", progress=0.5, output=["b1"], poll=lambda: False
        )
        app._tick()
        await settle(pilot)
        assert "x to stop" in screen(app)
        assert all(chart._strips for chart in app.query(Chart))


async def test_ctrl_c_names_the_key_that_quits() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+c")
        assert notified(app) == "To quit, press q"
        assert app.is_running


async def test_space_toggles_running_and_idle() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("space")
        await pilot.press("space")
        await pilot.press("space")
    assert [mark["phase"] for mark in marks(session)] == ["running", "idle", "running"]


async def test_a_phase_is_named_and_a_note_written() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("p", *"decode", "space", *"jpeg", "enter")
        await pilot.press("m", *"door", "enter")
        await pilot.press("p", "escape")
        await settle(pilot)
        assert not isinstance(app.screen, Ask)
    assert {"do": "mark", "phase": "decode", "label": "jpeg"} in session.asked
    assert any(a["do"] == "note" and a["text"].startswith("door") for a in session.asked)


async def test_a_phase_is_picked_and_the_last_names_come_first() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("p", *"decode", "enter")
        await pilot.press("p", "down", "down", "enter")
        await pilot.press("p", "down", "down", "enter")
        await pilot.press("p", *"arm", "down", "enter")
        await settle(pilot)
    assert [mark["phase"] for mark in marks(session)] == ["decode", "idle", "decode", "armed"]


async def test_without_the_focus_the_screen_is_drawn_once_a_second() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        drawn = 0
        redraw = app.main.redraw

        def count(with_graphs: bool = True) -> None:
            nonlocal drawn
            drawn += 1
            redraw(with_graphs)

        app.main.redraw = count  # type: ignore[method-assign]
        app.app_focus = False
        for number in range(20):
            session.coming = [row(40 + number / 10, 30.0)]
            app._tick()
        assert drawn <= 1
        assert app.main.live.time_s == pytest.approx(41.9)
        app.app_focus = True
        session.coming = [row(43, 30.0)]
        app._tick()
        assert drawn >= 1


OF_NO_USE_LIVE = {
    "Per another count",
    "Start of playback",
    "Live",
    "Pan right",
    "Stop the launch",
    "Launch output",
    "Play slower",
    "Play faster",
    "Select from crosshair",
    "Clear crosshair, selection",
    "Next graphs",
    "Previous graphs",
    "Suspend",
    *(f"Layout {n}" for n in range(1, LAYOUT_KEYS + 1)),
    *(f"Hide series {n}" for n in range(2, 9)),
}


async def test_the_palette_offers_every_key_that_does_something() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        keys = {binding.description for binding in app.main.BINDINGS}  # type: ignore[union-attr]
        assert keys - set(offered(app)) == OF_NO_USE_LIVE
        assert len(offered(app)) == len(set(offered(app)))
        await pilot.press("f", "left_square_bracket")
        await pilot.resize_terminal(*SMALL)
        await settle(pilot)
        assert {"Live", "Select from crosshair", "Next graphs"} <= set(offered(app))
        await pilot.press("ctrl+p", *"zero", "enter")
        await settle(pilot)
        assert app.main.live.energy_j("package0") == 0


async def test_each_row_of_the_palette_says_what_it_does_and_its_key() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        found = {each.title: each.help for each in app.get_system_commands(app.main)}
        assert found["Idle/Run"] == "Switch between idle and running. Key: space"
        ours = {binding.description for binding in app.main.BINDINGS}  # type: ignore[union-attr]
        plain = {title for title, said in found.items() if ". Key: " not in said}
        assert not plain & ours - {"Help", "Suspend"}


async def test_y_copies_the_headline_and_says_when_there_is_none() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("y")
        assert "nothing to copy yet" in notified(app)
        session.coming = [row(31, 30.0, "running", "begin", 0), row(33, 30.0, "running", "", 4)]
        app._tick()
        app.main._summary_due_s = 0.0
        app.main.redraw()
        await settle(pilot)
        await pilot.press("y")
        assert app.clipboard == "total: 16.50 ± 0.82 J/inference  2.000 s  4 inferences"


async def test_the_energies_of_the_last_row_are_shown_though_no_row_follows() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        app.main._summary_due_s = time.monotonic() + 0.5
        session.coming = [row(31, 30.0, "running", "begin", 0), row(33, 30.0, "running", "", 4)]
        app._tick()
        await until_shown(pilot, "16.50 ± 0.82")


async def test_several_marks_are_undone_and_each_is_named() -> None:
    app, session = dashboard()
    answers = [{"undone": "mark running b", "left": 1}, {"undone": "mark idle", "left": 0}]
    others = session.request
    session.request = lambda do, **asked: (  # type: ignore[method-assign]
        answers.pop(0) if do == "undo" else others(do=do, **asked)
    )
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("u", "u")
        await settle(pilot)
        said = [each.message for each in app._notifications]
    assert said == ["Undone: mark running b; 1 more can be undone", "Undone: mark idle"]


async def test_a_saved_layout_shows_its_graphs_in_order_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\nidle_s = 5\n")
    session = FakeSession()
    session.coming = [row(0, 40), row(1, 40)]
    app = Dashboard(session, Start(load(path), Config(csv=None), path))  # type: ignore[arg-type]
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("L")
        app.screen.query_one(Input).value = "mine: DRAM, CPU package"
        await pilot.press("enter")
        await settle(pilot)
        assert [chart.spec.title for chart in app.query(Chart)] == ["DRAM", "CPU package"]
        assert load(path).layouts == ("mine: DRAM, CPU package",)
        assert path.read_text().startswith("# mine\nidle_s = 5\n")
        await pilot.press("f4")
        await settle(pilot)
        assert len(app.query(Chart)) == 3
        await pilot.press("f5")
        await settle(pilot)
        assert [chart.spec.title for chart in app.query(Chart)] == ["DRAM", "CPU package"]
        assert "Layout mine" in [each.title for each in app.get_system_commands(app.main)]
        await pilot.press("L")
        app.screen.query_one(Input).value = "mine:"
        await pilot.press("enter")
        await settle(pilot)
        assert load(path).layouts == ()
        assert len(app.query(Chart)) == 3


async def test_the_hint_of_the_first_run_goes_at_the_first_key_and_never_returns(
    tmp_path: Path,
) -> None:
    start = Start(Settings(), Config(csv=None), tmp_path / "config.toml")
    start = replace(start, greeted_path=tmp_path / "state" / "greeted")
    for is_shown in (True, False):
        app = Dashboard(FakeSession(), start)  # type: ignore[arg-type]
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            assert (HINT in screen(app)) is is_shown
            await pilot.press("f")
            await settle(pilot)
            assert HINT not in screen(app)
            assert "frozen" in screen(app)


async def test_it_says_once_that_its_first_screen_is_drawn(tmp_path: Path) -> None:
    shown: list[str] = []
    start = Start(
        Settings(),
        Config(csv=None),
        tmp_path / "config.toml",
        when_drawn=lambda: shown.append(screen(app)),
    )
    app = Dashboard(FakeSession(), start)  # type: ignore[arg-type]
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: bool(shown))
        await settle(pilot)
    assert len(shown) == 1
    assert "CPU package" in shown[0]


async def test_what_may_lose_joules_is_in_the_banner_although_power_is_measured() -> None:
    session = FakeSession()
    reason = "max_energy_range_uj of package0 is readable by root only"
    session.missing = [Refusal("powercap", reason, "sudo it", warns=True, kind="right")]
    app, _ = dashboard(session)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert f"Press d for the fix: powercap: {reason}" in screen(app)


async def test_without_measured_power_a_banner_has_reason_and_remedy() -> None:
    app, _ = dashboard(FakeSession(measured=False))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert (
            "No power sensor (press d for details). powercap: root only; fix: wattui doctor"
            in screen(app)
        )


async def test_the_mini_mode_has_no_room_for_a_banner_and_does_not_scroll() -> None:
    app, _ = dashboard(FakeSession(measured=False))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.resize_terminal(*MINI)
        await settle(pilot)
        assert not app.main.query_one("#banner").display
        assert not app.main.show_vertical_scrollbar


def _bin_s(app: Dashboard) -> float:
    return app.main.view.bin_s


@pytest.mark.parametrize(
    ("keys", "holds"),
    [
        (("f",), lambda app: not app.main.view.live),
        (("f", "f"), lambda app: app.main.view.live),
        (("left",), lambda app: app.main.view.end_s < 29.9),
        (("left", "end"), lambda app: app.main.view.live),
        (("minus",), lambda app: _bin_s(app) == 0.8),
        (("plus",), lambda app: _bin_s(app) == 0.2),
        (("left", "left", "right"), lambda app: 10 < app.main.view.end_s < 20),
        (("o",), lambda app: app.has_class("without-output")),
        (("x",), lambda app: app._launched is None),
        (("z",), lambda app: app.main.live.energy_j("package0") == 0),
        (("t",), lambda app: not app.current_theme.dark),
        (("t", "t"), lambda app: app.theme == "wattui-high-contrast"),
        (("t", "t", "t", "t"), lambda app: app.theme == "wattui-dark"),
        (("left_square_bracket",), lambda app: app.main.view.cursor_s is not None),
        (("left_square_bracket", "escape"), lambda app: app.main.view.cursor_s is None),
        (("1",), lambda app: app.main.view.hidden == {"package0_W"}),
        (("1", "1"), lambda app: not app.main.view.hidden),
        (("d",), lambda app: isinstance(app.screen, DoctorScreen)),
        (("d", "escape"), lambda app: not isinstance(app.screen, DoctorScreen)),
        (("comma",), lambda app: isinstance(app.screen, SettingsScreen)),
        (("R",), lambda app: isinstance(app.screen, Runs)),
        (("c", "escape"), lambda app: not isinstance(app.screen, Runs)),
        (("enter",), lambda app: app.screen.maximized is not None),
        (("enter", "enter"), lambda app: app.screen.maximized is None),
        (("l",), lambda app: isinstance(app.screen, LaunchForm)),
        (("l", "escape"), lambda app: not isinstance(app.screen, LaunchForm)),
        (("question_mark",), lambda app: "Count the joules" in screen(app)),
    ],
)
async def test_a_key_does_what_it_says(
    keys: tuple[str, ...], holds: Callable[[Dashboard], bool]
) -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        assert holds(app)


async def test_a_span_drawn_by_keys_shows_its_joules() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("left_square_bracket", "v", *["left_square_bracket"] * 25, "v")
        await settle(pilot)
        span = app.main.view.span_s
        assert span is not None
        seconds = span[1] - span[0]
        assert seconds == pytest.approx(20.0)
        assert f"{30 * seconds:.1f} J" in screen(app)


async def test_a_meter_is_read_and_the_last_mark_taken_back() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("w", *"230 V", "enter")
        await settle(pilot)
        assert "volts and amperes" in screen(app)
        await pilot.press(*" 0.5 A", "enter")
        await pilot.press("u")
        await settle(pilot)
    meter = {"do": "meter", "name": "wall", "power_w": 115.0, "voltage_v": 230.0, "current_a": 0.5}
    assert [asked for asked in session.asked if asked["do"] == "meter"] == [meter]
    assert {"do": "undo"} in session.asked


async def test_a_meter_that_is_read_by_itself_is_not_typed() -> None:
    session = FakeSession()
    wall = ReadSource("meter_wall", "shelly2", (Channel("meter_wall", "J"),))
    session.sources = [*session.sources, wall]
    app, _ = dashboard(session)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("w")
        await settle(pilot)
        assert "wall is read by shelly2" in notified(app)
    assert not [asked for asked in session.asked if asked["do"] == "meter"]


async def test_on_a_small_screen_g_goes_through_the_graphs() -> None:
    app, _ = dashboard()
    shown = []
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        for key in ("g", "g", "g", "G"):
            await pilot.press(key)
            await settle(pilot)
            shown.append(app.query(Chart).first().spec.title)
    assert shown == ["DRAM", "CPU utilisation", "CPU package", "CPU utilisation"]


async def test_the_header_of_a_small_screen_is_cut_with_an_ellipsis() -> None:
    app, _ = dashboard(FakeSession(Path(f"{'long' * 20}.csv")))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert screen(app).splitlines()[0].rstrip().endswith("…")


async def test_one_inference_is_counted_as_one() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        session.coming = [row(31, 30.0, "running", "begin", 0), row(33, 30.0, "running", "", 1)]
        await until_shown(pilot, "1 inference  ")
        app.main._summary_due_s = 0.0
        app.main.redraw()
        await settle(pilot)
        assert "1 inference" in screen(app)
        assert "1 inferences" not in screen(app)


async def test_a_screenshot_says_where_it_is_or_why_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        app.deliver_screenshot()
        app.deliver_screenshot(path=str(tmp_path / "none"))
        await settle(pilot)
        (saved,) = tmp_path.glob("*.svg")
        assert f"Screenshot saved as {saved.name} in {tmp_path}" in notified(app)
        reason = f"{tmp_path / 'none'} cannot be written to (No such file or directory)"
        assert reason in notified(app)


async def test_q_ends_the_program() -> None:
    app, session = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("q")
    assert app.return_code == 0
    app.close_session()
    assert session.finished


async def test_a_mouse_meets_no_widget_that_was_removed() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        shown = Static("a word that may be selected")
        await app.screen.mount(shown)
        await settle(pilot)
        x, y = shown.region.offset
        assert app.screen.get_widget_at(x, y)[0] is shown
        # The next layout is still to come.
        await shown.remove()
        for event in (MouseDown, MouseMove, MouseUp):
            app.screen._forward_event(event(None, x, y, 0, 0, 1, False, False, False))
        assert app.screen.get_widget_at(x, y)[0] is not shown
        await settle(pilot)
        assert app.error is None


async def test_a_click_beyond_the_edge_of_a_smaller_window_does_nothing() -> None:
    app, _ = dashboard()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+p")
        await settle(pilot)
        palette = app.screen
        assert isinstance(palette, SteadyCommandPalette)
        await pilot.resize_terminal(*SMALL)
        await settle(pilot)
        palette.post_message(Click(palette, 143, 5, 0, 0, 1, False, False, False, 143, 5))
        await settle(pilot)
        assert app.screen is palette
        palette.post_message(Click(palette, 1, 23, 0, 0, 1, False, False, False, 1, 23))
        await settle(pilot)
        assert app.screen is app.main
