"""`nvidia-smi --query-gpu=timestamp,power.draw,… --format=csv --loop-ms=…`."""

from __future__ import annotations

from collections.abc import Sequence

from recorders.source import Channel
from wattui.analysis.importers.log import Log, Sample, UnreadableError
from wattui.analysis.importers.stamps import in_order, stamp_ns
from wattui.analysis.importers.table import MOST, cells_of, column, not_kept, number, read_table

NAME = "nvidia-smi"
COLUMNS = "timestamp, power.draw [W]"

# The columns of a run file, and what nvidia-smi calls them, the best first.
_QUERIES = {
    ("", "W"): ("power.draw", "power.draw.instant", "power.draw.average"),
    ("_util", "pct"): ("utilization.gpu",),
    ("_mem", "MiB"): ("memory.used",),
    ("_temp", "C"): ("temperature.gpu",),
    ("_clock", "MHz"): ("clocks.current.sm", "clocks.sm"),
}
_UNITS = {"W": "W", "pct": "%", "MiB": "MiB", "C": "", "MHz": "MHz"}
_IDENTITIES = ("index", "uuid", "gpu_uuid", "pci.bus_id", "gpu_bus_id")
# Of rows of one GPU fewer share a stamp.
_SHARED = 0.1


def recognises(first: str) -> bool:
    """By `timestamp` and a column that nvidia-smi gives a name with a dot."""
    names = [_query(cell) for cell in cells_of(first)]
    known = {query for queries in _QUERIES.values() for query in queries}
    return "timestamp" in names and any(name in known for name in names)


def read(text: str) -> Log:
    """Read nvidia-smi's log. Raises UnreadableError."""
    table = read_table(text)
    names = [_query(name) for name in table.header]
    time = column(names, "timestamp", NAME)
    places = {kind: place for kind, place in _places(names).items() if place is not None}
    if ("", "W") not in places:
        raise UnreadableError(f"line 1: a column of power is missing ({COLUMNS})")
    identity = next((names.index(name) for name in _IDENTITIES if name in names), None)
    gpus: dict[str, str] = {}
    samples = []
    for line, cells in table.lines:
        time_ns = stamp_ns(cells[time])
        if time_ns is None:
            table.left_out.add("no time", line)
            continue
        gpu = _gpu(cells[identity].strip() if identity is not None else "0", names, identity, gpus)
        values = {
            f"{gpu}{suffix}": value
            for (suffix, unit), place in places.items()
            if (value := number(cells[place], _UNITS[unit], MOST.get(unit, 1e9))) is not None
        }
        if gpu not in values:
            table.left_out.add(f"no figure in {table.header[places['', 'W']]!r}", line)
        if values:
            samples.append(Sample(line, time_ns, values))
    samples = in_order(samples, table.left_out)
    if identity is None:
        _one_gpu(samples)
    channels = [
        Channel(f"{gpu}{suffix}", unit, in_total=unit == "W")
        for gpu in gpus.values()
        for suffix, unit in places
    ]
    kept = [time, *places.values(), *([] if identity is None else [identity])]
    remarks = (
        *(f"{gpu} is {name}" for name, gpu in gpus.items() if gpu != f"gpu{name}"),
        *not_kept(table.header, kept),
        *table.left_out.remarks(),
    )
    return Log(NAME, tuple(channels), tuple(samples), table.last_line, remarks)


def _query(name: str) -> str:
    """A column's name without its unit."""
    return name.partition("[")[0].strip()


def _places(names: Sequence[str]) -> dict[tuple[str, str], int | None]:
    return {
        kind: next((names.index(query) for query in queries if query in names), None)
        for kind, queries in _QUERIES.items()
    }


def _gpu(text: str, names: Sequence[str], identity: int | None, gpus: dict[str, str]) -> str:
    """The channel of a GPU: by its index, else in the order of appearance."""
    by_index = identity is None or names[identity] == "index"
    return gpus.setdefault(text, f"gpu{int(text) if by_index and text.isdigit() else len(gpus)}")


def _one_gpu(samples: Sequence[Sample]) -> None:
    shared = len(samples) - len({sample.time_ns for sample in samples})
    if shared > _SHARED * len(samples):
        raise UnreadableError(
            f"{shared} rows share a time, as those of several GPUs do, and no column tells them "
            "apart: log with --query-gpu=index,timestamp,power.draw"
        )
