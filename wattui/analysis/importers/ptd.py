"""SPEC PTDaemon's power log, `spl.txt` of MLPerf: a line for each reading of a power analyser.

`Time,09-13-2026 12:00:00.123,Watts,22.95,Volts,228.5,Amps,0.2,PF,0.48,Mark,run_1`; lines of
PTDaemon's messages (`NOTICE`, `ERROR`) may be between them. Source:
github.com/mlcommons/power-dev, ptd_client_server/README.md and its tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from recorders.channels import METER, named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    Omissions,
    UnreadableError,
    printable,
    told_why,
)
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import MonthFirstClock, in_order
from wattui.analysis.importers.table import power_w
from wattui.analysis.importers.text import LineCount, LogText

NAME = "MLPerf PTDaemon"
COLUMNS = "Time,09-13-2026 12:00:00.123,Watts,22.95,Volts,228.5,Amps,0.2,PF,0.48,Mark,run_1"
RESOLUTION_NS = SECOND_NS // 1000

_LINE = re.compile(r"Time,(\d\d-\d\d-\d{4} [\d:.]+),(\w+)(?:,([^,]*))?(?:,.*?Mark,([^,]*))?.*")
_SHOWN_MARKS = 5


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the beginning of a line."""
    return bool(re.match(r"Time,\d\d-\d\d-\d{4} \d\d:\d\d:\d\d[^,]*,[A-Za-z]", first))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the readings of the analyser, a meter of the whole machine. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    marks: dict[str, None] = {}
    channel = named(f"{METER}{given.meter}", "W")
    samples = in_order(in_blocks(_samples(lines, channel.name, marks, left_out)), left_out)
    if not samples:
        raise UnreadableError(told_why("no line has a time and watts", left_out))
    named_marks = ", ".join(map(printable, marks))
    remarks = (*([f"marks in the log: {named_marks}"] if marks else []), *left_out.remarks())
    return Log(NAME, (channel,), samples, lines.last, remarks)


def _samples(
    lines: LineCount, channel: str, marks: dict[str, None], left_out: Omissions
) -> Iterator[Sample]:
    clock = MonthFirstClock()
    for line, text_line in lines:
        found = _LINE.fullmatch(text_line)
        if not found or found[2] != "Watts":
            left_out.add("no reading in watts", line, text_line)
            continue
        time_ns, watts = clock.time_ns(found[1]), power_w(found[3] or "")
        if time_ns is None or watts is None:
            left_out.add("no reading in watts", line, text_line)
            continue
        if found[4] and len(marks) < _SHOWN_MARKS:
            marks[found[4]] = None
        yield Sample(line, time_ns, {channel: watts})
