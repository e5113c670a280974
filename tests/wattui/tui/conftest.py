"""Tests that drive the dashboard hold however busy the machine is: a pause is until it rests, and
notifications stay."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from wattui.tui.launching.workload import WorkloadSubject
from wattui.tui.screens import launch_form
from wattui.tui.screens.steady import Present
from workloads import engines

REST_S = 1 / 50
LIMIT_S = 30.0
# The clock of screens that show the time: 2026-11-29 14:30:00 UTC.
NOW_S = 1_795_962_600.0


@pytest.fixture(autouse=True)
def pause_until_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every `pilot.pause` end when nothing is left to do and the screen stays as it is.

    Textual's own ends when the process uses little processor time, as one does that waits for its
    turn on a busy machine.
    """
    monkeypatch.setattr(Pilot, "pause", pause)


@pytest.fixture(autouse=True)
def keep_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have notifications stay for longer than any test takes to look at them."""
    monkeypatch.setattr(App, "NOTIFICATION_TIMEOUT", 10 * LIMIT_S)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw only what a test looks at, as nobody else does."""
    monkeypatch.setattr(Present, "render_update", lambda *_, **__: None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, on a machine with every engine whose clock and memory stand still."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    told, now = time.strftime, time.gmtime(NOW_S)
    monkeypatch.setattr(time, "time", lambda: NOW_S)
    monkeypatch.setattr(time, "strftime", lambda form, at=now: told(form, at))
    monkeypatch.setattr(engines, "find_spec", lambda name: name)
    roomy = partial(WorkloadSubject, free_bytes=lambda: 64 * 2**30)
    monkeypatch.setattr(launch_form, "WorkloadSubject", roomy)
    return folder


async def pause(pilot: Pilot[Any], delay: float | None = None) -> None:
    """Wait for `delay` seconds, then until the dashboard rests; 0: until messages are handled."""
    await pilot._wait_for_screen()
    await asyncio.sleep(delay or 0)
    if delay == 0:
        pilot.app.screen._on_timer_update()
        return
    deadline_s = time.monotonic() + LIMIT_S
    before: object = None
    while (now := await _drawn(pilot)) != before and time.monotonic() < deadline_s:
        before = now
        await asyncio.sleep(REST_S)


async def _drawn(pilot: Pilot[Any]) -> object:
    """What is shown when every widget has done what it was asked to."""
    await pilot._wait_for_screen()
    screen = pilot.app.screen
    screen._on_timer_update()
    return screen, screen.focused, screen._compositor.render_strips()
