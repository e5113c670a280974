"""JSON lines between processes: messages from a stream of bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]
# Longer lines are refused; the longest sensible one is a note that will be truncated.
MOST_LINE_BYTES = 2**23


def encode(message: Message) -> bytes:
    """One message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Collects bytes and returns complete lines.

    Lines that are too long are dropped and counted in `too_long`.
    """

    def __init__(self, most_bytes: int = MOST_LINE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self.too_long = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines completed by `data`, without line ends."""
        first, *others = data.split(b"\n")
        self._keep(first)
        lines = []
        for part in others:
            if self._size <= self._most_bytes:
                lines.append(b"".join(self._parts))
            self._parts, self._size = [], 0
            self._keep(part)
        return lines

    def _keep(self, part: bytes) -> None:
        was_short = self._size <= self._most_bytes
        self._size += len(part)
        if self._size <= self._most_bytes:
            self._parts.append(part)
        else:
            self._parts = []
            self.too_long += was_short


def decode(line: bytes) -> Message:
    """The message in a line; raises ValueError if it is not a JSON object."""
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("a message must be a JSON object")
    return message


def readings(columns: Sequence[str], message: Message) -> dict[str, float]:
    """The readings in a row or event message, by column."""
    cells = zip(columns, message["cells"], strict=True)
    return {name: float(text) for name, text in cells if text}
