"""turbostat with a column of time: the machine's line of each interval, with mean powers.

`Time_Of_Day_Seconds Busy% PkgWatt RAMWatt`, in columns; with the lines of cores beside it, that of
the machine has `-` in `CPU`. Source: man7.org/linux/man-pages/man8/turbostat.8.html.
"""

from __future__ import annotations

from collections.abc import Iterator

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import Log, Omissions, UnreadableError
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order, stamp_ns
from wattui.analysis.importers.table import MOST, number
from wattui.analysis.importers.text import LineCount, LogText

NAME = "turbostat"
COLUMNS = "Time_Of_Day_Seconds Busy% PkgWatt CorWatt GFXWatt RAMWatt"
RESOLUTION_NS = 1000

_TIME = "Time_Of_Day_Seconds"
_KEPT = {
    "PkgWatt": ("package0", "W"),
    "CorWatt": ("core0", "W"),
    "GFXWatt": ("uncore0", "W"),
    "RAMWatt": ("dram0", "W"),
    "SysWatt": ("psys", "W"),
    "Busy%": ("cpu_util", "pct"),
    "PkgTmp": ("cpu_temp", "C"),
}
_FIX = "fix: turbostat --quiet --Summary --enable Time_Of_Day_Seconds --interval 1"


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its version, or by a header with its name for a power."""
    return first.startswith("turbostat version ") or "PkgWatt" in first.split()


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the machine's lines: sockets are summed. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    samples = in_order(in_blocks(_samples(lines, left_out)), left_out)
    names = {name for sample in samples for name in sample.values}
    if "package0" not in names:
        raise UnreadableError(f"no line of the whole machine has a time and PkgWatt: {_FIX}")
    channels = tuple(named(*kept) for kept in _KEPT.values() if kept[0] in names)
    remarks = ("powers are of all sockets together", *left_out.remarks())
    return Log(NAME, channels, samples, lines.last, remarks, utc=True, means=True)


def _samples(lines: LineCount, left_out: Omissions) -> Iterator[Sample]:
    header: list[str] = []
    for line, text_line in lines:
        cells = text_line.split()
        if "PkgWatt" in cells:
            if header and cells != header:
                raise UnreadableError(
                    f"line {line}: different columns begin here: fix: split the file at this line"
                )
            header = cells
            if _TIME not in header:
                raise UnreadableError(f"line {line}: no column of time: {_FIX}")
            continue
        if not header:
            continue
        row = dict(zip(header, cells, strict=False))
        if row.get("CPU", "-") != "-":
            continue
        time_ns = stamp_ns(row.get(_TIME, ""))
        if len(cells) != len(header) or time_ns is None:
            left_out.add("not the columns of the header, or no time", line)
            continue
        values = {}
        for name, (channel, unit) in _KEPT.items():
            figure = number(row.get(name, ""), most=MOST.get(unit, 1e9))
            if figure is not None:
                values[channel] = figure
        if values:
            yield Sample(line, time_ns, values)
