"""A panel beside the graphs, drawn when its text changes and laid out when its height does."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text
from textual.content import Content
from textual.widgets import Static


class Panel(Static):
    """A box with a title; one whose height is that of its content says how many rows it has.

    A layout is of the whole screen and costs as much as all that is drawn in a second.
    """

    DEFAULT_CSS = """
    Panel {
        border: round $border; border-title-color: $text; border-subtitle-color: $text-muted;
        padding: 0 1;
    }
    """

    _rows = 0
    _text: Text | None = None
    _labels: tuple[str, str] | None = None

    def write(
        self, content: RenderableType, rows: int = 0, title: str = "", subtitle: str = ""
    ) -> None:
        """Show this content, of so many rows, and these texts in the border."""
        text = content if isinstance(content, Text) else None
        is_resized, self._rows = rows != self._rows, rows
        if text is None or text != self._text or is_resized:
            self.update(content, layout=is_resized)
        self._text = text
        labels = title or self.BORDER_TITLE, subtitle
        if labels != self._labels:  # Textual repaints the panel even for the same ones
            self._labels = labels
            self.border_title, self.border_subtitle = map(Content, labels)
