"""The energy counter against integrated power, over a minute of idle, alternating and full load."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise

from benchmarks.gpu.device import Device, Load, Sample, loaded
from benchmarks.table import Table

LONG_S = 20.0
EVERY_S = 0.005


def table(load: Load = loaded, seconds: float = LONG_S) -> Table:
    """Mean watts by both, and their difference; idle also where no load can run."""
    device, rows, notes = Device(), [], []
    for pattern in ("idle", "step", "full"):
        try:
            with nullcontext() if pattern == "idle" else load(pattern):
                found = device.samples(seconds, EVERY_S)
        except Exception as error:  # a load may fail in any way, and idle is measured all the same
            notes.append(f"{pattern}: not measured: {error}.")
            continue
        rows.append((f"{pattern}, {seconds:g} s", *_cells(found)))
    notes.append("Both from the same readings, power by the trapezoidal rule.")
    return Table("", ("", "counter, W", "power, W", "difference, %"), rows, notes)


def _cells(found: Sequence[Sample]) -> tuple[str, str, str]:
    counted_w, integrated_w = counted(found), integrated(found)
    apart = "–"
    if counted_w and integrated_w:
        apart = f"{100 * (integrated_w / counted_w - 1):+.2f}"
    return _watts(counted_w), _watts(integrated_w), apart


def _watts(power_w: float | None) -> str:
    return "–" if power_w is None else f"{power_w:.2f}"


def counted(found: Sequence[Sample]) -> float | None:
    """Mean power by the counter from its first change to its last, W."""
    moves = [
        (late.time_s, late.energy_j)
        for early, late in pairwise(found)
        if None not in (early.energy_j, late.energy_j) and early.energy_j != late.energy_j
    ]
    if len(moves) < 2:
        return None
    (first_s, first_j), (last_s, last_j) = moves[0], moves[-1]
    assert first_j is not None
    assert last_j is not None
    return (last_j - first_j) / (last_s - first_s)


def integrated(found: Sequence[Sample]) -> float | None:
    """Mean of the power readings over time, W."""
    known = [(s.time_s, s.power_w) for s in found if s.power_w is not None]
    if len(known) < 2:
        return None
    energy_j = sum((b + a) / 2 * (t - s) for (s, a), (t, b) in pairwise(known))
    return energy_j / (known[-1][0] - known[0][0])
