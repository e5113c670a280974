"""What a screen may show, whoever drew it: text alone, and where it must be, plain ASCII."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from wattui.clean import LIKE, one_line


def ascii_text(text: str) -> str:
    """The text in ASCII, as wide as it was."""
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else LIKE.get(character, "?" * cell_len(character))
        for character in text
    )


class AsciiFilter(LineFilter):
    """Puts every line of the screen into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with their texts in ASCII."""
        return [Segment(ascii_text(text), style, control) for text, style, control in segments]


class CleanFilter(LineFilter):
    """Lets nothing through that would act on the terminal; every line stays as wide as it was."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, with what cannot be shown replaced."""
        return [
            segment if segment.text.isprintable() else segment._replace(text=_as_wide(segment.text))
            for segment in segments
        ]


def _as_wide(text: str) -> str:
    """The text, with each character that acts on a terminal replaced in its own width."""
    shown = ((each, one_line(each)) for each in text)
    return "".join(
        each if each == new else new if len(new) == cell_len(each) else "?" * cell_len(each)
        for each, new in shown
    )
