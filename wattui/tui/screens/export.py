"""Asks where to write results, and writes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from textual.screen import Screen

from wattui.runs.recorded import Run
from wattui.show.export import FORMATS, ExportError, export, refusal
from wattui.tui.screens.ask import Ask


def ask_export(screen: Screen[Any], run: Run) -> None:
    """Ask for a name, whose end says in which form, and write the results there."""

    def write(text: str) -> None:
        try:
            export(run, Path(text))
        except ExportError as error:
            screen.notify(str(error), title="Not exported", severity="error")
        else:
            screen.notify(f"written: {text}")

    def begin(text: str | None) -> None:
        if text:
            screen.run_worker(partial(write, text), thread=True)

    hint = f"the end of the name says in which form: {' '.join(FORMATS)}"
    suggested = f"{run.csv.with_suffix('')}-results.md"
    screen.app.push_screen(
        Ask("Export", hint, suggested, check=lambda text: refusal(run, Path(text))), begin
    )
