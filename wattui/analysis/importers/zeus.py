"""Zeus' log of measurement windows, CSV or JSON, and that of its former program `zeus_monitor`.

`start_time,window_name,elapsed_time,gpu0_energy`: seconds and joules of each window, written at its
end; windows may be inside others. `{"time": 1.5, "gpu_energy": {"0": 30.1}}` is a window in JSON.
`zeus_monitor` wrote `Time,Power` in milliwatts, with nanoseconds. Source:
github.com/ml-energy/zeus, zeus/monitor/energy.py and zeus_monitor/sample.csv.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from recorders.channels import column_order, named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.json_values import JsonValues, figure
from wattui.analysis.importers.log import Log, Omissions, UnreadableError, printable, told_why
from wattui.analysis.importers.named_columns import ColumnFormat, NamedColumn
from wattui.analysis.importers.per_phase import REMARK, PhaseRow, read_phases
from wattui.analysis.importers.table import (
    MOST,
    CsvTable,
    KeptColumn,
    cells_of,
    column,
    keep_columns,
    number,
    read_cells,
)
from wattui.analysis.importers.text import LogText

NAME = "Zeus"
COLUMNS = "start_time, window_name, elapsed_time, gpu0_energy"
RESOLUTION_NS = 1

_WINDOW = ["start_time", "window_name", "elapsed_time"]
_ENERGY = re.compile(r"(gpu|cpu|dram)(\d+)_energy")
_DOMAINS = {"gpu": "gpu", "cpu": "package", "dram": "dram"}
_JSON = re.compile(r'\s*\[?\s*\{"time": ?[\d.]+, ?"gpu_energy": ?\{')
_MOST_S = 4e9
_MONITOR = ColumnFormat(
    "zeus_monitor",
    "Time, Power",
    ("Time",),
    frozenset({"Power"}),
    (NamedColumn("Power", "gpu0", "W", 1e-3),),
    ("the log does not name its GPU: it is called gpu0",),
)
_MONITOR_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9},\d+\s*")


class _Window(NamedTuple):
    """A measurement window; `start_s` is None where it is not known."""

    line: int
    name: str
    start_s: float | None
    seconds: float
    energies_j: dict[str, float]


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its first three columns, by a window in JSON, or by nanoseconds and
    milliwatts."""
    names = [cell.strip() for cell in cells_of(first)][:3]
    return names == _WINDOW or bool(_JSON.match(first)) or _is_monitor(first, second)


def _is_monitor(first: str, second: str) -> bool:
    return first == "Time,Power" and bool(_MONITOR_LINE.fullmatch(second))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read a running phase per window that is not inside another. Raises UnreadableError."""
    if _is_monitor(text.first, text.second):
        return _MONITOR.read(text)
    left_out = Omissions()
    if _JSON.match(text.first):
        values = JsonValues(text, left_out)
        windows = list(_of_json(values, left_out))
        last_line = values.last
    else:
        table = CsvTable(text)
        left_out = table.left_out
        windows = list(_of_table(table))
        last_line = table.last_line
    windows = list(_outermost(windows, left_out))
    names = dict.fromkeys(name for window in windows for name in window.energies_j)
    if not names:
        raise UnreadableError(told_why("no window has a time and an energy", left_out))
    channels = tuple(named(name, "J") for name in sorted(names, key=column_order))
    counts = Counter(window.name for window in windows)
    seen: Counter[str] = Counter()
    rows = []
    for line, name, _, seconds, energies_j in windows:
        seen[name] += 1
        repeat = seen[name] if counts[name] > 1 else None
        rows.append(PhaseRow(line, printable(name), repeat, seconds, energies_j))
    samples, stretches = read_phases(channels, rows, given.inferences)
    remarks = (REMARK, *left_out.remarks())
    return Log(NAME, channels, samples, last_line, remarks, stretches, per_phase=True)


def _of_table(table: CsvTable) -> Iterator[_Window]:
    start, name, elapsed = (column(table.header, each, NAME) for each in _WINDOW)
    kept = keep_columns(_kept(table.header), COLUMNS)
    for row in table.rows():
        seconds = number(row.cells[elapsed], most=_MOST_S)
        start_s = number(row.cells[start], most=_MOST_S)
        if not seconds or start_s is None:
            table.left_out.add("no time", row.line)
        elif energies_j := read_cells(table, row, kept):
            yield _Window(row.line, row.cells[name].strip(), start_s, seconds, energies_j)


def _kept(header: Sequence[str]) -> Iterator[KeptColumn]:
    for place, name in enumerate(header):
        if found := _ENERGY.fullmatch(name):
            yield KeptColumn(place, named(f"{_DOMAINS[found[1]]}{int(found[2])}", "J"))


def _of_json(values: JsonValues, left_out: Omissions) -> Iterator[_Window]:
    for value in values:
        found = value if isinstance(value, dict) else {}
        seconds = figure(found.get("time"), _MOST_S)
        energies_j = {
            f"{channel}{number_text}": joules
            for domain, channel in _DOMAINS.items()
            for number_text, joules in _items(found.get(f"{domain}_energy"))
        }
        if seconds and energies_j:
            yield _Window(values.last, "", None, seconds, energies_j)
        else:
            left_out.add("no time or no energy", values.last)


def _items(energies: Any) -> Iterator[tuple[int, float]]:
    for key, told in energies.items() if isinstance(energies, dict) else ():
        joules = figure(told, MOST["J"])
        if joules is not None and re.fullmatch(r"\d{1,3}", str(key), re.ASCII):
            yield int(key), joules


def _outermost(windows: Sequence[_Window], left_out: Omissions) -> Iterator[_Window]:
    """Windows that do not overlap, in the order of their starts: energies inside another window are
    in that one too."""
    end_s = 0.0
    for window in sorted(windows, key=lambda each: (each.start_s or 0.0, -each.seconds)):
        if window.start_s is None:
            yield window
        elif window.start_s >= end_s:
            end_s = window.start_s + window.seconds
            yield window
        elif window.start_s + window.seconds <= end_s:
            left_out.add("inside another window, whose energy contains it", window.line)
        else:
            left_out.add("begins inside another window and ends after it", window.line)
