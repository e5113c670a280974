"""Keys and clicks one at a time: what one does is done before the next one is handed on."""

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

# A key goes from the widget with the focus up to the app, and may set off messages that take the
# same way: it is followed until so many times nothing has changed.
ROUNDS = 3
# A new screen is looked at this often until it is there.
LOOK_S = 0.01

Place = tuple[Screen[Any], Widget | None]


class TypeAhead:
    """Holds keys and clicks back while an earlier one is at work, so that each meets the screen
    and the focus that it is for, however slow the machine is.

    Textual hands a key to the widget that has the focus at that moment, though keys before it may
    be about to move it: of "3, Tab, 4" typed fast, both figures would go into the first field.
    """

    def __init__(self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._waiting: deque[Event] = deque()
        self.is_at_work = False

    async def take(self, event: Event) -> None:
        """Hand an event on, now or when the keys and clicks before it are done."""
        if not isinstance(event, InputEvent | Paste) or event.is_forwarded:
            await self._hand_on(event)
            return
        is_move = isinstance(event, MouseMove)
        if is_move and self._waiting and isinstance(self._waiting[-1], MouseMove):
            self._waiting.pop()
        self._waiting.append(event)
        await self._go_on()

    async def _go_on(self) -> None:
        """Hand on what waits. A move of the pointer is handed on in its turn but not followed."""
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
        """The widget that Textual hands an event to."""
        screen, focused = self._place()
        if not isinstance(event, MouseEvent):
            return focused or screen
        try:
            return self._app.mouse_captured or screen.get_widget_at(event.x, event.y)[0]
        except NoWidget:
            return screen

    def _follow(self, pump: MessagePump, place: Place, rounds: int) -> None:
        """Go where the event goes, behind it."""
        parent = (pump.parent if isinstance(pump, DOMNode) else None) or self._app
        if pump is self._app:
            self._app.call_later(self._arrive, place, rounds)
        elif not pump.call_later(self._follow, parent, place, rounds):
            self._follow(parent, place, rounds)

    async def _arrive(self, before: Place, rounds: int) -> None:
        """Go round again while something has changed, else go on with the next event."""
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
