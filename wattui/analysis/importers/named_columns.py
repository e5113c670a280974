"""CSV formats that are only names and units: each is a row of `TABLES`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log
from wattui.analysis.importers.samples import Sample, Samples
from wattui.analysis.importers.stamps import Clock, in_order
from wattui.analysis.importers.table import (
    CsvTable,
    KeptColumn,
    cells_of,
    column,
    keep_columns,
    not_kept,
    number,
    read_cells,
)
from wattui.analysis.importers.text import LogText

_MOST_S = 1e9


class SecondsClock(Clock):
    """Reads seconds since the start of a log, which have no comma of thousands."""

    def time_ns(self, text: str) -> int | None:
        """Seconds as nanoseconds."""
        value = number(text.replace(",", "."), most=_MOST_S)
        return None if value is None else round(value * SECOND_NS)


def read_samples(
    table: CsvTable, time: int, clock: Clock, kept: Sequence[KeptColumn]
) -> Iterator[Sample]:
    """The readings of a table's rows, by the column of its time and those that are kept."""
    for row in table.rows():
        time_ns = clock.time_ns(row.cells[time])
        if time_ns is None:
            table.left_out.add("no time", row.line, row.cells[time])
        elif values := read_cells(table, row, kept):
            yield Sample(row.line, time_ns, values)


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
    clock: type[Clock] = Clock

    def recognises(self, first: str) -> bool:
        """Recognise it by its time and what must be there."""
        header = {cell.strip() for cell in cells_of(first)}
        return self.time in header and self.needed <= header

    def read(self, text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
        """Read the log. Raises UnreadableError."""
        table = CsvTable(text)
        time = column(table.header, self.time, self.NAME)
        kept = keep_columns(self._kept(table.header), self.COLUMNS)
        clock = self.clock()
        samples = Samples(in_order(read_samples(table, time, clock, kept), table.left_out))
        channels = tuple(each.channel for each in kept)
        places = [time, *(each.place for each in kept)]
        remarks = (
            *self.remarks,
            *not_kept(table.header, places),
            *table.left_out.remarks(),
        )
        return Log(
            self.NAME,
            channels,
            samples,
            table.last_line,
            remarks,
            utc=clock.utc,
            first_bad=table.left_out.first(),
        )

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
    clock=SecondsClock,
)
TABLES = (LOIHI, POWER_GADGET)
