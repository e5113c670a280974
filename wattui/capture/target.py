"""Whether repeats of a command know its energy well enough, and how many more it takes.

The figure is that of the headline: energy per inference, or per run if nothing was counted; of
several labels, the one whose ± is the largest share of it. It is read from the run file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorders.runfile import journal_path
from recorders.summary.bases import ENERGY, TOTAL
from recorders.summary.budget import REPEATS, Budget
from recorders.summary.stats import t95

# Of two repeats, the interval is too wide to tell anything; and how many are made at most.
LEAST_REPEATS, MOST_REPEATS = 3, 30


@dataclass(frozen=True, slots=True)
class Reached:
    """The ± after `repeats` as a share of the figure, and its part that is the repeats' scatter;
    None if unknown."""

    repeats: int
    share: float | None
    scatter: float | None = None

    def meets(self, target: float) -> bool:
        """Whether the figure is known well enough."""
        return self.repeats >= LEAST_REPEATS and self.share is not None and self.share <= target

    def more(self, target: float, most: int) -> int | None:
        """How many more repeats are expected to reach it; None if unknown, or over `most` in all.

        The scatter falls as t / √n does, and the rest of ± stays as it is.
        """
        if self.share is None or self.scatter is None or self.repeats < 2:
            return None
        rest = math.sqrt(max(0.0, self.share**2 - self.scatter**2))
        for n in range(max(self.repeats + 1, LEAST_REPEATS), most + 1):
            if math.hypot(rest, self.scatter * _width(n) / _width(self.repeats)) <= target:
                return n - self.repeats
        return None


def reached(found: Sequence[Budget], repeats: int) -> Reached:
    """How well the headline is known after some repeats."""
    leading = [budget for budget in found if budget.figure in (TOTAL.name, ENERGY.name)]
    if not leading or any(b.plus_minus is None or not b.value for b in leading):
        return Reached(repeats, None)
    widest = max(leading, key=lambda b: (b.plus_minus or 0.0) / abs(b.value))
    scatter = next((p.plus_minus for p in widest.parts if p.name == REPEATS), None)
    size = abs(widest.value)
    return Reached(
        repeats, (widest.plus_minus or 0.0) / size, None if scatter is None else scatter / size
    )


def read_reached(csv: Path, repeat: int) -> Reached | None:
    """How well the file knows the headline; None if the end of this repeat is not in it yet."""
    from recorders.summary.budget import budgets
    from recorders.summary.failures import Commands
    from recorders.summary.summary import summarise
    from wattui.analysis.cells import quoted_labels
    from wattui.runs.reduce import reduce_csv
    from wattui.runs.run_file import NotARunFileError

    try:
        reduction = reduce_csv(journal_path(csv))
    except (NotARunFileError, OSError):
        return None
    ended = Commands(reduction).ended
    if repeat not in {command.repeat for command in ended}:
        return None
    succeeded = sum(not command.failed for command in ended)
    if not succeeded:
        return Reached(0, None)
    return reached(budgets(reduction, quoted_labels(summarise(reduction))), succeeded)


def progress_text(found: Reached, target: float, most: int, each_s: float) -> str:
    """How well it is known so far, and what is still expected; `most` repeats are left at most."""
    known = "unknown" if found.share is None else f"{100 * found.share:.2g} %"
    said = f"repeats so far: {found.repeats}: ± is {known}, {100 * target:g} % is wanted"
    if found.repeats < LEAST_REPEATS:
        return f"{said}: at least {LEAST_REPEATS} repeats"
    more = found.more(target, found.repeats + most)
    if more is None:
        return f"{said}: not expected within {most} more"
    return f"{said}: about {more} more, {more * each_s:.0f} s"


def _width(n: int) -> float:
    """The half-width of the interval of n repeats, over their standard deviation."""
    return t95(n - 1) / math.sqrt(n)
