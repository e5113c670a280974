"""The mini mode: five lines and the keys, which work as ever."""

from __future__ import annotations

import pytest

from tests.support.dashboards import dashboard_of, screen
from tests.support.fakes import FakeSession, message, row
from tests.wattui.tui.test_golden import MINI_SIZES
from wattui.tui.app import Dashboard
from wattui.tui.screens.ask import Ask
from wattui.tui.state.live import Live
from wattui.tui.widgets.chart import Chart
from wattui.tui.widgets.mini import kinds_w


def dashboard(session: FakeSession) -> Dashboard:
    session.coming = [row(n / 10, 30.0) for n in range(30)]
    return dashboard_of(session)


def live_of(**values: float) -> Live:
    """A machine with these readings at second 10; negative ones came at second 1."""
    live = Live([f"{name}_W" for name in values])
    for time_s in (1.0, 10.0):
        cells = (None if w < 0 and time_s > 1 else abs(w) for w in values.values())
        live.take(message(time_s, cells))
    return live


def test_watts_are_added_by_kind_and_parts_of_others_left_out() -> None:
    live = live_of(package0=40.0, core0=30.0, package1=20.0, dram0=5.0, gpu0=300.0, total=365.0)
    assert kinds_w(live) == {"cpu": (60.0, False), "dram": (5.0, False), "gpu": (300.0, False)}


def test_a_kind_without_one_of_its_devices_has_no_power() -> None:
    live = live_of(package0=40.0, package1=-20.0, est_cpu=12.0)
    assert kinds_w(live)["cpu"][0] is None
    assert kinds_w(live_of(est_cpu=12.0)) == {"cpu": (12.0, True)}


@pytest.mark.parametrize(("width", "height", "graphs"), [(40, 6, 0), (59, 15, 0), (40, 44, 1)])
async def test_it_fills_the_terminal_exactly(width: int, height: int, graphs: int) -> None:
    app = dashboard(FakeSession())
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        lines = screen(app).splitlines()
        assert len(lines) == height
        assert lines[0].startswith(" 00:02.9  ○ live")
        assert lines[2].startswith(" cpu 30 W  dram 3.0 W")
        assert lines[-1].startswith(" space Idle/Run  p Phase  r Record")
        assert sum(chart.region.height > 0 for chart in app.query(Chart)) == graphs


async def test_the_keys_for_phase_and_record_work() -> None:
    session = FakeSession()
    app = dashboard(session)
    async with app.run_test(size=MINI_SIZES["mini"]) as pilot:
        await pilot.press("space")
        await pilot.press("p")
        assert isinstance(app.screen, Ask)
        await pilot.press(*"warmup", "enter")
        await pilot.pause()
        await pilot.press("r")
        assert isinstance(app.screen, Ask)
        assert "run file to write; Enter starts" in screen(app)
        assert ".csv" in screen(app)
        await pilot.press("escape")
    asked = [each["phase"] for each in session.asked if each["do"] == "mark"]
    assert asked == ["running", "warmup"]
