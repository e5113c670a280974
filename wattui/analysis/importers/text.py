"""The text of a log: lines that are read once, whatever its size."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO

from wattui.analysis.importers.log import UnreadableError

# The first lines, by which a format is recognised, and the longest line of text.
HEAD_LINES = 40
LONGEST_LINE = 1 << 20
# A document of JSON or XML, which is read as a whole.
LARGEST_DOCUMENT = 1 << 30
_PROBED = 1 << 16


class LogText:
    """Lines with their ends, without empty ones before the first. They can be read once."""

    def __init__(self, content: str | Iterable[str]) -> None:
        lines = io.StringIO(content, newline=None) if isinstance(content, str) else content
        pieces = iter(lines)
        first = next((line for line in pieces if line.strip("\r\n")), "")
        self.head = [first, *islice(pieces, HEAD_LINES - 1)] if first else []
        self._lines = chain(self.head, pieces)

    @property
    def first(self) -> str:
        """The first line without its end; empty if there is none."""
        return self.head[0].strip("\r\n") if self.head and not self.head[0].isspace() else ""

    @property
    def second(self) -> str:
        """The second line without its end; empty if there is none."""
        return self.head[1].strip("\r\n") if len(self.head) > 1 else ""

    def __iter__(self) -> Iterator[str]:
        """Lines of text. Raises UnreadableError at one of a megabyte."""
        for number, line in enumerate(self._lines, 1):
            if len(line) >= LONGEST_LINE:
                raise UnreadableError(f"line {number} is longer than 1 MB: it is not a text log")
            yield line

    def pieces(self) -> Iterator[str]:
        """The text in pieces: lines, or parts of long ones."""
        return self._lines

    def whole(self) -> str:
        """All of the text. Raises UnreadableError if it is no document but a flood."""
        found, size = [], 0
        for piece in self._lines:
            found.append(piece)
            size += len(piece)
            if size > LARGEST_DOCUMENT:
                raise UnreadableError("it is larger than 1 GB: fix: split it")
        return "".join(found)


class LineCount:
    """Numbered lines without their ends, except empty ones; `last` is that of the last read."""

    def __init__(self, text: LogText) -> None:
        self._text = text
        self.last = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(self._text, 1):
            if not line.isspace():
                self.last = number
                yield number, line.rstrip("\r\n")


def decoded(file: IO[bytes]) -> LogText:
    """The lines of an open file in UTF-8, UTF-16, or the code page of Windows in the west."""
    buffered = io.BufferedReader(file, _PROBED)  # type: ignore[type-var]
    start = buffered.peek(_PROBED)[:_PROBED]
    text = io.TextIOWrapper(buffered, _encoding(start), errors="replace", newline=None)
    return LogText(iter(lambda: text.readline(LONGEST_LINE), ""))


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"
