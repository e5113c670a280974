"""Keys one at a time: what a key does is done before the next one is handed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event
from textual.message_pump import MessagePump
from textual.timer import Timer

# A key goes from the widget with the focus up to the app, and may set off messages that take the
# same way: it is followed so often.
ROUNDS = 3
# A new screen is looked at so often until it is there. Nothing is waited for longer than this.
LOOK_S, PATIENCE_S = 0.01, 1.0


class TypeAhead:
    """Holds keys back while an earlier one is at work, so that each meets the focus it is for.

    Textual hands a key to the widget that has the focus at that moment, though keys before it may
    be about to move it: of "3, Tab, 4" typed fast, both figures would go into the first field.
    """

    def __init__(self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._waiting: deque[Event] = deque()
        self._number = 0
        self._patience: Timer | None = None
        self._is_at_work = False

    async def take(self, event: Event) -> None:
        """Hand a key on, now or when those before it are done."""
        if self._is_at_work:
            self._waiting.append(event)
        else:
            await self._begin(event)

    async def _begin(self, event: Event) -> None:
        self._is_at_work = True
        self._number += 1
        number, target = self._number, self._app.focused or self._app.screen
        self._patience = self._app.set_timer(PATIENCE_S, lambda: self._end(number))
        await self._hand_on(event)
        self._follow(target, number, ROUNDS)

    def _follow(self, pump: MessagePump, number: int, rounds: int) -> None:
        """Go where the key goes, behind it."""
        parent = (pump.parent if isinstance(pump, DOMNode) else None) or self._app
        if pump is self._app:
            self._app.call_later(self._arrive, number, rounds)
        elif not pump.call_later(self._follow, parent, number, rounds):
            self._follow(parent, number, rounds)

    async def _arrive(self, number: int, rounds: int) -> None:
        if number != self._number or not self._app.screen_stack:
            return
        if not self._app.screen.is_mounted:
            self._app.set_timer(LOOK_S, lambda: self._arrive(number, rounds))
        elif rounds > 1 and self._waiting:
            self._follow(self._app.focused or self._app.screen, number, rounds - 1)
        else:
            await self._end(number)

    async def _end(self, number: int) -> None:
        """Go on with the next key."""
        if number != self._number or not self._is_at_work:
            return
        self._is_at_work = False
        if self._patience is not None:
            self._patience.stop()
        if self._waiting:
            await self._begin(self._waiting.popleft())
