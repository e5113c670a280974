"""Energy or time per inference against a quantity in the label, or against MACs. Pure.

Points come from summaries; each series of points (all of them, and those of each network or layer)
gets an ordinary and a relative line, and the errors by which to judge them. A network that ran as a
whole beside its layers is not a point.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from recorders.counts import INFERENCES, plural
from recorders.summary.bases import BY_NAME
from recorders.summary.figures import Group, Summary
from wattui.analysis.breakpoint import LEAST_POINTS, LineTest, compare_lines
from wattui.analysis.label_numbers import Against, carried
from wattui.analysis.left_out import HeldOut, leave_one_out, left_out
from wattui.analysis.networks import MeasuredLayer, NetworkErrors, mean_layers, network_errors
from wattui.analysis.parts import LayerName, parts_of, wholes_of
from wattui.analysis.regression import (
    WEIGHTS,
    Line,
    NoLineError,
    Weights,
    fit_line,
    outliers,
    relative_residuals,
)

VERSION = 1
ALL = "all"
MOST_NAMED, MOST_OUTLIERS = 12, 5
FigureName = Literal["total", "dynamic", "marginal", "seconds"]
FIGURES: tuple[FigureName, ...] = ("total", "dynamic", "marginal", "seconds")


@dataclass(frozen=True, slots=True)
class FitPoint:
    """Energy (J) or time (s) per inference of one label of one run; `plus_minus` None: unknown.

    `layer` is its name if it is a layer of a network that ran as a whole beside it.
    """

    network: str
    run: str
    label: str
    family: str
    x: float
    y: float
    plus_minus: float | None
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class FitRequest:
    """The fit asked for: a figure of a domain against a quantity, through the origin or not.

    The figure `seconds` is wall time, which has no domain. `per` is the count that is in the place
    of inferences.
    """

    against: Against
    figure: FigureName
    domain: str
    through_origin: bool = False
    per: str = INFERENCES

    @property
    def unit(self) -> str:
        """The figure's unit."""
        return "s" if self.figure == "seconds" else "J"

    def value(self, group: Group) -> tuple[float, float | None] | None:
        """A group's figure per inference with its ±; None if unknown."""
        if self.figure == "seconds":
            count = group.inferences
            return (group.seconds / count, None) if count and group.seconds > 0 else None
        domain = group.domains.get(self.domain)
        value = BY_NAME[self.figure].of(domain) if domain else None
        return (value.value, value.plus_minus) if value else None


@dataclass(frozen=True, slots=True)
class Fit:
    """A line with its relative residuals, point by point: (line − measured) / measured.

    `left_out_group` is by networks if there are several, else by layers. `two_lines` is None if
    there are too few points to tell.
    """

    line: Line
    residuals: tuple[float | None, ...]
    left_out_point: HeldOut | None
    left_out_group: HeldOut | None
    two_lines: LineTest | None

    @property
    def lines(self) -> tuple[Line, ...]:
        """One line, or two if a single line does not fit."""
        if self.two_lines is not None and self.two_lines.taken:
            return self.two_lines.left, self.two_lines.right
        return (self.line,)


@dataclass(frozen=True, slots=True)
class FitSeries:
    """Points that are fitted together; if a fit is None, `remarks` say why.

    `outliers` are the indices of points far from the robust line.
    """

    name: str
    points: tuple[FitPoint, ...]
    group_kind: str
    ordinary: Fit | None
    relative: Fit | None
    remarks: tuple[str, ...]
    robust: Fit | None = None
    outliers: tuple[int, ...] = ()

    def fit(self, weights: Weights) -> Fit | None:
        """The fit of these weights."""
        found: Fit | None = getattr(self, weights)
        return found


def read_points(
    network: str,
    run: str,
    summary: Summary,
    asked: FitRequest,
    macs: Mapping[str, int] | None = None,
) -> tuple[list[FitPoint], list[str]]:
    """The points of a summary, and remarks on missing ones. `macs` has MACs by label."""
    groups = summary.labels or ([summary.running] if summary.running else [])
    if not groups:
        return [], [f"{run}: nothing was marked as running"]
    points, missing = [], dict[str, list[str]]()
    parts = parts_of(summary)
    wholes = {part.whole for part in parts.values()}
    for group in groups:
        label = group.label
        if label in wholes:
            continue
        part = parts.get(label)
        number, family = carried(label, asked.against)
        if asked.against == "macs":
            known = (macs or {}).get(label)
            number = None if known is None else float(known)
        value = value_or_reason(group, asked)
        if not number:
            missing.setdefault(_no_number(asked.against, number), []).append(label)
        elif isinstance(value, str):
            missing.setdefault(value, []).append(label)
        else:
            named = network if part is None else network_of(network, part, len(wholes))
            # The layers of a network are one series, as they have one point each.
            kept, layer = (family, None) if part is None else ("", part.layer)
            points.append(FitPoint(named, run, label, kept, number, *value, layer))
    return points, [f"{run}: {shortened(labels)}: {reason}" for reason, labels in missing.items()]


