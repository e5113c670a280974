"""`wattui predict`: the energy of a model that was not measured, from its MACs and a fit."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from recorders.summary.stats import grouped
from wattui.analysis.counter_fit import SavedCounterFit
from wattui.analysis.fit import ALL, VERSION, Fit, FitSeries
from wattui.analysis.fit_json import WRITTEN_BY, NoFitError, SavedFit, read_fit
from wattui.analysis.left_out import HeldOut
from wattui.analysis.macs import BUNDLED, SPEC, model_macs, shape_of
from wattui.analysis.networks import network_interval
from wattui.analysis.regression import WEIGHTS, Line
from wattui.commands.parser import Parser
from wattui.commands.predict_run import predict_run
from wattui.errors import UsageError, unreadable
from wattui.show.printing import print_json
from wattui.show.quantities import energy_unit, with_uncertainty

MOST_MACS = 1e18


@dataclass(frozen=True, slots=True)
class Chosen:
    """The line used to predict, the range of its points, its mean relative error, and the ratios of
    measured to predicted of the networks that were left out.

    `xs` are what is predicted and summed: the MACs of a model, or of each of its layers by the line
    of layers. `part` is "before" or "after" if a single line did not fit; `error` is that of
    predictions of a `left_out` point or network.
    """

    line: Line
    xs: tuple[int, ...]
    part: str | None
    least_x: float
    most_x: float
    series: str
    left_out: str
    error: HeldOut | None
    ratios: tuple[float, ...]


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui predict`."""
    made = Parser(
        prog="wattui predict",
        description="Predict a model's energy per inference from its MACs and a fit written by "
        "`wattui fit --against macs --json FIT.json`.",
    )
    made.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help=f"{', '.join(BUNDLED)}, or a spec{SPEC}; for a fit against counters, a run file",
    )
    made.add_argument(
        "--macs", type=_macs, metavar="N", help="MACs per inference, in place of MODEL"
    )
    made.add_argument("--fit", required=True, metavar="FIT.json", help="fit to predict from")
    made.add_argument(
        "--input", type=shape_of, metavar="SHAPE", help="input shape, such as 3,224,224"
    )
    made.add_argument("--series", default="all", help="series of the fit to use (default: all)")
    made.add_argument(
        "--weights",
        choices=WEIGHTS,
        help="which line to use (default: the one with the smaller leave-one-out error)",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    return made


def main(options: argparse.Namespace) -> int:
    """Print the prediction. Raises UsageError."""
    if (options.model is None) == (options.macs is None):
        raise UsageError("which model? give either MODEL or --macs N")
    if options.macs is not None and options.input is not None:
        raise UsageError("--input has no effect with --macs: give one of the two")
    fit = _read(Path(options.fit))
    if isinstance(fit, SavedCounterFit):
        return predict_run(fit, options)
    if options.model is None:
        title, layers = "a model", tuple[int, ...]([options.macs])
    else:
        title, layers = model_macs(options.model, options.input)
    found = _prediction(fit, _choose(fit, options, layers), title, layers)
    if options.json:
        print_json(found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0


def _macs(text: str) -> int:
    try:
        value = float(text.replace("_", "").replace(",", ""))
    except ValueError:
        value = math.nan
    if not (0 < value < MOST_MACS and value == int(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of MACs")
    return int(value)


def _read(path: Path) -> SavedFit | SavedCounterFit:
    try:
        return read_fit(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise unreadable(f"--fit {path}", error) from None
    except NoFitError as error:
        raise UsageError(f"--fit {path} {error}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--fit {path} is not JSON: {WRITTEN_BY}") from None


def _choose(fit: SavedFit, options: argparse.Namespace, layers: tuple[int, ...]) -> Chosen:
    by_name = {series.name: series for series in fit.series}
    if options.series not in by_name:
        raise UsageError(f"--series {options.series}: there are {', '.join(by_name)}")
    series = by_name[options.series]
    fits = {weights: found for weights in WEIGHTS if (found := series.fit(weights))}
    if options.weights and options.weights not in fits:
        raise UsageError(f"there is no {options.weights} line: {'; '.join(series.remarks)}")
    if not fits:
        raise UsageError(f"the fit has no line: {'; '.join(series.remarks)}")
    found = fits[options.weights or min(fits, key=lambda weights: _left_out_mean(fits[weights]))]
    xs = [point.x for point in series.points]
    left_out = series.group_kind if found.left_out_group else "point"
    error = found.left_out_group or found.left_out_point
    ratios, macs = _ratios(fit, series, found), sum(layers)
    if fit.networks and series.name == ALL and (options.model or found.line.through_origin):
        return Chosen(found.line, layers, None, min(xs), max(xs), ALL, left_out, error, ratios)
    line, part = _part(found, macs)
    if fit.networks:
        ratios = ()
    return Chosen(line, (macs,), part, min(xs), max(xs), series.name, left_out, error, ratios)


def _ratios(fit: SavedFit, series: FitSeries, found: Fit) -> tuple[float, ...]:
    """Measured over predicted of each network left out, as the sum of its layers or by the mean of
    its points; empty for a series of one network."""
    if series.name != ALL:
        return ()
    rows = [r for e in fit.networks if e.weights == found.line.weights for r in e.rows]
    if rows:
        return tuple(row.measured / row.predicted for row in rows if row.predicted > 0)
    if series.group_kind != "network" or found.left_out_group is None:
        return ()
    errors = zip(series.points, found.left_out_group.errors, strict=False)
    known = [(point.network, error) for point, error in errors if error is not None and error > -1]
    of_network = grouped(known, itemgetter(0)).values()
    return tuple(math.fsum(1 / (1 + e) for _, e in own) / len(own) for own in of_network)


def _part(fit: Fit, macs: int) -> tuple[Line, str | None]:
    """The line, or that of its two sides on which the model lies."""
    if fit.two_lines is None or len(fit.lines) == 1:
        return fit.line, None
    left, right = fit.lines
    return (left, "before") if macs <= fit.two_lines.at else (right, "after")


def _left_out_mean(fit: Fit) -> float:
    return fit.left_out_point.mean if fit.left_out_point else math.inf


def _prediction(
    fit: SavedFit, chosen: Chosen, title: str, layers: tuple[int, ...]
) -> dict[str, Any]:
    """The prediction as JSON (docs/fitting.md). Raises UsageError if it is beyond any number."""
    line, error, macs = chosen.line, chosen.error, sum(layers)
    try:
        value = math.fsum(map(line.at, chosen.xs))
        half = line.plus_minus(macs) if len(chosen.xs) == 1 else None
    except (ArithmeticError, ValueError):  # ValueError: fewer points than parameters
        value, half = math.inf, None
    of_networks = network_interval(value, chosen.ratios)
    half = half if of_networks is None else of_networks
    if not math.isfinite(value) or not math.isfinite(half or 0.0):
        raise UsageError(f"the line of series {chosen.series} has no finite value at {macs:,} MACs")
    return {
        "version": VERSION,
        "kind": "prediction",
        "model": title,
        "macs": macs,
        "figure": fit.figure,
        "domain": fit.domain,
        "origin": fit.origin,
        "series": chosen.series,
        "weights": line.weights,
        "part": chosen.part,
        "points": line.points,
        "through_origin": line.through_origin,
        "j_per_inference": value,
        "plus_minus_j": half,
        "interval_pct": 95,
        "interval_from": "points" if of_networks is None else "networks",
        "fitted_macs": [chosen.least_x, chosen.most_x],
        "layers": len(chosen.xs) if fit.networks else None,
        "extrapolated": not chosen.least_x <= min(chosen.xs) <= max(chosen.xs) <= chosen.most_x,
        "left_out": error and {"what": chosen.left_out, "mean": error.mean, "sd": error.sd},
    }


def _lines(found: dict[str, Any]) -> list[str]:
    """A prediction in words."""
    value, half = found["j_per_inference"], found["plus_minus_j"]
    factor, unit = energy_unit([value])
    origin = found["origin"]
    kind = "ESTIMATED, not measured" if origin == "estimated" else f"{origin} ({found['domain']})"
    part = f", the line {found['part']} the breakpoint" if found["part"] else ""
    if found["through_origin"]:
        part = ", a line through the origin"
    line = "robust line" if found["weights"] == "robust" else f"{found['weights']} least squares"
    apart = ", from networks left out" if found["interval_from"] == "networks" else ""
    lines = [
        f"{found['model']}: {found['macs']:,} MACs",
        f"{with_uncertainty(value, half, factor)} {unit} per inference, predicted"
        + (f" (95 % prediction interval{apart})" if half is not None else " (± ?: too few points)"),
        f"{found['figure']} energy, {kind}; {line}, {found['points']} "
        f"points of series {found['series']}{part}",
    ]
    if error := found["left_out"]:
        sd = "" if error["sd"] is None else f" ± {100 * error['sd']:.1f}"
        lines.append(
            f"error for a {error['what']} left out of the fit: {100 * error['mean']:.1f}{sd} %"
        )
    if found["extrapolated"]:
        low, high = found["fitted_macs"]
        lines.append(f"! extrapolated: the fit covers {low:,.0f} to {high:,.0f} MACs")
    if value <= 0:
        lines.append("! an energy cannot be zero or negative: the fit does not apply here")
    return lines
