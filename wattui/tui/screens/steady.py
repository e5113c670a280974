"""What every screen does alike: it has the terminal's newest size, and is left once."""

from __future__ import annotations

from textual import command
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.events import DescendantBlur, DescendantFocus, InputEvent, Paste, Resize, Timer
from textual.message import Message
from textual.screen import ModalScreen, Screen, ScreenResultType

from wattui.tui.widgets.lists import PicksCommands

# The palette makes its list itself; it is to make ours.
command.CommandList = PicksCommands  # type: ignore[misc]


# What a screen that was left takes no more, beside all that its widgets say: they may be gone.
UNHEARD = (InputEvent, Paste, DescendantFocus, DescendantBlur, Resize, Timer)
NEEDED = ("textual.events", "textual.messages")


class SteadyScreen(Screen[ScreenResultType]):
    """A screen that stands while its terminal is dragged and keys come in bursts."""

    _is_left = False

    @property
    def is_there(self) -> bool:
        """Whether it is shown, or beneath one that is shown: its widgets are there."""
        return self.is_mounted and not self._is_left

    async def _dispatch_message(self, message: Message) -> None:
        """Go on with a message; once the screen was left, only with what its end needs."""
        needed = type(message).__module__ in NEEDED and not isinstance(message, UNHEARD)
        if needed or not self._is_left:
            await super()._dispatch_message(message)

    async def _on_resize(self, event: Resize) -> None:
        """Drop a size that is out of date: a layout for it would cause another one, for ever."""
        if event.size != self.app.size:
            event.prevent_default()

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with a result; a second answer, to a screen that is gone, is none."""
        if self.app.screen is not self:
            return AwaitComplete()
        self._is_left = True
        return super().dismiss(result)


# Textual takes styles from the first base alone.
class SteadyModal(ModalScreen[ScreenResultType], SteadyScreen[ScreenResultType]):
    """A screen over another one."""


class Palette(CommandPalette, SteadyScreen[None]):
    """The list of all commands."""
