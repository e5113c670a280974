"""Effects of heat and limits on a measurement: throttled or held-back clocks, and warming. Pure.

Each label is judged separately, as different work draws different power: the mean of the last
quarter of its readings while running is compared with that of the first. A change is one that the
scatter of these readings does not explain (Welch's test, two-sided, 5 %), and large enough to
matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from recorders.channels import Quantity, channel_of, device_of, kind_of_column
from recorders.held_back import HeldBack
from recorders.summary.overlaps import label_of
from recorders.summary.reduction import Reduction
from recorders.summary.spans import Span, outermost
from recorders.summary.stats import Uncertainty, combined, grouped, standard_error, t95

# Smaller changes matter to no figure.
FALLEN, WARMED_C = 0.03, 10.0
# One per second.
FEWEST_READINGS = 8
# The clocks were held back for less than this share of the time: not worth a flag.
HELD_LEAST = 0.01


class HeldShares(NamedTuple):
    """The shares of the running time's readings at which each reason held a device's clocks."""

    device: str
    shares: Mapping[HeldBack, float]


class Course(NamedTuple):
    """The change of a gauge while one label ran: means of the first and last quarter, and the
    half-width of their difference."""

    device: str
    label: str
    first: float
    last: float
    plus_minus: float

    @property
    def is_clear(self) -> bool:
        """Whether the change is not due to chance."""
        return abs(self.last - self.first) > self.plus_minus

    @property
    def ran(self) -> str:
        """What ran meanwhile, in words."""
        return f"{self.label} ran" if self.label else "running"

    @property
    def fall(self) -> float:
        """The fall as a share of the first value."""
        return 1 - self.last / self.first if self.first > 0 else 0.0


def throttled(reduction: Reduction, everything: Sequence[Span]) -> list[Course]:
    """For each device whose clock fell, the label with the largest fall."""
    return _worst(_courses(reduction, everything, "clock"), lambda c: c.fall, FALLEN)


def warmed(reduction: Reduction, everything: Sequence[Span]) -> list[Course]:
    """For each device that warmed up, the label with the largest rise."""
    courses = _courses(reduction, everything, "temperature")
    return _worst(courses, lambda c: c.last - c.first, WARMED_C)


def held_back(reduction: Reduction, everything: Sequence[Span]) -> Iterator[HeldShares]:
    """For each device whose clocks were held back while running, the reasons."""
    running = outermost(everything, "running")
    for column, points in reduction.seconds.items():
        if kind_of_column(column).quantity != "reasons":
            continue
        values = [int(v) for s in running for v in points.between(s.start_s, s.end_s).value]
        shares = {
            reason: sum(bool(value & reason) for value in values) / len(values)
            for reason in (HeldBack if values else ())
        }
        if found := {reason: share for reason, share in shares.items() if share >= HELD_LEAST}:
            yield HeldShares(device_of(channel_of(column)), found)


def _worst(
    courses: Iterable[Course], change: Callable[[Course], float], least: float
) -> list[Course]:
    """For each device with a clear and larger change than this, the label with the largest one."""
    changed = [course for course in courses if course.is_clear and change(course) > least]
    return [max(own, key=change) for own in grouped(changed, attrgetter("device")).values()]


def _courses(
    reduction: Reduction, everything: Sequence[Span], quantity: Quantity
) -> Iterator[Course]:
    of_label = grouped(outermost(everything, "running"), label_of)
    for column, points in reduction.seconds.items():
        if kind_of_column(column).quantity != quantity:
            continue
        for label, windows in of_label.items():
            values = [v for s in windows for v in points.between(s.start_s, s.end_s).value]
            quarter = len(values) // 4
            if len(values) >= FEWEST_READINGS:
                first, last = values[:quarter], values[-quarter:]
                means = math.fsum(first) / quarter, math.fsum(last) / quarter
                errors = [standard_error(each) for each in (first, last)]
                error = combined([Uncertainty(each, quarter - 1) for each in errors])
                half = t95(error.degrees) * error.standard
                yield Course(device_of(channel_of(column)), label, *means, half)
