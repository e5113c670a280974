"""JSON pointers to the readings in a device's answer: `/path/to/number*factor`. Pure.

Pointers are those of RFC 6901. Several are joined by `&`; one that begins with `J=` is a cumulative
energy, any other a power in watts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from recorders.meters.meter import SpecError, UnreadableError, cut, number, parse_factor


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in a JSON document, and the factor from its unit to W or J."""

    parts: tuple[str, ...]
    factor: float = 1.0

    def value(self, document: Any) -> float:
        """The number there, times the factor. Raises UnreadableError."""
        found = self.found(document)
        if isinstance(found, str):
            return number(found, f"{self}: ") * self.factor
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            fix = ": fix: point to one, as in #/power" if isinstance(found, (dict, list)) else ""
            raise UnreadableError(f"{self}: {cut(json.dumps(found))} is not a number{fix}")
        try:
            return float(found) * self.factor
        except OverflowError:
            raise UnreadableError(f"{self}: the number is too large") from None

    def found(self, document: Any) -> Any:
        """The value there. Raises UnreadableError."""
        here = document
        for part in self.parts:
            if isinstance(here, dict) and part in here:
                here = here[part]
            elif isinstance(here, list) and part.isascii() and part.isdigit():
                if int(part[:9]) >= len(here):
                    raise UnreadableError(f"the answer has no {self}")
                here = here[int(part)]
            else:
                raise UnreadableError(f"the answer has no {self}")
        return here

    def __str__(self) -> str:
        parts = (part.replace("~", "~0").replace("/", "~1") for part in self.parts)
        return "".join(f"/{part}" for part in parts) or "/"


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where an answer has the power and the energy; at least one of them."""

    power: Pointer | None
    energy: Pointer | None = None


def parse_pointers(text: str) -> Pointers:
    """The pointers after the `#` of an address. Raises SpecError."""
    power = energy = None
    for part in text.split("&"):
        if part.startswith("J=") and energy is None:
            energy = parse_pointer(part.removeprefix("J="))
        elif not part.startswith("J=") and power is None:
            power = parse_pointer(part.removeprefix("W="))
        else:
            raise SpecError(f"#{cut(text)} has two pointers for one quantity")
    return Pointers(power, energy)


def parse_pointer(text: str) -> Pointer:
    """A pointer and its factor. Raises SpecError."""
    path, star, factor = text.rpartition("*")
    path = unquote(path if star else text)
    if path and not path.startswith("/"):
        raise SpecError(f"pointer {cut(path)!r} does not begin with /")
    parts = (part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])
    return Pointer(tuple(parts), parse_factor(factor) if star else 1.0)


def parse_json(data: bytes) -> Any:
    """A JSON document. Raises UnreadableError for anything else, also NaN and Infinity."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        text = cut(data[:200].decode(errors="replace"))
        raise UnreadableError(f"the answer is not JSON: {text!r}") from None


def _refuse(constant: str) -> float:
    raise ValueError(constant)
