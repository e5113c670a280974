"""Whether a comparison is worse than a limit allows, and how sure that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from wattui.analysis.compare import Comparison, Unrepeated
from wattui.analysis.sides import FIGURES, Side

# Of a % in words; less is no difference.
SAID_DIGITS = 3
LimitKind = Literal["regression", "unclear", "missing"] | Unrepeated
# How a side of one run is judged where that is asked for.
JUDGED_BY: dict[Unrepeated, str] = {
    "one run each": "by the instrument's error alone",
    "one run": "by the scatter of the other side's repeats",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding against b: `regression` is clearly worse than allowed, `unclear` perhaps.

    `one run each` and `one run` (on one side) cannot be judged: the variation between runs is not
    known.
    """

    kind: LimitKind
    side: str
    label: str
    figure: str
    worse: float | None
    text: str


def worse(row: Comparison) -> float | None:
    """How much worse b is, as a share of a; below zero if it is better; None without a ratio."""
    ratio = row.ratio
    if ratio is None:
        return None
    return 1 - ratio if _more_is_better(row) else ratio - 1


def check(
    a: Side, b: Side, rows: Sequence[Comparison], limit: float, single_runs: bool = False
) -> Iterator[Finding]:
    """Findings: worse by more than the limit, possibly worse, missing, or impossible to judge.

    `single_runs` judges one run too. Several labels share the level of significance equally
    (Bonferroni).
    """
    labels = sum(bool(row.label) for row in rows)
    rows = [replace(row, alpha=row.alpha / labels) if row.label else row for row in rows]
    for label in a.labels:
        if label and label not in b.labels and any(b.labels):
            yield Finding("missing", b.name, label, "", None, f"{b.name} has no label {label}")
    for row in rows:
        share = worse(row)
        if row.unrepeated and not single_runs and share is not None:
            text = f"{_name(b, row)}: no verdict from {row.unrepeated}: {_seen(row, share)}"
            yield Finding(row.unrepeated, b.name, row.label, row.figure, share, text)
            continue
        if share is not None and share <= limit:
            continue
        kind: LimitKind = "regression" if _is_clear(row, limit) else "unclear"
        yield Finding(kind, b.name, row.label, row.figure, share, _text(b, row, share, limit))


def worse_interval(row: Comparison) -> tuple[float, float] | None:
    """The interval of `worse`; None if errors are not known."""
    interval = row.ratio_interval
    if interval is None:
        return None
    low, high = interval
    return (1 - high, 1 - low) if _more_is_better(row) else (low - 1, high - 1)


def _more_is_better(row: Comparison) -> bool:
    """Whether more of a figure is better: of those that only counters tell, less is."""
    return row.figure in FIGURES and FIGURES[row.figure].more_is_better


def _is_clear(row: Comparison, limit: float) -> bool:
    """Whether the whole interval is beyond the limit."""
    interval = worse_interval(row)
    return interval is not None and interval[0] > limit


def _text(b: Side, row: Comparison, share: float | None, limit: float) -> str:
    if share is None:
        return f"{_name(b, row)} cannot be judged: the figure it is compared with is not above zero"
    said, allowed = _said(b, row, share), f"more than {100 * limit:g} %"
    if worse_interval(row) is None:
        return f"{said}, {allowed}, but its error is not known: record with --repeats"
    judged = f"{said}, {allowed}" if _is_clear(row, limit) else f"{said}, not clearly {allowed}"
    return f"{judged}, {JUDGED_BY[row.unrepeated]}" if row.unrepeated else judged


def _seen(row: Comparison, share: float) -> str:
    rises = (share > 0) != _more_is_better(row)
    if not round(100 * share, SAID_DIGITS):
        return "these two are equal"
    return f"these two differ by {'+' if rises else '−'}{abs(100 * share):.3g} %"


def _said(b: Side, row: Comparison, share: float) -> str:
    """How much worse or better it is, with its interval."""
    interval = worse_interval(row)
    if share < 0:
        share, word = -share, "better"
        interval = interval and (-interval[1], -interval[0])
    else:
        word = "worse"
    said = f"{_name(b, row)} is {word} by {100 * share:.1f} %"
    if interval is None:
        return said
    low, high = (f"{100 * end:.1f}".replace("-", "−").replace("inf", "∞") for end in interval)
    return f"{said} ({low} to {high} %)"


def _name(b: Side, row: Comparison) -> str:
    return f"{b.name}, {row.label}: {row.figure}" if row.label else f"{b.name}: {row.figure}"
