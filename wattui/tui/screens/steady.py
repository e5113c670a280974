"""The base of every screen: it uses the terminal's latest size and theme, and is dismissed only
once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import command, on
from textual._compositor import ChopsUpdate, Compositor
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.containers import ScrollableContainer
from textual.errors import NoWidget
from textual.events import (
    Click,
    DescendantBlur,
    DescendantFocus,
    Event,
    InputEvent,
    Mount,
    MouseEvent,
    MouseMove,
    Paste,
    Resize,
    Timer,
)
from textual.geometry import Region
from textual.message import Message
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.strip import Strip
from textual.widget import Widget

from wattui.show.palette import Palette
from wattui.tui.themes import palette_of
from wattui.tui.widgets.lists import PicksCommands

# The palette creates its own list; replace its class with ours.
command.CommandList = PicksCommands  # type: ignore[misc]


NARROW_COLUMNS = 70
# Messages that a dismissed screen ignores, along with all from its widgets, which may be gone.
UNHEARD = (InputEvent, Paste, DescendantFocus, DescendantBlur, Resize, Timer)
NEEDED = ("textual.events", "textual.messages")


class Present(Compositor):
    """A layout that hides removed widgets from the pointer, as they stay in it until the next one,
    and draws only the lines that have changed."""

    _changed: Sequence[Region] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """What is to be drawn now."""
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """The widgets in changed regions from the front to the back, each from the first to the
        last changed line.

        Textual's own draws every widget within the rectangle around all changes, even what is
        behind others.
        """
        if not self._changed:
            yield from super()._get_renders(crop)
            return
        left = self._changed
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            found = [part for each in left if (part := each.intersection(shown))]
            if found:
                top, bottom = min(each.y for each in found), max(each.bottom for each in found)
                lines = Region(shown.x, top, shown.width, bottom - top)
                yield lines, clip, widget.render_lines(lines.translate(-region.offset))
                left = [each for each in left if not shown.contains_region(each)]

    def get_widgets_at(self, x: int, y: int) -> Iterable[tuple[Widget, Region]]:
        """The widgets under a cell, topmost first, each with its region."""
        return (found for found in super().get_widgets_at(x, y) if found[0].is_attached)

    def get_widget_at(self, x: int, y: int) -> tuple[Widget, Region]:
        """The topmost widget under a cell, with its region; raises NoWidget if there is none."""
        for found in self.get_widgets_at(int(x), int(y)):
            return found
        raise NoWidget(f"nothing is at ({x}, {y})")


class SteadyScreen(Screen[ScreenResultType]):
    """A screen that survives resizing and bursts of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "app.suspend_process", "Suspend", show=False),
    ]
    COPY: ClassVar[Binding] = Binding("y", "copy", "Copy")
    _is_left = False

    def __init__(
        self, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name, id, classes)
        self._compositor = Present()

    @property
    def is_there(self) -> bool:
        """Whether it is on the screen stack, so its widgets exist."""
        return self.is_mounted and not self._is_left

    @property
    def palette(self) -> Palette:
        """The colours of the theme, for what no style sheet reaches."""
        theme = self.app.current_theme
        return palette_of(theme.name, theme.dark, self.app.no_color)

    @on(Mount)
    def follow_theme(self) -> None:
        """Draw again for every new theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.draw())

    def draw(self) -> None:
        """Draw what has colours of the palette, also after each change of the theme."""

    def action_copy(self) -> None:
        """Copy the table, or else the text, to the clipboard."""
        # Loaded at the first key press, so that the graphs appear sooner.
        from wattui.tui.screens.copying import copy, screen_text

        copy(self.app, screen_text(self), "what is shown here")

    async def _dispatch_message(self, message: Message) -> None:
        """Dispatch a message; once dismissed, only those needed to close."""
        needed = type(message).__module__ in NEEDED and not isinstance(message, UNHEARD)
        if needed or not self._is_left:
            await super()._dispatch_message(message)

    def _forward_event(self, event: Event) -> None:
        """Forward a key or click, except clicks on nothing or before the first layout, which
        would take the focus away."""
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
        """Ignore an outdated size: a layout for it would trigger another one, forever."""
        if event.size != self.app.size:
            event.prevent_default()

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result; ignored if already closed."""
        if self.app.screen is not self:
            return AwaitComplete()
        self._is_left = True
        return super().dismiss(result)


# Textual takes styles only from the first base.
class SteadyModal(ModalScreen[ScreenResultType], SteadyScreen[ScreenResultType]):
    """A modal screen: a box in the middle."""

    # A narrow one has no room beside a form's fields.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW_COLUMNS, "-broad")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    SteadyModal { align: center middle; }
    SteadyModal.-narrow Field .hint { display: none; }
    SteadyModal > Vertical, SteadyModal > VerticalScroll {
        max-width: 100%; max-height: 100%; background: $surface; border: round $accent;
        border-title-color: $text; border-subtitle-color: $text-muted;
    }
    """

    def action_scroll(self, lines: int) -> None:
        """Scroll the focused page."""
        if isinstance(self.focused, ScrollableContainer):
            self.focused.scroll_relative(y=lines, animate=False)


class SteadyCommandPalette(CommandPalette, SteadyScreen[None]):
    """The command palette."""

    async def _on_click(self, event: Click) -> None:  # type: ignore[override]
        """Ignore a click beyond the edge, after the window has shrunk."""
        if not self._has_widget_at(event.screen_x, event.screen_y):
            event.prevent_default()
