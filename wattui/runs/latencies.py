"""Call times written by a workload: their distribution, read with polars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("label", "repeat", "kind", "seconds")
# Single calls say more than means of chunks.
KINDS = ("call", "latency pass", "chunk mean")
PERCENTILES = (50, 90, 99)
STEPS = 240


class NoLatenciesError(Exception):
    """The file has no call times; the text says why."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Call times of one label: a curve of (time, share), and percentiles, seconds."""

    label: str
    kind: str
    calls: int
    curve: tuple[tuple[float, float], ...]
    percentiles: tuple[tuple[int, float], ...]

    def at(self, percentile: int) -> float:
        """A percentile of PERCENTILES, seconds."""
        return dict(self.percentiles)[percentile]


def read_latencies(path: Path) -> list[Distribution]:
    """The distribution of each label, in the order of the file.

    Raises NoLatenciesError, or OSError if the file cannot be read.
    """
    import polars as pl

    with path.open("rb") as file:
        head = file.readline(200).decode(errors="replace").strip()
    if head != ",".join(COLUMNS):
        raise NoLatenciesError(f"its columns are not {','.join(COLUMNS)}")
    schema = dict(zip(COLUMNS, (pl.String, pl.Int64, pl.String, pl.Float64), strict=True))
    frame = pl.scan_csv(path, schema=schema, ignore_errors=True, truncate_ragged_lines=True)
    known = frame.filter(pl.col("seconds").is_finite() & (pl.col("seconds") >= 0))
    try:
        found = known.select(pl.col("label").fill_null(""), "kind", "seconds").collect()
    except pl.exceptions.PolarsError as error:
        raise NoLatenciesError(str(error).partition("\n")[0]) from None
    labels = found["label"].unique(maintain_order=True).to_list()
    every = [_distribution(label, found.filter(pl.col("label") == label)) for label in labels]
    if not (kept := [each for each in every if each is not None]):
        raise NoLatenciesError("it has no times")
    return kept


def _distribution(label: str, rows: pl.DataFrame) -> Distribution | None:
    kinds = set(rows["kind"].unique().to_list())
    kind = next((kind for kind in KINDS if kind in kinds), None)
    if kind is None:
        return None
    ordered = rows.filter(rows["kind"] == kind)["seconds"].sort()
    return Distribution(
        label,
        kind,
        len(ordered),
        tuple(ecdf(ordered)),
        tuple((p, percentile(ordered, p / 100)) for p in PERCENTILES),
    )


def ecdf(ordered: Sequence[float] | Any, steps: int = STEPS) -> list[tuple[float, float]]:
    """Points of the empirical distribution: the share of values that are not larger.

    If there are many values, only some are kept; the smallest and the largest 2 % are kept one by
    one as far as the steps allow.
    """
    count = len(ordered)
    if count <= steps:
        places = list(range(count))
    else:
        tail = min(steps // 4, max(1, count // 50))
        even = {round(number * (count - 1) / (steps - 1)) for number in range(steps)}
        places = sorted(even | set(range(tail)) | set(range(count - tail, count)))
    return [(float(ordered[place]), (place + 1) / count) for place in places]


def percentile(ordered: Sequence[float] | Any, share: float) -> float:
    """A quantile by linear interpolation (Hyndman & Fan's type 7), as workloads print them."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (place - below) * (high - low)
