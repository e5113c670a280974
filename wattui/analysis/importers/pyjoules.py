"""pyJoules' CSV: a row for each tag, RAPL's energies in microjoules and NVIDIA's in millijoules.

`timestamp;tag;duration;package_0;dram_0;nvidia_gpu_0`. Source: github.com/powerapi-ng/pyJoules,
handler/csv_handler.py, and the units of what device/ reads.
"""

from __future__ import annotations

import re
from collections import Counter

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import Log, UnreadableError, printable
from wattui.analysis.importers.per_phase import REMARK, PhaseRow, read_phases
from wattui.analysis.importers.table import (
    CsvTable,
    KeptColumn,
    cells_of,
    column,
    keep_columns,
    number,
    read_cells,
)
from wattui.analysis.importers.text import LogText

NAME = "pyJoules"
COLUMNS = "timestamp;tag;duration;package_0"
RESOLUTION_NS = None

_RAPL, _GPU = re.compile(r"(package|dram|core|uncore|psys)_(\d+)"), re.compile(r"nvidia_gpu_(\d+)")
_MOST_S = 1e9


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its first three columns."""
    return [cell.strip() for cell in cells_of(first)][:3] == ["timestamp", "tag", "duration"]


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read one running phase per row, with `given.inferences` each. Raises UnreadableError."""
    table = CsvTable(text)
    tag, duration = (column(table.header, name, NAME) for name in ("tag", "duration"))
    found = []
    for place, name in enumerate(table.header):
        if rapl := _RAPL.fullmatch(name):
            channel = "psys" if rapl[1] == "psys" else f"{rapl[1]}{int(rapl[2])}"
            found.append(KeptColumn(place, named(channel, "J"), 1e-6))
        elif gpu := _GPU.fullmatch(name):
            found.append(KeptColumn(place, named(f"gpu{int(gpu[1])}", "J"), 1e-3))
    kept = keep_columns(found, COLUMNS)
    lines = list(table.rows())
    names = Counter(row.cells[tag] for row in lines)
    seen: Counter[str] = Counter()
    rows = []
    for row in lines:
        label = row.cells[tag]
        seconds = number(row.cells[duration], most=_MOST_S)
        if not seconds:
            table.left_out.add("no duration", row.line)
            continue
        energies_j = read_cells(table, row, kept)
        if not energies_j:
            continue
        seen[label] += 1
        repeat = seen[label] if names[label] > 1 else None
        rows.append(PhaseRow(row.line, printable(label.strip()), repeat, seconds, energies_j))
    channels = [each.channel for each in kept]
    if not rows:
        raise UnreadableError("no row has a duration and an energy")
    samples, stretches = read_phases(channels, rows, given.inferences)
    remarks = (REMARK, *table.left_out.remarks())
    return Log(NAME, tuple(channels), samples, table.last_line, remarks, stretches, per_phase=True)
