"""This and earlier runs: open, compare, export, play back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Label
from textual.worker import get_current_worker

from wattui.analysis.recorded import Run, find_runs, load_run
from wattui.quantities import energy_unit, with_uncertainty
from wattui.tui import plot
from wattui.tui.palette import DARK, Palette
from wattui.tui.screens.compare import Compare
from wattui.tui.screens.export import ask_export
from wattui.tui.screens.results import Results, Wish

COLUMNS = ("", "when", "file", "command", "time", "inferences", "J/inference", "flags", "status")
COMMAND_COLUMNS, FILE_COLUMNS = 36, 34
NONE_YET = "There is no run file here: r records, l launches, `wattui --headless` does both."
TICK = "✓"


class Runs(ModalScreen[Wish | None]):
    """The runs in a folder, the newest first; their summaries are read one after the other."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="Esc"),
        Binding("space", "tick", "Tick"),
        Binding("c", "compare", "Compare"),
        Binding("e", "export", "Export"),
        Binding("p", "replay", "Play back"),
        Binding("slash", "filter", "Filter", key_display="/"),
    ]
    DEFAULT_CSS = """
    Runs { align: center middle; }
    Runs #box {
        width: 96%; height: 90%; background: $surface; border: round $accent;
        border-title-color: $text; border-subtitle-color: $text-muted;
    }
    Runs DataTable { height: 1fr; background: $surface; }
    Runs #hint { padding: 0 1; color: $text-muted; height: auto; }
    Runs Input { display: none; border: none; height: 1; background: $panel; }
    Runs Input.shown { display: block; }
    """

    def __init__(
        self,
        folder: Path,
        extra: Sequence[Path] = (),
        ticked: Sequence[Path] = (),
        glyphs: plot.Glyphs = plot.BRAILLE,
        palette: Palette = DARK,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._extra = extra
        self._ticked = [path.absolute() for path in ticked]
        self._glyphs, self._palette = glyphs, palette
        self._runs: dict[Path, Run | str] = {}
        self._found: list[Path] = []

    def compose(self) -> ComposeResult:
        """A table, and a line for what is being done."""
        with Vertical(id="box") as box:
            box.border_title = f"Runs in {self._folder.name}/"
            yield Input(placeholder="file or command", id="filter")
            yield DataTable(cursor_type="row", zebra_stripes=True)
            yield Label("looking …", id="hint")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        table = self.query_one(DataTable)
        for title in COLUMNS:
            table.add_column(title, key=title)
        table.focus()
        self._look()

    @work(thread=True, exclusive=True)
    def _look(self) -> None:
        """Find run files, show them, then read them one after the other."""
        worker = get_current_worker()
        extra = [path.absolute() for path in self._extra]
        near = [path.absolute() for path in find_runs(self._folder)]
        found = [*dict.fromkeys((*extra, *near))]
        self.app.call_from_thread(self._list, found)
        for number, path in enumerate(found, 1):
            if worker.is_cancelled:
                return
            run = read(path)
            self.app.call_from_thread(self._show, path, run, f"read {number} of {len(found)}")
        self.app.call_from_thread(self._say, "")

    def _list(self, found: list[Path]) -> None:
        self._found = found
        self._fill()
        if not found:
            self._say(NONE_YET)

    def _show(self, path: Path, run: Run | str, said: str) -> None:
        self._runs[path] = run
        if not self.is_mounted:
            return
        self._say(said)
        table = self.query_one(DataTable)
        if str(path) in table.rows:
            for column, cell in zip(COLUMNS, self._cells(path), strict=True):
                table.update_cell(str(path), column, cell, update_width=True)

    def _say(self, text: str) -> None:
        hint = self.query_one("#hint", Label)
        hint.update(text or "Enter opens a run; space ticks two, c compares them")

    def _fill(self) -> None:
        """The rows that the filter lets through."""
        wanted = self.query_one(Input).value.lower()
        table = self.query_one(DataTable)
        table.clear()
        for path in self._found:
            cells = self._cells(path)
            if wanted in " ".join(str(cell) for cell in cells).lower():
                table.add_row(*cells, key=str(path))

    def _cells(self, path: Path) -> list[Text]:
        tick = TICK if path in self._ticked else ""
        try:
            changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        except OSError:
            changed = "–"
        name = str(path.relative_to(self._folder.absolute())) if self._is_near(path) else str(path)
        known = self._runs.get(path)
        rest = columns_of(known, self._palette) if known is not None else [Text("…", "dim")]
        rest += [Text()] * (len(COLUMNS) - 3 - len(rest))
        return [Text(tick, "bold"), Text(changed, "dim"), shortened(name, FILE_COLUMNS), *rest]

    def _is_near(self, path: Path) -> bool:
        return path.is_relative_to(self._folder.absolute())

    # ------------------------------------------------------------ what can be done

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a run."""
        run = self._runs.get(Path(str(event.row_key.value)))
        if isinstance(run, Run):
            self.app.push_screen(
                Results(run.run, run.csv, self._glyphs, self._palette), self._wished
            )
        elif run is not None:
            self.notify(run, severity="warning")

    def _wished(self, wish: Wish | None) -> None:
        if wish is not None and wish[0] == "replay":
            self.dismiss(wish)
        elif wish is not None:
            self._ticked = [wish[1].absolute()]
            self._fill()
            self._say("choose the other run, then c")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what fits."""
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the table."""
        self.query_one(DataTable).focus()

    def action_filter(self) -> None:
        """Ask for a text that rows must have."""
        line = self.query_one(Input)
        line.add_class("shown")
        line.focus()

    def action_back(self) -> None:
        """Let go of the filter, or of the list."""
        line = self.query_one(Input)
        if line.has_class("shown"):
            line.remove_class("shown")
            line.value = ""
            self.query_one(DataTable).focus()
        else:
            self.dismiss(None)

    def action_tick(self) -> None:
        """Choose a run for a comparison, or let it be; the two last ones stay."""
        path = self._here()
        if path is None:
            return
        if path in self._ticked:
            self._ticked.remove(path)
        else:
            self._ticked = [*self._ticked[-1:], path]
        table = self.query_one(DataTable)
        for row in table.rows:
            mark = TICK if Path(str(row.value)) in self._ticked else ""
            table.update_cell(row, "", Text(mark, "bold"))
        table.action_cursor_down()

    def action_compare(self) -> None:
        """The two ticked runs, or the ticked one and this one."""
        here = self._here()
        chosen = list(self._ticked)
        if len(chosen) == 1 and here is not None and here not in chosen:
            chosen.append(here)
        runs = [run for path in chosen if isinstance(run := self._runs.get(path), Run)]
        if len(runs) == 2:
            self.app.push_screen(Compare(runs[0], runs[1], self._glyphs, self._palette))
        else:
            self.notify("two runs are needed: space ticks them", severity="warning")

    def action_export(self) -> None:
        """Write the results of this run to a file."""
        if run := self._run_here():
            ask_export(self, run)

    def action_replay(self) -> None:
        """Play this run back."""
        if run := self._run_here():
            self.dismiss(("replay", run.csv))

    def _run_here(self) -> Run | None:
        here = self._here()
        run = self._runs.get(here) if here is not None else None
        if isinstance(run, str):
            self.notify(run, severity="warning")
        return run if isinstance(run, Run) else None

    def _here(self) -> Path | None:
        table = self.query_one(DataTable)
        if not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key
        return Path(str(key.value))


def read(path: Path) -> Run | str:
    """A run, or in words why it cannot be read."""
    from wattui.analysis.runs import NotARunFileError

    try:
        return load_run(path)
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror})"
    except NotARunFileError as error:
        return f"{path.name} is not a run file: {error}"
    except Exception as error:  # a damaged file may break any part of a reader
        return f"{path.name} is damaged: {type(error).__name__}: {error}"


def columns_of(run: Run | str, palette: Palette) -> list[Text]:
    """Command, time, inferences, joules per inference, flags, status."""
    if isinstance(run, str):
        return [Text(run, palette.alarm)]
    summary = run.summary
    running = summary["running"]
    command = " ".join(run.run.get("command", {}).get("argv", []))
    cells = [shortened(command, COMMAND_COLUMNS)]
    if running is None:
        cells += [Text("–"), Text("–"), Text("nothing ran", "dim")]
    else:
        counted = f"{running['inferences']:,}" if running["inferences"] else "–"
        cells += [Text(f"{running['seconds']:.1f} s"), Text(counted), _headline(summary, palette)]
    flags = len(summary["flags"])
    cells.append(Text(str(flags) if flags else "", palette.estimated))
    status = str(run.run.get("status", "no run.json"))
    return [*cells, Text(status, "dim" if status == "finished" else palette.alarm)]


def shortened(text: str, columns: int) -> Text:
    """A text that ends in … where it is too long."""
    found = Text(text, no_wrap=True)
    found.truncate(columns, overflow="ellipsis")
    return found


def _headline(summary: dict[str, Any], palette: Palette) -> Text:
    if summary["headline"] is None:
        return Text("–")
    domain = summary["running"]["domains"][summary["headline"]]
    figure = domain["total_j_per_inference"]
    text = Text("–")
    if figure:
        factor, unit = energy_unit([figure["value"]])
        text = Text(f"{with_uncertainty(figure['value'], figure['plus_minus'], factor)} {unit}")
    if domain["origin"] != "measured":
        text.append(f" {domain['origin']}", palette.estimated)
    return text
