"""Bounds the names that a recorded program chooses, where each new one costs a database memory."""

from __future__ import annotations

import threading

from wattui.clean import one_line

OTHER = "(other)"
MOST_NAMES, MOST_LENGTH = 100, 120


class Names:
    """Gives the first names of a recording as they are, shortened, and `(other)` for all others."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def bounded(self, text: str) -> str:
        """The name to use: printable text of bounded length, one of a bounded number."""
        name = one_line(text)
        name = name if len(name) <= MOST_LENGTH else name[: MOST_LENGTH - 1] + "…"
        with self._lock:
            if name in self._known or not name:
                return name
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(name)
            return name
