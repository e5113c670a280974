"""Power over time at the resolution of a picture: read in blocks, binned by polars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorders.channels import channel_of, kind_of_column, unit_of
from recorders.json_parts import MOST
from wattui.runs.lines import lines_of, time_of

if TYPE_CHECKING:
    import polars as pl

# One for each pixel of a figure of 183 mm on a good screen.
BINS = 900
# A silence longer than this many of a channel's usual intervals is a gap.
GAP_INTERVALS = 3.5


@dataclass(frozen=True, slots=True)
class Trace:
    """One column in bins that have readings: first and last time, and the range of values.

    `by_hand` is a meter read by a person: its readings are not joined.
    """

    first_s: tuple[float, ...]
    last_s: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    count: tuple[int, ...]
    by_hand: bool = False

    def segments(self) -> list[slice]:
        """Segments without a gap."""
        edges = [0, *self._gaps(), len(self.mean)]
        return [slice(first, last) for first, last in pairwise(edges) if last > first]

    def _gaps(self) -> list[int]:
        """Indices of the bins that follow a gap."""
        steps = [after - before for before, after in pairwise(self.last_s)]
        if not steps:
            return []
        from statistics import median

        usual_s = median(step / n for step, n in zip(steps, self.count[1:], strict=True))
        silences = zip(self.first_s[1:], self.last_s[:-1], strict=True)
        return [
            place
            for place, (begin_s, end_s) in enumerate(silences, 1)
            if begin_s - end_s > GAP_INTERVALS * usual_s
        ]


@dataclass(frozen=True, slots=True)
class Traces:
    """All columns with readings, by name; the span of the file; its first wall-clock time.

    `remarks` say which parts of the file were left out.
    """

    start_s: float
    end_s: float
    first_utc: str | None
    traces: dict[str, Trace]
    remarks: tuple[str, ...] = ()


def read_traces(path: Path, bins: int = BINS, columns: Sequence[str] | None = None) -> Traces:
    """Bin columns of a run file, by default each of power. Raises NotARunFileError, or OSError.

    Rows never become Python objects: at most `bins` numbers are kept per column.
    """
    from wattui.runs.blocks import blocks, header

    binner = Binner(path, header(path), bins, columns)
    for block in blocks(path, binner.columns, binner.remarks):
        binner.take(block)
    return binner.finished()


class Binner:
    """Bins the blocks of a run file; it needs `columns`, and `remarks` say which parts of
    the file were left out."""

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        bins: int = BINS,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._path, self._bins = path, bins
        self._powers = [n for n in names if unit_of(n) == "W"] if columns is None else list(columns)
        hand_read = [name for name in self._powers if kind_of_column(name).by_hand]
        self._energies = [name for name in map(_energy, hand_read) if name in names]
        wanted = dict.fromkeys([*self._powers, *self._energies])
        self.columns = ["time_s", "time_utc", "phase", "event", *wanted]
        self.remarks: list[str] = []
        self._parts: list[pl.DataFrame] = []
        self._start_s, self._end_s, self._width_s = 0.0, 0.0, 1.0
        self._first_utc: str | None = None

    def take(self, block: pl.DataFrame) -> None:
        """Add the next rows."""
        times = block["time_s"]
        if not self._parts:
            self._start_s = float(times.min())  # type: ignore[arg-type]
            self._first_utc = block["time_utc"][0]
            length_s = max(_last_time(self._path) - self._start_s, 0.0)
            self._width_s = length_s / self._bins or 1.0
        self._end_s = max(self._end_s, float(times.max()))  # type: ignore[arg-type]
        place = self._start_s, self._width_s, self._bins
        self._parts.append(_partly_binned(block, self._powers, self._energies, *place))

    def finished(self) -> Traces:
        """The curves."""
        found = _merged(self._parts, self._powers, self._energies) if self._parts else {}
        end_s = max(self._start_s, self._end_s)
        return Traces(self._start_s, end_s, self._first_utc, found, tuple(self.remarks))


def _partly_binned(
    block: pl.DataFrame,
    powers: Sequence[str],
    energies: Sequence[str],
    start_s: float,
    width_s: float,
    bins: int,
) -> pl.DataFrame:
    import polars as pl

    from wattui.runs.blocks import is_reading

    place = ((pl.col("time_s") - start_s) / width_s).floor().clip(0, bins - 1).alias("bin")
    # Groups of plain columns are summed up many times faster than groups of expressions.
    readings = [
        pl.when(is_reading(name)).then(cell).alias(f"{name}{of}")
        for name in powers
        for cell, of in ((name, ""), ("time_s", " at"))
    ]
    wanted = [expression for name in powers for expression in _of_column(name)]
    wanted += [pl.col(name).count().alias(f"{name} n") for name in energies]
    others = [pl.col(name) for name in energies if name not in powers]
    query = block.lazy().select(place, *readings, *others)
    return query.group_by("bin").agg(wanted).collect()


def _of_column(name: str) -> list[pl.Expr]:
    import polars as pl

    column, time_s = pl.col(name), pl.col(f"{name} at")
    return [
        time_s.min().alias(f"{name} first"),
        time_s.max().alias(f"{name} last"),
        column.min().alias(f"{name} low"),
        column.max().alias(f"{name} high"),
        column.sum().alias(f"{name} sum"),
        column.count().alias(f"{name} n"),
    ]


_TOGETHER = {"first": "min", "last": "max", "low": "min", "high": "max", "sum": "sum", "n": "sum"}


def _merged(
    parts: Sequence[pl.DataFrame], powers: Sequence[str], energies: Sequence[str]
) -> dict[str, Trace]:
    """Bins merged over blocks: a bin may lie in two of them."""
    import polars as pl

    wanted = [
        getattr(pl.col(f"{name} {what}"), how)()
        for name in powers
        for what, how in _TOGETHER.items()
    ]
    wanted += [pl.col(f"{name} n").sum() for name in energies]
    rows = pl.concat(parts).group_by("bin").agg(wanted).sort("bin")
    found: dict[str, Trace] = {}
    for name in powers:
        known = rows.filter(pl.col(f"{name} n") > 0)
        if known.height:
            energy = _energy(name)
            by_hand = energy in energies and not rows[f"{energy} n"].sum()
            found[name] = _trace(known, name, by_hand)
    return found


def _trace(rows: pl.DataFrame, name: str, by_hand: bool) -> Trace:
    def column(what: str) -> tuple[Any, ...]:
        return tuple(rows[f"{name} {what}"].to_list())

    counts = column("n")
    means = tuple(total / n for total, n in zip(column("sum"), counts, strict=True))
    return Trace(
        column("first"), column("last"), column("low"), column("high"), means, counts, by_hand
    )


def _last_time(path: Path) -> float:
    """The time in the last line that has one, seconds."""
    times_s = map(time_of, reversed(lines_of(path).last()))
    return next((time_s for time_s in times_s if time_s is not None and abs(time_s) <= MOST), 0.0)


def _energy(power: str) -> str:
    return f"{channel_of(power)}_J"
