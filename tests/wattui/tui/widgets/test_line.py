"""A line to type in, under far too much text."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.events import Paste
from textual.widget import Widget

from wattui.tui.screens.ask import Ask
from wattui.tui.widgets.field import Field, FieldSpec
from wattui.tui.widgets.line import MOST_CHARACTERS, Line


class Typed(App[None]):
    """Notes what is said in a corner."""

    said: str = ""

    def notify(self, message: str, **_: object) -> None:  # type: ignore[override]
        """Keep it."""
        self.said = message


@pytest.mark.parametrize("kind", ["ask", "field"])
async def test_a_paste_that_is_too_long_is_refused_in_words(kind: str) -> None:
    app = Typed()
    async with app.run_test() as pilot:
        if kind == "ask":
            await app.push_screen(Ask("Note", ""))
        else:
            widget: Widget = Field(FieldSpec("path", ""))
            await app.mount(widget)
        line = app.screen.query_one(Line)
        line.focus()
        await pilot.pause()
        line.post_message(Paste("x" * 100_000))
        await pilot.pause()
        assert line.value == ""
        assert app.said == f"a line has at most {MOST_CHARACTERS} characters"
        line.post_message(Paste("x" * MOST_CHARACTERS))
        await pilot.pause()
        assert len(line.value) == MOST_CHARACTERS
