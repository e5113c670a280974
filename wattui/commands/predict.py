"""`wattui predict`: the energy of a model that was not measured, from its MACs and a fit."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattui.analysis.fit import VERSION
from wattui.analysis.macs import BUNDLED, SPEC, model_macs, shape_of
from wattui.analysis.regression import WEIGHTS, Line
from wattui.commands.parser import Parser
from wattui.errors import UsageError, unreadable
from wattui.show.quantities import energy_unit, with_uncertainty

MOST_MACS = 1e18


@dataclass(frozen=True, slots=True)
class Chosen:
    """The line used to predict, the range of its points, and its mean relative error.

    `part` is "before" or "after" if a single line did not fit.
    """

    line: Line
    part: str | None
    least_x: float
    most_x: float
    series: str
    error: dict[str, Any] | None


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui predict`."""
    made = Parser(
        prog="wattui predict",
        description="Predict a model's energy per inference from its MACs and a fit written by "
        "`wattui fit --against macs --json FIT.json`.",
    )
    made.add_argument(
        "model", nargs="?", metavar="MODEL", help=f"{', '.join(BUNDLED)}, or a spec{SPEC}"
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
    if options.model is None:
        title, macs = "a model", options.macs
    else:
        title, macs = model_macs(options.model, options.input)
    found = predicted(fit, options, title, macs)
    if options.json:
        json.dump(found, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0


def predicted(
    fit: dict[str, Any], options: argparse.Namespace, title: str, macs: int
) -> dict[str, Any]:
    """The prediction as JSON (docs/fitting.md). Raises UsageError for a fit that is damaged."""
    try:
        return _prediction(fit, _choose(fit, options, macs), title, macs)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, ArithmeticError):
        raise UsageError(
            f"{options.fit} is an incomplete fit: write it again with wattui fit"
        ) from None


def _macs(text: str) -> int:
    try:
        value = float(text.replace("_", "").replace(",", ""))
    except ValueError:
        value = math.nan
    if not (0 < value < MOST_MACS and value == int(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of MACs")
    return int(value)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(f"--fit {path}", error) from None
    except (ValueError, RecursionError):
        raise UsageError(
            f"--fit {path} is not JSON: fix: use a file that wattui fit --json wrote"
        ) from None
    if not isinstance(found, dict) or found.get("kind") != "fit":
        raise UsageError(f"--fit {path} is not a fit: fix: use a file that wattui fit --json wrote")
    if found.get("version") != VERSION:
        raise UsageError(
            f"--fit {path} was written by another version of wattui: fix: write it again"
        )
    if found.get("against") != "macs":
        raise UsageError(
            f"--fit {path} is a fit against {found.get('against')}: fix: write one with "
            "--against macs"
        )
    if found.get("figure") == "seconds":
        raise UsageError(
            f"--fit {path} is a fit of time, not energy: fix: write one with --figure total"
        )
    return found


def _choose(fit: dict[str, Any], options: argparse.Namespace, macs: int) -> Chosen:
    by_name = {series["name"]: series for series in fit["series"]}
    if options.series not in by_name:
        raise UsageError(f"--series {options.series}: there are {', '.join(by_name)}")
    series = by_name[options.series]
    fits = {weights: series[weights] for weights in WEIGHTS if series[weights]}
    if options.weights and options.weights not in fits:
        raise UsageError(f"there is no {options.weights} line: {'; '.join(series['remarks'])}")
    if not fits:
        raise UsageError(f"the fit has no line: {'; '.join(series['remarks'])}")
    weights = options.weights or min(fits, key=lambda name: _left_out_mean(fits[name]))
    found = fits[weights]
    xs = [_real(point["x"]) for point in series["points"]]
    line, part = _part(found, macs)
    return Chosen(line, part, min(xs), max(xs), options.series, _error(series, found))


def _part(fit: dict[str, Any], macs: int) -> tuple[Line, str | None]:
    """The line, or that of its two sides on which the model lies."""
    two = fit["two_lines"]
    if not two or not two["taken"]:
        return _line(fit["line"]), None
    before = macs <= two["at"]
    return _line(two["left" if before else "right"]), "before" if before else "after"


def _left_out_mean(fit: dict[str, Any]) -> float:
    left_out = fit["left_out_point"]
    return _real(left_out["mean"], 0) if left_out else math.inf


def _error(series: dict[str, Any], fit: dict[str, Any]) -> dict[str, Any] | None:
    """Prediction error for a network left out of the fit, or else for a point left out."""
    found, what = fit["left_out_group"], series["group_kind"]
    if not found:
        found, what = fit["left_out_point"], "point"
    if not found:
        return None
    sd = None if found["sd"] is None else _real(found["sd"], 0)
    return {"what": str(what), "mean": _real(found["mean"], 0), "sd": sd}


def _line(data: dict[str, Any]) -> Line:
    if data["weights"] not in WEIGHTS:
        raise ValueError
    sd = data["residual_sd"]
    through_origin = data.get("through_origin") is True
    return Line(
        data["weights"],
        int(_real(data["points"], 1 if through_origin else 2)),
        _real(data["intercept"]),
        _real(data["slope"]),
        data["intercept_error"],
        data["slope_error"],
        data["r2"],
        None if sd is None else _real(sd, 0),
        _real(data["weight"], 0),
        _real(data["mean_x"]),
        _real(data["spread_x"], 0),
        through_origin,
    )


def _real(value: Any, least: float = -math.inf) -> float:
    """A finite number of at least so much. Raises ValueError or TypeError."""
    number = float(value)
    if not (math.isfinite(number) and number >= least):
        raise ValueError
    return number


def _prediction(fit: dict[str, Any], chosen: Chosen, title: str, macs: int) -> dict[str, Any]:
    value, half = _real(chosen.line.at(macs)), chosen.line.plus_minus(macs)
    if half is not None:
        _real(half, 0)
    return {
        "version": VERSION,
        "kind": "prediction",
        "model": title,
        "macs": macs,
        "figure": str(fit["figure"]),
        "domain": str(fit["domain"]),
        "origin": str(fit["origin"]),
        "series": chosen.series,
        "weights": chosen.line.weights,
        "part": chosen.part,
        "points": chosen.line.points,
        "through_origin": chosen.line.through_origin,
        "j_per_inference": value,
        "plus_minus_j": half,
        "interval_pct": 95,
        "fitted_macs": [chosen.least_x, chosen.most_x],
        "extrapolated": not chosen.least_x <= macs <= chosen.most_x,
        "left_out": chosen.error,
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
    lines = [
        f"{found['model']}: {found['macs']:,} MACs",
        f"{with_uncertainty(value, half, factor)} {unit} per inference, predicted"
        + (" (95 % prediction interval)" if half is not None else " (± ?: too few points)"),
        f"{found['figure']} energy, {kind}; {found['weights']} least squares, {found['points']} "
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
