"""`dcgmi dmon`, with the times that `ts` writes before its lines: a line for each GPU.

`#Entity  POWER  TOTEC`, `ID  W  mJ`, `GPU 0  45.2  1234567`: watts (field 155) and energy in
millijoules since the driver was loaded (156). Source: docs.nvidia.com/datacenter/dcgm, "Field
Identifiers", and samples in public repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import Log, Omissions, UnreadableError
from wattui.analysis.importers.rounds import gpu_channels, in_rounds
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order, stamped
from wattui.analysis.importers.table import MOST, number
from wattui.analysis.importers.text import LineCount, LogText

NAME = "DCGM dmon"
COLUMNS = "#Entity POWER TOTEC, of dcgmi dmon -e 155,156, with a time before each line"
RESOLUTION_NS = None

# Short names, of which some versions leave out letters; the energy is used where there is one.
_ENERGY = ("TOTEC",)
_POWER = ("POWER", "POWR")
_GAUGES = {
    "GPUTL": ("_util", "pct"),
    "FBUSD": ("_mem", "MiB"),
    "TMPTR": ("_temp", "C"),
    "SMCLK": ("_clock", "MHz"),
}
_LINE = re.compile(r"GPU (\d{1,3})\s+(.*)")
_FIX = "fix: dcgmi dmon -e 155,156 -d 100 | ts '%Y-%m-%d_%H:%M:%.S'"


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its first column."""
    return bool(re.match(r"# ?Entity\s", stamped(first)[1]))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the lines of all GPUs. Raises UnreadableError."""
    header = stamped(text.first)[1].lstrip("# ").split()[1:]
    of_power = _of_power(text, header)
    if of_power is None:
        raise UnreadableError(f"line 1: no power: {_FIX}")
    unit, factor = ("J", 1e-3) if of_power in _ENERGY else ("W", 1.0)
    kept = {of_power: ("", unit), **{n: kind for n, kind in _GAUGES.items() if n in header}}
    left_out = Omissions()
    lines = LineCount(text)
    found = _readings(lines, header, kept, factor, left_out)
    samples = in_rounds(in_order(in_blocks(found), left_out))
    if not samples and "no time" in left_out:
        raise UnreadableError(f"its lines have no time: {_FIX}")
    channels = gpu_channels(samples, dict(kept.values()), left_out)
    remarks = ("times are those at which lines were printed", *left_out.remarks())
    return Log(NAME, channels, samples, lines.last, remarks, spread="second")


def _of_power(text: LogText, header: list[str]) -> str | None:
    """The column of energy or else power: the first with a figure among the first lines, as GPUs
    without a counter of energy have N/A there, or the first of all."""
    columns = [name for name in (*_ENERGY, *_POWER) if name in header]
    rows = [_LINE.fullmatch(stamped(line)[1].strip()) for line in text.head]
    cells = [row[2].split() for row in rows if row]
    for name in columns:
        place = header.index(name)
        if any(number(row[place]) is not None for row in cells if len(row) == len(header)):
            return name
    return next(iter(columns), None)


def _readings(
    lines: LineCount,
    header: list[str],
    kept: dict[str, tuple[str, str]],
    factor: float,
    left_out: Omissions,
) -> Iterator[Sample]:
    for line, text_line in lines:
        time_ns, content = stamped(text_line)
        found = _LINE.fullmatch(content.strip())
        if not found:
            if not re.match(r"# ?Entity\s|ID\b", content.strip(), re.IGNORECASE):
                left_out.add("not a line of a GPU", line, text_line)
            continue
        cells = found[2].split()
        if len(cells) != len(header):
            left_out.add(f"not {len(header)} fields", line, text_line)
        elif time_ns is None:
            left_out.add("no time", line)
        else:
            row = dict(zip(header, cells, strict=True))
            gpu = f"gpu{int(found[1])}"
            values = {}
            for name, (suffix, unit) in kept.items():
                by = 1.0 if suffix else factor
                figure = number(row[name], most=MOST.get(unit, 1e9) / by)
                if figure is not None:
                    values[f"{gpu}{suffix}"] = figure * by
            if gpu in values:
                yield Sample(line, time_ns, values)
            else:
                left_out.add("no power", line, text_line)
