"""CSV formats that are only names and units: each is a row of `TABLES`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Spread
from wattui.analysis.importers.samples import LINE, TIME, Sample
from wattui.analysis.importers.stamps import Clock, DayFirstClock, in_ns, in_order
from wattui.analysis.importers.table import (
    MOST,
    CsvTable,
    KeptColumn,
    TableLine,
    cells_of,
    column,
    keep_columns,
    not_kept,
    number,
    numbers,
    read_cells,
)
from wattui.analysis.importers.text import LogText

if TYPE_CHECKING:
    import polars as pl

_MOST_S = 1e9


class SecondsClock(Clock):
    """Reads seconds since the start of a log, which have no comma of thousands."""

    def time_ns(self, text: str) -> int | None:
        """Seconds as nanoseconds."""
        value = number(text.replace(",", "."), most=_MOST_S)
        return None if value is None else round(value * SECOND_NS)

    def times_ns(self, texts: pl.Series) -> pl.Series:
        """Seconds as nanoseconds."""
        return in_ns(numbers(texts.str.replace_all(",", "."), most=_MOST_S), SECOND_NS)


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads a table by the columns of its time and those that are kept."""

    table: CsvTable
    times: Sequence[int]
    clock: Clock
    kept: Sequence[KeptColumn]

    @property
    def places(self) -> Sequence[int]:
        """The columns of time, and those that are kept."""
        return [*self.times, *(each.place for each in self.kept)]

    def sample(self, row: TableLine) -> Sample | None:
        """The readings of a row; what is left out is noted."""
        stamp = " ".join([row.cells[time] for time in self.times])
        time_ns = self.clock.time_ns(stamp)
        if time_ns is None:
            self.table.left_out.add("no time", row.line, stamp)
        elif values := read_cells(self.table, row, self.kept):
            return Sample(row.line, time_ns, values)
        return None

    def columns(self, cells: pl.DataFrame) -> pl.DataFrame:
        """The readings of rows with a time and every energy and power."""
        import polars as pl

        stamps = cells.select(pl.concat_str([str(time) for time in self.times], separator=" "))
        time_ns = self.clock.times_ns(stamps.to_series())
        found = [cells[LINE], time_ns.alias(TIME)]
        for place, channel, factor, unit in self.kept:
            most = MOST.get(channel.unit, 1e9) / factor
            found.append((numbers(cells[str(place)], unit, most) * factor).alias(channel.name))
        needed = [TIME, *(each.channel.name for each in self.kept if each.channel.is_energy)]
        return pl.DataFrame(found).drop_nulls(needed)


def read_samples(
    table: CsvTable, times: Sequence[int], clock: Clock, kept: Sequence[KeptColumn]
) -> Iterator[pl.DataFrame]:
    """The readings of a table's rows, by the column of its time and those that are kept."""
    return table.blocks(ColumnReader(table, times, clock, kept))


@dataclass(frozen=True, slots=True)
class NamedColumn:
    """A column by its name, a pattern: its channel (`\\1` is a group, `#` counts the columns from
    0), unit, and factor to it; `is_lower`: the channel is written in small letters; `part`: what
    it is if the device draws more."""

    pattern: str
    channel: str
    unit: str
    factor: float = 1.0
    is_lower: bool = False
    part: str = ""

    def name(self, found: re.Match[str]) -> str:
        """The channel of a column that was found."""
        channel = found.expand(self.channel)
        return channel.lower() if self.is_lower else channel


