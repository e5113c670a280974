"""The list of runs, to open, compare, export or play back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import DataTable, Input, Label
from textual.widgets.data_table import ColumnKey
from textual.worker import get_current_worker

from recorders.counts import INFERENCES, short
from recorders.summary.bases import TOTAL
from recorders.summary.figures import Summary
from wattui.analysis.cells import Cells, cells_of
from wattui.errors import UsageError
from wattui.runs.notes import TAG, Notes, parsed, read_notes, write_notes
from wattui.runs.recorded import MOST_FILES, Run, load_run, newest_runs
from wattui.runs.run_file import NotARunFileError
from wattui.runs.trash import FOLDER, Discarded, discard, put_back
from wattui.show import plot
from wattui.show.palette import Palette
from wattui.show.quantities import counted, duration, energy_unit, number, with_uncertainty
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.compare import Compare
from wattui.tui.screens.compare_many import CompareMany
from wattui.tui.screens.export import ask_export
from wattui.tui.screens.results import Results, ResultsAction
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.state.run_order import SORTABLE, is_falling, ordered
from wattui.tui.widgets.footer import Footer
from wattui.tui.widgets.line import Line
from wattui.tui.widgets.lists import RowTable

# Widths are fixed: measuring thousands of cells after each change takes seconds.
WIDTHS = {
    "": 1, "when": 11, "file": 34, "J/inference": 30, "inferences": 11, "time": 9, "flags": 6,
    "status": 11, "tags": 12, "command": 48,
}  # fmt: skip
COLUMNS, NUMBERS = tuple(WIDTHS), ("inferences", "time", "flags")
# As in `ls`, older runs show the year instead of the time of day.
RECENT_S = 180 * 86400
SHOWN_EVERY_S, TYPING_S = 0.5, 0.15
# So many runs are listed, and the newest is read, before all others are looked for.
LISTED_FIRST, READ_FIRST, LISTED_AT_ONCE = 60, 1, 750
NONE_YET = "No recordings here yet. Press r to record, l to launch."
HINT = "Enter opens a run; press space to tick two or more, then c to compare"
ANNOTATE = "words beginning with # are tags; the rest is the note; kept in a file beside the run"
DEFAULT_ORDER = "when"
TICK, FINISHED, INCOMPLETE = "✓", "finished", "incomplete"


class Runs(SteadyModal[ResultsAction | None]):
    """Lists the runs in a folder, newest first; summaries are read one by one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="Esc"),
        Binding("space", "tick", "Tick"),
        Binding("c", "compare", "Compare"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("t", "annotate", "Tags, note"),
        Binding("S", "reverse", "Reverse", show=False),
        Binding("delete,D", "discard", "Delete", key_display="D"),
        Binding("u", "put_back", "Undo"),
        Binding("e", "export", "Export"),
        Binding("p", "replay", "Play back"),
        SteadyModal.COPY,
    ]
    DEFAULT_CSS = """
    Runs DataTable { height: 1fr; background: $surface; }
    Runs #hint { width: 1fr; padding: 0 1; color: $text-muted; height: auto; }
    Runs Input { display: none; border: none; height: 1; background: $panel; }
    Runs Input:focus { border: none; }
    Runs Input.shown { display: block; }
    """

    def __init__(
        self,
        folder: Path,
        extra: Sequence[Path] = (),
        ticked: Sequence[Path] = (),
        glyphs: plot.Glyphs = plot.BRAILLE,
        per: str = "",
    ) -> None:
        super().__init__()
        self._folder = folder
        self._extra = extra
        self._ticked = [path.absolute() for path in ticked]
        self._glyphs, self._per = glyphs, per
        self._runs: dict[Path, Run | str] = {}
        self._notes: dict[Path, Notes] = {}
        self._found: list[Path] = []
        self._filling: Timer | None = None
        self._by, self._is_reversed = DEFAULT_ORDER, False
        self._discarded: list[tuple[int, Discarded]] = []

    def compose(self) -> ComposeResult:
        """A table and a status line."""
        with Vertical() as box:
            box.border_title = Content(self._title())
            yield Line(placeholder="text in file name, command, tags or note", id="filter")
            yield RowTable(cursor_type="row", zebra_stripes=True)
            yield Label("Looking for runs …", id="hint", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Start looking for runs."""
        table = self.query_one(DataTable)
        for title, width in (WIDTHS | {"file": len("file▼")}).items():
            table.add_column(self._heading(title), key=title, width=width)
        table.focus()
        self._look()

    @work(thread=True, exclusive=True)
    def _look(self) -> None:
        """Find run files and list them as they are found, then read them one by one."""
        extra = [path.absolute() for path in self._extra if path.exists()]
        near = (path.absolute() for path in newest_runs(self._folder))
        coming = chain(extra, (path for path in near if path not in extra))
        first = list(islice(coming, LISTED_FIRST))
        self._tell(self._list, first)
        self._read_all(first[:READ_FIRST])
        found = first
        while more := list(islice(coming, LISTED_AT_ONCE)):
            self._tell(self._list, more)
            found += more
        self._read_all(found[READ_FIRST:])
        self._tell(self._settle)

    def _read_all(self, paths: Sequence[Path]) -> None:
        """Read runs, and show what was read every now and then."""
        ready: dict[Path, tuple[Run | str, Notes]] = {}
        shown_s = time.monotonic()
        for place, path in enumerate(paths, 1):
            ready[path] = read(path), read_notes(path)
            if place == len(paths) or time.monotonic() - shown_s > SHOWN_EVERY_S:
                self._tell(self._show, ready)
                ready, shown_s = {}, time.monotonic()

    def _tell(self, take: Callable[..., None], *what: object) -> None:
        """Have the screen take something that the reading thread found, unless it was left."""
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(take, *what)

    def _list(self, found: list[Path]) -> None:
        """List more runs, below those that are listed."""
        self._found += found
        if not self.is_there:
            return
        names = [len(self._near_name(path)) for path in found]
        table = self.query_one(DataTable)
        column = table.columns[ColumnKey("file")]
        column.width = min(WIDTHS["file"], max([column.width, *names]))
        self._add(found)
        self._say()

    def _show(self, ready: dict[Path, tuple[Run | str, Notes]]) -> None:
        """Show runs that were read; where they belong in a sorted or filtered list."""
        for path, (run, notes) in ready.items():
            self._runs[path], self._notes[path] = run, notes
        if not self.is_there:
            return
        if self.query_one(Input).value:
            self.draw()
        else:
            for path in ready:
                self._update(path)
        self._say()

    def _settle(self) -> None:
        """Sort by what is known now that all were read."""
        if self.is_there and self._ordered() != self._found:
            self._sort()

    def _update(self, path: Path) -> None:
        """Show the cells of a run again, if it is listed."""
        table = self.query_one(DataTable)
        if str(path) in table.rows:
            for column, cell in zip(COLUMNS, self._cells(path), strict=True):
                table.update_cell(str(path), column, cell)

    @property
    def _unread(self) -> int:
        return sum(path not in self._runs for path in self._found)

    def _begun_s(self, path: Path) -> float:
        return begun_s(path, self._runs.get(path)) or 0.0

    def _sort(self) -> None:
        """Sort the runs, and mark the column by which they are sorted."""
        self._found = self._ordered()
        table = self.query_one(DataTable)
        for title in COLUMNS:
            table.columns[ColumnKey(title)].label = self._heading(title)
        self.draw()

    def _ordered(self) -> list[Path]:
        return ordered(self._found, self._runs, self._by, self._is_reversed, self._begun_s)

    def _heading(self, title: str) -> Text:
        arrow = "▼" if is_falling(self._by, self._is_reversed) else "▲"
        text = f"{title}{arrow}" if title == self._by else title
        return Text(text, justify="right" if title in NUMBERS else "left")

    def _title(self, shown: int | None = None) -> str:
        """The folder and how many runs there are, and how many of them are shown."""
        title = f"Runs in {self._folder.absolute().name}/"
        if shown is None:
            return title
        count = len(self._found)
        what = f"the newest {count:,} runs" if count >= MOST_FILES else counted(count, "run")
        return f"{title} · {what}" if shown == count else f"{title} · {shown:,} of {what}"

    def _say(self) -> None:
        """Show how many runs there are and the progress; then the error of the row under the
        cursor, its note, or the keys."""
        table, path = self.query_one(DataTable), self._here() or Path()
        self.query_one(Vertical).border_title = Content(self._title(table.row_count))
        here = self._runs.get(path)
        if not self._found:
            said = NONE_YET
        elif unread := self._unread:
            said = f"Reading {len(self._found) - unread:,} of {len(self._found):,} …"
        else:
            said = here if isinstance(here, str) else self._notes.get(path, Notes()).line or HINT
        self.query_one("#hint", Label).update(Text(said))

    def draw(self) -> None:
        """Fill the table with the runs that match the filter, keeping the cursor on its run."""
        table = self.query_one(DataTable)
        here = self._here()
        table.clear()
        self._add(self._found)
        if here is not None and str(here) in table.rows:
            table.move_cursor(row=table.get_row_index(str(here)))
        self._say()

    def _add(self, paths: Sequence[Path]) -> None:
        """Add those runs to the table that match the filter."""
        wanted, table = self.query_one(Input).value.lower(), self.query_one(DataTable)
        for path in paths:
            if wanted in self._words(path).lower():
                table.add_row(*self._cells(path), key=str(path))

    def _words(self, path: Path) -> str:
        """The text that the filter searches."""
        run = self._runs.get(path)
        command = run.about.command if isinstance(run, Run) else ""
        notes = self._notes.get(path, Notes())
        return f"{self._near_name(path)} {command} {notes.line}"

    def _near_name(self, path: Path) -> str:
        folder = self._folder.absolute()
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)

    def _cells(self, path: Path) -> list[Text]:
        known = self._runs.get(path)
        tick = TICK if path in self._ticked else ""
        rest = columns_of(known, self.palette) if known is not None else [Text("…", "dim")]
        rest += [Text()] * (len(COLUMNS) - 4 - len(rest))
        tags = " ".join(TAG + tag for tag in self._notes.get(path, Notes()).tags)
        rest.insert(-1, shortened(tags, WIDTHS["tags"]))
        when = Text(moment(begun_s(path, known), time.time()), "dim")
        return [Text(tick, "bold"), when, shortened(self._near_name(path), WIDTHS["file"]), *rest]

    # ------------------------------------------------------------ what can be done

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show why a run cannot be read."""
        self._say()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a run."""
        path = Path(str(event.row_key.value))

        def left(wish: ResultsAction | None) -> None:
            if read_notes(path) != self._notes.get(path):
                self._read_again(path)
            self._wished(wish)

        if run := self._read(path):
            self.app.push_screen(Results(run, self._glyphs, per=self._per), left)

    @work(thread=True)
    def _read_again(self, path: Path) -> None:
        self._read_all([path])

    def _wished(self, wish: ResultsAction | None) -> None:
        if wish is not None and wish[0] == "replay":
            self.dismiss(wish)
        elif wish is not None:
            self._ticked = [wish[1].absolute()]
            self.draw()
            self.notify("Choose the other run, then press c", timeout=4)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Apply the filter once typing has paused."""
        if self._filling is not None:
            self._filling.stop()
        self._filling = self.set_timer(TYPING_S, self.draw)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return to the table."""
        self.query_one(DataTable).focus()

    def action_filter(self) -> None:
        """Show the filter line."""
        line = self.query_one(Input)
        line.add_class("shown")
        line.focus()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by a column; the other way round if it is sorted already."""
        if (title := event.column_key.value) in SORTABLE:
            self._sort_by(str(title), title == self._by and not self._is_reversed)

    def action_sort(self) -> None:
        """Sort by the next column."""
        place = SORTABLE.index(self._by) + 1
        self._sort_by(SORTABLE[place % len(SORTABLE)], False)

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._sort_by(self._by, not self._is_reversed)

    def _sort_by(self, column: str, is_reversed: bool) -> None:
        self._by, self._is_reversed = column, is_reversed
        self._sort()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Undo is offered once a run was deleted."""
        return action != "put_back" or bool(self._discarded)

    def action_annotate(self) -> None:
        """Ask for the tags of this run, and a note on it."""
        path = self._here()
        if path is None or path not in self._notes:
            return

        def keep(line: str | None) -> None:
            if line is None:
                return
            tags, note = parsed(line)
            notes = replace(read_notes(path), tags=tags, text=note)
            try:
                write_notes(path, notes)
            except UsageError as error:
                self.notify(str(error), severity="error")
                return
            self._notes[path] = notes
            self._update(path)
            self._say()

        known = sorted({TAG + tag for notes in self._notes.values() for tag in notes.tags})
        line = self._notes[path].line
        title = f"Tags and note of {path.name}"
        self.app.push_screen(Ask(title, ANNOTATE, line, known, may_be_empty=True), keep)

    def action_discard(self) -> None:
        """Move this run to the trash folder."""
        path = self._here()
        if path is None:
            return
        if path not in self._runs:
            self.notify(f"{path.name} is still being read", severity="warning")
            return
        try:
            self._discarded.append((self._found.index(path), discard(path)))
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        table = self.query_one(DataTable)
        row = table.cursor_row
        self._found.remove(path)
        self._ticked = [each for each in self._ticked if each != path]
        self.draw()
        table.move_cursor(row=min(row, table.row_count - 1))
        self.refresh_bindings()
        self.notify(f"{path.name} is in {FOLDER}; u puts it back", timeout=4)

    def action_put_back(self) -> None:
        """Put back the run that was deleted last."""
        place, run = self._discarded.pop()
        self.refresh_bindings()
        self.app.clear_notifications()
        try:
            put_back(run)
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        self.notify(f"{run.csv.name} is back", timeout=4)
        self._found.insert(place, run.csv)
        self._sort()
        table = self.query_one(DataTable)
        if str(run.csv) in table.rows:
            table.move_cursor(row=table.get_row_index(str(run.csv)))

    def action_back(self) -> None:
        """Clear the filter, or else close the list."""
        line = self.query_one(Input)
        if line.has_class("shown"):
            line.remove_class("shown")
            line.value = ""
            self.query_one(DataTable).focus()
        else:
            self.dismiss(None)

    def action_tick(self) -> None:
        """Tick or untick a run for comparison."""
        path = self._here()
        if path is None:
            return
        if path in self._ticked:
            self._ticked.remove(path)
        else:
            self._ticked.append(path)
        table = self.query_one(DataTable)
        for row in table.rows:
            mark = TICK if Path(str(row.value)) in self._ticked else ""
            table.update_cell(row, "", Text(mark, "bold"))
        table.action_cursor_down()

    def action_compare(self) -> None:
        """Compare the ticked runs, or the ticked one and this one."""
        here = self._here()
        chosen = list(self._ticked)
        if len(chosen) == 1 and here is not None and here not in chosen:
            chosen.append(here)
        runs = [run for path in chosen if isinstance(run := self._runs.get(path), Run)]
        if len(runs) == 2:
            self.app.push_screen(Compare(runs[0], runs[1], self._glyphs))
        elif len(runs) > 2:
            self.app.push_screen(CompareMany(runs, self._glyphs))
        else:
            self.notify("Tick two runs or more with space, then press c", severity="warning")

    def action_export(self) -> None:
        """Export the results of this run."""
        if run := self._run_here():
            ask_export(self, run)

    def action_replay(self) -> None:
        """Play this run back."""
        if run := self._run_here():
            self.dismiss(("replay", run.csv))

    def _run_here(self) -> Run | None:
        here = self._here()
        return self._read(here) if here is not None else None

    def _read(self, path: Path) -> Run | None:
        """A run, or None where it is said why there is none."""
        run = self._runs.get(path, f"{path.name} is still being read")
        if isinstance(run, Run):
            return run
        self.notify(run, severity="warning")
        return None

    def _here(self) -> Path | None:
        table = self.query_one(DataTable)
        if not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key
        return Path(str(key.value))


def read(path: Path) -> Run | str:
    """A run, or a message saying why it cannot be read."""
    try:
        return load_run(path)
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror})"
    except NotARunFileError as error:
        return f"{path.name} is not a run file: {error}"
    except Exception as error:  # a damaged file may break any part of a reader
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return f"{path.name} is damaged: {said}"


def columns_of(run: Run | str, palette: Palette) -> list[Text]:
    """The cells joules per inference, inferences, time, flags, status and command; for an
    unreadable run, the reason."""
    if isinstance(run, str):
        return [Text("unreadable", palette.alarm), *[_right("–")] * 4, Text(run, palette.alarm)]
    run = run.by()
    running = run.summary.running
    cells = [Text("no running phase", "dim"), _right("–"), _right("–")]
    if running is not None:
        per = run.summary.per
        unit = "" if per == INFERENCES else f" {short(per)}"
        counted = f"{running.inferences:,}{unit}" if running.inferences else "–"
        cells = [_headline(run.summary, palette), _right(counted)]
        cells.append(_right(f"{duration(running.seconds)} s"))
    flags = len(run.summary.flags)
    failed = [f"exit {status}" for status in run.about.exit_statuses if status]
    status = (failed or [run.about.status or "no run.json"])[0]
    return [
        *cells,
        _right(str(flags) if flags else "", palette.estimated),
        Text(status, "dim" if status == FINISHED else palette.alarm),
        shortened(run.about.command, WIDTHS["command"]),
    ]


def begun_s(path: Path, run: Run | str | None) -> float | None:
    """When a recording began, else when its file was last written, in seconds since the epoch."""
    if isinstance(run, Run) and run.about.start_utc_ns is not None:
        return run.about.start_utc_ns / 1e9
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def moment(time_s: float | None, now_s: float) -> str:
    """A local date with the time of day, or with the year if it is long ago."""
    if time_s is None:
        return "–"
    recent = abs(now_s - time_s) < RECENT_S
    return time.strftime("%m-%d %H:%M" if recent else "%Y-%m-%d", time.localtime(time_s))


def shortened(text: str, columns: int) -> Text:
    """A text truncated with … to a number of columns."""
    found = Text(text, no_wrap=True)
    found.truncate(columns, overflow="ellipsis")
    return found


def _headline(summary: Summary, palette: Palette) -> Text:
    domain = summary.quoted
    if domain is None:
        return Text("–")
    figure = TOTAL.of(domain)
    word = summary.contents
    if word and any(flag.name == INCOMPLETE for flag in summary.flags):
        word = INCOMPLETE
    if domain.origin != "measured":
        word = domain.origin
    text = Text("–")
    if cells := cells_of(summary):
        text = Text(_range(cells))
    elif figure:
        factor, unit = energy_unit([figure.value])
        unit += "" if summary.per == INFERENCES else f"/{short(summary.per)}"
        whole = with_uncertainty(figure.value, figure.plus_minus, factor)
        room = WIDTHS["J/inference"] - len(f" {unit} {word}".rstrip())
        text = Text(f"{whole if len(whole) <= room else number(figure.value / factor)} {unit}")
    if word:
        text.append(f" {word}", palette.estimated)
    text.truncate(WIDTHS["J/inference"], overflow="ellipsis")
    return text


def _range(cells: Cells) -> str:
    """The figures of the best and the worst label, or of the only one that is known."""
    if cells.basis is not TOTAL or not cells.ranked:
        return "–"
    values = [value.value for _, value in cells.ends]
    factor, unit = energy_unit(values)
    return f"{' … '.join(number(value / factor) for value in values)} {unit}"


def _right(text: str, style: str = "") -> Text:
    return Text(text, style, justify="right")