def shortened(labels: Sequence[str]) -> str:
    """Labels in words; if there are many, the first, the last, and their number."""
    names = [label for label in labels if label]
    if len(names) > MOST_NAMED:
        return f"{names[0]} … {names[-1]} ({len(names)} labels)"
    return ", ".join(names) or "running"


def network_of(given: str, part: LayerName, wholes: int) -> str:
    """The network of a layer; the name given is used if the recording has only one."""
    words = (given, part.whole if wholes > 1 or not given else "")
    return " ".join(word for word in words if word)


def wholes(network: str, summary: Summary, asked: FitRequest) -> dict[str, float]:
    """Figures of the networks that ran as a whole beside their layers, by network."""
    names = wholes_of(summary)
    found = {}
    for group in summary.labels:
        value = asked.value(group) if group.label in names else None
        if value is not None and math.isfinite(value[0]):
            part = LayerName(group.label, "")
            found[network_of(network, part, len(names))] = value[0]
    return found


def layers_of(points: Iterable[FitPoint]) -> list[MeasuredLayer]:
    """The layers among the points, those of several runs averaged."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for point in points:
        if point.layer is not None:
            found.setdefault((point.network, point.label), []).append((point.x, point.y))
    return mean_layers(found)


def fit_networks(
    points: Iterable[FitPoint], through_origin: bool, without: Collection[str] = ()
) -> list[NetworkErrors]:
    """Each network except those in `without`, as the sum of its layers, from the other networks."""
    layers = layers_of(points)
    found = (network_errors(layers, weights, through_origin, without) for weights in WEIGHTS)
    return [errors for errors in found if errors is not None]


def fit_series(points: Sequence[FitPoint], through_origin: bool = False) -> list[FitSeries]:
    """All points together, then each network and layer separately if there are several."""
    networks = len({point.network for point in points}) > 1
    names = [_name(point, networks) for point in points]
    groups = [point.network if networks else point.family for point in points]
    kind = "network" if networks else "layer"
    found = [_series(ALL, points, groups, kind, through_origin)] if points else []
    apart = dict.fromkeys(names)
    if len(apart) > 1:
        for name in apart:
            own = [point for point, other in zip(points, names, strict=True) if other == name]
            found.append(_series(name, own, [""] * len(own), kind, through_origin))
    return found


def remarks_of(series: Iterable[FitSeries]) -> dict[str, str]:
    """The remarks on some series, each with the names of those that it is about."""
    about: dict[str, list[str]] = {}
    for each in series:
        for remark in each.remarks:
            about.setdefault(remark, []).append(each.name)
    return {remark: ", ".join(names) for remark, names in about.items()}


def series_dict(series: FitSeries, asked: FitRequest) -> dict[str, Any]:
    """A series as JSON."""
    return {
        "name": series.name,
        "points": [_point_dict(point, asked) for point in series.points],
        "group_kind": series.group_kind,
        **{weights: _fit_dict(series.fit(weights)) for weights in WEIGHTS},
        "outliers": list(series.outliers),
        "remarks": list(series.remarks),
    }


def _point_dict(point: FitPoint, asked: FitRequest) -> dict[str, Any]:
    """A point as JSON, with units in the keys."""
    found = asdict(point)
    y, plus_minus = found.pop("y"), found.pop("plus_minus")
    if asked.unit == "s":
        return {**found, "seconds": y, "plus_minus_s": plus_minus}
    return {**found, "energy_j": y, "plus_minus_j": plus_minus}


def value_or_reason(group: Group, asked: FitRequest) -> tuple[float, float | None] | str:
    """A label's figure and its ±, or the reason why there is none."""
    domain = group.domains.get(asked.domain)
    if domain is None and asked.figure != "seconds":
        return f"{asked.domain} was not recorded"
    value = asked.value(group)
    if value is None:
        if not group.inferences:
            return f"no {plural(asked.per)} were counted"
        if domain is None:
            return "it took no time"
        if asked.figure == "seconds" or asked.figure == "total" or domain.running_j is None:
            return f"the energy of {asked.domain} is unknown"
        baseline = BY_NAME[asked.figure].baseline
        return f"there is no {baseline} baseline for {asked.figure} energy"
    if not math.isfinite(value[0]):
        return f"its energy is {value[0]}"
    return value


