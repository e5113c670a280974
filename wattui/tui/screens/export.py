"""Asks for a file name and exports the results."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from textual.screen import Screen

from wattui.outputs import OutputError
from wattui.report.export import FORMATS, export, refusal
from wattui.runs.recorded import Run
from wattui.tui.screens.ask import Ask


def ask_export(screen: Screen[Any], run: Run) -> None:
    """Ask for a file name, whose extension sets the format, and export the results to it."""

    def write(text: str) -> None:
        try:
            export(run, Path(text))
        except OutputError as error:
            screen.notify(str(error), title="Export failed", severity="error")
        else:
            screen.notify(f"Exported to {text}")

    def begin(text: str | None) -> None:
        if text:
            screen.run_worker(partial(write, text), thread=True)

    hint = f"the extension sets the format: {' '.join(FORMATS)}"
    suggested = f"{run.csv.with_suffix('')}-results.md"
    screen.app.push_screen(
        Ask("Export", hint, suggested, check=lambda text: refusal(run, Path(text))), begin
    )
