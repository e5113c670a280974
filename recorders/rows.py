"""Rows of the run file: their columns, and their formatting as lines of text. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from recorders.channels import TOTAL, column_order, is_whole_number, kind_of
from recorders.counts import INFERENCES, Counts
from recorders.source import Channel

FIXED_COLUMNS = ("time_s", "time_utc", "phase", "label", "repeat", "event", "inferences")
TOTAL_COLUMNS = (f"{TOTAL}_J", f"{TOTAL}_W")

_BREAKS = re.compile(r"[\r\n]+")
_IN_QUOTES = re.compile(r'"[^"]*"')
_QUOTED = re.compile(r'[",\r\n]')


def is_whole(line: str, before: str, columns: Sequence[str]) -> bool:
    """Whether a line of a run file is complete: it has a line end or, if last, a cell for all
    `columns`, with as many decimals in the last cell as the line before, as half a number is wrong;
    half a count cannot be told from a whole one."""
    if line.endswith("\n"):
        return True
    unquoted = _IN_QUOTES.sub("", line)
    if '"' in unquoted or unquoted.count(",") + 1 != len(columns) or is_whole_number(columns[-1]):
        return False
    return unquoted.endswith(",") or _decimals(line) >= _decimals(before)


def whole_lines(lines: Iterable[str], columns: Sequence[str]) -> Iterator[str]:
    """The lines of a run file, without an incomplete last one."""
    before = ""
    for line in lines:
        if is_whole(line, before, columns):
            yield line
        before = line


def _decimals(line: str) -> int:
    return len(line.rpartition(",")[2].strip().partition(".")[2])


class Row:
    """Readings taken at one moment; cells are filled as they arrive."""

    __slots__ = (
        "cells",
        "counts",
        "event",
        "time_ns",
        "total_j",
        "total_w",
        "totals_j",
        "totals_w",
    )

    def __init__(self, time_ns: int, event: str, counts: Counts, width: int) -> None:
        self.time_ns = time_ns
        self.event = event
        self.counts = counts
        self.cells = [""] * width
        self.total_j = self.total_w = 0.0
        self.totals_j = self.totals_w = 0

    def set_by_hand(self, place: int, power_w: float) -> None:
        """Fill only the `_W` of a pair: a single power reading gives no energy."""
        self.cells[place + 1] = f"{power_w:.6f}"

    def set_energy(
        self, place: int, energy_j: float, power_w: float | None, in_total: bool
    ) -> None:
        """Fill a `_J` and `_W` pair; an unknown power stays an empty cell."""
        self.cells[place] = f"{energy_j:.6f}"
        if in_total:
            self.total_j += energy_j
            self.totals_j += 1
        if power_w is not None:
            self.cells[place + 1] = f"{power_w:.3f}"
            if in_total:
                self.total_w += power_w
                self.totals_w += 1


class Layout:
    """The columns of each channel, and the header line.

    `left_out` are channels that are not summed, though they could be. Raises ValueError for a
    channel in the total whose kind may not be.
    """

    def __init__(self, channels: Sequence[Channel], left_out: Collection[str] = ()) -> None:
        self._left_out = left_out
        self.channels = sorted(channels, key=lambda channel: column_order(channel.name))
        self.columns: list[str] = []
        self.place: dict[str, int] = {}
        for channel in self.channels:
            self.place[channel.name] = len(self.columns)
            self.columns.extend(channel.columns)
            if channel.in_total and not kind_of(channel.name).in_total:
                raise ValueError(f"{channel.name} is of a kind that cannot be part of the total")
        self.parts = sum(map(self.is_summed, channels))
        if self.parts:
            self.columns.extend(TOTAL_COLUMNS)
        self.width = len(self.columns)

    def is_summed(self, channel: Channel) -> bool:
        """Whether a channel is summed in `total`."""
        return channel.in_total and channel.name not in self._left_out

    @property
    def header(self) -> str:
        """The header line with its line end."""
        return ",".join((*FIXED_COLUMNS, *self.columns)) + "\n"

    def finish(self, row: Row) -> list[str]:
        """All cells, with the total if all of its parts were read."""
        if self.parts and row.totals_j == self.parts:
            row.cells[-2] = f"{row.total_j:.6f}"
            if row.totals_w == self.parts:
                row.cells[-1] = f"{row.total_w:.3f}"
        return row.cells


class UtcText:
    """Formats nanoseconds since the epoch as ISO 8601 with milliseconds; caches one second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, utc_ns: int) -> str:
        """The text of one moment."""
        second, rest_ns = divmod(utc_ns, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{rest_ns // 1_000_000:03d}Z"


def time_text(since_start_ns: int) -> str:
    """Seconds with 6 decimals."""
    return f"{since_start_ns // 1000 / 1e6:.6f}"


def line_text(
    time_s: str,
    utc: str,
    where: str,
    event: str,
    counts: Counts,
    cells: Sequence[str],
    names: Sequence[str] = (),
) -> str:
    """A line of the run file; `where` is that of `where_text`, `names` are the counts that have a
    column after all others."""
    event = quote(event) if event else ""
    named = "".join([f",{counts.get(name, '')}" for name in names])
    n = counts.get(INFERENCES, "")
    return f"{time_s},{utc},{where},{event},{n},{','.join(cells)}{named}\n"


def where_text(phase: str, label: str, repeat: int | None) -> str:
    """The cells phase, label and repeat as written in a line."""
    return f"{quote(phase)},{quote(label)},{'' if repeat is None else repeat}"


def quote(text: str) -> str:
    """A CSV cell (RFC 4180); line breaks become spaces, so that a row is a line."""
    if not _QUOTED.search(text):
        return text
    flat = _BREAKS.sub(" ", text)
    return '"' + flat.replace('"', '""') + '"' if '"' in flat or "," in flat else flat