def _no_number(against: Against, number: float | None) -> str:
    if against == "macs":
        return "its MACs are not known" if number is None else "it has no MACs"
    form = {
        "pixels": "224 or 64x64",
        "size": "224",
        "batch": "b32",
        "tokens": "t128",
        "concurrency": "c8",
    }[against]
    return f"no {against} in the label, as in {form}"


def _name(point: FitPoint, networks: bool) -> str:
    words = (point.network if networks else "", point.family)
    return " ".join(word for word in words if word) or ALL


def _series(
    name: str, points: Sequence[FitPoint], groups: Sequence[str], kind: str, through_origin: bool
) -> FitSeries:
    # Sorted, so that the order in which runs are named does not matter.
    order = sorted(range(len(points)), key=lambda place: (points[place].x, points[place].y))
    points, groups = [points[place] for place in order], [groups[place] for place in order]
    fits, remarks = dict[Weights, Fit | None](), []
    for weights in WEIGHTS:
        try:
            fits[weights] = _fit(points, groups, weights, through_origin)
        except NoLineError as error:
            fits[weights] = None
            remarks.append(str(error))
    xs, ys = [point.x for point in points], [point.y for point in points]
    robust = fits["robust"]
    far = outliers(robust.line, xs, ys) if robust else []
    if fits["ordinary"] is not None:
        remarks += _remarks(points, through_origin)
    if robust and far:
        remarks.append(_far(robust.line, [points[place] for place in far]))
    return FitSeries(
        name,
        tuple(points),
        kind,
        fits["ordinary"],
        fits["relative"],
        tuple(dict.fromkeys(remarks)),
        robust,
        tuple(far),
    )


def _fit(
    points: Sequence[FitPoint], groups: Sequence[str], weights: Weights, through_origin: bool
) -> Fit:
    xs, ys = [point.x for point in points], [point.y for point in points]
    line = fit_line(xs, ys, weights, through_origin)
    several = len(set(groups)) > 1
    return Fit(
        line,
        tuple(relative_residuals(line, xs, ys)),
        leave_one_out(xs, ys, weights, through_origin),
        left_out(xs, ys, weights, groups, through_origin) if several else None,
        # A breakpoint would need a second line with an intercept, and a likelihood.
        None if through_origin or weights == "robust" else compare_lines(xs, ys, weights),
    )


def _far(line: Line, points: Sequence[FitPoint]) -> str:
    """The outliers in words, the furthest first."""
    ranked = sorted(points, key=lambda point: abs(point.y / line.at(point.x) - 1), reverse=True)
    named = [
        f"{point.label or point.run} ({point.y / line.at(point.x):.3g} times the robust line)"
        for point in ranked[:MOST_OUTLIERS]
    ]
    more = f" and {len(ranked) - MOST_OUTLIERS} more" if len(ranked) > MOST_OUTLIERS else ""
    return f"far from all others: {', '.join(named)}{more}"


def _remarks(points: Sequence[FitPoint], through_origin: bool) -> Iterator[str]:
    if through_origin:
        if len(points) == 1:
            yield "one point: a line through the origin always goes through it"
    elif len(points) == 2:
        yield "two points: a line always goes through both, so its error is unknown"
    elif len(points) < LEAST_POINTS:
        yield f"{len(points)} points: at least {LEAST_POINTS} are needed to tell two lines from one"
    if negative := _labels(point for point in points if point.y <= 0):
        yield f"no relative residual if the measured value is not above zero: {negative}"


def _labels(points: Iterable[FitPoint]) -> str:
    return ", ".join(dict.fromkeys(point.label or point.run for point in points))


def _fit_dict(fit: Fit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    found = asdict(fit)
    if fit.two_lines is not None:
        found["two_lines"]["taken"] = fit.two_lines.taken
    return found
