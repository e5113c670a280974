"""Messages on stderr while headless records, and at the end."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from recorders.channels import channel_of, unit_of
from recorders.client import Finished
from recorders.runfile import journal_path
from wattui.clean import one_line
from wattui.show.printing import console, say

SHOWN_POWERS = 4
# Between two lines about a phase that a program repeats.
REPEAT_S = 2.0
NO_PAIRS = (
    "no paired verdict: both commands succeeded in fewer than two repeats: fix: record more of them"
)

if TYPE_CHECKING:
    from wattui.runs.recorded import Run


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal's stderr for as long as this takes.

    It gives the function that changes its text; where there is no spinner, that says each text.
    """
    if not (sys.stderr and sys.stderr.isatty()):
        yield cache(say)
        return
    from rich.text import Text

    out = console(stderr=True)
    spinner = "dots" if out.encoding.startswith("utf") else "line"
    with out.status(Text(one_line(text)), spinner=spinner) as status:
        yield lambda text: status.update(Text(one_line(text)))


def shortfalls(done: Finished, csv: Path) -> list[str]:
    """A line for each thing a recording's files lack."""
    error = done.write_error
    if done.left_to is not None:
        return [
            f"{csv} is incomplete: {error}: the recorder (process {done.left_to}) will write "
            "the rest when the disk answers: fix: wait until it ends, or repeat"
        ]
    found = list(done.remarks)
    if lost := done.run.get("lost_marks"):
        found.append(
            f"{csv} is incomplete: marks from the program were lost ({lost}): see its flags"
        )
    if done.lost_rows and (error or not found):
        reason = error or "the disk did not answer in time"
        found.append(
            f"{csv} is incomplete: {done.lost_rows} rows are missing ({reason}): fix: free "
            "some disk space and repeat"
        )
    elif error:
        found.append(
            f"{csv} is incomplete: run.json could not be written ({error}): fix: free some disk "
            "space"
        )
    return found


class Progress:
    """Prints progress on stderr; `quiet` leaves only errors, `width` is in columns. `per` is the
    count that the summary's energies are stated per."""

    def __init__(self, quiet: bool, width: int | None = None, per: str | None = None) -> None:
        self._quiet = quiet
        self._width, self._per = width, per
        self._watts = ""
        self._opening: set[str] = set()
        self._repeat_s = -math.inf

    def opening(self, name: str) -> None:
        """Say once that a driver does not answer yet."""
        if not self._quiet and name not in self._opening:
            self._opening.add(name)
            say(f"waiting for {name}")

    def repeat(self, text: str, is_last: bool) -> None:
        """Report how well a repeated phase is known, but not more often than once in
        REPEAT_S before it is known well enough."""
        now_s = time.monotonic()
        if not self._quiet and (is_last or now_s - self._repeat_s >= REPEAT_S):
            self._repeat_s = now_s
            say(one_line(text))

    def prepare(self) -> None:
        """Load the drawing code while the recorder starts."""
        if not self._quiet:
            from rich.progress import BarColumn, TextColumn

            from wattui.runs.recorded import recorded
            from wattui.show import summary as tables

            self._recorded = recorded
            self._print_run = tables.print_run
            self._console = console(stderr=True, width=self._width)
            self._columns = (
                TextColumn("{task.description}", style="bold", markup=False),
                BarColumn(bar_width=30, complete_style="green", finished_style="green"),
                TextColumn(
                    "{task.completed:.0f}/{task.total:g} s  {task.fields[watts]}", markup=False
                ),
            )

    def row(self, cells: dict[str, float]) -> None:
        """Keep the newest powers for the bar."""
        powers = [
            f"{channel_of(name)} {value:.1f} W"
            for name, value in cells.items()
            if unit_of(name) == "W"
        ]
        if powers:
            self._watts = " · ".join(powers[-1:] + powers[: SHOWN_POWERS - 1][: len(powers) - 1])

    @contextmanager
    def bar(self, title: str, seconds: float) -> Iterator[Callable[[float], None]]:
        """A bar over `seconds`; gives the function that moves it."""
        if self._quiet:
            yield lambda _: None
            return
        if not self._console.is_terminal:
            say(f"{title}, {seconds:g} s")
            yield lambda _: None
            return
        from rich.progress import Progress as Bars

        with Bars(
            *self._columns, console=self._console, transient=True, auto_refresh=False
        ) as bars:
            task = bars.add_task(title, total=seconds, watts="")

            def move(done_s: float) -> None:
                bars.update(task, completed=min(done_s, seconds), watts=self._watts, refresh=True)

            yield move

    def summary(self, done: Finished, csv: Path) -> None:
        """Print the table of joules per inference."""
        if not self._quiet:
            with contextlib.suppress(OSError):
                run = self._recorded(csv, done.summary, done.run)
                self._print_run(self._console, self._stated(run))

    def _stated(self, run: Run) -> Run:
        """The run per what was asked for, or per the usual, if that was not counted."""
        try:
            return run.by(self._per)
        except ValueError as error:
            say(f"--per {self._per}: {error}")
            return run.by()

    def verdict(self, done: Finished) -> None:
        """Print how the two commands of a paired recording differ, or why that is not known."""
        from wattui.analysis.pairs import judged, pairs_of

        pairs = pairs_of(done.summary)
        if pairs is None:
            say(NO_PAIRS)
            return
        say(*pairs.remarks)
        if not self._quiet:
            from wattui.show.compare import comparison_tables, paired_lines

            rows = judged(pairs)
            with contextlib.suppress(OSError):
                for part in comparison_tables(pairs.a.name, [(pairs.b.name, rows)]):
                    self._console.print(part)
                for line in paired_lines(pairs.a.name, pairs.b.name, rows):
                    self._console.print(line)

    def lost(self, reason: str, csv: Path) -> None:
        """Report that the recorder ended early."""
        kept = journal_path(csv)
        export = f", and wattui export {kept} {csv}" if kept != csv else ""
        say(
            f"the recorder stopped ({reason}): its measurements so far are in {kept}: see "
            f"wattui summary {kept}{export}"
        )
