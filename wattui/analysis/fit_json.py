"""Reads the JSON of a fit, as `wattui fit --json` writes it (docs/fitting.md). Pure.

The only reader of it: what is missing or malformed is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from recorders.counts import INFERENCES
from recorders.json_parts import (
    WrongPartError,
    an_object,
    dict_of,
    flag,
    list_of,
    one_of,
    optional,
    part,
    record,
    text,
    tuple_of,
    whole,
)
from wattui.analysis.breakpoint import LineTest
from wattui.analysis.counter_fit import CounterRequest, SavedCounterFit
from wattui.analysis.fit import FIGURES, VERSION, Fit, FitPoint, FitSeries
from wattui.analysis.left_out import HeldOut
from wattui.analysis.networks import NetworkError, NetworkErrors
from wattui.analysis.regression import WEIGHTS, Line

KIND = "fit"
WRITTEN_BY = "fix: use a file that wattui fit --json wrote"


class NoFitError(ValueError):
    """This is not a fit of energy against MACs; the text says why, and how to fix it."""


@dataclass(frozen=True, slots=True)
class SavedFit:
    """A fit of energy against MACs: what was fitted, its series, and its networks as the sums of
    their layers."""

    figure: str
    domain: str
    origin: str
    series: tuple[FitSeries, ...]
    networks: tuple[NetworkErrors, ...]


def read_fit(found: Any) -> SavedFit | SavedCounterFit:
    """The fit in a document. Raises NoFitError."""
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise NoFitError(f"is not a fit: {WRITTEN_BY}")
    if found.get("version") != VERSION:
        raise NoFitError("was written by another version of wattui: fix: write it again")
    if (against := found.get("against")) != "macs" and not isinstance(against, list):
        raise NoFitError(f"is a fit against {against}: fix: write one with --against macs")
    if found.get("figure") == "seconds":
        raise NoFitError("is a fit of time, not energy: fix: write one with --figure total")
    if (per := found.get("per", INFERENCES)) != INFERENCES:
        raise NoFitError(f"is a fit per {per}, not per inference: fix: write one without --per")
    try:
        if isinstance(against, list):
            return _counter_fit(found)
        return _FIT_FILE({"networks": None, **found})
    except WrongPartError as error:
        raise NoFitError(f"is damaged ({error}): {WRITTEN_BY}") from None


def _real(found: Any) -> float:
    """A number of any size: weights and squares of MACs are beyond that of a figure."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise WrongPartError("not a number")
    if not math.isfinite(found):
        raise WrongPartError("not finite")
    return float(found)


def _size(found: Any) -> float:
    if (value := _real(found)) < 0:
        raise WrongPartError("negative")
    return value


def _above_zero(found: Any) -> float:
    if (value := _real(found)) <= 0:
        raise WrongPartError("not above zero")
    return value


def _point(energy_j: float, plus_minus_j: float | None, **others: Any) -> FitPoint:
    return FitPoint(y=energy_j, plus_minus=plus_minus_j, **others)


def _points(found: Any) -> tuple[FitPoint, ...]:
    if not (points := tuple_of(_POINT)(found)):
        raise WrongPartError("there are none")
    return points


_ERROR = optional(_size)
_POINT = record(
    _point,
    network=text,
    run=text,
    label=text,
    family=text,
    x=_real,
    energy_j=_real,
    plus_minus_j=_ERROR,
    layer=optional(text),
)
_LINE = record(
    Line,
    weights=one_of(*WEIGHTS),
    points=whole,
    intercept=_real,
    slope=_real,
    intercept_error=_ERROR,
    slope_error=_ERROR,
    r2=optional(_real),
    residual_sd=_ERROR,
    weight=_above_zero,
    mean_x=_real,
    spread_x=_above_zero,
    through_origin=flag,
)
_HELD_OUT = record(
    HeldOut, groups=tuple_of(text), mean=_size, sd=_ERROR, errors=tuple_of(optional(_real))
)
_TWO_LINES = record(
    LineTest,
    aicc_one=_real,
    aicc_two=_real,
    last_x=_real,
    first_x=_real,
    at=_real,
    jump=_real,
    left=_LINE,
    right=_LINE,
)
_FIT = record(
    Fit,
    line=_LINE,
    residuals=tuple_of(optional(_real)),
    left_out_point=optional(_HELD_OUT),
    left_out_group=optional(_HELD_OUT),
    two_lines=optional(_TWO_LINES),
)
_SERIES = record(
    FitSeries,
    name=text,
    points=_points,
    group_kind=text,
    ordinary=optional(_FIT),
    relative=optional(_FIT),
    remarks=tuple_of(text),
    robust=optional(_FIT),
    outliers=tuple_of(whole),
)
_NETWORK = record(
    NetworkError,
    network=text,
    layers=whole,
    x=_real,
    measured=_real,
    predicted=_real,
    error=optional(_real),
    layer_error=_ERROR,
)
_NETWORK_ERRORS = record(
    NetworkErrors, weights=one_of(*WEIGHTS), rows=tuple_of(_NETWORK), mean=_size, sd=_ERROR
)


def _series(found: Any) -> FitSeries:
    """Earlier versions had no robust line."""
    return _SERIES({"robust": None, "outliers": [], **an_object(found)})


def _networks(found: Any) -> tuple[NetworkErrors, ...]:
    return () if found is None else part(found, "every", tuple_of(_NETWORK_ERRORS))


def _counter_fit(found: dict[str, Any]) -> SavedCounterFit:
    """A fit against several quantities, whose points have them all."""
    against = part(found, "against", tuple_of(text))
    xs = record(lambda **x: tuple(x[name] for name in against), **dict.fromkeys(against, _real))
    point = record(
        lambda network, x, energy_j: (network, x, energy_j), network=text, x=xs, energy_j=_real
    )
    (series, *_) = part(found, "series", list_of(an_object)) or [{}]
    points = part(series, "points", tuple_of(point))
    if not points or not against:
        raise WrongPartError("there are no points")
    figure, domain = part(found, "figure", one_of(*FIGURES)), part(found, "domain", text)
    asked = CounterRequest(against, figure, domain, part(found, "through_origin", flag))
    counted = part(found, "counted", dict_of(text))
    return SavedCounterFit(asked, part(found, "origin", text), points, counted)


_FIT_FILE = record(
    SavedFit,
    figure=text,
    domain=text,
    origin=text,
    series=tuple_of(_series),
    networks=_networks,
)
