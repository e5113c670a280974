"""A red line on every screen, saying that nothing is being recorded and why."""

from __future__ import annotations

from typing import Any

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static


class Alarm(Static):
    """A line, or several on a narrow screen."""

    DEFAULT_CSS = """
    Alarm {
        dock: top; height: auto; max-height: 3; padding: 0 1; text-style: bold;
        background: $error; color: $text;
    }
    """


def show_alarm(screen: Screen[Any], text: str | None) -> None:
    """Show this alarm on a screen, or remove it."""
    shown = screen.query(Alarm)
    if text is None:
        shown.remove()
    elif shown:
        shown.first().update(Content(text))
    else:
        screen.mount(Alarm(Content(text)))
