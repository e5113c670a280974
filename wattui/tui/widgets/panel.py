"""A panel of lines, which is drawn when they change and laid out when their number does."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text
from textual.widgets import Static


class Panel(Static):
    """A panel whose height is that of its content.

    A layout is of the whole screen and costs as much as all that is drawn in a second.
    """

    _rows = 0
    _text: Text | None = None

    def write(self, content: RenderableType, rows: int) -> None:
        """Show this content, of so many rows."""
        text = content if isinstance(content, Text) else None
        is_resized, self._rows = rows != self._rows, rows
        if text is None or text != self._text or is_resized:
            self.update(content, layout=is_resized)
        self._text = text
