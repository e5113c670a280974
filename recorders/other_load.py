"""Load by other programs than the command: who they are, as notes of the run file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from recorders.channels import without_node
from recorders.texts import OwnNote

# Less is not worth a word.
FOREIGN_PCT = 10.0
# Names that are noted: the heaviest few, that are more than a trifle.
MOST_NAMES, LEAST_PCT = 3, 2.0
# The most time over which others' load is taken, and after which the same name is noted again.
LOOK_NS, AGAIN_NS = 2_000_000_000, 10_000_000_000
MOST_NOTES = 1000
CPU = "cpu"
OURSELVES = "wattui itself"
_NOTED = re.compile(r"(\w+) (.+): (\d+(?:\.\d+)?) %")


class OtherLoad(NamedTuple):
    """The share of a device's time that others' processes of one name and user took, in per
    cent."""

    device: str
    who: str
    pct: float

    @property
    def note(self) -> str:
        """The note of it."""
        return f"{OwnNote.OTHER_LOAD} {self.device} {self.who}: {self.pct:.0f} %"

    @property
    def in_words(self) -> str:
        """Who used how much of what."""
        device = "the processor" if without_node(self.device) == CPU else self.device
        return f"{self.who} used {self.pct:.0f} % of {device}"


def noted_load(text: str) -> OtherLoad | None:
    """The load in the text of a note; None if it is malformed."""
    found = _NOTED.fullmatch(text)
    return OtherLoad(found[1], found[2], float(found[3])) if found else None


class Noticed:
    """Decides which loads are noted: those above the threshold, and none too often."""

    def __init__(self) -> None:
        self._last_ns: dict[tuple[str, str], int] = {}
        self._count = 0

    def notes(self, device: str, by_who: Mapping[str, float], now_ns: int) -> Iterator[str]:
        """Notes of the heaviest of others that together load a device."""
        if sum(by_who.values()) <= FOREIGN_PCT:
            return
        heaviest = sorted(by_who.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMES]
        for who, pct in heaviest:
            key = device, who
            is_due = now_ns - self._last_ns.get(key, -AGAIN_NS) >= AGAIN_NS
            if pct >= LEAST_PCT and is_due and self._count < MOST_NOTES:
                self._last_ns[key] = now_ns
                self._count += 1
                yield OtherLoad(device, who, pct).note
