"""`nvidia-smi dmon -o DT`: a line for each GPU and round, in columns, under a header with `#`.

`#Date Time gpu pwr gtemp …`, `#YYYYMMDD HH:MM:SS Idx W C …`, `20210102 19:12:31 0 37 19 …`; what
is not supported is `-`. Source: docs.nvidia.com/deploy/nvidia-smi, "Device Monitoring".
"""

from __future__ import annotations

import re

from recorders.channels import named
from wattui.analysis.importers.log import Log, Omissions, Sample, UnreadableError
from wattui.analysis.importers.stamps import in_order, stamp_ns
from wattui.analysis.importers.table import MOST, number

NAME = "nvidia-smi dmon"
COLUMNS = "#Date Time gpu pwr gtemp sm, with -o DT"

# The columns of a run file, by dmon's names.
_KEPT = {
    "pwr": ("", "W"),
    "sm": ("_util", "pct"),
    "fb": ("_mem", "MiB"),
    "gtemp": ("_temp", "C"),
    "pclk": ("_clock", "MHz"),
}


def recognises(first: str) -> bool:
    """Recognise it by a header that begins with `#` and has a GPU and its power."""
    return first.startswith("#") and {"gpu", "pwr"} <= set(_cells(first))


def read(text: str) -> Log:
    """Read dmon's lines. Raises UnreadableError."""
    left_out = Omissions()
    lines = text.splitlines()
    header = _cells(lines[0]) if lines else []
    if "Date" not in header or "Time" not in header:
        raise UnreadableError("line 1: no date and time: fix: log with nvidia-smi dmon -o DT")
    samples: list[Sample] = []
    for line, text_line in enumerate(lines[1:], 2):
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
        values = {}
        for name, (suffix, unit) in _KEPT.items():
            figure = number(row.get(name, ""), most=MOST.get(unit, 1e9))
            if figure is not None:
                values[f"gpu{int(row['gpu'])}{suffix}"] = figure
        if f"gpu{int(row['gpu'])}" not in values:
            left_out.add("no figure in 'pwr'", line)
        before = samples[-1] if samples else None
        if before and before.time_ns == time_ns and before.values.keys().isdisjoint(values):
            before.values.update(values)
        elif values:
            samples.append(Sample(line, time_ns, values))
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    if not any(re.fullmatch(r"gpu\d+", name) for name in names):
        raise UnreadableError("no line has the power of a GPU")
    units = dict(_KEPT.values())
    channels = tuple(named(name, units[name.lstrip("gpu0123456789")]) for name in names)
    ordered = tuple(in_order(samples, left_out))
    remarks = ("powers are whole watts", *left_out.remarks())
    return Log(NAME, channels, ordered, len(lines), remarks, spread="second")


def _cells(line: str) -> list[str]:
    return [cell for cell in re.split(r"[,\s]+", line.lstrip("#")) if cell]
