"""A device that is opened: its facts, its own processes, and the way there and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recorders.source import Channel
from tests.support.dashboards import dashboard_of, screen, settle
from tests.support.fakes import FakeSession, message
from wattui.runs.run_json import ReadSource
from wattui.tui.app import Dashboard
from wattui.tui.screens.device import DeviceScreen
from wattui.tui.state.devices import DeviceNow, facts
from wattui.tui.state.processes import Process, Processes
from wattui.tui.widgets.devices import DevicesPanel

READINGS = {
    "package0_J": 40.0,
    "package0_W": 40.0,
    "core0_W": 31.0,
    "gpu0_J": 350.0,
    "gpu0_W": 350.0,
    "gpu1_J": 60.0,
    "gpu1_W": 60.0,
    "gpu1_clock_MHz": 1980.0,
    "gpu1_held_bits": 3.0,
}
ONE = Process(10, "infer", "ana", 45.0, 96.0, 2048.0, 900.0, True, {"gpu1": (96.0, 2048.0)})
OTHER = Process(11, "editor", "ana", 5.0, 0.0, 0.0, 300.0, False)


@pytest.fixture
def session() -> FakeSession:
    fake = FakeSession()
    fake.columns = list(READINGS)
    channels = tuple(
        Channel(name, "J", limit_w=limit_w)
        for name, limit_w in (("package0", 95.0), ("gpu0", 700.0), ("gpu1", 700.0))
    )
    fake.sources = [ReadSource("nvml", "nvml", channels)]
    for time_s in (0.0, 1.0):
        cells = (v * time_s if name.endswith("_J") else v for name, v in READINGS.items())
        fake.coming.append(message(time_s, cells))
    return fake


@pytest.fixture
def app(session: FakeSession) -> Dashboard:
    return dashboard_of(session)


async def test_enter_opens_the_chosen_device_and_esc_closes_it(
    app: Dashboard, session: FakeSession
) -> None:
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        app.main.query_one(DevicesPanel).focus()
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        session.processes = Processes(("gpu0", "gpu1"), (ONE, OTHER))
        app.screen._look()
        await pilot.pause()
        assert isinstance(app.screen, DeviceScreen)
        text = screen(app)
        assert "60.0 W of its limit of 700 W, 9 %" in text
        assert "1.98 GHz" in text
        assert "by its power limit, by heat" in text
        assert "infer" in text
        assert "editor" not in text
        assert "share %▼" in text
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.main
        assert session.asked[-1] == {"do": "processes", "show": False}


async def test_a_processor_has_its_parts_and_all_processes(
    app: Dashboard, session: FakeSession
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.action_device("pkg0")
        await pilot.pause()
        session.processes = Processes((), (replace(ONE, uses={}), OTHER))
        app.screen._look()
        await pilot.pause()
        text = screen(app)
        assert "core0 31.0 W" in text
        assert text.index("infer") < text.index("editor")
        assert "90.0" in text
        await pilot.press("n")
        await pilot.pause()
        text = screen(app)
        assert text.index("editor") < text.index("infer")


async def test_a_click_opens_the_device_under_it(app: Dashboard) -> None:
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        await pilot.click(DevicesPanel, offset=(4, 2))
        await pilot.pause()
        assert isinstance(app.screen, DeviceScreen)
        assert "gpu0" in screen(app)
        assert "350 W of its limit of 700 W, 50 %" in screen(app)


async def test_the_arrows_turn_to_the_other_devices(app: Dashboard) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("D")
        await pilot.pause()
        assert "40.0 W of its limit of 95 W" in screen(app)
        await pilot.press("right")
        await pilot.pause()
        assert "350 W of its limit of 700 W" in screen(app)
        await pilot.press("left", "left")
        await pilot.pause()
        assert "60.0 W of its limit of 700 W" in screen(app)


def test_what_is_unknown_of_a_device_is_neither_blamed_on_a_driver_nor_called_recorded() -> None:
    said = dict(facts(DeviceNow("estimated", None, power_w=7.0, energy_j=148.3), "–"))
    assert said["power"] == "7.00 W, no limit is known"
    assert said["energy"] == "148.3 J since the start"


def test_joules_since_z_was_pressed_are_not_called_those_since_the_start() -> None:
    device = DeviceNow("gpu0", None, energy_j=148.3, is_zeroed=True)
    assert dict(facts(device, "–"))["energy"] == "148.3 J since z was pressed"
