"""Lines of text from a program or a serial port: watts, or volts and amperes. Pure."""

from __future__ import annotations

import re

from recorders.meters.meter import UnreadableError, cut, number
from recorders.wire import Lines

MOST_LINE_BYTES = 4096
_N = r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)"
_POWER = re.compile(rf"{_N}\s*(W|mW|kW)?")
# A comma alone may be that of a decimal fraction.
_PRODUCT = re.compile(rf"{_N}(?:\s*(V|mV)\s*[,;\s]\s*|\s*;\s*|,?\s+){_N}\s*(A|mA)?")
_FACTORS = {"": 1.0, "W": 1.0, "mW": 1e-3, "kW": 1e3, "V": 1.0, "mV": 1e-3, "A": 1.0, "mA": 1e-3}


def line_w(text: str) -> float:
    """The power in a line, `103.2`, `103.2 W` or `5.02 V 0.91 A`. Raises UnreadableError."""
    line = text.strip()
    if match := _POWER.fullmatch(line):
        return number(match[1]) * _FACTORS[match[2] or ""]
    if match := _PRODUCT.fullmatch(line):
        volts = number(match[1]) * _FACTORS[match[2] or ""]
        return volts * number(match[3]) * _FACTORS[match[4] or ""]
    raise UnreadableError(f"{cut(line)!r} is neither watts nor volts and amperes")


class Texts:
    """Bytes as complete lines, of bounded length. Raises UnreadableError for one that is longer."""

    def __init__(self) -> None:
        self._lines = Lines(MOST_LINE_BYTES)
        self._too_long = 0

    def feed(self, data: bytes) -> list[str]:
        """The lines completed by these bytes, without empty ones."""
        lines = [line.decode(errors="replace").strip() for line in self._lines.feed(data)]
        if self._lines.too_long > self._too_long:
            self._too_long = self._lines.too_long
            raise UnreadableError(f"a line is longer than {MOST_LINE_BYTES:,} bytes")
        return [line for line in lines if line]
