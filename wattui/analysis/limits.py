"""Whether a comparison is worse than a limit allows, and how sure that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wattui.analysis.compare import FIGURES, Comparison, Side

Kind = Literal["regression", "unclear", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What speaks against b: `regression` is clearly worse than allowed, `unclear` perhaps."""

    kind: Kind
    side: str
    label: str
    figure: str
    worse: float | None
    text: str


def worse(row: Comparison) -> float | None:
    """By what share of a b is worse, below zero where it is better; None without a ratio."""
    ratio = row.ratio
    if ratio is None:
        return None
    return 1 - ratio if FIGURES[row.figure].more_is_better else ratio - 1


def check(a: Side, b: Side, rows: Sequence[Comparison], limit: float) -> Iterator[Finding]:
    """What is worse by more than a share, not known to be better, or missing."""
    for label in a.labels:
        if label and label not in b.labels and any(b.labels):
            yield Finding("missing", b.name, label, "", None, f"{b.name} has no label {label}")
    for row in rows:
        share = worse(row)
        if share is not None and share <= limit:
            continue
        kind: Kind = "regression" if _is_clear(row, limit) else "unclear"
        yield Finding(kind, b.name, row.label, row.figure, share, _text(b, row, share, limit))


def worse_interval(row: Comparison) -> tuple[float, float] | None:
    """The 95 % interval of `worse`; None where errors are not known."""
    interval = row.ratio_interval
    if interval is None:
        return None
    low, high = interval
    return (1 - high, 1 - low) if FIGURES[row.figure].more_is_better else (low - 1, high - 1)


def _is_clear(row: Comparison, limit: float) -> bool:
    """Whether all of the interval is beyond the limit."""
    interval = worse_interval(row)
    return interval is not None and interval[0] > limit


def _text(b: Side, row: Comparison, share: float | None, limit: float) -> str:
    name = f"{b.name}, {row.label}: {row.figure}" if row.label else f"{b.name}: {row.figure}"
    if share is None:
        return f"{name} cannot be judged: what it is compared with is not above zero"
    said, allowed = f"{name} is worse by {100 * share:.1f} %", f"more than {100 * limit:g} %"
    interval = worse_interval(row)
    if interval is None:
        return f"{said}, {allowed}, but its error is not known: record with --repeats"
    low, high = (f"{100 * end:.1f}".replace("-", "−").replace("inf", "∞") for end in interval)
    said = f"{said} ({low} to {high} %)"
    return f"{said}, {allowed}" if _is_clear(row, limit) else f"{said}, not clearly {allowed}"
