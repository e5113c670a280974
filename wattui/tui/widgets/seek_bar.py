"""A line with the place in a recording that is played back; a click goes elsewhere."""

from __future__ import annotations

import math

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from wattui.show.palette import Palette
from wattui.tui.state.playback import Playback
from wattui.tui.widgets.status import clock

PADDING = 1


class SeekBar(Static):
    """Shows position, length and speed of a playback; hidden otherwise."""

    DEFAULT_CSS = f"""
    SeekBar {{
        display: none; height: 1; background: $panel; padding: 0 {PADDING}; text-wrap: nowrap;
    }}
    SeekBar.shown {{ display: block; }}
    """

    class Sought(Message):
        """A click at a time, seconds."""

        def __init__(self, time_s: float) -> None:
            super().__init__()
            self.time_s = time_s

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._length_s = 0.0
        self._bar = range(0)

    def show(self, playback: Playback | None, palette: Palette) -> None:
        """Rewrite the line."""
        self.set_class(playback is not None, "shown")
        if playback is None:
            return
        self._length_s = playback.length_s
        line, self._bar = seek_line(playback, self.app.size.width - 2 * PADDING, palette)
        self.update(line, layout=False)

    def on_click(self, event: Click) -> None:
        """Go to the time under the pointer."""
        column = event.x - PADDING
        if column in self._bar:
            share = (column - self._bar.start) / max(1, len(self._bar) - 1)
            self.post_message(self.Sought(share * self._length_s))


def seek_line(playback: Playback, columns: int, palette: Palette) -> tuple[Text, range]:
    """The line, and the columns of its bar."""
    speed = "max" if math.isinf(playback.speed) else f"× {playback.speed:g}"
    sign = "■" if playback.ended else "❚❚" if playback.paused else "▶"
    before = f"{sign} {clock(playback.position_s)} "
    after = f" {clock(playback.length_s)}  {speed}"
    bar = range(len(before), max(len(before), columns - len(after)))
    length_s = playback.length_s
    share = min(1.0, playback.position_s / length_s) if length_s else 1.0
    done = round(share * len(bar))
    line = Text.assemble(
        (before, "bold"),
        ("━" * done, palette.accent),
        ("─" * (len(bar) - done), palette.dim),
        after,
    )
    return line, bar
