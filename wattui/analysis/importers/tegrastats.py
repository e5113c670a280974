"""NVIDIA Jetson's tegrastats: a line of text for each reading, with the power of its rails in mW.

`11-14-2024 12:34:56 RAM 3162/30536MB … VDD_IN 5336mW/4970mW VDD_SOC 1478mW/1318mW`: a rail's power
now, and its mean. Before JetPack 5 lines have neither a date nor `mW`. Source: the developer guide,
docs.nvidia.com/jetson, appendix "tegrastats utility".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, UnreadableError, told_why
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order, stamp_ns, stamped
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LineCount, LogText

NAME = "tegrastats"
COLUMNS = "11-14-2024 12:34:56 RAM 3162/30536MB … VDD_IN 5336mW/4970mW"
RESOLUTION_NS = SECOND_NS

_LINE = re.compile(r"\s*(?:(\d\d)-(\d\d)-(\d{4}) (\d\d:\d\d:\d\d) )?.*?\bRAM \d+/\d+[kM]B ")
_RAIL = re.compile(r"\b([A-Z][A-Z0-9_]*) (\d{1,9})(?:mW)?/\d+(?:mW\b|(?![\w.%@]))")
# Rails that supply the whole module.
_BOARD = ("VDD_IN", "POM_5V_IN", "VIN")
_NOT_CONNECTED = "NC"


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the memory with which each line begins."""
    return bool(_LINE.match(first))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read tegrastats' lines. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    samples = in_order(in_blocks(_samples(lines, left_out)), left_out)
    if not samples:
        if "no time" in left_out:
            raise UnreadableError(
                "its lines have no time: fix: log with tegrastats | ts '%m-%d-%Y %H:%M:%S'"
            )
        raise UnreadableError(told_why("no line has the power of a rail", left_out))
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    alone = [] if "board" in names else ["no rail of the whole board: rails are not summed"]
    channels = tuple(named(name, "W") for name in names)
    remarks = (*alone, *left_out.remarks())
    return Log(NAME, channels, samples, lines.last, remarks, spread="second")


def _samples(lines: LineCount, left_out: Omissions) -> Iterator[Sample]:
    for number, line in lines:
        found = _LINE.match(line)
        if not found:
            left_out.add("not a line of tegrastats", number)
            continue
        month, day, year, clock = found.groups()
        time_ns = stamp_ns(f"{year}-{month}-{day} {clock}") if year else stamped(line)[0]
        if time_ns is None:
            left_out.add("no time", number)
            continue
        values = {}
        for rail, milliwatts in _RAIL.findall(line):
            if rail == _NOT_CONNECTED:
                continue
            name = "board" if rail in _BOARD else f"rail_{rail.lower()}"
            if (watts := int(milliwatts) * 1e-3) <= MOST["W"]:
                values[name] = watts
        if values:
            yield Sample(number, time_ns, values)
        else:
            left_out.add("no power of a rail", number)
