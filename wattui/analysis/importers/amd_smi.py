"""`amd-smi monitor` and `amd-smi metric` with `--watch`, as a table or CSV: a line for each GPU.

`timestamp,gpu,xcp,power_usage,…` or `TIMESTAMP  GPU  XCP  POWER`: seconds since 1970, watts. What
is not supported is N/A; partitions (`xcp`) other than the first repeat no power. Source:
github.com/ROCm/amdsmi, amdsmi_cli/amdsmi_commands.py, and samples in public repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, UnreadableError
from wattui.analysis.importers.rounds import gpu_channels, in_rounds
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order, stamp_ns
from wattui.analysis.importers.table import MOST, cells_of, number
from wattui.analysis.importers.text import LineCount, LogText

NAME = "amd-smi"
COLUMNS = "timestamp, gpu, power_usage, of monitor or metric with --watch 1 --csv"
RESOLUTION_NS = SECOND_NS

_POWERS = ("power_usage", "socket_power", "current_socket_power", "average_socket_power", "power")
_KEPT = {
    "W": ("", _POWERS),
    "pct": ("_util", ("gfx", "gfx_activity", "gfx%", "gfx_util")),
    "C": ("_temp", ("hotspot_temperature", "hotspot", "gpu_t", "gpu_temp")),
    "MHz": ("_clock", ("gfx_clk", "gfx_0_clk", "gfx_clock")),
}
_UNITS = {"W": "W", "pct": "%", "C": "°C", "MHz": "MHz"}
_FIX = "fix: log with amd-smi monitor -p -t -u --watch 1 --csv"


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by a header with a GPU and a power, perhaps after a line on Ctrl-C."""
    return _is_header(_cells(second if first.startswith("'CTRL' + 'C'") else first))


def _is_header(cells: Sequence[str]) -> bool:
    names = [cell.lower() for cell in cells]
    return "gpu" in names and any(name in names for name in _POWERS)


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the lines of all GPUs. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    samples = in_rounds(in_order(in_blocks(_readings(lines, left_out)), left_out))
    units = {suffix: unit for unit, (suffix, _) in _KEPT.items()}
    channels = gpu_channels(samples, units, left_out)
    remarks = ("powers are whole watts, times whole seconds", *left_out.remarks())
    return Log(NAME, channels, samples, lines.last, remarks, spread="second", utc=True)


def _readings(lines: LineCount, left_out: Omissions) -> Iterator[Sample]:
    header: list[str] = []
    for line, text_line in lines:
        cells = _cells(text_line)
        if _is_header(cells):
            cells = [cell.lower() for cell in cells]
            if header and cells != header:
                raise UnreadableError(
                    f"line {line}: different columns begin here: fix: split the file at this line"
                )
            header = cells
            if "timestamp" not in header:
                raise UnreadableError(f"line {line}: no column of time: {_FIX}")
            continue
        if not header:
            continue
        row = dict(zip(header, cells, strict=False))
        time_ns = stamp_ns(row.get("timestamp", ""))
        if len(cells) != len(header) or time_ns is None or not row["gpu"].isdecimal():
            left_out.add("not the columns of the header, or no time", line, text_line)
            continue
        gpu = f"gpu{int(row['gpu'])}"
        values = {}
        for unit, (suffix, columns) in _KEPT.items():
            cell = next((row[name] for name in columns if name in row), "")
            figure = number(cell, _UNITS[unit], MOST.get(unit, 1e9))
            if figure is not None:
                values[f"{gpu}{suffix}"] = figure
        if gpu in values:
            yield Sample(line, time_ns, values)
        elif row.get("xcp", "0") == "0":
            left_out.add("no power", line)


def _cells(line: str) -> list[str]:
    """The cells of CSV, or of a table with units after its figures: `23.6/ 24.0 GB` is one."""
    if "," in line:
        return [cell.strip() for cell in cells_of(line, ",")]
    return re.sub(r"(?<=\d) (?=[A-Za-z%°])|(?<=\d/) +(?=\d)", "", line).split()
