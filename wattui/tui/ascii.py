"""A screen in plain ASCII, whoever drew it: each character becomes the one most like it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_LIKE = {
    **dict.fromkeys("─━═╌┄╴╶╸╺", "-"),
    **dict.fromkeys("│┃║╎┆▏▕❚▎▍┊", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫", "+"),
    **dict.fromkeys("█▉▊▋▌▐▇▆▅■▓", "#"),
    **dict.fromkeys("▄▃▂▁▀▔░▒", "="),
    **dict.fromkeys("●◉⏺", "*"),
    **dict.fromkeys("○◯", "o"),
    **dict.fromkeys("▶▸►→⇒", ">"),
    **dict.fromkeys("◀◂◄←", "<"),
    **dict.fromkeys("↑▲⌃", "^"),
    **dict.fromkeys("↓▼⌄", "v"),
    **dict.fromkeys("–—−‐", "-"),
    **dict.fromkeys("·•∙", "."),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("×✕✖✗", "x"),
    **dict.fromkeys("✓✔", "v"),
    "…": ".",
    "±": "~",
    "≈": "~",
    "°": "'",
    "µ": "u",
    "Σ": "S",
    "²": "2",
    "\u00a0": " ",
}


def ascii_text(text: str) -> str:
    """The text in ASCII, as wide as it was."""
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else _LIKE.get(character, "?" * cell_len(character))
        for character in text
    )


class AsciiFilter(LineFilter):
    """Puts every line of the screen into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with their texts in ASCII."""
        return [Segment(ascii_text(text), style, control) for text, style, control in segments]
