"""CSV formats that are only names and units: each is a row of `TABLES`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from recorders.channels import named
from wattui.analysis.importers.log import SECOND_NS, Log, Sample
from wattui.analysis.importers.stamps import are_utc, in_order, stamp_ns
from wattui.analysis.importers.table import (
    KeptColumn,
    cells_of,
    column,
    keep_columns,
    not_kept,
    number,
    read_cells,
    read_table,
)

_MOST_S = 1e9


def seconds_ns(text: str) -> int | None:
    """Seconds since the start of a log, which have no comma of thousands, as nanoseconds."""
    value = number(text.replace(",", "."), most=_MOST_S)
    return None if value is None else round(value * SECOND_NS)


@dataclass(frozen=True, slots=True)
class NamedColumn:
    """A column by its name, a pattern: its channel (`\\1` is a group), unit, and factor to it."""

    pattern: str
    channel: str
    unit: str
    factor: float = 1.0


@dataclass(eq=False, slots=True)
class ColumnFormat:
    """A CSV format: the column of its time, those it is recognised by, those a run file has too,
    and what is to be said of every log."""

    NAME: str
    COLUMNS: str
    time: str
    needed: frozenset[str]
    kept: tuple[NamedColumn, ...]
    remarks: tuple[str, ...] = ()
    clock: Callable[[str], int | None] = stamp_ns

    def recognises(self, first: str) -> bool:
        """Recognise it by its time and what must be there."""
        header = {cell.strip() for cell in cells_of(first)}
        return self.time in header and self.needed <= header

    def read(self, text: str) -> Log:
        """Read the log. Raises UnreadableError."""
        table = read_table(text)
        time = column(table.header, self.time, self.NAME)
        kept = keep_columns(self._kept(table.header), self.COLUMNS)
        samples = []
        for row in table.lines:
            time_ns = self.clock(row.cells[time])
            if time_ns is None:
                table.left_out.add("no time", row.line)
            elif values := read_cells(table, row, kept):
                samples.append(Sample(row.line, time_ns, values))
        ordered = in_order(samples, table.left_out)
        channels = tuple(each.channel for each in kept)
        places = [time, *(each.place for each in kept)]
        utc = are_utc(row.cells[time] for row in table.lines)
        remarks = (
            *self.remarks,
            *not_kept(table.header, places),
            *table.left_out.remarks(),
        )
        return Log(self.NAME, channels, tuple(ordered), table.last_line, remarks, utc=utc)

    def _kept(self, header: Sequence[str]) -> Iterator[KeptColumn]:
        for place, name in enumerate(header):
            for each in self.kept:
                if found := re.fullmatch(each.pattern, name):
                    channel = named(found.expand(each.channel), each.unit)
                    yield KeptColumn(place, channel, each.factor)


# The board of Intel's research chip Loihi, as logged for the keyword-spotter benchmark (2019).
LOIHI = ColumnFormat(
    "Loihi",
    "Time, Total Power (W), P_VDD, P_VDDM",
    "Time",
    frozenset({"Total Power (W)"}),
    (
        NamedColumn(r"Total Power \(W\)", "board", "W"),
        NamedColumn(r"P_(VDDM?|VDDIO)", r"rail_\1", "W"),
    ),
    ("board is the sum of the rails of the chip that were measured, not all that the board draws",),
)
# Names with and without a space before the unit: Windows and Linux. Source: Intel Power Gadget's
# PowerLog3.0 and its Linux source, energy_monitor.c.
POWER_GADGET = ColumnFormat(
    "Intel Power Gadget",
    "System Time, RDTSC, Elapsed Time (sec), Cumulative Processor Energy_0(Joules)",
    "Elapsed Time (sec)",
    frozenset({"RDTSC"}),
    (
        NamedColumn(r"Cumulative Processor Energy_(\d) ?\(Joules\)", r"package\1", "J"),
        NamedColumn(r"Cumulative IA Energy_(\d) ?\(Joules\)", r"core\1", "J"),
        NamedColumn(r"Cumulative GT Energy_(\d) ?\(Joules\)", r"uncore\1", "J"),
        NamedColumn(r"Cumulative DRAM Energy_(\d) ?\(Joules\)", r"dram\1", "J"),
        NamedColumn(r"CPU Utilization ?\(%\)", "cpu_util", "pct"),
    ),
    clock=seconds_ns,
)
TABLES = (LOIHI, POWER_GADGET)
