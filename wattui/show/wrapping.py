"""Text that breaks at spaces, but not between a number and its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

UNITS = "s|min|h|d|ms|µs|W|mW|kW|J|mJ|µJ|kJ|Wh|Hz|MHz|GHz|MiB|GiB|%|°C"
WORD = re.compile(rf"\s*[(~±≤<>+−-]*\d[\d.,]* (?:{UNITS})(?!\w)\S*\s*|\s*\S+\s*")


class Prose:
    """A text that keeps quantities such as "0.5 s" on one line."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines that fit."""
        yield wrapped(self.text, options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """The width of the text."""
        return Measurement.get(console, options, self.text)


def wrapped(text: Text, width: int) -> Text:
    """The text with line breaks where it would be wider; single words may still be."""
    lines = text.split(allow_blank=True)
    parts = [part for line in lines for part in line.divide(breaks(line.plain, width))]
    for part in parts:
        part.rstrip()
    return Text("\n").join(parts)


def breaks(line: str, width: int) -> Iterator[int]:
    """The places in a line where it is broken."""
    used = 0
    for word in WORD.finditer(line):
        if used and used + cell_len(word[0].rstrip()) > width:
            yield word.start()
            used = 0
        used += cell_len(word[0])
