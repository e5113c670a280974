"""`nvidia-smi --query-gpu=timestamp,power.draw,… --format=csv --loop-ms=…`.

GPUs are distinguished by index or identity; without either, by name and by the order of rows that
come a few milliseconds apart, round after round: nvidia-smi goes by index.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, UnreadableError, told_why
from wattui.analysis.importers.rounds import in_rounds
from wattui.analysis.importers.samples import LINE, TIME, Sample, Samples, in_blocks
from wattui.analysis.importers.stamps import Clock, in_order, stamp_ns
from wattui.analysis.importers.table import (
    MOST,
    CsvTable,
    TableLine,
    cells_of,
    column,
    not_kept,
    number,
    numbers,
)
from wattui.analysis.importers.text import LogText

if TYPE_CHECKING:
    import polars as pl

NAME = "nvidia-smi"
COLUMNS = "timestamp, power.draw [W]"
RESOLUTION_NS = SECOND_NS // 1000

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
# Rows by which columns are chosen, and steps by which the time of a round is known.
PROBED, PROBED_STEPS = 1000, 100_000
_POWER, _DEVICE = "gpu", "#device"
_KNOWN = frozenset(query for queries in _QUERIES.values() for query in queries)
_NO_INDEX = "fix: log with --query-gpu=index,timestamp,power.draw"


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by `timestamp` and a column with a dotted name of nvidia-smi's, or, without a
    header, by a date and a figure with its unit."""
    cells = cells_of(first)
    names = [_query(cell) for cell in cells]
    if "timestamp" in names:
        return any(name in _KNOWN for name in names)
    found = _unnamed(cells)
    return found is not None and "power.draw" in found


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read nvidia-smi's log. Raises UnreadableError."""
    unnamed = _unnamed(cells_of(text.first))
    if unnamed and unnamed.count("power.draw") > 1:
        raise UnreadableError(
            "line 1: two columns in W and no header: fix: write the names of its query above it"
        )
    table = CsvTable(text, header=unnamed)
    rows = _Rows(table)
    found, gpus = rows.by_gpu()
    samples = in_order(found, table.left_out)
    if len(gpus) > 1:
        samples = in_rounds(samples)
    return Log(
        NAME,
        tuple(named(f"{gpu}{suffix}", unit) for gpu in gpus for suffix, unit in rows.kept),
        samples,
        table.last_line,
        (
            *(["no header in the log: its column in W is taken for the power"] if unnamed else []),
            *rows.remarks(gpus),
            *table.left_out.remarks(),
        ),
        utc=rows.clock.utc,
        first_bad=table.left_out.first(),
    )


def _unnamed(cells: Sequence[str]) -> list[str] | None:
    """The names of the columns of a log without a header, by the cells of its first line: those of
    a time, a power with its unit, and an identity; None if it has no time."""
    found = [_kind_of(cell.strip()) for cell in cells]
    return found if "timestamp" in found else None


def _kind_of(cell: str) -> str:
    if stamp_ns(cell) is not None and not cell.isdecimal():
        return "timestamp"
    if re.fullmatch(r"\d+(?:[.,]\d+)? W", cell):
        return "power.draw"
    if re.fullmatch(r"GPU-[0-9a-f-]{8,}", cell):
        return "uuid"
    return "pci.bus_id" if re.fullmatch(r"[0-9A-F]{8}:[0-9A-F]{2}:[0-9A-F]{2}\.\d", cell) else ""


