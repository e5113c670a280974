"""A line to type in, of a length that can be drawn and kept."""

from __future__ import annotations

from textual.widgets import Input

# A label or a note is cut here. The time to draw a line grows with its length.
MOST_CHARACTERS = 4096


class Line(Input):
    """A line that takes no more than it can hold, and says so."""

    DEFAULT_CSS = """
    Line > .input--placeholder, Line > .input--suggestion { color: $text-muted; }
    """

    def on_mount(self) -> None:
        """Set the limit: a text that was there before may be longer."""
        self.max_length = MOST_CHARACTERS

    def restricted(self) -> None:
        """Say why nothing was taken."""
        self.app.notify(f"a line has at most {MOST_CHARACTERS} characters", severity="warning")
