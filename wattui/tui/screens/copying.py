"""Copies what a screen shows to the clipboard, as plain text."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.text import Text
from textual.app import App
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Static

from wattui import clean
from wattui.show.printing import console

COLUMNS = 120


def screen_text(screen: Screen[Any]) -> str:
    """The table of a screen, else the text on its page; empty if there is neither."""
    for table in screen.query(DataTable):
        return table_text(table)
    pages = (page for page in screen.query(VerticalScroll).results())
    shown = (each for page in pages for each in page.query(Static) if _is_shown(each))
    texts = (rendered_text(each.content) for each in shown)
    return "\n\n".join(filter(None, texts))


def table_text(table: DataTable[Any]) -> str:
    """A table with its headings; tabs separate the cells, so that a spreadsheet takes it."""
    heads = [column.label.plain.rstrip("▲▼") for column in table.ordered_columns]
    rows = (table.get_row_at(place) for place in range(table.row_count))
    return "\n".join("\t".join(map(_cell, row)).rstrip() for row in (heads, *rows))


def rendered_text(content: object) -> str:
    """What a widget shows, without colours."""
    written = StringIO()
    plain = console(file=written, width=COLUMNS, color_system=None, force_terminal=False)
    plain.print(content)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()).strip()


def copy(app: App[Any], text: str, what: str) -> None:
    """Have the terminal copy a text (OSC 52), and say so; empty text is refused in words."""
    if not text:
        app.notify("There is nothing to copy yet", severity="warning")
        return
    app.copy_to_clipboard(clean.lines(text))
    app.notify(f"Copied {what}", timeout=3)


def _is_shown(widget: Widget) -> bool:
    return all(each.display for each in widget.ancestors_with_self if isinstance(each, Widget))


def _cell(value: object) -> str:
    return clean.one_line(value.plain if isinstance(value, Text) else str(value))
