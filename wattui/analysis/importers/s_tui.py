"""s-tui's CSV: of 2018 (one `Cur Power`), then `Power:package-0` and `Power:dram,Pkg0`, and since
2020 `Power:package-0,0` and `Power:dram,0`, in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recorders.channels import column_order, kind_of, named
from recorders.source import Channel
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log
from wattui.analysis.importers.named_columns import read_samples
from wattui.analysis.importers.stamps import Clock, in_order
from wattui.analysis.importers.table import (
    CsvTable,
    KeptColumn,
    cells_of,
    column,
    keep_columns,
    not_kept,
)
from wattui.analysis.importers.text import LogText

NAME = "s-tui"
COLUMNS = "Time, Cur Power, or Time, Power:package-0"
RESOLUTION_NS = SECOND_NS

_SOURCES = ("Frequency:", "Util:", "Temp:", "Power:", "Fan:")
_DOMAIN = re.compile(r"Power:(core|uncore|dram|psys),(?:Pkg)?(\d+)")
_PACKAGE = re.compile(r"Power:(?:package-|Esocket)(\d+)(?:,(?:Pkg)?\d+)?")
_OLD = {
    "Cur Power": named("package0", "W"),
    "Cur Freq": named("cpu_freq", "MHz"),
    "Utilization": named("cpu_util", "pct"),
    "Cur Temp": named("cpu_temp", "C"),
}
_UNITS = {"W": "W", "MHz": "MHz", "pct": "%", "C": "C"}


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by s-tui's column names."""
    header = [cell.strip() for cell in cells_of(first)]
    old = {"Top Freq", *_OLD} & set(header)
    return header[0] == "Time" and bool(old or [n for n in header if n.startswith(_SOURCES)])


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read s-tui's log. Power is the mean since the row before, time stamps are whole seconds.

    Raises UnreadableError.
    """
    table = CsvTable(text)
    kept = keep_columns(_kept(table.header), COLUMNS)
    kept.sort(key=lambda each: column_order(each.channel.name))
    time = column(table.header, "Time", NAME)
    clock = Clock()
    samples = in_order(read_samples(table, [time], clock, kept), table.left_out)
    channels = tuple(each.channel for each in kept)
    remarks = (
        *_sockets(channels),
        *not_kept(table.header, [time, *(each.place for each in kept)]),
        *table.left_out.remarks(),
    )
    return Log(
        NAME,
        channels,
        samples,
        table.last_line,
        remarks,
        spread="second",
        utc=clock.utc,
        means=True,
        first_bad=table.left_out.first(),
    )


def _kept(header: Sequence[str]) -> Iterator[KeptColumn]:
    for place, name in enumerate(header):
        if channel := _OLD.get(name) or _channel(name):
            yield KeptColumn(place, channel, unit=_UNITS[channel.unit])


def _channel(name: str) -> Channel | None:
    """The run file column for a column of a current s-tui."""
    if package := _PACKAGE.fullmatch(name):
        return named(f"package{package[1]}", "W")
    if domain := _DOMAIN.fullmatch(name):
        number_text = "" if domain[1] == "psys" else domain[2]
        return named(f"{domain[1]}{number_text}", "W")
    gauges = {"Util:Avg": ("cpu_util", "pct"), "Frequency:Avg": ("cpu_freq", "MHz")}
    if name in gauges:
        return named(*gauges[name])
    return named("cpu_temp", "C") if name.startswith("Temp:Package id 0") else None


def _sockets(channels: Sequence[Channel]) -> list[str]:
    kinds = [kind_of(channel.name).name for channel in channels]
    said = []
    if kinds.count("package") == 1:
        said.append("power of one socket only: other sockets are not in this log")
    if "dram" not in kinds:
        said.append("no DRAM power in this log")
    return said
