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
    shown = [child for child in screen.children if isinstance(child, Alarm)]
    if text is not None and not shown:
        screen.mount(Alarm(Content(text)))
    for alarm in shown:
        if text is None:
            alarm.remove()
        elif alarm.content != (content := Content(text)):
            alarm.update(content)
