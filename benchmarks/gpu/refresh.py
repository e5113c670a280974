"""Refresh period of the power reading and of the energy counter, and how they average. Pure below
`table`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from benchmarks.gpu.device import Device, Load, UnusableError, loaded
from benchmarks.table import Table
from recorders.counter import Change, update_period_s

SAMPLE_S, IDLE_S, AFTER_S = 8.0, 4.0, 4.0
WINDOWS_S, DELAYS_S = (tuple(n * 0.02 for n in range(many)) for many in (76, 26))
THIN_S = 0.01
# A fit is worth something if it is this close to the readings, RMS, as a share of the step.
MOST_OFF = 0.1
Points = Sequence[tuple[float, float]]


def table(load: Load = loaded) -> Table:
    """What readings under a changing load and across the end of a load show."""
    device, rows, notes = Device(), [], []
    with load("step"):
        found = device.samples(SAMPLE_S)
    energies = [(s.time_s, s.energy_j) for s in found if s.energy_j is not None]
    powers = [(s.time_s, s.power_w) for s in found if s.power_w is not None]
    if not energies and not powers:
        raise UnusableError("the GPU reports neither energy nor power")
    with load("full"):
        device.samples(AFTER_S, 0.01)
        before = device.samples(2.0)
    after = device.samples(IDLE_S)
    fall = [*before, *after]
    readings = {
        "power": [(s.time_s, s.power_w) for s in fall if s.power_w is not None],
        "energy counter": powers_of(
            [(s.time_s, s.energy_j) for s in fall if s.energy_j is not None]
        ),
    }
    for what, values in (("power", powers), ("energy counter", energies)):
        period_s = update_period_s(changes(values))
        step = step_response(readings[what], before[-1].time_s)
        rows.append(
            (
                what,
                f"{period_s * 1e3:.1f}" if period_s else "–",
                *((f"{step[0] * 1e3:.0f}", f"{step[1] * 1e3:.0f}") if step else ("–", "–")),
            )
        )
        if not values:
            notes.append(f"{what}: not reported by this GPU.")
    notes += [
        "Refresh: the most frequent time between changes of the reading, under a load by turns.",
        "Averaging and delay: of the running mean that fits readings across the end of a full load "
        "best, in steps of 20 ms; the delay has half a refresh in it. A GPU whose own power falls "
        "slowly seems to average longer. –: no running mean of at most 1.5 s, at most 0.5 s late, "
        "is within 10 % (RMS).",
    ]
    return Table("", ("", "refresh, ms", "averaging, ms", "delay, ms"), rows, notes)


def changes(values: Points) -> list[Change]:
    """The changes of a reading, from its values at times in seconds."""
    return [
        Change(round(late_s * 1e9), round(early_s * 1e9))
        for (early_s, early), (late_s, late) in pairwise(values)
        if early != late
    ]


def powers_of(energies: Points) -> list[tuple[float, float]]:
    """Mean powers between the changes of a counter, each at its end."""
    moves = [late for early, late in pairwise(energies) if early[1] != late[1]]
    return [
        (late_s, (late_j - early_j) / (late_s - early_s))
        for (early_s, early_j), (late_s, late_j) in pairwise(moves)
    ]


def step_response(values: Points, step_s: float) -> tuple[float, float] | None:
    """The averaging window and delay, seconds, that fit readings across a step of power at a time
    best, by least squares; None if they show none, or one that the best does not fit."""
    earlier = [value for at_s, value in values if at_s <= step_s]
    later = [value for at_s, value in values if at_s > step_s + 2.5]
    if len(earlier) < 3 or len(later) < 3:
        return None
    first, last = sorted(earlier)[len(earlier) // 2], sorted(later)[len(later) // 2]
    if abs(last - first) < 0.1 * max(first, last):
        return None
    shares = [
        (at_s - step_s, (value - first) / (last - first))
        for at_s, value in _thinned(values)
        if step_s - 0.5 < at_s < step_s + 2.5
    ]
    fits = ((_misfit(shares, w, d), w, d) for w in WINDOWS_S for d in DELAYS_S)
    misfit, window_s, delay_s = min(fits)
    is_at_end = window_s == WINDOWS_S[-1] or delay_s == DELAYS_S[-1]
    if is_at_end or misfit > MOST_OFF**2 * len(shares):
        return None
    return window_s, delay_s


def _thinned(values: Points) -> Iterator[tuple[float, float]]:
    """One reading in each THIN_S at most."""
    next_s = -math.inf
    for at_s, value in values:
        if at_s >= next_s:
            next_s = at_s + THIN_S
            yield at_s, value


def _misfit(shares: Points, window_s: float, delay_s: float) -> float:
    """The sum of squares of what a running mean of a step differs by."""
    return sum(
        (share - min(1.0, max(0.0, (at_s - delay_s) / max(window_s, 1e-3)))) ** 2
        for at_s, share in shares
    )
