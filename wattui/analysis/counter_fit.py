"""Energy or time per inference against several quantities: counters, time, MACs. Pure.

A point is one label of one run. The fit from MACs, of the same points, stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from recorders.counts import INFERENCES
from recorders.summary.figures import Group, Summary
from wattui.analysis.fit import ALL, FigureName, FitRequest, network_of, shortened, value_or_reason
from wattui.analysis.left_out import Fitter, HeldOut, held_out, sums_held_out
from wattui.analysis.parts import parts_of
from wattui.analysis.plane import Plane, Row, collinear, fit_plane
from wattui.analysis.regression import LEAST_SQUARES, LeastSquares, NoLineError, relative_error

# Regressors that are not counters: wall time, and multiply-accumulates, per inference.
SECONDS: Literal["seconds"] = "seconds"
MACS: Literal["macs"] = "macs"
INTERCEPT = "intercept"
# Of more points, several are left out at once.
MOST_OUT = 100
# Whose events a counter should count, and the remark if it did not.
MACHINE = "machine"
NOT_ALL = "the joules are the whole machine's, but {} counted the {} only"


@dataclass(frozen=True, slots=True)
class CounterRequest:
    """The fit asked for: a figure of a domain against quantities per inference."""

    against: tuple[str, ...]
    figure: FigureName
    domain: str
    through_origin: bool = False
    per: str = INFERENCES

    @property
    def as_line(self) -> FitRequest:
        """The same figure against MACs."""
        return FitRequest(MACS, self.figure, self.domain, self.through_origin, self.per)


@dataclass(frozen=True, slots=True)
class CounterPoint:
    """Energy (J) or time (s) of one label of one run per inference, with its quantities `xs`.

    `of` says what each counter counted; `layer` is as in `FitPoint`; `macs` None: unknown.
    """

    network: str
    run: str
    label: str
    family: str
    xs: Row
    y: float
    plus_minus: float | None
    of: tuple[str, ...]
    macs: float | None = None
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class CounterFit:
    """A fit with its relative residuals, and errors for points and networks left out.

    `left_out_sums`: networks as sums of their layers, if the points are layers.
    """

    plane: Plane
    residuals: tuple[float | None, ...]
    left_out_point: HeldOut | None
    left_out_network: HeldOut | None
    left_out_sums: HeldOut | None


@dataclass(frozen=True, slots=True)
class CounterFits:
    """Fits of the same points by their weights, with `names` of the regressors; `remarks` say why
    there is none, or what makes its coefficients uncertain."""

    names: tuple[str, ...]
    fits: Mapping[LeastSquares, CounterFit]
    remarks: tuple[str, ...]


def counter_points(
    network: str, run: str, summary: Summary, asked: CounterRequest, macs: Mapping[str, int]
) -> tuple[list[CounterPoint], list[str]]:
    """The points of a summary, and remarks on missing ones."""
    groups = summary.labels or ([summary.running] if summary.running else [])
    if not groups:
        return [], [f"{run}: nothing was marked as running"]
    parts = parts_of(summary)
    wholes = {part.whole for part in parts.values()}
    points, missing = [], dict[str, list[str]]()
    for group in groups:
        label, part = group.label, parts.get(group.label)
        if label in wholes:
            continue
        value = value_or_reason(group, asked.as_line)
        known = counter_quantities(group, asked.against, macs)
        if isinstance(value, str):
            missing.setdefault(value, []).append(label)
        elif known is None:
            unknown = [n for n in asked.against if _quantity(group, n, macs) is None]
            missing.setdefault(f"{', '.join(unknown)} is not known", []).append(label)
        else:
            named = network if part is None else network_of(network, part, len(wholes))
            of = tuple(scope_of(group, name) for name in asked.against)
            own = macs.get(label)
            layer = part.layer if part else None
            point = CounterPoint(
                named,
                run,
                label,
                label if part is None else "",
                known,
                *value,
                of,
                None if not own else float(own),
                layer,
            )
            points.append(point)
    return points, [f"{run}: {shortened(labels)}: {why}" for why, labels in missing.items()]


def counter_quantities(group: Group, names: Sequence[str], macs: Mapping[str, int]) -> Row | None:
    """A group's quantities per inference; None if one is unknown."""
    xs = [_quantity(group, name, macs) for name in names]
    known = tuple(x for x in xs if x is not None)
    return known if len(known) == len(xs) else None


def scope_of(group: Group, name: str) -> str:
    """Whose events a quantity counted; empty if unknown, or if it is not a counter."""
    found = group.counters.get(name)
    return found.of if found else ""


def _quantity(group: Group, name: str, macs: Mapping[str, int]) -> float | None:
    """A group's quantity per inference; None if unknown."""
    if name == SECONDS:
        return group.seconds / group.inferences if group.inferences else None
    if name == MACS:
        own = macs.get(group.label)
        return None if own is None else float(own)
    found = group.counters.get(name)
    return found.per_inference if found else None


def fit_counters(points: Sequence[CounterPoint], asked: CounterRequest) -> CounterFits:
    """The fit against the quantities asked for."""
    rows = [point.xs for point in points]
    return _fits(points, rows, asked.against, asked.through_origin)


