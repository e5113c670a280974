"""Energy per inference against what a label carries, or against MACs. Pure.

Points come from summaries; each series of points (all of them, and those of each network or layer)
gets an ordinary and a relative line, and the errors by which to judge them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from wattui.analysis.breakpoint import LEAST_POINTS, Comparison, compare_lines
from wattui.analysis.label_numbers import Against, carried
from wattui.analysis.left_out import LeftOut, leave_one_out, left_out
from wattui.analysis.regression import (
    WEIGHTS,
    Line,
    NoLineError,
    Weights,
    fit_line,
    relative_residuals,
)

VERSION = 1
ALL = "all"
Figure = Literal["total", "dynamic", "marginal"]
FIGURES: tuple[Figure, ...] = ("total", "dynamic", "marginal")


@dataclass(frozen=True, slots=True)
class Point:
    """Energy per inference of one label of one run; `plus_minus_j` None: unknown."""

    network: str
    run: str
    label: str
    family: str
    x: float
    energy_j: float
    plus_minus_j: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is fitted: a figure of a domain, against a quantity."""

    against: Against
    figure: Figure
    domain: str

    @property
    def key(self) -> str:
        """The figure's key in a summary."""
        return f"{self.figure}_j_per_inference"


@dataclass(frozen=True, slots=True)
class Fit:
    """A line with its relative residuals, point by point: (line − measured) / measured.

    `left_out_group` is by networks where there are several, else by layers. `two_lines` is None
    where there are too few points to tell.
    """

    line: Line
    residuals: tuple[float | None, ...]
    left_out_point: LeftOut | None
    left_out_group: LeftOut | None
    two_lines: Comparison | None

    @property
    def lines(self) -> tuple[Line, ...]:
        """One line, or two where one does not do."""
        if self.two_lines is not None and self.two_lines.taken:
            return self.two_lines.left, self.two_lines.right
        return (self.line,)


@dataclass(frozen=True, slots=True)
class Series:
    """Points that are fitted together; a fit is None where `remarks` say why."""

    name: str
    points: tuple[Point, ...]
    group_kind: str
    ordinary: Fit | None
    relative: Fit | None
    remarks: tuple[str, ...]

    def fit(self, weights: Weights) -> Fit | None:
        """The fit of these weights."""
        return self.ordinary if weights == "ordinary" else self.relative


def read_points(
    network: str,
    run: str,
    summary: Mapping[str, Any],
    asked: Asked,
    macs: Mapping[str, int] | None = None,
) -> tuple[list[Point], list[str]]:
    """The points of a summary, and what is missing, in words. `macs` has MACs by label."""
    groups = summary["labels"] or ([summary["running"]] if summary["running"] else [])
    if not groups:
        return [], [f"{run}: nothing was marked as running"]
    points, missing = [], dict[str, list[str]]()
    for group in groups:
        label = group["label"]
        number, family = carried(label, asked.against)
        if asked.against == "macs":
            known = (macs or {}).get(label)
            number = None if known is None else float(known)
        value = _value(group, asked)
        if not number:
            missing.setdefault(_no_number(asked.against, number), []).append(label)
        elif isinstance(value, str):
            missing.setdefault(value, []).append(label)
        else:
            points.append(Point(network, run, label, family, number, *value))
    return points, [
        f"{run}: {', '.join(filter(None, labels)) or 'running'}: {reason}"
        for reason, labels in missing.items()
    ]


def fit_series(points: Sequence[Point]) -> list[Series]:
    """All points together, then each network and layer apart where there are several."""
    networks = len({point.network for point in points}) > 1
    names = [_name(point, networks) for point in points]
    groups = [point.network if networks else point.family for point in points]
    kind = "network" if networks else "layer"
    found = [_series(ALL, points, groups, kind)] if points else []
    apart = dict.fromkeys(names)
    if len(apart) > 1:
        for name in apart:
            own = [point for point, other in zip(points, names, strict=True) if other == name]
            found.append(_series(name, own, [""] * len(own), kind))
    return found


def series_dict(series: Series) -> dict[str, Any]:
    """A series as JSON."""
    return {
        "name": series.name,
        "points": [asdict(point) for point in series.points],
        "group_kind": series.group_kind,
        **{weights: _fit_dict(series.fit(weights)) for weights in WEIGHTS},
        "remarks": list(series.remarks),
    }


def _value(group: Mapping[str, Any], asked: Asked) -> tuple[float, float | None] | str:
    """A label's figure and its ±, or in words why there is none."""
    domain = group["domains"].get(asked.domain)
    if domain is None:
        return f"{asked.domain} was not recorded"
    value = domain[asked.key]
    if value is None:
        if not group["inferences"]:
            return "no inferences were counted"
        if domain["running_j"] is None or asked.figure == "total":
            return f"the energy of {asked.domain} is unknown"
        baseline = "idle" if asked.figure == "dynamic" else "armed"
        return f"there is no {baseline} baseline for {asked.figure} energy"
    if not math.isfinite(value["value"]):
        return f"its energy is {value['value']}"
    return value["value"], value["plus_minus"]


def _no_number(against: Against, number: float | None) -> str:
    if against == "macs":
        return "MACs are not known" if number is None else "no MACs are made in it"
    form = {"pixels": "224 or 64x64", "size": "224", "batch": "b32", "tokens": "t128"}[against]
    return f"no {against} in the label, as in {form}"


def _name(point: Point, networks: bool) -> str:
    words = (point.network if networks else "", point.family)
    return " ".join(word for word in words if word) or ALL


def _series(name: str, points: Sequence[Point], groups: Sequence[str], kind: str) -> Series:
    # Sorted, so that the order in which runs are named does not matter.
    order = sorted(range(len(points)), key=lambda place: (points[place].x, points[place].energy_j))
    points, groups = [points[place] for place in order], [groups[place] for place in order]
    fits, remarks = dict[Weights, Fit | None](), []
    for weights in WEIGHTS:
        try:
            fits[weights] = _fit(points, groups, weights)
        except NoLineError as error:
            fits[weights] = None
            remarks.append(str(error))
    if fits["ordinary"] is not None:
        remarks += _remarks(points)
    return Series(
        name,
        tuple(points),
        kind,
        fits["ordinary"],
        fits["relative"],
        tuple(dict.fromkeys(remarks)),
    )


def _fit(points: Sequence[Point], groups: Sequence[str], weights: Weights) -> Fit:
    xs, ys = [point.x for point in points], [point.energy_j for point in points]
    line = fit_line(xs, ys, weights)
    return Fit(
        line,
        tuple(relative_residuals(line, xs, ys)),
        leave_one_out(xs, ys, weights),
        left_out(xs, ys, weights, groups) if len(set(groups)) > 1 else None,
        compare_lines(xs, ys, weights),
    )


def _remarks(points: Sequence[Point]) -> Iterator[str]:
    if len(points) == 2:
        yield "two points: a line always goes through both, its error is unknown"
    elif len(points) < LEAST_POINTS:
        yield f"{len(points)} points: two lines cannot be told from one with under {LEAST_POINTS}"
    if negative := _labels(point for point in points if point.energy_j <= 0):
        yield f"no relative residual where the energy is not above zero: {negative}"


def _labels(points: Iterable[Point]) -> str:
    return ", ".join(dict.fromkeys(point.label or point.run for point in points))


def _fit_dict(fit: Fit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    found = asdict(fit)
    if fit.two_lines is not None:
        found["two_lines"]["taken"] = fit.two_lines.taken
    return found
