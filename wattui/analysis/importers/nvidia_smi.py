"""`nvidia-smi --query-gpu=timestamp,power.draw,… --format=csv --loop-ms=…`.

GPUs are distinguished by index or identity; without either, by name and by the order of rows that
come a few milliseconds apart, round after round: nvidia-smi goes by index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from recorders.channels import named
from wattui.analysis.importers.log import Log, Sample, UnreadableError
from wattui.analysis.importers.stamps import are_utc, in_order, stamp_ns
from wattui.analysis.importers.table import (
    MOST,
    TableLine,
    cells_of,
    column,
    not_kept,
    number,
    read_table,
)

NAME = "nvidia-smi"
COLUMNS = "timestamp, power.draw [W]"

# The columns of a run file, and nvidia-smi's names for them, the best first.
_QUERIES = {
    ("", "W"): ("power.draw", "power.draw.instant", "power.draw.average"),
    ("_util", "pct"): ("utilization.gpu",),
    ("_mem", "MiB"): ("memory.used",),
    ("_temp", "C"): ("temperature.gpu",),
    ("_clock", "MHz"): ("clocks.current.sm", "clocks.sm"),
}
_UNITS = {"W": "W", "pct": "%", "MiB": "MiB", "C": "", "MHz": "MHz"}
_IDENTITIES = ("index", "uuid", "gpu_uuid", "pci.bus_id", "gpu_bus_id", "serial", "gpu_serial")
_NAMES = ("name", "gpu_name")
# Of rows of one GPU fewer share a stamp, or come as soon as rows of one round do: within 20 ms and
# a tenth of the time between rounds.
_SHARED = 0.1
_ROUND_NS, _ROUND = 20_000_000, 0.1
_NO_INDEX = "fix: log with --query-gpu=index,timestamp,power.draw"


def recognises(first: str) -> bool:
    """Recognise it by `timestamp` and a column with a dotted name of nvidia-smi's."""
    names = [_query(cell) for cell in cells_of(first)]
    known = {query for queries in _QUERIES.values() for query in queries}
    return "timestamp" in names and any(name in known for name in names)


def read(text: str) -> Log:
    """Read nvidia-smi's log. Raises UnreadableError."""
    table = read_table(text)
    names = [_query(name) for name in table.header]
    time = column(names, "timestamp", NAME)
    places = _places(names, table.lines)
    if ("", "W") not in places:
        raise UnreadableError(f"line 1: a column of power is missing ({COLUMNS})")
    lines, times_ns = [], []
    for line in table.lines:
        if (time_ns := stamp_ns(line.cells[time])) is None:
            table.left_out.add("no time", line.line)
        else:
            lines.append(line)
            times_ns.append(time_ns)
    identity = next((names.index(name) for name in _IDENTITIES if name in names), None)
    if identity is not None:
        gpus = [_by_identity(line.cells[identity], names[identity]) for line in lines]
    else:
        gpus = _by_order(
            lines, times_ns, next((names.index(n) for n in _NAMES if n in names), None)
        )
    channel_of: dict[str, str] = {}
    samples = []
    for line, time_ns, told in zip(lines, times_ns, gpus, strict=True):
        if told is None:
            table.left_out.add(f"no {names[identity or 0]}", line.line)
            continue
        by_index = identity is None or names[identity] == "index"
        gpu = channel_of.setdefault(told, f"gpu{told if by_index else len(channel_of)}")
        values = {
            f"{gpu}{suffix}": value
            for (suffix, unit), place in places.items()
            if (value := _figure(line.cells[place], unit)) is not None
        }
        if gpu not in values:
            table.left_out.add(f"no figure in {table.header[places['', 'W']]!r}", line.line)
        if values:
            samples.append(Sample(line.line, time_ns, values))
    if samples and not any(gpu in s.values for s in samples for gpu in channel_of.values()):
        raise UnreadableError(f"no row has a figure in {table.header[places['', 'W']]!r}")
    ordered = in_order(samples, table.left_out)
    if len(channel_of) > 1:
        ordered = _rounds(ordered, list(channel_of.values()))
    channels = [
        named(f"{gpu}{suffix}", unit) for gpu in channel_of.values() for suffix, unit in places
    ]
    kept = [time, *places.values(), *([] if identity is None else [identity])]
    in_turn = identity is None and len(channel_of) > 1
    remarks = (
        *(f"{gpu} is {name}" for name, gpu in channel_of.items() if gpu != f"gpu{name}"),
        *(["no index in the log: GPUs are distinguished by the order of their rows"] * in_turn),
        *not_kept(table.header, kept),
        *table.left_out.remarks(),
    )
    utc = are_utc(line.cells[time] for line in lines)
    return Log(NAME, tuple(channels), tuple(ordered), table.last_line, remarks, utc=utc)


