"""A command's output as lines for a screen: progress bars overwritten, nothing raw. Pure."""

from __future__ import annotations

import unicodedata
from collections import deque

from wattui.capture.matching import ESCAPES, LONGEST_LINE

KEPT_LINES = 500
LONGEST_SHOWN = 1000
# Control characters, invisible ones that turn a line's direction, halves of characters.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs"})


class Printed:
    """Keeps the last lines; the last of `lines` may be unfinished."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._rest = b""
        self._open = False

    def feed(self, data: bytes) -> None:
        """Add output."""
        *ended, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-LONGEST_LINE:]
        if self._open:
            self.lines.pop()
        self.lines.extend(plain(line) for line in ended[-KEPT_LINES:])
        self._open = bool(self._rest)
        if self._open:
            self.lines.append(plain(self._rest))

    def end(self) -> None:
        """The next output begins a new line."""
        self._rest, self._open = b"", False


def plain(line: bytes) -> str:
    """A line as the screen finally shows it: overwritten by whatever follows a \\r."""
    texts = ESCAPES.sub("", line.decode(errors="replace")).split("\r")
    text = next((part for part in reversed(texts) if part), "")
    text = text[:LONGEST_SHOWN]
    if text.isprintable():
        return text
    shown = (c for c in text if c == "\t" or unicodedata.category(c) not in _UNSHOWN)
    return "".join(shown).expandtabs()
