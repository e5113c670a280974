"""The line of keys at the bottom of every screen, drawn as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Leave, MouseDown, MouseMove
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

EDGE = "▏"
# The palette's key takes at most one of so many parts of the line.
LAST_SHARE = 4


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key that the line names; `key` is what a click presses."""

    key: str
    display: str
    description: str

    @property
    def columns(self) -> int:
        """Its width with the blanks around it."""
        return cell_len(self.display) + cell_len(self.description) + 3


class Footer(Widget):
    """Names the keys of the screen in their order, as many as fit; a click presses one.

    Textual's own is a widget a key, which took a fifth of the time to start, and it stays empty
    until the terminal has the focus.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "footer--key",
        "footer--description",
        "footer--hover",
        "footer--edge",
    }
    DEFAULT_CSS = """
    Footer { dock: bottom; height: 1; background: $footer-background; }
    Footer .footer--key {
        color: $footer-key-foreground; background: $footer-background; text-style: bold;
    }
    Footer .footer--description {
        color: $footer-description-foreground; background: $footer-background;
    }
    Footer .footer--hover { background: $block-hover-background; }
    Footer .footer--edge { color: $foreground 20%; background: $footer-background; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[ShownKey, ...] = ()
        self._last: ShownKey | None = None
        self._hovered: str | None = None
        self._strip: Strip | None = None

    def on_mount(self) -> None:
        """Follow the keys of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._follow())
        self._follow()

    def notify_style_update(self) -> None:
        """Draw in the colours of the new theme."""
        super().notify_style_update()
        self._strip = None

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All the available width."""
        return container.width

    def render_line(self, y: int) -> Strip:
        """The only line."""
        if self._strip is None or self._strip.cell_length != self.size.width:
            self._strip = self._drawn(self.size.width)
        return self._strip

    def on_mouse_down(self, event: MouseDown) -> None:
        """Press the key under the pointer."""
        if (key := event.style.meta.get("key")) is not None:
            self.app.simulate_key(key)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Show which key a click would press."""
        self._hover(event.style.meta.get("key"))

    def on_leave(self, event: Leave) -> None:
        """No key is under the pointer."""
        self._hover(None)

    def _hover(self, key: str | None) -> None:
        if key != self._hovered:
            self._hovered, self._strip = key, None
            self.refresh()

    def _follow(self) -> None:
        """Take the keys that the screen has now."""
        palette = self.app.COMMAND_PALETTE_BINDING if self.app.ENABLE_COMMAND_PALETTE else ""
        found: dict[str, ShownKey] = {}
        last = None
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            shown = ShownKey(key, self.app.get_key_display(binding), binding.description)
            if key == palette:
                last = shown
            elif binding.show:
                found.setdefault(binding.action, shown)
        if (tuple(found.values()), last) != (self._shown, self._last):
            self._shown, self._last, self._strip = tuple(found.values()), last, None
            self.refresh()

    def _drawn(self, width: int) -> Strip:
        """The keys that fit in a width, and the palette's at the right edge."""
        last = [self._last] if self._last and LAST_SHARE * self._last.columns <= width else []
        left = width - sum(each.columns for each in last)
        keys = Strip(self._segments(fitting(self._shown, left), " ", "key"))
        padded = keys.adjust_cell_length(left, self._look("description"))
        return Strip.join([padded, Strip(self._segments(last, EDGE, "edge"))])

    def _segments(self, keys: Sequence[ShownKey], before: str, part: str) -> Iterator[Segment]:
        for each in keys:
            pressed = Style(meta={"key": each.key})
            if each.key == self._hovered:
                pressed += Style(bgcolor=self._look("hover").bgcolor)
            yield Segment(before, self._look(part) + pressed)
            yield Segment(f"{each.display} ", self._look("key") + pressed)
            yield Segment(f"{each.description} ", self._look("description") + pressed)

    def _look(self, part: str) -> Style:
        return self.get_component_rich_style(f"footer--{part}")


def fitting(keys: Sequence[ShownKey], columns: int) -> Sequence[ShownKey]:
    """The first keys, as many as fit whole; the blank after the last may not."""
    for place, each in enumerate(keys):
        columns -= each.columns
        if columns < -1:
            return keys[:place]
    return keys
