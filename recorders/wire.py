"""JSON lines between processes: whole messages out of a stream of bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """One message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Collects bytes and gives back the whole lines among them."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that `data` completes, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines


def decode(line: bytes) -> Message:
    """The message in a line; raises ValueError where it is not a JSON object."""
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("a message must be a JSON object")
    return message


def readings(columns: Sequence[str], message: Message) -> dict[str, float]:
    """What a row or event message has read, by column."""
    cells = zip(columns, message["cells"], strict=True)
    return {name: float(text) for name, text in cells if text}
