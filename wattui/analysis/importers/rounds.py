"""Readings of several GPUs that a program reads one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from recorders.channels import named
from recorders.source import Channel
from wattui.analysis.importers.log import Omissions, UnreadableError, told_why
from wattui.analysis.importers.samples import LINE, TIME, Sample, Samples

if TYPE_CHECKING:
    import polars as pl

# The usual time between rounds is that of so many samples.
PROBED = 100_000
_GPU = re.compile(r"gpu\d+")


def in_rounds(samples: Samples) -> Samples:
    """Readings of one round set to the time of its first: GPUs read in turn are summed as one.

    A round ends when a GPU repeats, or after half the usual time between two of its readings.
    """
    return Samples.of_blocks(_in_rounds(samples.blocks(), _usual_ns(samples) / 2))


def _in_rounds(blocks: Iterable[pl.DataFrame], most_ns: float) -> Iterator[pl.DataFrame]:
    """Blocks of rounds, of which the last in each block may go on in the next."""
    import polars as pl

    rest: pl.DataFrame | None = None
    for found in blocks:
        block = found if rest is None else pl.concat([rest, found], how="diagonal")
        numbers = pl.Series("#round", _rounds(block, most_ns))
        one_each = block.with_columns(numbers).group_by("#round", maintain_order=True)
        rounds = one_each.agg(pl.col(LINE, TIME).first(), pl.exclude(LINE, TIME).max())
        merged = rounds.drop("#round")
        yield merged[:-1]
        rest = merged[-1:]
    if rest is not None:
        yield rest


def _rounds(block: pl.DataFrame, most_ns: float) -> Iterator[int]:
    """The number of the round of each row."""
    import polars as pl

    names = block.columns[2:]
    bits = block.select(pl.concat_str(pl.col(names).is_not_null().cast(pl.Int8)))
    read = bits.to_series().to_list()
    known = {each: int(each, 2) for each in set(read)}
    number, first_ns, seen = -1, 0, 0
    for time_ns, each in zip(block[TIME].to_list(), read, strict=True):
        own = known[each]
        if number < 0 or not 0 <= time_ns - first_ns <= most_ns or seen & own:
            number, first_ns, seen = number + 1, time_ns, 0
        seen |= own
        yield number


def gpu_channels(
    samples: Iterable[Sample], units: Mapping[str, str], left_out: Omissions
) -> tuple[Channel, ...]:
    """The channels of GPUs that were read, by the unit of each suffix: `_util`, or none for power
    or energy. Raises UnreadableError if there is no power or energy."""
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    if not any(map(_GPU.fullmatch, names)):
        raise UnreadableError(told_why("no line has the power of a GPU", left_out))
    return tuple(named(name, units[_GPU.sub("", name)]) for name in names)


def _usual_ns(samples: Samples) -> float:
    """The median time between two readings of a GPU's power; 0 if there are none."""
    first = samples.part(0, PROBED)
    names = dict.fromkeys(name for block in first.blocks() for name in block.columns)
    steps_ns = [
        after - before
        for name in filter(_GPU.fullmatch, names)
        for before, after in pairwise(first.times_ns(name))
    ]
    return median(steps_ns) if steps_ns else 0.0