class _Rows:
    """The rows of a table as readings of GPUs."""

    def __init__(self, table: CsvTable) -> None:
        names = [_query(name) for name in table.header]
        self._time = column(names, "timestamp", NAME)
        self._first = list(islice(table.rows(), PROBED))
        self.kept = _places(names, self._first)
        if ("", "W") not in self.kept:
            raise UnreadableError(f"line 1: a column of power is missing ({COLUMNS})")
        self._power = table.header[self.kept["", "W"]]
        self._identity = next((names.index(n) for n in _IDENTITIES if n in names), None)
        by_name = next((names.index(n) for n in _NAMES if n in names), None)
        self._device = by_name if self._identity is None else self._identity
        self._column = "" if self._device is None else names[self._device]
        self._table = table
        # The devices in the order of their first rows.
        self._devices: dict[str, int] = {}
        self._has_power = False
        self.clock = Clock()

    @property
    def places(self) -> Sequence[int]:
        """The columns of time, the readings, and the device."""
        device = [] if self._device is None else [self._device]
        return [self._time, *self.kept.values(), *device]

    def by_gpu(self) -> tuple[Iterator[pl.DataFrame], list[str]]:
        """The readings by channel, and the GPUs. Raises UnreadableError if none has a power, or if
        GPUs cannot be distinguished."""
        first = in_blocks(filter(None, map(self.sample, self._first)))
        raw = Samples.of_blocks(chain(first, self._table.blocks(self)))
        if len(raw) and not self._has_power:
            raise UnreadableError(
                told_why(f"no row has a figure in {self._power!r}", self._table.left_out)
            )
        if self._identity is None:
            return _by_order(raw, len(self._devices))
        numbers = [
            int(told) if self._column == "index" else place for told, place in self._devices.items()
        ]
        return _by_device(raw, numbers), [f"gpu{number}" for number in numbers]

    def remarks(self, gpus: Sequence[str]) -> Iterator[str]:
        """How GPUs were distinguished, and the columns that a run file does not have."""
        if self._identity is not None:
            told = zip(self._devices, gpus, strict=True)
            yield from (f"{gpu} is {name}" for name, gpu in told if gpu != f"gpu{name}")
        elif len(gpus) > 1:
            yield "no index in the log: GPUs are distinguished by the order of their rows"
        identity = [] if self._identity is None else [self._identity]
        yield from not_kept(self._table.header, [self._time, *self.kept.values(), *identity])

    def sample(self, row: TableLine) -> Sample | None:
        """The readings of a row as those of `gpu`, with the place of the device."""
        left_out, (line, cells) = self._table.left_out, row
        time_ns = self.clock.time_ns(cells[self._time])
        if time_ns is None:
            left_out.add("no time", line, cells[self._time])
            return None
        told = self._told(cells[self._device]) if self._device is not None else ""
        if told is None:
            left_out.add(f"no {self._column}", line)
            return None
        device = self._devices.setdefault(told, len(self._devices))
        values = {
            f"gpu{suffix}": value
            for (suffix, unit), place in self.kept.items()
            if (value := _figure(cells[place], unit)) is not None
        }
        if _POWER in values:
            self._has_power = True
        else:
            left_out.add(f"no figure in {self._power!r}", line)
        if values or self._identity is None:
            return Sample(line, time_ns, values | {_DEVICE: float(device)})
        return None

    def columns(self, cells: pl.DataFrame) -> pl.DataFrame:
        """The readings of rows with a time and a power, of devices that were seen before."""
        import polars as pl

        times_ns = self.clock.times_ns(cells[str(self._time)])
        found = [cells[LINE], times_ns.alias(TIME)]
        for (suffix, unit), place in self.kept.items():
            values = numbers(cells[str(place)], _UNITS[unit], MOST.get(unit, 1e9))
            found.append(values.alias(f"gpu{suffix}"))
        told = [""] * cells.height if self._device is None else cells[str(self._device)].to_list()
        device = {cell: self._devices.get(self._told(cell) or "") for cell in dict.fromkeys(told)}
        places = [device[cell] for cell in told]
        block = pl.DataFrame([*found, pl.Series(_DEVICE, places, dtype=pl.Float64)])
        plain = block.drop_nulls([TIME, _POWER, _DEVICE])
        self._has_power |= plain.height > 0
        return plain

    def _told(self, cell: str) -> str | None:
        """What identifies the device of a row; None if that is not known."""
        return cell.strip() if self._identity is None else _by_identity(cell, self._column)


