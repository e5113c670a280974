"""Times when counters were stuck, from the notes of a recording. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from recorders.summary.reduction import NOTE, RESET, EventRow
from recorders.texts import OwnNote

_STUCK = re.compile(rf"{NOTE}{OwnNote.STUCK} (\S+)(?: since ([0-9.]+))?")
_ENDS = (f"{NOTE}{OwnNote.MOVING} ", f"{NOTE}{OwnNote.INTEGRATED} ", RESET)


@dataclass(frozen=True, slots=True)
class Still:
    """A time in which a counter was stuck; `until_s` is infinite if it never moved again."""

    channel: str
    since_s: float
    until_s: float

    def overlaps(self, start_s: float, end_s: float) -> bool:
        """Whether it affects the time between."""
        return self.since_s < end_s and start_s < self.until_s


def stuck_note(channel: str, since_s: float) -> str:
    """The note that a counter is stuck, and since when."""
    return f"{OwnNote.STUCK} {channel} since {max(0.0, since_s):.6f}"


def integrated_note(channel: str, since_s: float) -> str:
    """The note that power is integrated in place of a stuck counter."""
    return f"{OwnNote.INTEGRATED} {channel} since {since_s:.6f}"


def still_times(events: Sequence[EventRow]) -> list[Still]:
    """Every time a counter was stuck, in order of beginning."""
    begun: dict[str, float] = {}
    found = []
    for row in events:
        if match := _STUCK.fullmatch(row.event):
            begun.setdefault(match[1], float(match[2]) if match[2] else row.time_s)
        elif row.event.startswith(_ENDS):
            end = next(end for end in _ENDS if row.event.startswith(end))
            channel = row.event.removeprefix(end).partition(" ")[0]
            if channel in begun:
                found.append(Still(channel, begun.pop(channel), row.time_s))
    found += [Still(channel, since_s, math.inf) for channel, since_s in begun.items()]
    return sorted(found, key=lambda still: still.since_s)
