"""s-tui's CSV: of 2018 (one `Cur Power`), then `Power:package-0` and `Power:dram,Pkg0`, and since
2020 `Power:package-0,0` and `Power:dram,0`, in quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recorders.channels import column_order, kind_of, named
from recorders.source import Channel
from wattui.analysis.importers.log import Log, Sample, UnreadableError
from wattui.analysis.importers.stamps import are_utc, in_order, stamp_ns
from wattui.analysis.importers.table import MOST, cells_of, column, not_kept, number, read_table

NAME = "s-tui"
COLUMNS = "Time, Cur Power, or Time, Power:package-0"

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


def recognises(first: str) -> bool:
    """Recognise it by s-tui's column names."""
    header = [cell.strip() for cell in cells_of(first)]
    old = {"Top Freq", *_OLD} & set(header)
    return header[0] == "Time" and bool(old or [n for n in header if n.startswith(_SOURCES)])


def read(text: str) -> Log:
    """Read s-tui's log. Power is the mean since the row before, time stamps are whole seconds.

    Raises UnreadableError.
    """
    table = read_table(text)
    kept = _kept(table.header)
    time = column(table.header, "Time", NAME)
    samples = []
    utc = are_utc(cells[time] for _, cells in table.lines)
    for line, cells in table.lines:
        time_ns = stamp_ns(cells[time])
        if time_ns is None:
            table.left_out.add("no time", line)
            continue
        values = {}
        for place, channel in kept:
            value = number(cells[place], _UNITS[channel.unit], MOST.get(channel.unit, 1e6))
            if value is not None:
                values[channel.name] = value
            elif channel.is_energy:
                table.left_out.add(f"no figure in {table.header[place]!r}", line)
        if values:
            samples.append(Sample(line, time_ns, values))
    ordered = in_order(samples, table.left_out)
    channels = tuple(channel for _, channel in kept)
    remarks = (
        *_sockets(channels),
        *not_kept(table.header, [time, *(place for place, _ in kept)]),
        *table.left_out.remarks(),
    )
    return Log(NAME, channels, tuple(ordered), table.last_line, remarks, spread="second", utc=utc)


def _kept(header: Sequence[str]) -> list[tuple[int, Channel]]:
    """The columns that a run file has too."""
    found: dict[str, tuple[int, Channel]] = {}
    for place, name in enumerate(header):
        channel = _OLD.get(name) or _channel(name)
        if channel and channel.name not in found:
            found[channel.name] = (place, channel)
    if not any(channel.is_energy for _, channel in found.values()):
        raise UnreadableError(f"line 1: a column of power is missing ({COLUMNS})")
    return sorted(found.values(), key=lambda kept: column_order(kept[1].name))


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
