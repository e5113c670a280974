"""`wattui predict RUN.csv`: the energy of what a run counted, by a fit against counters."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

from recorders.summary.stats import grouped
from wattui.analysis.counter_fit import (
    CounterRequest,
    SavedCounterFit,
    counter_quantities,
    scope_of,
)
from wattui.analysis.fit import VERSION, value_or_reason
from wattui.analysis.fitting import FitRun, NamedRun, load
from wattui.analysis.networks import network_interval
from wattui.analysis.plane import Plane, Row
from wattui.analysis.regression import LEAST_SQUARES, LeastSquares, NoLineError, relative_error
from wattui.errors import UsageError
from wattui.runs.run_file import SUFFIXES


def predict_run(fit: SavedCounterFit, options: argparse.Namespace) -> int:
    """Print a prediction for each label of a run. Raises UsageError."""
    from rich.text import Text

    from wattui.show.counter_fit import prediction_parts
    from wattui.show.printing import console, print_json
    from wattui.show.stacking import Fitting

    against = ", ".join(fit.asked.against)
    if options.model is None or not options.model.endswith(SUFFIXES):
        raise UsageError(
            f"--fit {options.fit} is a fit against {against}, which nobody knows of a model that "
            "did not run: fix: give a run file that has them, or a fit with --against macs"
        )
    for name in ("macs", "input"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} has no effect with a fit against counters: leave it out")
    if options.weights == "robust":
        raise UsageError("there is no robust fit against counters: fix: use another --weights")
    run = load(NamedRun(None, Path(options.model)), fit.asked.against, None)
    found = _predictions(fit, run, options.weights)
    if options.json:
        print_json(found)
        return 0
    out = console()
    for part in prediction_parts(found):
        out.print(part if isinstance(part, Text) else Fitting(part))
    return 0


def _predictions(fit: SavedCounterFit, run: FitRun, wanted: LeastSquares | None) -> dict[str, Any]:
    """The predictions as JSON (docs/fitting.md). Raises UsageError."""
    summary, asked = run.run.summary, fit.asked
    groups = summary.labels or ([summary.running] if summary.running else [])
    for name, of in fit.counted.items():
        for group in groups:
            if (here := scope_of(group, name)) not in ("", of):
                raise UsageError(
                    f"{name} counted the {of} in the fit and the {here} in {run.run.csv}: fix: "
                    "record both with the same rights"
                )
    weights, plane = _best(fit, wanted)
    what, error = fit.left_out(weights)
    rows = [(group, counter_quantities(group, asked.against, run.macs)) for group in groups]
    known = [(group, row) for group, row in rows if row is not None]
    if not known:
        raise UsageError(
            f"{run.run.csv} has no {', '.join(asked.against)} per inference: fix: record it with "
            "--counters and count inferences"
        )
    predictions = []
    for group, row in known:
        value = plane.at(row)
        half = _interval(fit, weights, value)
        measured = value_or_reason(group, asked.as_line)
        own = None if isinstance(measured, str) else measured[0]
        predictions.append(
            {
                "label": group.label,
                "x": dict(zip(asked.against, row, strict=True)),
                "j_per_inference": value,
                "plus_minus_j": plane.plus_minus(row) if half is None else half,
                "interval_from": "points" if half is None else "networks",
                "extrapolated": _is_outside(fit, row),
                "measured_j": own,
                "error": None if own is None else relative_error(value, own),
            }
        )
    return {
        "version": VERSION,
        "kind": "predictions",
        "run": str(run.run.csv),
        "figure": asked.figure,
        "domain": asked.domain,
        "origin": fit.origin,
        "against": list(asked.against),
        "weights": weights,
        "points": plane.points,
        "through_origin": asked.through_origin,
        "left_out": error and {"what": what, "mean": error.mean, "sd": error.sd},
        "predictions": predictions,
        "remarks": _remarks(asked, [group.label for group, row in rows if row is None]),
    }


def _best(fit: SavedCounterFit, wanted: LeastSquares | None) -> tuple[LeastSquares, Plane]:
    """The fit with the smaller error for what was left out. Raises UsageError."""
    found: dict[LeastSquares, Plane] = {}
    why = ""
    for weights in [wanted] if wanted else LEAST_SQUARES:
        try:
            found[weights] = fit.plane(weights)
        except NoLineError as error:
            why = str(error)
    if not found:
        raise UsageError(f"the fit cannot be used: {why}")

    def mean(weights: LeastSquares) -> float:
        _, error = fit.left_out(weights)
        return error.mean if error else float("inf")

    best = min(found, key=mean)
    return best, found[best]


def _interval(fit: SavedCounterFit, weights: LeastSquares, value: float) -> float | None:
    """Half-width of the 95 % interval from how far off the other networks were; None for a fit of
    one network."""
    what, error = fit.left_out(weights)
    if what != "network" or error is None:
        return None
    pairs = zip((network for network, _, _ in fit.points), error.errors, strict=True)
    known = [(network, e) for network, e in pairs if e is not None and e > -1]
    ratios = [
        sum(1 / (1 + e) for _, e in own) / len(own)
        for own in grouped(known, lambda pair: pair[0]).values()
    ]
    return network_interval(value, ratios)


def _is_outside(fit: SavedCounterFit, row: Row) -> bool:
    columns = zip(*fit.rows, strict=True)
    return any(not min(c) <= x <= max(c) for c, x in zip(columns, row, strict=True))


def _remarks(asked: CounterRequest, labels: list[str]) -> list[str]:
    """Remarks on what could not be predicted."""
    named = ", ".join(label or "running" for label in itertools.islice(labels, 12))
    return [f"{named}: {', '.join(asked.against)} not known"] if labels else []
