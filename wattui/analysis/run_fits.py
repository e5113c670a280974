"""Lines through energy per inference, for runs whose labels carry a quantity. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recorders.counts import INFERENCES
from recorders.summary.figures import Summary
from wattui.analysis.fit import (
    FigureName,
    FitRequest,
    FitSeries,
    fit_series,
    read_points,
    remarks_of,
)
from wattui.analysis.label_numbers import Against, carried
from wattui.analysis.regression import WEIGHTS

# Quantities fitted by default. Energy per inference is not a line over the batch size or the number
# of requests at once: the fixed cost of a call is shared by more inferences.
CHOSEN: tuple[Against, ...] = ("pixels", "tokens", "size")
# Quantities that curves are drawn over.
DRAWN: tuple[Against, ...] = (*CHOSEN, "concurrency")
# A line through two points has no residuals to show.
LEAST_POINTS = 3


@dataclass(frozen=True, slots=True)
class FitSource:
    """A summary, with the names of its run and network, and the MACs of its labels."""

    network: str
    run: str
    summary: Summary
    macs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fits:
    """A fit; `series` is empty if there is none, and `remarks` say why."""

    asked: FitRequest
    origin: str
    series: tuple[FitSeries, ...]
    remarks: tuple[str, ...]

    @property
    def drawn(self) -> tuple[FitSeries, ...]:
        """The families if there are several, else all points; only those with a line."""
        apart = self.series[1:] or self.series
        fitted = tuple(each for each in apart if any(map(each.fit, WEIGHTS)))
        return fitted or self.series[:1]


def choose_against(
    sources: Sequence[FitSource], among: Sequence[Against] = CHOSEN
) -> Against | None:
    """The quantity most labels carry, else their MACs; None if too few of them differ."""
    labels = [group.label for source in sources for group in source.summary.labels]
    numbers = {
        against: [n for label in labels if (n := carried(label, against).number) is not None]
        for against in among
    }
    known = [a for a, found in numbers.items() if len(set(found)) >= LEAST_POINTS]
    if not known:
        macs = {source.macs.get(g.label) for source in sources for g in source.summary.labels}
        return "macs" if len(macs - {None, 0}) >= LEAST_POINTS else None
    return max(known, key=lambda against: len(numbers[against]))


def fits_of(
    sources: Sequence[FitSource], against: Against, figure: FigureName, domain: str, origin: str
) -> Fits:
    """Fit the points of all sources together, and each network and layer apart."""
    per = sources[0].summary.per if sources else INFERENCES
    asked = FitRequest(against, figure, domain, per=per)
    points, remarks = [], list[str]()
    for source in sources:
        found, missing = read_points(source.network, source.run, source.summary, asked, source.macs)
        points += found
        remarks += missing
    if len(points) < LEAST_POINTS:
        remarks.append(f"only {len(points)} of the {LEAST_POINTS} points that a fit needs")
        return Fits(asked, origin, (), tuple(remarks))
    series = fit_series(points)
    remarks += [f"{names}: {remark}" for remark, names in remarks_of(series).items()]
    return Fits(asked, origin, tuple(series), tuple(remarks))
