"""A run file in Python: `wattui.load("run.csv")`, with its summary, rows and picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recorders.summary.figures import Summary
from recorders.summary.per import by
from wattui.clean import one_line
from wattui.errors import UsageError
from wattui.outputs import write_output
from wattui.report.clean import cleaned
from wattui.report.document import Block, Heading, Notes
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.report.numbers_table import tables_of
from wattui.report.page import fragment
from wattui.report.sections import key_blocks
from wattui.runs.naming import load_named, naming
from wattui.runs.recorded import Run
from wattui.runs.traces import Traces, read_traces
from wattui.show.remedies import notes_of
from wattui.show.summary import headline

if TYPE_CHECKING:
    import polars as pl

# Its figures need no curves.
NO_TRACES = Traces(0.0, 0.0, None, {})


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn figure, which a notebook shows."""

    svg: str = field(repr=False)

    def save(self, path: str | Path) -> None:
        """Write it as a new SVG file. Raises UsageError."""
        write_output(Path(path), self.svg.encode())

    def _repr_svg_(self) -> str:
        return self.svg


class LoadedRun:
    """A run file; `remarks` say which parts of it could not be read."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.csv = run.csv
        self.remarks = tuple(run.remarks)

    @property
    def summary(self) -> Summary:
        """Energies and flags, as `wattui summary` prints them; `to_dict()` is their plain form."""
        return self._run.summary

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows, with the columns of the file; a cell without a number is null."""
        import polars as pl

        from wattui.runs.blocks import blocks, header, schema

        with naming(self.csv):
            names = header(self.csv)
            found = [*blocks(self.csv, names, [])]
        return pl.concat(found) if found else pl.DataFrame(schema=schema(names))

    def plot(self) -> Plot:
        """Power over time, with the phases. Raises UsageError if there is none to draw."""
        if find_spec("matplotlib") is None:
            raise UsageError("plots need matplotlib: pip install 'wattui[notebook]'")
        from wattui.report.draw.style import WIDE_MM
        from wattui.report.pictures import traces_picture
        from wattui.report.svg import alone

        with naming(self.csv):
            traces = read_traces(self.csv)
        picture = traces_picture(traces, self.summary.phases)
        if picture is None:
            raise UsageError(f"{self.csv}: no power was recorded, so there is nothing to plot")
        return Plot(alone(picture.svg(WIDE_MM), picture.title))

    def __repr__(self) -> str:
        return f"<{one_line(str(self.csv))}: {one_line(headline(by(self.summary)).plain)}>"

    def _repr_html_(self) -> str:
        return fragment([*map(cleaned, self._blocks())])

    def _blocks(self) -> Iterator[Block]:
        loaded = ReportRun(self.csv.stem, self._run, NO_TRACES, "", {})
        yield Heading(4, self.csv.name)
        yield from key_blocks(loaded, ReportOptions())
        yield from tables_of(by(self.summary), self.summary.headline)
        if flags := notes_of(self.summary.flags):
            yield Notes("Before you quote these figures", flags)


def load(path: str | os.PathLike[str]) -> LoadedRun:
    """Load a run file: `run = wattui.load("run.csv")`, then `run.summary` or `run.frame`.

    Raises UsageError if it cannot be read.
    """
    csv = Path(path)
    if csv.is_dir():
        raise UsageError(f"{csv} is a folder: fix: name a run file in it")
    return LoadedRun(load_named(csv))
