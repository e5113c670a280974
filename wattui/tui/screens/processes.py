"""The processes of this machine, and what each uses of the processor and the GPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Label

from wattui.show.wrapping import Prose
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.state import processes
from wattui.tui.state.processes import Column, Processes
from wattui.tui.state.session import Stream
from wattui.tui.widgets.footer import Footer
from wattui.tui.widgets.lists import RowTable

LOOK_S = 0.25
# The idlest beyond these are not shown.
MOST_SHOWN = 200
WAITING = "Counting processes …"
MEANING = "Shares of time, not of joules: CPU of all processors"
OF_GPUS = ", GPU 100 % is one GPU"
UNSEEN = "–: of another user, whose use of a GPU only root can see"


class ProcessesScreen(SteadyModal[None]):
    """A table that the recorder fills once a second, while it is open."""

    KNOWN: ClassVar[Sequence[Column]] = processes.COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,P", "dismiss", "Back", key_display="Esc"),
        Binding("c", "sort('CPU')", "by CPU"),
        Binding("g", "sort('GPU')", "by GPU"),
        Binding("G", "sort('GPU_MEMORY')", "by GPU MiB"),
        Binding("m", "sort('MEMORY')", "by MiB"),
        Binding("n", "sort('NAME')", "by name"),
        Binding("u", "sort('USER')", "by user"),
        SteadyModal.COPY,
    ]
    DEFAULT_CSS = """
    ProcessesScreen > Vertical { width: 80; height: 100%; }
    ProcessesScreen.refused > Vertical { height: auto; }
    ProcessesScreen.refused DataTable { display: none; }
    ProcessesScreen DataTable { height: 1fr; background: $surface; }
    ProcessesScreen Label { padding: 0 1; width: 100%; color: $text-muted; height: auto; }
    ProcessesScreen #command { color: $text; }
    """

    def __init__(self, stream: Callable[[], Stream]) -> None:
        super().__init__()
        self._stream = stream
        self._asked: Stream | None = None
        self._columns: tuple[Column, ...] = ()
        self._found: Processes | None = None
        self._by = processes.CPU

    def compose(self) -> ComposeResult:
        """The table, what the command uses together, and what the numbers mean."""
        with Vertical() as box:
            box.border_title = "Processes"
            yield from self.head()
            yield RowTable(cursor_type="none", zebra_stripes=True)
            yield Label("", id="command", markup=False)
            yield Label(WAITING, id="meaning", markup=False)
        yield Footer()

    def head(self) -> ComposeResult:
        """Widgets above the table: none."""
        yield from ()

    def seen(self, found: Processes) -> Processes:
        """The processes to show: all."""
        return found

    def meaning(self, found: Processes) -> str:
        """Words for the numbers."""
        return MEANING + OF_GPUS * bool(found.gpus)

    def on_mount(self) -> None:
        """Ask for the table."""
        self.query_one(DataTable).focus()
        self.call_after_refresh(self._look)
        self.set_interval(LOOK_S, self._look)

    def on_unmount(self) -> None:
        """Have the recorder stop counting."""
        if self._asked is not None and not self._asked.is_silent:
            self._asked.request(do="processes", show=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """A machine without GPUs is not sorted by them, and a table that is refused by nothing."""
        known = () if self.has_class("refused") else self._columns or self.KNOWN
        return action != "sort" or _column(parameters[0]) in known

    def action_sort(self, name: str) -> None:
        """Sort by another column."""
        self._by = _column(name)
        self._fill()

    def _look(self) -> None:
        """Show a new table; ask again after the recorder was replaced."""
        stream = self._stream()
        if stream is not self._asked and not stream.is_silent:
            # What it counted before is of another time.
            self._asked, self._found = stream, stream.processes
            error = stream.request(do="processes", show=True).get("error")
            self.set_class(bool(error), "refused")
            self.refresh_bindings()
            if error:
                self.query_one("#meaning", Label).update(Text(str(error)))
        if stream.processes is not None and stream.processes is not self._found:
            self._found = stream.processes
            self._fill()

    def _fill(self) -> None:
        found = self._found
        if found is None or not self.is_there:
            return
        table = self.query_one(RowTable)
        found = self.seen(found)
        columns = processes.columns(found.gpus, self.KNOWN)
        if columns != self._columns:
            self._columns = columns
            table.clear(columns=True)
            for column in columns:
                table.add_column("", key=column.title, width=column.width)
            self.refresh_bindings()
        for shown, column in zip(table.ordered_columns, columns, strict=True):
            shown.label = _heading(column, is_sorted=column is self._by)
        rows = processes.ordered(found.processes, self._by)[:MOST_SHOWN]
        while len(rows) < table.row_count:
            table.remove_row(str(table.row_count - 1))
        for place, process in enumerate(rows):
            cells = [_cell(column, column.text(process), process.of_command) for column in columns]
            if place == table.row_count:
                table.add_row(*cells, key=str(place))
                continue
            for column, cell in zip(columns, cells, strict=True):
                table.change_cell(str(place), column.title, cell)
        table.refresh()
        self._say(found, len(found.processes) + found.left_out - len(rows))

    def _say(self, found: Processes, left_out: int) -> None:
        said = self.meaning(found)
        said += f"\n{UNSEEN}" if found.is_partly_unknown else ""
        said += f"\n{left_out} more that use less" if left_out else ""
        self.query_one("#meaning", Label).update(Text(said))
        own = processes.command_text(found)
        command = self.query_one("#command", Label)
        command.update(Prose(Text(own)))
        command.display = bool(own)


def _column(name: object) -> Column:
    found: Column = getattr(processes, str(name))
    return found


def _heading(column: Column, is_sorted: bool) -> Text:
    return _aligned(column, f"{column.title}▼" if is_sorted else column.title)


def _cell(column: Column, text: str, is_bold: bool) -> Text:
    return _aligned(column, text, "bold" if is_bold else "")


def _aligned(column: Column, text: str, style: str = "") -> Text:
    return Text(text, style, justify="right" if column.is_number else "left")
