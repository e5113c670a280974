"""What every screen does alike: it has the terminal's newest size, and is left once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import command
from textual._compositor import Compositor
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.errors import NoWidget
from textual.events import (
    Click,
    DescendantBlur,
    DescendantFocus,
    Event,
    InputEvent,
    MouseEvent,
    MouseMove,
    Paste,
    Resize,
    Timer,
)
from textual.geometry import Region
from textual.message import Message
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.widget import Widget

from wattui.tui.widgets.lists import PicksCommands

# The palette makes its list itself; it is to make ours.
command.CommandList = PicksCommands  # type: ignore[misc]


# What a screen that was left takes no more, beside all that its widgets say: they may be gone.
UNHEARD = (InputEvent, Paste, DescendantFocus, DescendantBlur, Resize, Timer)
NEEDED = ("textual.events", "textual.messages")


class Present(Compositor):
    """A layout in which no pointer meets a removed widget, which is in it until the next one."""

    def get_widgets_at(self, x: int, y: int) -> Iterable[tuple[Widget, Region]]:
        """Widgets under a cell, the topmost first, each with its region."""
        return (found for found in super().get_widgets_at(x, y) if found[0].is_attached)

    def get_widget_at(self, x: int, y: int) -> tuple[Widget, Region]:
        """The topmost widget under a cell, with its region; raises NoWidget where there is none."""
        for found in self.get_widgets_at(int(x), int(y)):
            return found
        raise NoWidget(f"nothing is at ({x}, {y})")


class SteadyScreen(Screen[ScreenResultType]):
    """A screen that stands while its terminal is dragged and keys come in bursts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "app.suspend_process", "Suspend", show=False),
    ]
    _is_left = False

    def __init__(
        self, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name, id, classes)
        self._compositor = Present()

    @property
    def is_there(self) -> bool:
        """Whether it is shown, or beneath one that is shown: its widgets are there."""
        return self.is_mounted and not self._is_left

    async def _dispatch_message(self, message: Message) -> None:
        """Go on with a message; once the screen was left, only with what its end needs."""
        needed = type(message).__module__ in NEEDED and not isinstance(message, UNHEARD)
        if needed or not self._is_left:
            await super()._dispatch_message(message)

    def _forward_event(self, event: Event) -> None:
        """Go on with what was typed or clicked; a click where nothing is, or nothing has been laid
        out yet, would take the focus away."""
        if (
            not isinstance(event, MouseEvent)
            or isinstance(event, MouseMove)
            or self.app.mouse_captured
            or self._has_widget_at(event.x, event.y)
        ):
            super()._forward_event(event)

    def _has_widget_at(self, x: float, y: float) -> bool:
        return any(self.get_widgets_at(int(x), int(y)))

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

    async def _on_click(self, event: Click) -> None:  # type: ignore[override]
        """Drop a click beyond the edge, where the window has become smaller since."""
        if not self._has_widget_at(event.screen_x, event.screen_y):
            event.prevent_default()
