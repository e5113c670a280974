"""The doctor page in the dashboard: sensors present, sensors missing, and fixes."""

from __future__ import annotations

import threading
from typing import Any

from textual.app import App

from tests.support.dashboards import screen, until_shown
from wattui.commands.doctor import Tell
from wattui.errors import WattuiError
from wattui.tui.screens.doctor import DoctorScreen

READING = {
    "channel": "package0",
    "value": 21.94,
    "unit": "W",
    "origin": "measured",
    "update_period_s": 0.000976,
    "remarks": [],
}
REPORT: dict[str, Any] = {
    "sources": [
        {"name": "powercap", "reader": "pyRAPL", "devices": {}, "readings": [READING] * 40}
    ],
    "missing": [
        {
            "source": "nvml",
            "reason": "no driver [here]",
            "remedy": "install [it]",
            "kind": "unread",
        },
        {"source": "psys", "reason": "no such zone", "remedy": "", "kind": "absent"},
        {"source": "dram", "reason": "root only", "remedy": "sudo chmod o+r it", "kind": "right"},
    ],
    "host": {"processor": "A Processor", "system": "Linux"},
    "scheduler": "normal",
    "lateness_ms": {"p99_ms": 0.2},
    "config": "/somewhere/config.toml",
}


class Page(App[None]):
    def __init__(self, screen: DoctorScreen) -> None:
        super().__init__()
        self._shown = screen

    def on_mount(self) -> None:
        self.push_screen(self._shown)


async def test_sensors_and_remedies_are_shown_and_scroll() -> None:
    app = Page(DoctorScreen(look=lambda *_: REPORT))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "powercap  read by pyRAPL" in screen(app)
        assert "21.9 W  updated every 0.976 ms" in screen(app)
        await pilot.press("end")
        await until_shown(pilot, "nvml  no driver [here]")
        assert "install [it]" in screen(app)


async def test_the_screen_waits_in_words_and_can_be_left_while_it_looks() -> None:
    let_go = threading.Event()

    def look(all_gpus: bool, tell: Tell) -> dict[str, Any]:
        tell("waiting for the NVIDIA driver")
        let_go.wait(10)
        return REPORT

    app = Page(DoctorScreen(look=look))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Waiting for the NVIDIA driver …")
        await pilot.press("escape")
        assert not isinstance(app.screen, DoctorScreen)
        let_go.set()
        await app.workers.wait_for_complete()


async def test_y_copies_all_fixes_and_counts_them() -> None:
    app = Page(DoctorScreen(look=lambda *_: REPORT))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard == "install [it]\nsudo chmod o+r it"
        assert "Copied 2 fixes" in screen(app)


async def test_r_looks_again_with_the_gpus_asked_for() -> None:
    asked: list[bool] = []

    def look(all_gpus: bool, tell: Tell) -> dict[str, Any]:
        asked.append(all_gpus)
        if len(asked) == 1:
            raise WattuiError("the recorder cannot start (died)")
        return REPORT

    app = Page(DoctorScreen(all_gpus=True, look=look))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete([w for w in app.workers if not w.is_finished])
        await pilot.pause()
        assert "the recorder cannot start (died); press r to check again" in screen(app)
        await pilot.press("r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "A Processor" in screen(app)
    assert asked == [True, True]
