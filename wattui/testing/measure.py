"""Measures the energy of one call of a function, repeated until it is known well enough."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorders.summary.figures import Summary
from wattui import marks
from wattui.analysis.results import group_rows
from wattui.analysis.results_file import ResultSet
from wattui.analysis.sides import ComparisonKey
from wattui.capture.library import Recording, record

# How long a round of calls takes at least: a few updates of a slow sensor.
ROUND_S = 0.25
# Fewer rounds do not show how much they scatter.
LEAST_ROUNDS = 3
MOST_S = 10.0
TARGET = "5%"


@dataclass(frozen=True, slots=True)
class Joules:
    """The energy of one call, joules, and its ± at 95 % (None: unknown).

    `origin` is measured or estimated, `calls` how many were measured, `seconds` the time of one,
    and `samples` has the energy of a call in each round. `met`: ± is as narrow as asked for.
    `returned` is what the last call returned.
    """

    joules: float
    plus_minus: float | None
    origin: str
    calls: int
    seconds: float
    samples: tuple[float, ...]
    met: bool = False
    returned: Any = None


def measure(
    function: Callable[[], object], label: str, target: float, seconds: float, estimate: bool
) -> tuple[Joules, ResultSet]:
    """Call a function until ± is below the share `target` of its energy, or for `seconds`.

    It is called once before, unmeasured. Raises RecorderError, with the code `require` if nothing
    measures energy and `estimate` is False; ValueError if the energy is unknown.
    """
    with tempfile.TemporaryDirectory(prefix="wattui-") as folder:
        settings: dict[str, Any] = {"estimate": estimate, "follow": True, "publish": False}
        if not estimate:
            settings["require"] = ["measured"]
        with record(Path(folder) / "run.csv", **settings) as run:
            returned = _call_in_rounds(run, function, label, target, seconds)
    assert run.summary is not None  # it has ended
    found = read_joules(run.summary, label)
    if found is None:
        raise ValueError(f"the energy of {label} is unknown: fix: let a call take longer")
    rows = [row for row in group_rows(run.summary) if row.label == label]
    results = ResultSet(label, run.summary.headline, rows)
    return replace(found, met=_is_met(found, target), returned=returned), results


def read_joules(summary: Summary, label: str) -> Joules | None:
    """The energy of one call under a label, by the headline channel; None if it is unknown."""
    group = next((group for group in summary.labels if group.label == label), None)
    rows = [row for row in group_rows(summary) if row.label == label]
    figures = ResultSet("", summary.headline, rows).side.figures
    energy = figures.get(ComparisonKey(label, summary.headline or "", "total"))
    if group is None or not group.inferences or energy is None:
        return None
    origin, sampled = energy
    return Joules(
        sampled.known.value,
        sampled.known.plus_minus,
        origin,
        group.inferences,
        group.seconds / group.inferences,
        sampled.samples,
    )


def _call_in_rounds(
    run: Recording, function: Callable[[], object], label: str, target: float, seconds: float
) -> object:
    begun_s = time.monotonic()
    with marks.phase("warmup", label=label):
        returned = function()
    calls = max(1, math.ceil(ROUND_S / max(time.monotonic() - begun_s, 1e-7)))
    begun_s, done = time.monotonic(), 0
    while True:
        round_s = time.monotonic()
        with marks.phase("running", label=label, repeat=done + 1):
            for _ in range(calls):
                returned = function()
            marks.count(calls)
        done += 1
        now_s = time.monotonic()
        if done == 1 and now_s - round_s < ROUND_S / 2:  # the first call was slower than the others
            calls = math.ceil(calls * ROUND_S / (now_s - round_s))
        if done < LEAST_ROUNDS:
            continue
        found = read_joules(run.so_far(), label)
        if now_s - begun_s >= seconds or (found is not None and _is_met(found, target)):
            return returned


def _is_met(found: Joules, target: float) -> bool:
    return found.plus_minus is not None and found.plus_minus <= target * abs(found.joules)
