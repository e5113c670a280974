"""What a steady screen draws: changed lines, and nothing behind the widgets that cover them."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from wattui.tui.screens.steady import SteadyScreen


class Lines(SteadyScreen[None]):
    """Two texts in a box, the second over the middle of the terminal."""

    CSS = "Static { height: 5; } Vertical { height: 10; }"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("above", id="above")
            yield Static("below", id="below")


async def test_a_changed_line_is_drawn_by_the_widget_in_front_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app: App[None] = App()
    async with app.run_test(size=(40, 12)) as pilot:
        await app.push_screen(Lines())
        await pilot.pause()
        drawn: list[tuple[str | None, int]] = []
        known = Widget.render_lines

        def render_lines(self: Widget, crop: Region) -> list[Strip]:
            drawn.append((self.id or type(self).__name__, crop.height))
            return known(self, crop)

        monkeypatch.setattr(Widget, "render_lines", render_lines)
        below = app.screen.query_one("#below", Static)
        below.refresh(Region(0, 1, 40, 1))
        app.screen._compositor.update_widgets({below})
        app.screen._compositor.render_update()
        assert drawn == [("below", 1)]
