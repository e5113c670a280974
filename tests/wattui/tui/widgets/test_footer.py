"""The line of keys: whole keys only, there without the focus, pressed by a click."""

from __future__ import annotations

import pytest
from textual.events import AppBlur

from tests.wattui.tui.test_golden import dashboard, screen
from wattui.tui.widgets.footer import Footer, ShownKey, fitting

KEYS = [ShownKey("space", "space", "Idle/Run"), ShownKey("p", "p", "Phase")]
FIRST, SECOND = len(" space Idle/Run "), len(" p Phase ")


@pytest.mark.parametrize(
    ("columns", "count"),
    [
        (0, 0),
        (FIRST - 2, 0),
        (FIRST - 1, 1),
        (FIRST + SECOND - 2, 1),
        (FIRST + SECOND - 1, 2),
        (200, 2),
    ],
)
def test_keys_are_shown_whole_or_not_at_all(columns: int, count: int) -> None:
    assert list(fitting(KEYS, columns)) == KEYS[:count]


async def test_the_keys_are_there_before_the_terminal_has_the_focus() -> None:
    app = dashboard()
    async with app.run_test(size=(120, 35)) as pilot:
        app.post_message(AppBlur())
        await pilot.pause()
        assert not app.app_focus
        assert screen(app).splitlines()[-1].startswith(" space Idle/Run  p Phase")


async def test_a_click_on_a_key_presses_it() -> None:
    app = dashboard()
    async with app.run_test(size=(120, 35)) as pilot:
        line = screen(app).splitlines()[-1]
        await pilot.click(Footer, offset=(line.index("? Help"), 0))
        await pilot.pause()
        assert app.screen is not app.main


async def test_the_key_under_the_pointer_has_another_ground() -> None:
    app = dashboard()
    async with app.run_test(size=(120, 35)) as pilot:
        footer = app.screen.query_one(Footer)
        before = footer.render_line(0)
        await pilot.hover(Footer, offset=(3, 0))
        await pilot.pause()
        changed = [
            segment.text
            for segment, earlier in zip(footer.render_line(0), before, strict=True)
            if segment.style != earlier.style
        ]
        assert changed == [" ", "space ", "Idle/Run "]
        await pilot.hover(offset=(0, 0))
        await pilot.pause()
        assert footer.render_line(0) == before
