"""A line to type in, under far too much text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.app import App
from textual.events import Paste
from textual.widget import Widget
from textual.widgets import Label

from wattui.capture.run_names import refusal
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


async def test_a_run_file_in_a_folder_that_cannot_be_written_to_is_refused_before_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    app = Typed()
    async with app.run_test(size=(200, 50)) as pilot:
        await app.push_screen(Ask("Record", "", "run.csv", check=refusal))
        await pilot.pause()
        said = app.screen.query_one(".wrong", Label).content
        assert said == f"{tmp_path} cannot be written to: name a file in another folder"
        await pilot.press("enter")
        assert isinstance(app.screen, Ask)
