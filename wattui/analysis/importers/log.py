"""What a reader makes of a log: readings with their times, phases, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from recorders.source import Channel

SECOND_NS = 1_000_000_000
# Lines named in a remark; of the others only the number is told.
SHOWN_LINES = 5
LONGEST = 1000
# How readings with equal stamps are placed: as they are, evenly over their second, or evenly up
# to the next stamp.
Spread = Literal["", "second", "next"]


class UnreadableError(Exception):
    """A log that cannot be imported; the text says what is wrong, where, and what mends it."""


class Sample(NamedTuple):
    """Readings of one moment, by channel name, and the line of the log they are on."""

    line: int
    time_ns: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase, on the clock of its log; `inferences` counted in it (None: not known)."""

    phase: str
    label: str
    repeat: int | None
    start_ns: int
    end_ns: int
    inferences: int | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One log as it was read. Times are nanoseconds of its own clock, written as if it were UTC;
    `utc` says that it is. `last_line` is that of its last row, with or without a reading.
    `per_phase`: its energies are of whole phases, so they have no update period."""

    reader: str
    channels: tuple[Channel, ...]
    samples: tuple[Sample, ...]
    last_line: int
    remarks: tuple[str, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    spread: Spread = ""
    utc: bool = False
    per_phase: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether a person typed the readings."""
        return any(channel.origin == "manual" for channel in self.channels)


@dataclass(slots=True)
class LeftOut:
    """Collects what is left out of a log and where, for one remark per reason."""

    _lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, reason: str, line: int) -> None:
        """Note one row; `reason` follows the words `left out`."""
        self._lines.setdefault(reason, []).append(line)

    def remarks(self) -> tuple[str, ...]:
        """One line for each reason."""
        return tuple(
            f"left out, {reason}: {plural(len(lines), 'row')} ({places(lines)})"
            for reason, lines in self._lines.items()
        )


def plural(n: int, word: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {word}{'s' * (n != 1)}"


def places(lines: Sequence[int]) -> str:
    """`lines 4, 5 and 17 more`."""
    shown = ", ".join(map(str, lines[:SHOWN_LINES]))
    more = f" and {len(lines) - SHOWN_LINES} more" if len(lines) > SHOWN_LINES else ""
    return f"line{'s' * (len(lines) > 1)} {shown}{more}"


def printable(text: str) -> str:
    """Text out of a file, fit for one line on a terminal."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