@dataclass(eq=False, slots=True)
class ColumnFormat:
    """A CSV format: the column of its time, those it is recognised by, those a run file has too
    (the first that a device has for a channel), and what is to be said of every log.

    `device`: a pattern of names that belong to devices, which are then counted by `#` instead of
    columns. Its group tells devices apart; without one, the next begins where a name comes again.
    """

    NAME: str
    COLUMNS: str
    time: tuple[str, ...]
    needed: frozenset[str]
    kept: tuple[NamedColumn, ...]
    remarks: tuple[str, ...] = ()
    clock: type[Clock] = Clock
    spread: Spread = ""
    RESOLUTION_NS: int | None = SECOND_NS // 1000
    device: str = ""

    def recognises(self, first: str, second: str = "") -> bool:
        """Recognise it by its time and what must be there."""
        header = {cell.strip() for cell in cells_of(first)}
        is_known = self.needed or self._kept(sorted(header))
        return bool(is_known) and header >= self.needed.union(self.time)

    def read(self, text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
        """Read the log. Raises UnreadableError."""
        return self.of(CsvTable(text))

    def of(self, table: CsvTable) -> Log:
        """The readings of a table. Raises UnreadableError."""
        times = [column(table.header, name, self.NAME) for name in self.time]
        kept = keep_columns(self._kept(table.header), self.COLUMNS)
        clock = self.clock()
        samples = in_order(read_samples(table, times, clock, kept), table.left_out)
        channels = tuple(each.channel for each in kept)
        places = [*times, *(each.place for each in kept)]
        remarks = (
            *self._chosen(table.header, kept),
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
            spread=self.spread,
            utc=clock.utc,
            first_bad=table.left_out.first(),
        )

    def _kept(self, header: Sequence[str]) -> list[KeptColumn]:
        """The columns of channels, those of one channel in the order of preference."""
        devices = devices_of(header, self.device) if self.device else {}
        found = [
            (each, match, place)
            for each in self.kept
            for place, name in enumerate(header)
            if (match := re.fullmatch(each.pattern, name))
        ]
        used = sorted({devices[place] for _, _, place in found if place in devices})
        seen: Counter[str] = Counter()
        kept = []
        for each, match, place in found:
            if place in devices:
                number = used.index(devices[place])
            else:
                number = seen[each.channel]
                seen[each.channel] += 1
            channel = named(each.name(match).replace("#", str(number)), each.unit)
            kept.append(KeptColumn(place, channel, each.factor))
        return kept

    def _chosen(self, header: Sequence[str], kept: Sequence[KeptColumn]) -> Iterator[str]:
        """A remark on which of a device's columns is read."""
        if not self.device:
            return
        parts = {each.pattern: each.part for each in self.kept}
        for place, channel, *_ in kept:
            name = header[place]
            if re.match(self.device, name) and channel.is_energy:
                part = next(part for pattern, part in parts.items() if re.fullmatch(pattern, name))
                yield f"{channel.name.removesuffix('_W')} is {name!r}" + (
                    f": {part}" if part else ""
                )


def devices_of(header: Sequence[str], pattern: str) -> dict[int, int]:
    """The number of the device of each column whose name fits: devices have different first groups
    of the pattern; without one, the next device begins where a name comes again."""
    ids: dict[str, int] = {}
    names: set[str] = set()
    found = {}
    number = 0
    for place, name in enumerate(header):
        match = re.match(pattern, name)
        if match is None:
            continue
        if match.re.groups:
            number = ids.setdefault(match[1], len(ids))
        elif name in names:
            number, names = number + 1, set()
        names.add(name)
        found[place] = number
    return found


# The board of Intel's research chip Loihi, as logged for the keyword-spotter benchmark (2019).
LOIHI = ColumnFormat(
    "Loihi",
    "Time, Total Power (W), P_VDD, P_VDDM",
    ("Time",),
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
    ("Elapsed Time (sec)",),
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
_IN_ORDER = (
    "columns of the same name are devices in their order; a GPU that is part of the processor "
    "would count twice in the total: name the columns to avoid that (--time, --power)"
)
# HWiNFO and GPU-Z, sensor programs for Windows. In the first, a day is written before its month, as
# 13.9.2026, and columns of several devices have the same name. GPU Power is of the whole card on
# NVIDIA and Intel; AMD's cards have some of the others. Source: logs in the tests and documentation
# of public repositories; of which part AMD's are, igorslab.de, "Graphics cards and their
# consumption: read out rather than measured".
_ASIC = "the chip, without the losses on the board"
_POWERS = r"Total Board Power \(TBP\)|GPU Power|Total Graphics Power \(TGP\)|GPU ASIC Power|GPU PPT"
HWINFO = ColumnFormat(
    "HWiNFO",
    "Date, Time, CPU Package Power [W], IA Cores Power [W], GPU Power [W]",
    ("Date", "Time"),
    frozenset(),
    (
        NamedColumn(r"CPU Package Power \[W\]", "package#", "W"),
        NamedColumn(r"IA Cores Power \[W\]", "core#", "W"),
        NamedColumn(r"GT Cores Power \[W\]", "uncore#", "W"),
        NamedColumn(r"(?:Total )?DRAM Power \[W\]", "dram#", "W"),
        NamedColumn(r"Total Board Power \(TBP\) \[W\]", "gpu#", "W"),
        NamedColumn(r"GPU Power \[W\]", "gpu#", "W"),
        NamedColumn(
            r"Total Graphics Power \(TGP\) \[W\]",
            "gpu#",
            "W",
            part="chip and memory, without the losses on the board",
        ),
        NamedColumn(r"GPU ASIC Power \[W\]", "gpu#", "W", part=_ASIC),
        NamedColumn(r"GPU PPT \[W\]", "gpu#", "W", part=_ASIC),
        NamedColumn(r"Total CPU Usage \[%\]", "cpu_util", "pct"),
    ),
    (_IN_ORDER,),
    clock=DayFirstClock,
    device=rf"(?:{_POWERS}|GPU Temperature) \[",
)
GPU_Z = ColumnFormat(
    "GPU-Z",
    "Date, GPU Clock [MHz], GPU Load [%], Board Power Draw [W]",
    ("Date",),
    frozenset({"GPU Load [%]"}),
    (
        NamedColumn(r"Board Power Draw \[W\]", "gpu0", "W"),
        NamedColumn(r"GPU Load \[%\]", "gpu0_util", "pct"),
        NamedColumn(r"Memory Used \[MB\]", "gpu0_mem", "MiB"),
        NamedColumn(r"GPU Temperature \[.{1,3}\]", "gpu0_temp", "C"),
        NamedColumn(r"GPU Clock \[MHz\]", "gpu0_clock", "MHz"),
    ),
    spread="second",
    RESOLUTION_NS=SECOND_NS,
)
# NVIDIA Jetson, as logged with jetson_stats. Source: github.com/rbonghi/jetson_stats,
# examples/jtop_logger.py and jtop/jtop.py; milliwatts, those of versions 3 as `power cur`.
JTOP = ColumnFormat(
    "jtop",
    "time, uptime, CPU1, GPU, Power VDD_CPU_GPU_CV, Power TOT, jetson_clocks",
    ("time",),
    frozenset({"uptime"}),
    (
        NamedColumn(r"Power TOT|power cur", "board", "W", 1e-3),
        NamedColumn(r"Power (?!tj|TOT)(\w+)", r"rail_\1", "W", 1e-3, is_lower=True),
    ),
)
TABLES = (LOIHI, POWER_GADGET, HWINFO, GPU_Z, JTOP)
