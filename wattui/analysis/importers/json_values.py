"""Values of JSON one after the other, or in a list, of a text of any length."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from wattui.analysis.importers.log import Omissions
from wattui.analysis.importers.text import LogText

# What is not between two values, or around all of them.
_NEXT = re.compile(r"[^\s,\[\]]")
_LARGEST = 1 << 24


def figure(value: object, most: float) -> float | None:
    """A number from 0 up to `most`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= most and math.isfinite(value) else None


class JsonValues:
    """The values in a text; one that is cut ends them. `last` is the place of the last, from 1."""

    def __init__(self, text: LogText, left_out: Omissions) -> None:
        self._pieces = text.pieces()
        self._left_out = left_out
        self._text = ""
        self.last = 0

    def __iter__(self) -> Iterator[Any]:
        decoder = json.JSONDecoder(parse_constant=lambda _: None)
        while found := self._next():
            self.last += 1
            while True:
                try:
                    value, end = decoder.raw_decode(self._text, found.start())
                    break
                except (ValueError, RecursionError):
                    if len(self._text) > _LARGEST or not self._more():
                        self._left_out.add("not whole JSON, and all after it", self.last)
                        return
            self._text = self._text[end:]
            yield value

    def _next(self) -> re.Match[str] | None:
        while not (found := _NEXT.search(self._text)):
            self._text = ""
            if not self._more():
                return None
        return found

    def _more(self) -> bool:
        """Read as much again as there is."""
        wanted, size, pieces = max(len(self._text), 1), 0, []
        while size < wanted and (piece := next(self._pieces, "")):
            pieces.append(piece)
            size += len(piece)
        self._text += "".join(pieces)
        return size > 0