def _query(name: str) -> str:
    """A column's name without its unit."""
    return name.partition("[")[0].strip()


def _places(names: Sequence[str], lines: Sequence[TableLine]) -> dict[tuple[str, str], int]:
    """The column of each kind: the first with a figure, else the first."""
    found = {}
    for kind, queries in _QUERIES.items():
        places = [names.index(query) for query in queries if query in names]
        filled = (p for p in places if any(_figure(x.cells[p], kind[1]) is not None for x in lines))
        if places:
            found[kind] = next(filled, places[0])
    return found


def _figure(cell: str, unit: str) -> float | None:
    """A number; None for `[N/A]`, `[Not Supported]` and values no instrument can read."""
    return number(cell, _UNITS[unit], MOST.get(unit, 1e9))


def _by_identity(cell: str, column_name: str) -> str | None:
    """The identity of a row's GPU: an index is a number, and no identity is in brackets."""
    told = cell.strip()
    if column_name == "index":
        return str(int(told)) if told.isdecimal() else None
    return None if told.startswith("[") or told in ("", "N/A") else told


def _by_order(
    lines: Sequence[TableLine], times_ns: Sequence[int], name_place: int | None
) -> list[str | None]:
    """The index of the GPU of each row, by names and by place in its round. Raises UnreadableError
    if that is not known."""
    names = [line.cells[name_place].strip() if name_place is not None else "" for line in lines]
    in_round = {
        name: _in_a_round([t for t, own in zip(times_ns, names, strict=True) if own == name])
        for name in dict.fromkeys(names)
    }
    seen: Counter[str] = Counter()
    gpus: dict[tuple[str, int], str] = {}
    found: list[str | None] = []
    for name in names:
        gpu = (name, seen[name] % in_round[name])
        seen[name] += 1
        found.append(gpus.setdefault(gpu, str(len(gpus))))
    return found


def _rounds(samples: Sequence[Sample], gpus: Sequence[str]) -> list[Sample]:
    """Rows of one round set to the time of its first: GPUs read in turn are summed as one.

    A round ends when a GPU repeats, or after half the usual time between two of its rows.
    """
    own_ns = ([s.time_ns for s in samples if gpu in s.values] for gpu in gpus)
    steps_ns = [after - before for times_ns in own_ns for before, after in pairwise(times_ns)]
    most_ns = median(steps_ns) / 2 if steps_ns else 0
    found: list[Sample] = []
    for sample in samples:
        first = found[-1] if found else None
        if (
            first
            and 0 <= sample.time_ns - first.time_ns <= most_ns
            and first.values.keys().isdisjoint(sample.values)
        ):
            found[-1] = first._replace(values=first.values | sample.values)
        else:
            found.append(sample)
    return found


def _in_a_round(times_ns: Sequence[int]) -> int:
    """How many GPUs wrote these rows in turn. Raises UnreadableError if rows share stamps, or come
    close to each other without a consistent order."""
    steps_ns = [after - before for before, after in pairwise(times_ns)]
    if not steps_ns:
        return 1
    shared = steps_ns.count(0)
    if shared > _SHARED * len(times_ns):
        raise UnreadableError(
            f"{shared} rows share a time, as those of several GPUs do, and no column "
            f"distinguishes them: {_NO_INDEX}"
        )
    between_ns = sorted(steps_ns)[int(0.95 * (len(steps_ns) - 1))]
    most_ns = min(_ROUND_NS, _ROUND * between_ns)
    is_close = [0 <= step_ns <= most_ns for step_ns in steps_ns]
    if sum(is_close) <= _SHARED * len(times_ns):
        return 1
    n = is_close.index(False) + 1
    if n < 2 or any(close == (place % n == n - 1) for place, close in enumerate(is_close)):
        raise UnreadableError(
            f"{sum(is_close)} rows come a few milliseconds after another, as those of several "
            f"GPUs do, in no consistent order: {_NO_INDEX}"
        )
    return n
