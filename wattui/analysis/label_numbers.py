"""Numbers in labels: image sizes, batch sizes, sequence lengths. Pure.

224, 64x64, 64×64 an image of 224×224 or 64×64 pixels; a plain number may also be tokens b32 a batch
t128 tokens
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Against = Literal["pixels", "macs", "batch", "tokens", "size"]
AGAINST: tuple[Against, ...] = ("pixels", "macs", "batch", "tokens", "size")

_KINDS = {
    "image": re.compile(r"([0-9]{1,9})[x×]([0-9]{1,9})"),
    "number": re.compile(r"([0-9]{1,9})"),
    "batch": re.compile(r"b([0-9]{1,9})"),
    "tokens": re.compile(r"t([0-9]{1,9})"),
}
# The kinds of word that can carry a quantity, the most specific first.
_CARRIERS: dict[Against, tuple[str, ...]] = {
    "pixels": ("image", "number"),
    "size": ("image", "tokens", "number"),
    "tokens": ("tokens", "number"),
    "batch": ("batch",),
    "macs": (),
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
    for kind in _CARRIERS[against]:
        places = [place for place, word in enumerate(words) if _kind(word) == kind]
        if places:
            number = _number(words[places[0]], kind, against) if len(places) == 1 else None
            others = [word for place, word in enumerate(words) if place not in places]
            return Carried(number, " ".join(others if number is not None else words))
    return Carried(None, label)


def numbers_of(label: str) -> str:
    """The words of a label that are numbers, unchanged."""
    return " ".join(word for word in label.split() if _kind(word) is not None)


def _kind(word: str) -> str | None:
    return next((kind for kind, form in _KINDS.items() if form.fullmatch(word)), None)


def _number(word: str, kind: str, against: Against) -> float | None:
    found = _KINDS[kind].fullmatch(word)
    sides = [int(side) for side in found.groups()] if found else []
    if against == "pixels":
        value = sides[0] * sides[-1]
    elif len(set(sides)) == 1:
        value = sides[0]
    else:
        return None
    return float(value) if value else None
