"""`nvidia-smi dmon -o DT`: a line for each GPU and round, in columns, under a header with `#`.

`#Date Time gpu pwr gtemp …`, `#YYYYMMDD HH:MM:SS Idx W C …`, `20210102 19:12:31 0 37 19 …`; what
is not supported is `-`. Source: docs.nvidia.com/deploy/nvidia-smi, "Device Monitoring".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, UnreadableError
from wattui.analysis.importers.rounds import gpu_channels, in_rounds
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order, stamp_ns
from wattui.analysis.importers.table import MOST, number
from wattui.analysis.importers.text import LineCount, LogText

NAME = "nvidia-smi dmon"
COLUMNS = "#Date Time gpu pwr gtemp sm, with -o DT"
RESOLUTION_NS = SECOND_NS

# The columns of a run file, by dmon's names.
_KEPT = {
    "pwr": ("", "W"),
    "sm": ("_util", "pct"),
    "fb": ("_mem", "MiB"),
    "gtemp": ("_temp", "C"),
    "pclk": ("_clock", "MHz"),
}


def recognises(first: str, second: str = "") -> bool:
    """Recognise it, or pmon, which has no power, by a header that begins with `#` and has a GPU."""
    return first.startswith("#") and "gpu" in _cells(first)


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read dmon's lines. Raises UnreadableError."""
    header = _cells(text.first)
    if "pwr" not in header:
        raise UnreadableError("line 1: no power, as in pmon: fix: nvidia-smi dmon -s pucm -o DT")
    if "Date" not in header or "Time" not in header:
        raise UnreadableError("line 1: no date and time: fix: log with nvidia-smi dmon -o DT")
    left_out = Omissions()
    lines = LineCount(text)
    ordered = in_order(in_blocks(_readings(lines, header, left_out)), left_out)
    samples = in_rounds(ordered)
    channels = gpu_channels(samples, dict(_KEPT.values()), left_out)
    remarks = ("powers are whole watts", *left_out.remarks())
    return Log(NAME, channels, samples, lines.last, remarks, spread="second")


def _readings(lines: LineCount, header: list[str], left_out: Omissions) -> Iterator[Sample]:
    for line, text_line in lines:
        cells = _cells(text_line)
        if not text_line.strip() or text_line.startswith("#"):
            if cells and "gpu" in cells and cells != header:
                raise UnreadableError(
                    f"line {line}: different columns begin here: fix: split the file at this line"
                )
            continue
        if len(cells) != len(header):
            left_out.add(f"not {len(header)} columns", line)
            continue
        row = dict(zip(header, cells, strict=True))
        date = re.fullmatch(r"(\d{4})[/-]?(\d\d)[/-]?(\d\d)", row["Date"])
        time_ns = stamp_ns("{}-{}-{} ".format(*date.groups()) + row["Time"]) if date else None
        if time_ns is None or not re.fullmatch(r"\d{1,3}", row["gpu"]):
            left_out.add("no time or no GPU", line)
            continue
        gpu = f"gpu{int(row['gpu'])}"
        values = {}
        for name, (suffix, unit) in _KEPT.items():
            figure = number(row.get(name, ""), most=MOST.get(unit, 1e9))
            if figure is not None:
                values[f"{gpu}{suffix}"] = figure
        if gpu not in values:
            left_out.add("no figure in 'pwr'", line)
        if values:
            yield Sample(line, time_ns, values)


def _cells(line: str) -> list[str]:
    return [cell for cell in re.split(r"[,\s]+", line.lstrip("#")) if cell]
