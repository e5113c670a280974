"""Tests that drive the dashboard hold however busy the machine is: a pause is until it rests, and
notifications stay."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

REST_S = 1 / 50
LIMIT_S = 30.0


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
