"""Readings of several GPUs that a program reads one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from statistics import median

from recorders.channels import named
from recorders.source import Channel
from wattui.analysis.importers.log import Omissions, UnreadableError, told_why
from wattui.analysis.importers.samples import Sample, Samples

# The usual time between rounds is that of so many samples.
PROBED = 100_000
_GPU = re.compile(r"gpu\d+")


def in_rounds(samples: Samples) -> Iterator[Sample]:
    """Readings of one round set to the time of its first: GPUs read in turn are summed as one.

    A round ends when a GPU repeats, or after half the usual time between two of its readings.
    """
    most_ns = _usual_ns(samples) / 2
    first: Sample | None = None
    for sample in samples:
        if (
            first
            and 0 <= sample.time_ns - first.time_ns <= most_ns
            and first.values.keys().isdisjoint(sample.values)
        ):
            first = first._replace(values=first.values | sample.values)
            continue
        if first:
            yield first
        first = sample
    if first:
        yield first


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
    last_ns: dict[str, int] = {}
    steps_ns = []
    for sample in islice(samples, PROBED):
        for name in filter(_GPU.fullmatch, sample.values):
            if name in last_ns:
                steps_ns.append(sample.time_ns - last_ns[name])
            last_ns[name] = sample.time_ns
    return median(steps_ns) if steps_ns else 0.0
