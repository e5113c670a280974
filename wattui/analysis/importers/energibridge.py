"""EnergiBridge's CSV (releases 0.0.x of 2023 and later): cumulative joules or watts per row.

`Time` is milliseconds since the epoch, taken when the row was read; `Delta` the milliseconds that
reading took. Intel: `PACKAGE_ENERGY (J)` (early ones spell `PACAKGE`), `PP0`, `PP1`, `DRAM`; AMD:
`CPU_ENERGY (J)`; Apple: `CPU_POWER (Watts)`, `SYSTEM_POWER (Watts)`; NVIDIA: `GPU0_POWER` in mW.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from recorders.channels import named
from recorders.source import Channel
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order
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

NAME = "EnergiBridge"
COLUMNS = "Delta, Time, PACKAGE_ENERGY (J) or CPU_ENERGY (J) or GPU0_POWER"
RESOLUTION_NS = SECOND_NS // 1000

_MS_NS = 1_000_000
_COLUMNS = {
    "PACKAGE_ENERGY (J)": named("package0", "J"),
    "PACAKGE_ENERGY (J)": named("package0", "J"),
    "CPU_ENERGY (J)": named("package0", "J"),
    "PP0_ENERGY (J)": named("core0", "J"),
    "PP1_ENERGY (J)": named("uncore0", "J"),
    "DRAM_ENERGY (J)": named("dram0", "J"),
    "CPU_POWER (Watts)": named("package0", "W"),
    "SYSTEM_POWER (Watts)": named("psys", "W"),
}
_GPU = re.compile(r"GPU(\d+)_(POWER|USAGE|MEMORY_USED|TEMPERATURE)(?: \(mWatts\))?")
_GPU_KINDS = {
    "POWER": ("", "W"),
    "USAGE": ("_util", "pct"),
    "MEMORY_USED": ("_mem", "MiB"),
    "TEMPERATURE": ("_temp", "C"),
}
_USAGE = re.compile(r"CPU_USAGE_\d+")


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its first two columns."""
    return [cell.strip() for cell in cells_of(first)][:2] == ["Delta", "Time"]


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read EnergiBridge's log. Raises UnreadableError."""
    table = CsvTable(text)
    time = column(table.header, "Time", NAME)
    kept = keep_columns(_kept(table.header), COLUMNS)
    usage = [place for place, name in enumerate(table.header) if _USAGE.fullmatch(name)]
    samples = in_order(in_blocks(_samples(table, time, kept, usage)), table.left_out)
    channels = [*(each.channel for each in kept), *([named("cpu_util", "pct")] if usage else [])]
    remarks = (
        *_sockets(channels),
        *_unkept(table.header, [0, time, *usage, *(each.place for each in kept)]),
        *table.left_out.remarks(),
    )
    return Log(
        NAME,
        tuple(channels),
        samples,
        table.last_line,
        remarks,
        utc=True,
        first_bad=table.left_out.first(),
    )


def _samples(
    table: CsvTable, time: int, kept: Sequence[KeptColumn], usage: Sequence[int]
) -> Iterator[Sample]:
    for row in table.rows():
        line, cells = row
        time_ms = number(cells[time])
        if time_ms is None:
            table.left_out.add("no time", line)
            continue
        values = read_cells(table, row, kept)
        shares = [share for p in usage if (share := number(cells[p])) is not None]
        if shares and len(shares) == len(usage):
            values["cpu_util"] = math.fsum(shares) / len(shares)
        if values:
            yield Sample(line, round(time_ms) * _MS_NS, values)


def _kept(header: Sequence[str]) -> Iterator[KeptColumn]:
    for place, name in enumerate(header):
        factor = 1.0
        channel = _COLUMNS.get(name)
        if gpu := _GPU.fullmatch(name):
            suffix, unit = _GPU_KINDS[gpu[2]]
            channel = named(f"gpu{int(gpu[1])}{suffix}", unit)
            factor = 1e-3 if unit == "W" else 1.0
        if channel:
            yield KeptColumn(place, channel, factor)


def _unkept(header: Sequence[str], kept: Sequence[int]) -> tuple[str, ...]:
    """A column for each core would be a long remark."""
    once = [
        re.sub(r"\d+", "N", name) if place not in kept else "" for place, name in enumerate(header)
    ]
    names = list(dict.fromkeys(name for name in once if name))
    return not_kept(names, ())


def _sockets(channels: Sequence[Channel]) -> list[str]:
    if not any(channel.name == "package0" for channel in channels):
        return []
    said = ["energy of the socket of core 0 only: other sockets are not in this log"]
    if any(channel.unit == "J" for channel in channels):
        said.append(
            "the log does not contain the range of its counters: a step in which one wraps is "
            "missing"
        )
    return said
