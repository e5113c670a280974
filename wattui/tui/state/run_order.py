"""The order of a list of runs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any

from recorders.summary.bases import TOTAL
from recorders.summary.figures import Summary
from wattui.analysis.cells import cells_of
from wattui.runs.recorded import Run, natural

# The other columns begin with the largest or newest.
LEAST_FIRST = frozenset({"file", "J/inference", "status", "command"})

VALUES: dict[str, Callable[[Run], Any]] = {
    "J/inference": lambda run: best_j_per_inference(run.summary),
    "inferences": lambda run: (running := run.summary.running) and running.inferences,
    "time": lambda run: (running := run.summary.running) and running.seconds,
    "flags": lambda run: len(run.summary.flags),
    "status": lambda run: run.about.status,
    "command": lambda run: run.about.command or None,
}
SORTABLE = ("when", "file", *VALUES)


def ordered(
    paths: Iterable[Path],
    runs: dict[Path, Run | str],
    by: str,
    reverse: bool,
    begun_s: Callable[[Path], float],
) -> list[Path]:
    """The paths sorted by a column, in its usual direction or reversed; unknown values last."""

    def value(path: Path) -> Any:
        if by == "when":
            return begun_s(path)
        if by == "file":
            return natural(PurePath(path))
        run = runs.get(path)
        return VALUES[by](run) if isinstance(run, Run) else None

    known: list[tuple[Any, Path]] = []
    unknown: list[tuple[Any, Path]] = []
    for path in paths:
        found = value(path)
        (unknown if found is None else known).append((found, path))
    known.sort(key=lambda pair: pair[0], reverse=is_falling(by, reverse))
    return [path for _, path in (*known, *unknown)]


def is_falling(by: str, reverse: bool) -> bool:
    """Whether a column is sorted from the largest to the smallest."""
    return (by in LEAST_FIRST) == reverse


def best_j_per_inference(summary: Summary) -> float | None:
    """Joules per inference of the headline, or of the best label; None if unknown."""
    domain = summary.quoted
    if domain is None:
        return None
    if cells := cells_of(summary):
        is_known = cells.basis is TOTAL and cells.ranked
        return cells.ends[0][1].value if is_known else None
    figure = TOTAL.of(domain)
    return figure.value if figure else None