def _by_device(samples: Samples, numbers: Sequence[int]) -> Iterator[pl.DataFrame]:
    """The readings of GPUs by their channels, from the number of each device; of a row without one,
    nothing."""
    import polars as pl

    for block in samples.blocks():
        names = [name for name in block.columns[2:] if name != _DEVICE]
        cells = [
            pl.when(pl.col(_DEVICE) == place).then(name).alias(name.replace("gpu", f"gpu{number}"))
            for place, number in enumerate(numbers)
            for name in names
        ]
        if cells:
            named_block = block.select(LINE, TIME, *cells)
            yield named_block.filter(pl.any_horizontal(pl.exclude(LINE, TIME).is_not_null()))


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


def _by_order(raw: Samples, devices: int) -> tuple[Iterator[pl.DataFrame], list[str]]:
    """The readings of GPUs distinguished by their names and by their place in a round, and these
    GPUs. Raises UnreadableError if that is not known."""
    in_round = {device: _in_a_round(raw, device) for device in range(devices)}
    if all(n == 1 for n in in_round.values()):
        return _by_device(raw, range(devices)), [f"gpu{n}" for n in range(devices)]
    numbers: dict[tuple[int, int], int] = {}
    for place in _places_in_rounds(raw, in_round):
        numbers.setdefault(place, len(numbers))
    gpus = [f"gpu{number}" for number in numbers.values()]
    return _by_device(Samples.of_blocks(_in_turn(raw, in_round, numbers)), range(len(gpus))), gpus


def _places_in_rounds(raw: Samples, in_round: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Of each row the name of its GPU, and its place among those of that name."""
    import polars as pl

    seen: Counter[int] = Counter()
    for block in raw.blocks():
        for device in block[_DEVICE].cast(pl.Int64).to_list():
            yield device, seen[device] % in_round[device]
            seen[device] += 1


def _in_turn(
    raw: Samples, in_round: Mapping[int, int], numbers: Mapping[tuple[int, int], int]
) -> Iterator[pl.DataFrame]:
    """The readings, with the number of its GPU as the device of each row."""
    import polars as pl

    places = _places_in_rounds(raw, in_round)
    for block in raw.blocks():
        gpus = [numbers[place] for place in islice(places, block.height)]
        yield block.with_columns(pl.Series(_DEVICE, gpus, dtype=pl.Float64))


def _in_a_round(raw: Samples, device: int) -> int:
    """How many GPUs wrote the rows of a name in turn. Raises UnreadableError if rows share stamps,
    or come close to each other without a consistent order."""
    usual = sorted(islice(_steps_ns(raw, device), PROBED_STEPS))
    if not usual:
        return 1
    most_ns = min(_ROUND_NS, _ROUND * usual[int(0.95 * (len(usual) - 1))])
    rows, shared, close, n, in_order_throughout = 1, 0, 0, 0, True
    for place, step_ns in enumerate(_steps_ns(raw, device)):
        is_close = 0 <= step_ns <= most_ns
        n = n or (0 if is_close else place + 1)
        if n and is_close == (place % n == n - 1):
            in_order_throughout = False
        rows += 1
        shared += not step_ns
        close += is_close
    if shared > _SHARED * rows:
        raise UnreadableError(
            f"{shared} rows share a time, as those of several GPUs do, and no column "
            f"distinguishes them: {_NO_INDEX}"
        )
    if close <= _SHARED * rows:
        return 1
    if n < 2 or not in_order_throughout:
        raise UnreadableError(
            f"{close} rows come a few milliseconds after another, as those of several "
            f"GPUs do, in no consistent order: {_NO_INDEX}"
        )
    return n


def _steps_ns(raw: Samples, device: int) -> Iterator[int]:
    """The times between the rows of a name."""
    own = (block.filter(block[_DEVICE] == device)[TIME].to_list() for block in raw.blocks())
    return (after - before for before, after in pairwise(chain.from_iterable(own)))
