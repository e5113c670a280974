"""Filters for screen output: no control characters, and on some terminals ASCII only."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from wattui.clean import LIKE, one_line


def ascii_text(text: str) -> str:
    """The text in ASCII, with the same width."""
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else LIKE.get(character, "?" * cell_len(character))
        for character in text
    )


class AsciiFilter(LineFilter):
    """Converts every line of the screen to ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments converted to ASCII."""
        return [Segment(ascii_text(text), style, control) for text, style, control in segments]


class CleanFilter(LineFilter):
    """Replaces control characters, keeping the width of every line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters."""
        return [
            segment if segment.text.isprintable() else segment._replace(text=_as_wide(segment.text))
            for segment in segments
        ]


def _as_wide(text: str) -> str:
    """The text with each control character replaced by one of the same width."""
    shown = ((each, one_line(each)) for each in text)
    return "".join(
        each if each == new else new if len(new) == cell_len(each) else "?" * cell_len(each)
        for each, new in shown
    )
