"""Delivers keys and clicks one at a time: each takes effect before the next is passed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.errors import NoWidget
from textual.events import Event, InputEvent, MouseEvent, MouseMove, Paste
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget

# A key bubbles from the focused widget up to the app, and may cause messages that do the same.
# It is followed until nothing has changed this many times.
ROUNDS = 3
# How often to check whether a new screen is ready.
LOOK_S = 0.01

Place = tuple[Screen[Any], Widget | None]


class TypeAhead:
    """Holds keys and clicks back while an earlier one is being handled, so that each reaches the
    screen and focus it was meant for, however slow the machine.

    Textual gives a key to the widget that is focused at that moment, although an earlier key may be
    about to move the focus: with "3, Tab, 4" typed fast, both digits would enter the first field.
    """

    def __init__(self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._waiting: deque[Event] = deque()
        self.is_at_work = False

    async def take(self, event: Event) -> None:
        """Pass an event on, now or once earlier keys and clicks are done."""
        if not isinstance(event, InputEvent | Paste) or event.is_forwarded:
            await self._hand_on(event)
            return
        is_move = isinstance(event, MouseMove)
        if is_move and self._waiting and isinstance(self._waiting[-1], MouseMove):
            self._waiting.pop()
        self._waiting.append(event)
        await self._go_on()

    async def _go_on(self) -> None:
        """Pass waiting events on. Pointer moves keep their turn but are not followed."""
        while self._waiting and not self.is_at_work:
            event = self._waiting.popleft()
            self.is_at_work = not isinstance(event, MouseMove)
            place, target = self._place(), self._target(event)
            await self._hand_on(event)
            if self.is_at_work:
                self._follow(target, place, ROUNDS)

    def _place(self) -> Place:
        return self._app.screen, self._app.focused

    def _target(self, event: Event) -> Widget:
        """The widget that Textual gives an event to."""
        screen, focused = self._place()
        if not isinstance(event, MouseEvent):
            return focused or screen
        try:
            return self._app.mouse_captured or screen.get_widget_at(event.x, event.y)[0]
        except NoWidget:
            return screen

    def _follow(self, pump: MessagePump, place: Place, rounds: int) -> None:
        """Queue a callback behind the event in each queue that it passes."""
        parent = (pump.parent if isinstance(pump, DOMNode) else None) or self._app
        if pump is self._app:
            self._app.call_later(self._arrive, place, rounds)
        elif not pump.call_later(self._follow, parent, place, rounds):
            self._follow(parent, place, rounds)

    async def _arrive(self, before: Place, rounds: int) -> None:
        """Follow again if something has changed, else continue with the next event."""
        if not self._app.screen_stack:
            return
        place = screen, focused = self._place()
        if not screen.is_mounted:
            self._app.set_timer(LOOK_S, partial(self._arrive, before, rounds))
        elif place != before:
            self._follow(focused or screen, place, ROUNDS)
        elif rounds > 1:
            self._follow(focused or screen, place, rounds - 1)
        else:
            self.is_at_work = False
            await self._go_on()
