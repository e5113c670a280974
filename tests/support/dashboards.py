"""A dashboard without a recorder process, and what a terminal shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App

from recorders.client import Config
from tests.support.fakes import FakeSession
from wattui.config import Settings
from wattui.tui.app import Dashboard
from wattui.tui.state.options import Start
from wattui.tui.state.playback import Playback


def dashboard_of(stream: FakeSession | Playback, **settings: Any) -> Dashboard:
    """A dashboard that shows a stream, with these settings, which are never saved."""
    start = Start(Settings(**settings), Config(csv=None), Path("/nowhere/config.toml"))
    return Dashboard(stream, start)  # type: ignore[arg-type]


def screen(app: App[Any]) -> str:
    """The terminal's lines."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)