def fit_macs(points: Sequence[CounterPoint], asked: CounterRequest) -> CounterFits | None:
    """The fit of the same points against MACs alone; None unless they are known for all, or if this
    is what was asked for."""
    known = [point.macs for point in points if point.macs is not None]
    if len(known) < len(points) or asked.against == (MACS,):
        return None
    return _fits(points, [(macs,) for macs in known], (MACS,), asked.through_origin)


def scopes(points: Sequence[CounterPoint], names: Sequence[str]) -> Iterator[tuple[str, set[str]]]:
    """Whose events each counter counted in the points."""
    for place, name in enumerate(names):
        if found := {point.of[place] for point in points} - {""}:
            yield name, found


def _fits(
    points: Sequence[CounterPoint],
    rows: Sequence[Row],
    names: tuple[str, ...],
    through_origin: bool,
) -> CounterFits:
    fits: dict[LeastSquares, CounterFit] = {}
    remarks: list[str] = []
    for weights in LEAST_SQUARES:
        try:
            fits[weights] = _fit(points, rows, weights, through_origin)
        except NoLineError as error:
            remarks.append(str(error))
    for fit in list(fits.values())[:1]:
        remarks += collinear(fit.plane, names)
        if fit.plane.residual_sd is None:
            remarks.append("as many coefficients as points: their errors are unknown")
    if not fits and len(rows) > len(names):
        remarks += _still(rows, names, through_origin)
    return CounterFits(names, fits, tuple(dict.fromkeys(remarks)))


def _still(rows: Sequence[Row], names: Sequence[str], through_origin: bool) -> Iterator[str]:
    """Remarks on quantities that no fit can tell from its intercept, or from nothing."""
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        least, most = min(column), max(column)
        if not most or (not through_origin and math.isclose(least, most, rel_tol=1e-9)):
            yield f"{name} is {'the same' if most else '0'} in all points: fix: leave it out"


def _fit(
    points: Sequence[CounterPoint],
    rows: Sequence[Row],
    weights: LeastSquares,
    through_origin: bool,
) -> CounterFit:
    ys, networks = [point.y for point in points], [point.network for point in points]

    def fit(xs: Sequence[Row], values: Sequence[float]) -> Plane:
        return fit_plane(xs, values, weights, through_origin)

    plane, several = fit(rows, ys), len(set(networks)) > 1
    fitter: Fitter[Row] = fit
    layers = all(point.layer is not None for point in points)
    return CounterFit(
        plane,
        tuple(relative_error(plane.at(row), y) for row, y in zip(rows, ys, strict=True)),
        held_out(rows, ys, [str(place % MOST_OUT) for place in range(len(rows))], fitter),
        held_out(rows, ys, networks, fitter) if several else None,
        sums_held_out(rows, ys, networks, fitter) if several and layers else None,
    )


@dataclass(frozen=True, slots=True)
class SavedCounterFit:
    """A fit against several quantities as it was saved: what was asked, its origin, and of each
    point its network, quantities and value. `counted` says what each counter counted."""

    asked: CounterRequest
    origin: str
    points: tuple[tuple[str, Row, float], ...]
    counted: Mapping[str, str]

    @property
    def rows(self) -> list[Row]:
        """The quantities of each point."""
        return [row for _, row, _ in self.points]

    def plane(self, weights: LeastSquares) -> Plane:
        """The fit again. Raises NoLineError."""
        return fit_plane(self.rows, self._ys, weights, self.asked.through_origin)

    def left_out(self, weights: LeastSquares) -> tuple[str, HeldOut | None]:
        """The network or point left out, and the errors of predicting it."""
        networks = [network for network, _, _ in self.points]
        several = len(set(networks)) > 1
        groups = networks if several else [str(n % MOST_OUT) for n in range(len(networks))]

        def fit(xs: Sequence[Row], ys: Sequence[float]) -> Plane:
            return fit_plane(xs, ys, weights, self.asked.through_origin)

        found = held_out(self.rows, self._ys, groups, fit)
        return "network" if several else "point", found

    @property
    def _ys(self) -> list[float]:
        return [y for *_, y in self.points]


def fits_dict(found: CounterFits, points: Sequence[CounterPoint], unit: str) -> dict[str, Any]:
    """Fits as JSON (docs/fitting.md)."""
    return {
        "name": ALL,
        "terms": list(found.names),
        "points": [_point_dict(point, found.names, unit) for point in points],
        **{weights: _fit_dict(found.fits.get(weights), found.names) for weights in LEAST_SQUARES},
        "remarks": list(found.remarks),
    }


def _point_dict(point: CounterPoint, names: Sequence[str], unit: str) -> dict[str, Any]:
    y, plus_minus = ("seconds", "plus_minus_s") if unit == "s" else ("energy_j", "plus_minus_j")
    xs = (point.macs,) if tuple(names) == (MACS,) else point.xs
    return {
        "network": point.network,
        "run": point.run,
        "label": point.label,
        "layer": point.layer,
        "x": dict(zip(names, xs, strict=True)),
        y: point.y,
        plus_minus: point.plus_minus,
    }


def _fit_dict(fit: CounterFit | None, names: Sequence[str]) -> dict[str, Any] | None:
    if fit is None:
        return None
    found = asdict(fit)
    plane = found["plane"]
    # Its points give it again.
    del plane["spread"]
    plane["terms"] = dict(zip(names, plane["terms"], strict=True))
    if math.isinf(plane["condition"]):
        plane["condition"] = None
    return found
