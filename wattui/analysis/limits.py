"""Whether a comparison is worse than a limit allows, and how sure that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wattui.analysis.compare import FIGURES, Comparison, Side

Kind = Literal["regression", "unclear", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What speaks against b: `regression` clearly worse than allowed, `unclear` perhaps."""

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
        is_clear = share is not None and row.verdict == "clear"
        kind: Kind = "regression" if is_clear else "unclear"
        yield Finding(kind, b.name, row.label, row.figure, share, _text(b, row, share, limit))


def _text(b: Side, row: Comparison, share: float | None, limit: float) -> str:
    name = f"{b.name}, {row.label}: {row.figure}" if row.label else f"{b.name}: {row.figure}"
    if share is None:
        return f"{name} cannot be judged: what it is compared with is not above zero"
    error = "" if row.ratio_error is None else f" ± {100 * row.ratio_error:.2g} %"
    said = f"{name} is worse by {100 * share:.1f} %{error}, more than {100 * limit:g} %"
    if row.verdict == "unknown":
        return f"{said}, but its error is not known: record with --repeats"
    return said if row.verdict == "clear" else f"{said}, but within the error"
