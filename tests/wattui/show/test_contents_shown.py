"""Wherever an incomplete sum is shown, it says what it covers instead of "measured"."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recorders.summary.figures import Summary
from recorders.summary.reduction import Reducer
from recorders.summary.summary import summarise
from wattui.analysis.doubts import doubts
from wattui.runs.recorded import Run, SummaryRow
from wattui.runs.run_json import RunJson
from wattui.show.palette import DARK
from wattui.show.runs import runs_table
from wattui.show.summary import summary_parts
from wattui.tui.widgets.energy import energy_lines, energy_parts

COLUMNS = ["package0_J", "package0_W", "total_J", "total_W"]
CONTENTS = "1 of 2 packages"


def summary(*notes: str) -> Summary:
    """A package at 36 W, running for ten seconds, a hundred inferences."""
    reducer = Reducer(COLUMNS)
    for note in notes:
        reducer.add("0.000000", [""] * 4, f"note:{note}", ("", "", None), None)
    for time_s, event, count in ((0.0, "begin", 0), (10.0, "end", 100)):
        cells = [f"{time_s * 36}", "36.0"] * 2
        reducer.add(f"{time_s:.6f}", cells, event, ("running", "", None), count)
    return summarise(reducer.reduction)


WHOLE, PART = summary(), summary("missing package1: it is readable by root only")


def text(*parts: Any) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.export_text()


def run(found: Summary) -> Run:
    return Run(Path("run.csv"), found, RunJson())


@pytest.mark.parametrize(
    "shown",
    [
        lambda found: text(*summary_parts(found)),
        lambda found: text(runs_table([SummaryRow("run.csv", None, "", found, [])])),
        lambda found: text(*energy_parts(found, DARK, "auto")),
        lambda found: text(*energy_lines(found, DARK, "auto")),
        lambda found: text(*doubts(run(WHOLE), run(found))),
    ],
    ids=["summary", "many", "dashboard", "narrow dashboard", "compare"],
)
def test_what_the_sum_is_of_is_shown(shown: Any) -> None:
    assert CONTENTS in shown(PART)
    assert CONTENTS not in shown(WHOLE)


def test_the_summary_names_what_is_missing_and_why() -> None:
    assert "! incomplete package1  without package1: it is readable by root only" in text(
        *summary_parts(PART)
    )
