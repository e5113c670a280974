"""The energy of prompts and that of answers, apart: joules per token computed from the prompt
(prefill) and per token generated (decode). Pure.

A window is one running phase of a server. There are three ways, and each figure names its own:

regression: mean power = prefill · prompt tokens/s + decode · output tokens/s, by ordinary least
squares over windows of one concurrency (tokens of a larger batch cost less, so windows of different
concurrency have no common line). It needs windows whose prompts and answers have different
proportions. If no baseline was subtracted, the power of the waiting server is charged to the tokens
by the time they take: while every slot is busy, slots = prompt tokens/s · time of each + output
tokens/s · time of each.

regression with a base: the same with a constant power, from windows from which no baseline was
subtracted. While every slot is busy, the base follows from the tokens, as above, and cannot be told
from them; it needs windows with pauses between requests.

time shares: where the server states how long it computed prompts and how long it generated, its
energy is divided in these proportions, in each window. This takes the power of both for the same.

Two runs are never subtracted from each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from recorders.summary.bases import Basis
from recorders.summary.combining import by_count
from recorders.summary.figures import Summary
from wattui.analysis.label_numbers import carried
from wattui.analysis.plane import (
    STRONG_CONDITION,
    STRONG_INFLATION,
    Coefficient,
    collinear,
    fit_plane,
)
from wattui.analysis.regression import NoLineError
from wattui.analysis.samples import describe

Method = Literal["regression", "regression with a base", "time shares"]
RUNNING = "running"
# Counts of a phase.
TOKENS_OUT, TOKENS_IN, PREFILL, DECODE = "tokens_out", "tokens_in", "prefill_ms", "decode_ms"
MS = 1000.0
TERMS = ("prompt tokens", "output tokens")
BUSY = "while all slots are busy, the base follows from the tokens: use the regression without one"
MORE = "fix: record windows with other proportions too: --prompts synthetic:512/128,64/512,1024/16"


@dataclass(frozen=True, slots=True)
class Window:
    """One running phase: its energy (J), less that of the baseline if one was subtracted, whose
    power has an uncertainty of `baseline_w` (95 %; None: unknown). `prefill_s` and `decode_s` are
    what the server states, None if it states nothing."""

    run: str
    label: str
    concurrency: str
    seconds: float
    energy_j: float
    tokens_in: int
    tokens_out: int
    baseline_w: float | None = 0.0
    prefill_s: float | None = None
    decode_s: float | None = None

    @property
    def power_w(self) -> float:
        """Its mean power."""
        return self.energy_j / self.seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """Joules per token, or watts of a base, with the half-width of the 95 % interval (None:
    unknown) and its variance inflation (None: there is none)."""

    value: float
    interval95: float | None
    inflation: float | None = None


@dataclass(frozen=True, slots=True)
class Apart:
    """Prefill and decode of the windows of one concurrency by one method.

    `base` is None unless it was fitted; `condition` is the condition number of the regression.
    `is_collinear`: the windows cannot tell them apart, and the figures say little.
    """

    concurrency: str
    method: Method
    windows: int
    prefill: Cost
    decode: Cost
    base: Cost | None
    condition: float | None
    is_collinear: bool
    remarks: tuple[str, ...]


def concurrency_of(label: str) -> str:
    """The requests in flight (c8) or the batch (b8) in a label; empty if it has neither."""
    if number := carried(label, "concurrency").number:
        return f"c{number:.0f}"
    number = carried(label, "batch").number
    return f"b{number:.0f}" if number else ""


def windows_of(
    run: str, summary: Summary, domain: str, basis: Basis
) -> tuple[list[Window], list[str]]:
    """The running phases of a summary with counted tokens, and remarks on those left out. Energies
    are above the baseline of the basis."""
    group = by_count(summary.running, TOKENS_OUT) if summary.running else None
    channel = group.domains.get(domain) if group else None
    if group is None or channel is None:
        return [], [f"{run}: {domain} was not recorded" if group else f"{run}: nothing ran"]
    baseline_w = basis.baseline_w(channel)
    if baseline_w is None:
        return [], [f"{run}: there is no {basis.baseline} baseline for {basis.name} energy"]
    answer, off_w = basis.of(channel), 0.0 if not basis.baseline else None
    if answer and answer.baseline_noise is not None and group.inferences and group.seconds:
        off_w = answer.baseline_noise * group.inferences / group.seconds
    found = []
    running = [phase for phase in summary.phases if phase.phase == RUNNING]
    for phase in running:
        counts, energy_j = phase.counts, phase.energy_j.get(domain)
        known = TOKENS_OUT in counts and TOKENS_IN in counts and energy_j is not None
        if not known or phase.left_out or phase.overlaps or not phase.finished:
            continue
        assert energy_j is not None
        times = [counts[name] / MS if name in counts else None for name in (PREFILL, DECODE)]
        found.append(
            Window(
                run,
                phase.label,
                concurrency_of(phase.label),
                phase.seconds,
                energy_j - baseline_w * phase.seconds,
                counts[TOKENS_IN],
                counts[TOKENS_OUT],
                off_w,
                *times,
            )
        )
    left = len(running) - len(found)
    why = (
        f"{left} running phases without both token counts, an end or an energy of {domain} left out"
    )
    return found, [f"{run}: {why}"] if left else []


def told_apart(
    windows: Sequence[Window], is_subtracted: bool = False
) -> tuple[list[Apart], list[str]]:
    """Every method for each concurrency, and remarks on what gave nothing. `is_subtracted`: the
    energies are those above a baseline."""
    found: list[Apart] = []
    remarks: list[str] = []
    for concurrency in dict.fromkeys(window.concurrency for window in windows):
        own = [window for window in windows if window.concurrency == concurrency]
        try:
            found.append(by_regression(own))
            if not is_subtracted and len(own) > len(TERMS):
                found.append(by_regression(own, has_base=True))
        except NoLineError as error:
            where = f"{concurrency}: " if concurrency else ""
            if not found or found[-1].concurrency != concurrency:
                among = "1 window" if len(own) == 1 else f"{len(own)} windows"
                remarks.append(f"{where}no regression of {among}: {error}: {MORE}")
        if shares := by_time_shares(own):
            found.append(shares)
    return found, remarks


def by_regression(windows: Sequence[Window], has_base: bool = False) -> Apart:
    """The regression, over windows of one concurrency. Raises NoLineError."""
    rows = [(w.tokens_in / w.seconds, w.tokens_out / w.seconds) for w in windows]
    plane = fit_plane(rows, [w.power_w for w in windows], "ordinary", through_origin=not has_base)
    # An error of the baseline's power is the same in all windows, so that no residual shows it.
    baseline_w = _largest([w.baseline_w for w in windows])
    ones = fit_plane(rows, [1.0] * len(rows), "ordinary", through_origin=True).terms
    prefill, decode = (
        _cost(term, None if baseline_w is None else one.value * baseline_w)
        for term, one in zip(plane.terms, ones, strict=True)
    )
    is_collinear = (
        any(term.inflation > STRONG_INFLATION for term in plane.terms)
        or plane.condition > STRONG_CONDITION
    )
    remarks = collinear(plane, TERMS)
    if is_collinear:  # which coefficients are below zero is then chance
        remarks = [f"{remarks[0]}: {BUSY if has_base else MORE}"]
    if plane.residual_sd is None:
        remarks.append("as many windows as coefficients: their intervals are unknown")
    return Apart(
        windows[0].concurrency,
        "regression with a base" if has_base else "regression",
        len(windows),
        prefill,
        decode,
        _cost(plane.intercept, 0.0) if plane.intercept else None,
        plane.condition,
        is_collinear,
        tuple(remarks),
    )


def by_time_shares(windows: Sequence[Window]) -> Apart | None:
    """The division by the server's times; None if it states none in some window."""
    prefill: list[float] = []
    decode: list[float] = []
    for window in windows:
        if window.prefill_s is None or window.decode_s is None:
            return None
        if not (window.tokens_in and window.tokens_out and window.prefill_s + window.decode_s):
            return None
        share = window.prefill_s / (window.prefill_s + window.decode_s)
        prefill.append(share * window.energy_j / window.tokens_in)
        decode.append((1 - share) * window.energy_j / window.tokens_out)
    if not windows:
        return None
    remarks = ["one window: its interval is unknown: fix: --repeats"] * (len(windows) == 1)
    remarks.append("takes the power of prefill and decode for the same")
    return Apart(
        windows[0].concurrency,
        "time shares",
        len(windows),
        _mean(prefill),
        _mean(decode),
        None,
        None,
        False,
        tuple(remarks),
    )


def _mean(values: Sequence[float]) -> Cost:
    found = describe(values)
    return Cost(found.mean, found.half_width)


def _cost(term: Coefficient, of_baseline: float | None) -> Cost:
    half = term.interval95
    if half is not None:
        half = None if of_baseline is None else math.hypot(half, of_baseline)
    return Cost(term.value, half, term.inflation)


def _largest(values: Sequence[float | None]) -> float | None:
    """The largest of several uncertainties; None if one is unknown."""
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None


def apart_dict(found: Apart) -> dict[str, Any]:
    """The figures as JSON; an infinite condition number is null."""
    condition = found.condition if math.isfinite(found.condition or 0.0) else None
    return asdict(found) | {"remarks": list(found.remarks), "condition": condition}
