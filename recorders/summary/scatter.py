"""How well the mean power of a baseline is known, from its scatter. Pure.

Docs: docs/uncertainty.md. Half-widths are those of 95 % intervals. Within the windows of a
baseline, its power is averaged over blocks of a second, which may depend on one another; between
windows it may have changed for good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from recorders.summary.reduction import Reduction
from recorders.summary.spans import Span, blocks_w
from recorders.summary.stats import (
    Series,
    Trend,
    Uncertainty,
    about_mean,
    independent,
    products,
    t95,
    trend,
)

# Half-width of the middle 95 % of a rectangular distribution, over its full width.
RECTANGULAR = 0.475
FEWEST_BLOCKS = 3
# A drift is not believed to go on in a straight line for longer than this many times the baseline.
REACH = 3.0


@dataclass(frozen=True, slots=True)
class Scatter:
    """What the half-width of a baseline's power is made of: the standard error of the mean of its
    blocks, the half-width from the powers of its windows (None: too few to tell), and the trend of
    its blocks in W/s, which is believed so far from the middle of its time."""

    windows: int
    within: Uncertainty | None
    between_w: float | None
    middle_s: float
    reach_s: float
    trend: Trend | None

    @property
    def within_w(self) -> float | None:
        """The half-width from its blocks."""
        return t95(self.within.degrees) * self.within.standard if self.within else None

    @property
    def noise_w(self) -> float:
        """The half-width of the mean power over its own time."""
        known = [each for each in (self.within_w, self.between_w) if each is not None]
        return math.hypot(*known) if self.windows == 2 else max(known)

    def drift_w(self, at_s: float) -> float:
        """The largest change since the baseline's middle that its trend leads to; 0 if the trend
        may be due to chance."""
        if self.trend is None or not self.trend.is_clear:
            return 0.0
        away_s = min(abs(at_s - self.middle_s), self.reach_s)
        return (abs(self.trend.slope) + self.trend.plus_minus) * away_s

    def plus_minus_w(self, at_s: float) -> float:
        """The half-width of the power that the machine would have drawn idle at another time."""
        return math.hypot(self.noise_w, self.drift_w(at_s))


def scatter(reduction: Reduction, channel: str, windows: Sequence[Span]) -> Scatter | None:
    """The scatter of a channel in the windows of a baseline, in each of which its energy is known;
    None if they are too few and too short."""
    windows = [span for span in windows if span.seconds > 0]
    if not windows:
        return None
    courses = [blocks_w(reduction, channel, span) for span in windows]
    courses = [course for course in courses if course.y]
    within, between_w = _within([course.y for course in courses]), _between_w(channel, windows)
    if within is None and (between_w is None or len(windows) == 2):
        return None
    seconds = math.fsum(span.seconds for span in windows)
    middle_s = math.fsum(span.seconds * (span.start_s + span.end_s) / 2 for span in windows)
    reach_s = REACH * (max(span.end_s for span in windows) - min(s.start_s for s in windows))
    slope = trend(courses) if courses else None
    return Scatter(len(windows), within, between_w, middle_s / seconds, reach_s, slope)


class Drift(NamedTuple):
    """A change of a baseline's power between its windows, or since it, by the time that something
    ran: its phase, the power before and after."""

    phase: str
    before_w: float
    after_w: float
    between: bool


def drift(
    phase: str, channel: str, windows: Sequence[Span], found: Scatter | None, at_s: float
) -> Drift | None:
    """The larger change of a baseline's power, between two of its windows or until another time;
    None if there is none but by chance."""
    windows = [span for span in windows if span.seconds > 0]
    powers_w = [(span.energy_j[channel] or 0.0) / span.seconds for span in windows]
    seconds = math.fsum(span.seconds for span in windows)
    mean_w = math.fsum(span.energy_j[channel] or 0.0 for span in windows) / seconds
    least_w, most_w = sorted((powers_w[0], powers_w[-1]))
    changed = Drift(phase, powers_w[0], powers_w[-1], True)
    if found is None:
        return changed if least_w < most_w else None
    since_w = math.copysign(found.drift_w(at_s), found.trend.slope if found.trend else 1.0)
    if abs(since_w) > most_w - least_w:
        return Drift(phase, mean_w, mean_w + since_w, False)
    if found.within is None:
        return None
    of_one_w = found.within.standard * math.sqrt(len(windows))
    clear_w = t95(found.within.degrees) * math.sqrt(2) * of_one_w
    return changed if most_w - least_w > clear_w else None


def _within(blocks_w: Sequence[Series]) -> Uncertainty | None:
    """The standard error of the mean power, from the blocks of each window."""
    n, windows = sum(map(len, blocks_w)), len(blocks_w)
    if n < max(FEWEST_BLOCKS, windows + 1):
        return None
    away_w = [about_mean(each) for each in blocks_w]
    squares = math.fsum(products(each, each) for each in away_w)
    worth = independent(away_w)
    return Uncertainty(math.sqrt(squares / (n - windows) / worth), max(1.0, worth - windows))


def _between_w(channel: str, windows: Sequence[Span]) -> float | None:
    """From the mean powers of the windows: t times the standard error of their mean, for two
    windows that of a power which may be anywhere between them; None for one."""
    if len(windows) < 2:
        return None
    total_s = math.fsum(span.seconds for span in windows)
    weights = [span.seconds / total_s for span in windows]
    powers_w = [(span.energy_j[channel] or 0.0) / span.seconds for span in windows]
    if len(windows) == 2:
        return RECTANGULAR * abs(powers_w[1] - powers_w[0])
    mean_w = math.fsum(w * p for w, p in zip(weights, powers_w, strict=True))
    squares = math.fsum((w * (p - mean_w)) ** 2 for w, p in zip(weights, powers_w, strict=True))
    n = len(windows)
    return t95(n - 1) * math.sqrt(n / (n - 1) * squares)
