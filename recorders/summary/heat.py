"""What heat does to a measurement: clocks that fall, and a machine that warms up. Pure.

Each label is judged by itself, since other work draws another power: the mean of the last quarter
of its readings while running against that of the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from recorders.channels import Quantity, channel_of, device_of, kind_of_column
from recorders.summary.reduction import Reduction
from recorders.summary.spans import Span

# Less than these is left to the governor's whims and to the sensor's steps.
FALLEN, WARMED_C = 0.05, 10.0
# One a second.
FEWEST_READINGS = 8


class Course(NamedTuple):
    """How a gauge went while one label ran: means of the first and of the last quarter."""

    device: str
    label: str
    first: float
    last: float

    @property
    def fall(self) -> float:
        """By what share of its first value it fell."""
        return 1 - self.last / self.first if self.first > 0 else 0.0


def throttled(reduction: Reduction, everything: Sequence[Span]) -> list[Course]:
    """For each device whose clock fell, the label during which it fell furthest."""
    fallen = [c for c in _courses(reduction, everything, "clock") if c.fall > FALLEN]
    return [max(own, key=lambda c: c.fall) for own in _by_device(fallen)]


def warmed(reduction: Reduction, everything: Sequence[Span]) -> list[Course]:
    """For each device that warmed up, the label during which it did most."""
    courses = _courses(reduction, everything, "temperature")
    risen = [c for c in courses if c.last - c.first > WARMED_C]
    return [max(own, key=lambda c: c.last - c.first) for own in _by_device(risen)]


def _courses(
    reduction: Reduction, everything: Sequence[Span], quantity: Quantity
) -> Iterator[Course]:
    of_label: dict[str, list[Span]] = {}
    for span in everything:
        if span.phase == "running" and "running" not in span.inside:
            of_label.setdefault(span.label, []).append(span)
    for column, points in reduction.seconds.items():
        if kind_of_column(column).quantity != quantity:
            continue
        for label, windows in of_label.items():
            values = [v for s in windows for _, v in points.between(s.start_s, s.end_s)]
            quarter = len(values) // 4
            if len(values) >= FEWEST_READINGS:
                first, last = values[:quarter], values[-quarter:]
                means = math.fsum(first) / quarter, math.fsum(last) / quarter
                yield Course(device_of(channel_of(column)), label, *means)


def _by_device(courses: Sequence[Course]) -> Iterator[list[Course]]:
    for device in dict.fromkeys(course.device for course in courses):
        yield [course for course in courses if course.device == device]
