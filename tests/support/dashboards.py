"""A dashboard without a recorder process, and what a terminal shows of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from recorders.client import Config
from tests.support.fakes import FakeSession, row
from wattui.config import Settings
from wattui.tui.app import Dashboard
from wattui.tui.state.options import Start
from wattui.tui.state.playback import Playback

WIDE, MIDDLE, SMALL, MINI, TOO_SMALL = (200, 50), (120, 35), (80, 24), (40, 6), (39, 6)
LIMIT_S = 30.0


def dashboard_of(stream: FakeSession | Playback, **settings: Any) -> Dashboard:
    """A dashboard that shows a stream, with these settings, which are never saved."""
    start = Start(Settings(**settings), Config(csv=None), Path("/nowhere/config.toml"))
    return Dashboard(stream, start)  # type: ignore[arg-type]


def screen(app: App[Any]) -> str:
    """The terminal's lines."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def dashboard(session: FakeSession | None = None) -> tuple[Dashboard, FakeSession]:
    """A dashboard with half a minute at 30 W, and what stands in for its recorder."""
    session = session or FakeSession()
    session.coming = [row(n / 10, 30.0) for n in range(300)]
    return dashboard_of(session), session


def marks(session: Any) -> list[dict[str, Any]]:
    """The marks that the recorder was asked for."""
    return [asked for asked in session.asked if asked["do"] == "mark"]


def offered(app: Dashboard) -> list[str]:
    """The commands of the palette."""
    return [command.title for command in app.get_system_commands(app.main)]


def notified(app: Dashboard) -> str:
    """All notifications that are shown."""
    return " ".join(notification.message for notification in app._notifications)


async def settle(pilot: Pilot[Any]) -> None:
    """Have keys and rows taken and everything drawn, without waiting for the next tick."""
    await pilot.pause()
    pilot.app._tick()  # type: ignore[attr-defined]
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def until(pilot: Pilot[Any], is_so: Callable[[], bool]) -> None:
    """Wait for what shall be so, as long as a busy machine may take."""
    deadline_s = time.monotonic() + LIMIT_S
    while not is_so() and time.monotonic() < deadline_s:
        await pilot.pause(0.05)
    assert is_so()


async def until_shown(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: text in screen(pilot.app))
