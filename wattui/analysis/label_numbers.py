"""Numbers in labels: image sizes, batch sizes, sequence lengths. Pure.

224, 64x64, 64×64 an image of 224×224 or 64×64 pixels; a plain number may also be tokens b32 a batch
t128 tokens c8 requests in flight at once, only where that is asked for: c1 may be a layer
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

Against = Literal["pixels", "macs", "batch", "tokens", "size", "concurrency"]
AGAINST: tuple[Against, ...] = ("pixels", "macs", "batch", "tokens", "size", "concurrency")

_KINDS = {
    "image": re.compile(r"([0-9]{1,9})[x×]([0-9]{1,9})"),
    "number": re.compile(r"([0-9]{1,9})"),
    "batch": re.compile(r"b([0-9]{1,9})"),
    "tokens": re.compile(r"t([0-9]{1,9})"),
}
_CONCURRENCY = {"concurrency": re.compile(r"c([0-9]{1,9})")}
# The kinds of word that can carry a quantity, the most specific first.
_CARRIERS: dict[Against, tuple[str, ...]] = {
    "pixels": ("image", "number"),
    "size": ("image", "tokens", "number"),
    "tokens": ("tokens", "number"),
    "batch": ("batch",),
    "macs": (),
    "concurrency": ("concurrency",),
}


class Carried(NamedTuple):
    """The number in a label, None if there is none, and the label without it."""

    number: float | None
    family: str


def carried(label: str, against: Against) -> Carried:
    """A label's value of a quantity; there must be exactly one such number.

    Labels carry no MACs; against MACs, a label's family is the part without numbers.
    """
    words = label.split()
    if against == "macs":
        return Carried(None, " ".join(word for word in words if _kind(word) is None))
    kinds = _CONCURRENCY if against == "concurrency" else _KINDS
    for kind in _CARRIERS[against]:
        places = [place for place, word in enumerate(words) if _kind(word, kinds) == kind]
        if places:
            found = kinds[kind].fullmatch(words[places[0]]) if len(places) == 1 else None
            number = _number(found, against) if found else None
            others = [word for place, word in enumerate(words) if place not in places]
            return Carried(number, " ".join(others if number is not None else words))
    return Carried(None, label)


def numbers_of(label: str) -> str:
    """The words of a label that are numbers, unchanged."""
    return " ".join(word for word in label.split() if _kind(word) is not None)


def _kind(word: str, kinds: Mapping[str, re.Pattern[str]] = _KINDS) -> str | None:
    return next((kind for kind, form in kinds.items() if form.fullmatch(word)), None)


def _number(found: re.Match[str], against: Against) -> float | None:
    sides = [int(side) for side in found.groups()]
    if against == "pixels":
        value = sides[0] * sides[-1]
    elif len(set(sides)) == 1:
        value = sides[0]
    else:
        return None
    return float(value) if value else None
