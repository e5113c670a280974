"""Keys and clicks that come before the screen and the focus that they are for."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import Event, Key, MouseDown, MouseUp
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from wattui.tui.screens.steady import SteadyModal
from wattui.tui.terminal.driver import Keys
from wattui.tui.terminal.type_ahead import TypeAhead

# Longer than anybody would wait for a key.
SLOW_S = 1.5
NAMES = {"\t": "tab", "\r": "enter"}


class Lazy(Static):
    """A widget that is long in coming."""

    async def on_mount(self) -> None:
        """Take long."""
        await asyncio.sleep(SLOW_S)


class Slow(SteadyModal[None]):
    """A screen that is long in coming, as on a slow machine."""

    def __init__(self) -> None:
        super().__init__()
        self.typed: list[str] = []

    def compose(self) -> ComposeResult:
        """Two lines to fill in, and a way out."""
        yield Lazy()
        yield Input(id="first")
        yield Input(id="second")
        yield Button("Cancel", id="cancel", action="screen.dismiss(None)")

    async def on_input_submitted(self) -> None:
        """Go on with the second line, slowly."""
        await asyncio.sleep(SLOW_S)
        self.query_one("#second").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Note what a line has."""
        self.typed.append(event.value)


class Desk(App[None]):
    """Opens the slow screen with `o`; notes what reaches it in vain."""

    BINDINGS: ClassVar[list[BindingType]] = [("o", "open", "Open")]

    def __init__(self) -> None:
        super().__init__()
        self.type_ahead = TypeAhead(self, super().on_event)
        self.lost: list[str] = []
        self.slow = Slow()

    async def on_event(self, event: Event) -> None:
        """Hand on what is typed and clicked in its turn."""
        await self.type_ahead.take(event)

    def on_key(self, event: Key) -> None:
        """Note a key that nobody took."""
        if event.key != "o":
            self.lost.append(event.key)

    def action_open(self) -> None:
        """Show the slow screen."""
        self.push_screen(self.slow)

    def type(self, keys: str) -> None:
        """Have keys arrive together, as from a terminal."""
        for key in keys:
            self.post_message(Key(NAMES.get(key, key), key))

    def click(self, x: int, y: int) -> None:
        """Have a click arrive, as from a terminal."""
        for kind in (MouseDown, MouseUp):
            self.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))


async def until_idle(pilot: Pilot[Any], app: Desk) -> None:
    while app.type_ahead.is_at_work:
        await pilot.pause(0.02)
    await pilot.pause()


async def test_keys_wait_for_a_screen_however_long_it_takes() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.type("o1\t2")
        await pilot.pause()
        await until_idle(pilot, app)
        assert [line.value for line in app.slow.query(Input)] == ["1", "2"]


async def test_a_key_that_comes_while_a_screen_is_made_waits_for_it_too() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.type("o")
        await pilot.pause(SLOW_S / 2)
        app.type("1\t2")
        await pilot.pause()
        await until_idle(pilot, app)
        assert [line.value for line in app.slow.query(Input)] == ["1", "2"]


async def test_a_key_waits_for_the_one_before_it_however_long_that_takes() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.type("o1\r2")
        await pilot.pause()
        await until_idle(pilot, app)
        assert [line.value for line in app.slow.query(Input)] == ["1", "2"]


async def test_a_click_does_not_overtake_the_keys_before_it() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await app.push_screen(Slow())
        x, y = app.screen.query_one("#cancel").region.offset
        await app.pop_screen()
        app.type("o1")
        app.click(x + 1, y + 1)
        app.type("x")
        await pilot.pause()
        await until_idle(pilot, app)
        assert app.slow.typed == ["1"]
        assert len(app.screen_stack) == 1
        assert app.lost == ["x"]


async def test_a_click_where_nothing_is_leaves_the_focus_alone() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.type("o")
        app.click(500, 500)
        app.type("1")
        await pilot.pause()
        await until_idle(pilot, app)
        assert app.slow.query_one("#first", Input).value == "1"


async def test_keys_go_on_where_the_widget_with_the_focus_is_removed_meanwhile() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await app.push_screen(app.slow)
        app.type("1\t2")
        app.call_later(app.slow.query_one("#first").remove)
        app.type("3")
        await pilot.pause()
        await until_idle(pilot, app)
        assert app.slow.query_one("#second", Input).value.endswith("3")


def named(keys: Keys, text: str) -> list[str]:
    return [message.key for message in keys.understood(text) if isinstance(message, Key)]


@pytest.mark.parametrize("late_s", [0.4, 60.0])
def test_esc_and_a_later_key_are_two_keys_though_both_are_read_late(
    monkeypatch: pytest.MonkeyPatch, late_s: float
) -> None:
    now_s = 0.0
    monkeypatch.setattr("textual._parser.get_time", lambda: now_s)
    keys = Keys()
    assert not list(keys.understood("\x1b"))
    now_s = late_s
    assert named(keys, "q") == ["escape", "q"]


@pytest.mark.parametrize("odd", ["\x1b[999999999999;1u", "\x1b[<99999999999999;1;1M"])
def test_keys_behind_a_sequence_that_fails_are_read(odd: str) -> None:
    assert named(Keys(), f"{odd}q")[-1:] == ["q"]
