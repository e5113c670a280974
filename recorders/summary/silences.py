"""Times without readings of a meter outside the machine, from the notes of a recording. Pure.

Nothing is interpolated over such a time. The energy of a phase with an edge in it is unknown, and
where power is integrated, that of every phase that it touches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recorders.summary.reduction import Reduction
from recorders.texts import OwnNote

_SILENT = re.compile(r"(\S+) since ([0-9.]+): (.*)")


@dataclass(frozen=True, slots=True)
class Silence:
    """From a meter's last reading to its next one; `until_s` is infinite if there was none.

    `lacks`: its power is integrated, so the energy used then is not known either.
    """

    channel: str
    since_s: float
    until_s: float
    why: str
    lacks: bool

    @property
    def has_ended(self) -> bool:
        """Whether readings came again."""
        return math.isfinite(self.until_s)

    def hides(self, start_s: float, end_s: float) -> bool:
        """Whether the energy between is unknown."""
        if self.lacks:
            return self.since_s < end_s and start_s < self.until_s
        return any(self.since_s < edge_s < self.until_s for edge_s in (start_s, end_s))


def silent_note(channel: str, since_s: float, why: str) -> str:
    """The note that a meter has given no reading since then, and why."""
    return f"{OwnNote.SILENT} {channel} since {max(0.0, since_s):.6f}: {why}"


def answers_note(channel: str) -> str:
    """The note that a silent meter gives readings again."""
    return f"{OwnNote.ANSWERS} {channel}"


def silences(reduction: Reduction) -> list[Silence]:
    """Every time without readings, in order of beginning."""
    integrated = {note.partition(" ")[0] for note in reduction.noted(OwnNote.INTEGRATED)}
    begun: dict[str, tuple[float, str]] = {}
    found: list[Silence] = []

    def end(channel: str, until_s: float) -> None:
        since_s, why = begun.pop(channel)
        found.append(Silence(channel, since_s, until_s, why, channel in integrated))

    for row in reduction.remarks:
        if match := _SILENT.fullmatch(row.noted(OwnNote.SILENT) or ""):
            begun.setdefault(match[1], (float(match[2]), match[3]))
        elif (channel := row.noted(OwnNote.ANSWERS)) in begun:
            end(str(channel), row.time_s)
    for channel in list(begun):
        end(channel, math.inf)
    return sorted(found, key=lambda silence: silence.since_s)


def unknown_between(found: Sequence[Silence], start_s: float, end_s: float) -> Iterator[str]:
    """The channels whose energy between two moments is unknown."""
    return (silence.channel for silence in found if silence.hides(start_s, end_s))
