"""The nodes of a fleet while they record, and their sum; Enter opens a node's graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Input, Label

from recorders.counts import INFERENCES, short
from wattui.clean import one_line
from wattui.show import plot
from wattui.show.palette import Palette
from wattui.show.quantities import counted
from wattui.tui.screens.copying import copy, table_text
from wattui.tui.screens.help import Help, HelpLine
from wattui.tui.screens.steady import SteadyScreen
from wattui.tui.state import fleet as state
from wattui.tui.state.fleet import FleetNow, FleetWatch
from wattui.tui.state.fleet_node import MOST_POWERS, NodeNow
from wattui.tui.state.fleet_texts import (
    SUM,
    happened,
    headline,
    spark,
    state_style,
    sum_texts,
    texts,
)
from wattui.tui.widgets.footer import Footer
from wattui.tui.widgets.line import Line
from wattui.tui.widgets.lists import RowTable

LOOK_S = 0.5
POWER = "power"
WAITING = "Waiting for the first node …"
# Blanks on both sides of a cell, and the scroll bar.
PADDING, SCROLL_BAR = 2, 2
POWER_COLUMNS = 12
# Happenings that are shown on a screen of so many rows or more.
MOST_SHOWN = {0: 2, 30: 3, 45: 6}
TOPICS: Mapping[str, tuple[HelpLine, ...]] = {
    "Fleet": (
        HelpLine((), "Open a node: the graphs of its recording; Esc or q comes back.", "Enter"),
        HelpLine(("filter",), "Show only nodes with a text in their name, state, phase or label."),
        HelpLine(("sort",), "Sort by the next column; or click a heading."),
        HelpLine(("reverse",), "Reverse the order."),
        HelpLine(("copy",), "Copy the table with the sum."),
        HelpLine(("app.theme",), "Try the next colours."),
        HelpLine(("app.quit",), "Quit; the recording goes on."),
        HelpLine((), "Move in the list, like the arrow keys.", "j k"),
    ),
    "State": (
        HelpLine((), "Rows are coming.", "recording"),
        HelpLine((), "No row has come for so long, 5 s or more.", "silent 12 s"),
        HelpLine((), "No row has come for 30 s; what came before counts.", "lost"),
        HelpLine((), "Rows are coming again since a moment ago.", "back"),
        HelpLine((), "Rows are coming, since 10 s or more after the first node's.", "joined late"),
        HelpLine((), "The recording of the node is complete.", "finished"),
        HelpLine((), "It ended before its command, as its recorder was ended.", "broken off"),
    ),
}


class Column(NamedTuple):
    """A column of the table; those of the lowest `rank` are left out last."""

    title: str
    width: int
    rank: int
    is_number: bool = False


COLUMNS = (
    Column("node", 14, 0),
    Column("rank", 7, 8),
    Column("state", 12, 1),
    Column("phase", 9, 4),
    Column("label", 12, 6),
    Column("W", 7, 2, True),
    Column("J", 9, 3, True),
    Column("count", 16, 9, True),
    Column(state.J_PER, 14, 7, True),
    Column("of", 22, 10),
    Column(POWER, POWER_COLUMNS, 5),
)


class NodeTable(RowTable):
    """The nodes. All of them change every second, so that a cell is drawn as the one piece of text
    that it is, which takes a tenth of the time of what Textual would make of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open node", key_display="Enter"),
    ]

    def _render_cell(
        self,
        row_index: int,
        column_index: int,
        base_style: Style,
        width: int,
        cursor: bool = False,
        hover: bool = False,
    ) -> list[list[Segment]]:
        if row_index < 0 or column_index < 0:
            return super()._render_cell(row_index, column_index, base_style, width, cursor, hover)
        cell = self._get_row_renderables(row_index)[1][column_index]
        assert isinstance(cell, Text)
        blanks = " " * (width - 2 * self.cell_padding - cell.cell_len)
        text = blanks + cell.plain if cell.justify == "right" else cell.plain + blanks
        sides = " " * self.cell_padding
        own, after = self._get_styles_to_render_cell(
            False,
            False,
            False,
            hover,
            cursor,
            self.show_cursor,
            self._show_hover_cursor,
            self.cursor_foreground_priority == "css",
            self.cursor_background_priority == "css",
        )
        place = place_style(row_index, column_index)
        style = base_style + own + Style.parse(str(cell.style)) + after + place
        return [[Segment(f"{sides}{text}{sides}", style)]]


class FleetScreen(SteadyScreen[None]):
    """A row for each node, and below them their sum, what happened, and joules per inference."""

    @dataclass
    class Opened(Message):
        """The graphs of a node are wanted."""

        node: NodeNow

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("S", "reverse", "Reverse"),
        SteadyScreen.COPY,
        Binding("t", "app.theme", "Theme"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "app.quit", "Quit"),
        Binding("escape", "clear", "Clear filter", show=False, key_display="Esc"),
        *SteadyScreen.BINDINGS,
    ]
    DEFAULT_CSS = """
    FleetScreen > Vertical {
        height: 1fr; background: $surface; border: round $accent;
        border-title-color: $text; border-subtitle-color: $text-muted;
    }
    FleetScreen DataTable { background: $surface; scrollbar-gutter: stable; }
    FleetScreen #nodes { height: 1fr; }
    FleetScreen #sum { height: 1; }
    FleetScreen Label { padding: 0 1; width: 100%; height: auto; }
    FleetScreen #happened { color: $text-muted; }
    FleetScreen Input { display: none; border: none; height: 1; background: $panel; }
    FleetScreen Input:focus { border: none; }
    FleetScreen Input.shown { display: block; }
    """

    def __init__(self, watch: FleetWatch, glyphs: plot.Glyphs, here: str = "") -> None:
        super().__init__()
        self._watch, self._glyphs = watch, glyphs
        self._now = FleetNow()
        self._shown: object = None
        self._by, self._is_reversed = "rank", False
        self._here = here
        self._columns: Sequence[Column] = ()

    def compose(self) -> ComposeResult:
        """The filter, the nodes, their sum, and what happened."""
        with Vertical():
            yield Line(placeholder="text in node, state, phase or label", id="filter")
            yield NodeTable(cursor_type="row", zebra_stripes=True, id="nodes")
            yield RowTable(cursor_type="none", show_header=False, id="sum")
            yield Label(WAITING, id="headline", markup=False)
            yield Label("", id="happened", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Show what is known, and follow it."""
        self._table.focus()
        self.query_one("#sum").can_focus = False
        self._lay_out()
        self._look()
        self.set_interval(LOOK_S, self._look)

    def on_resize(self, event: Resize) -> None:
        """Show as many columns as fit."""
        if event.size == self.app.size:
            self._lay_out()

    @property
    def _table(self) -> NodeTable:
        return self.query_one(NodeTable)

    # ------------------------------------------------------------ what is shown

    def _lay_out(self) -> None:
        columns = fitting(COLUMNS, self.app.size.width - PADDING - SCROLL_BAR)
        if columns != self._columns:
            self._columns = columns
            for table in self.query(RowTable):
                table.clear(columns=True)
                for column in columns:
                    table.add_column("", key=column.title, width=column.width)
        self.draw()

    def _look(self) -> None:
        shown = self._watch.now, self._watch.trouble
        if shown != self._shown:
            self._shown = shown
            self._now = self._watch.now
            self.draw()

    def draw(self) -> None:
        """Fill in the nodes, their sum, and what happened."""
        if not self.is_there or not self._columns:
            return
        table, palette = self._table, self.palette
        for shown, column in zip(table.ordered_columns, self._columns, strict=True):
            shown.label = self._heading(column)
        text = self.query_one(Input).value
        nodes = state.ordered(self._now.nodes, self._by, self._is_reversed)
        nodes = [node for node in nodes if state.wanted(node, text)]
        top_w = max((w for node in nodes for w in node.powers_w), default=0.0)
        rows = {node.key: self._cells(node, top_w, palette) for node in nodes}
        self._exchange(table, rows)
        of_sum = sum_texts(self._now)
        total = [_aligned(each, of_sum.get(each.title, ""), "bold") for each in self._columns]
        self._exchange(self.query_one("#sum", RowTable), {SUM: total} if nodes else {})
        self._say(len(nodes))

    def _exchange(self, table: RowTable, rows: Mapping[str, Sequence[Text]]) -> None:
        """Show these rows; the cursor stays on its node."""
        if [key.value for key in table.rows] != [*rows]:
            here = self._here or (self.here if table is self._table else "")
            table.clear()
            for key, cells in rows.items():
                table.add_row(*cells, key=key)
            if here in rows:
                table.move_cursor(row=table.get_row_index(here))
                self._here = ""
            return
        for key, cells in rows.items():
            for column, cell in zip(self._columns, cells, strict=True):
                table.change_cell(key, column.title, cell)
        table.refresh()

    def _heading(self, column: Column) -> Text:
        arrow = "▼" if state.is_falling(self._by, self._is_reversed) else "▲"
        title = column.title
        if title == state.J_PER:
            title += short(self._now.per) if self._now.per != INFERENCES else "inference"
        title += arrow if column.title == self._by else ""
        return Text(title, justify="right" if column.is_number else "left")

    def _cells(self, node: NodeNow, top_w: float, palette: Palette) -> list[Text]:
        is_estimated = node.origin == "estimated"
        of_energy = palette.estimated if is_estimated else ""
        shown = texts(node, self._now.per)
        shown[POWER] = spark(node.powers_w, top_w, self._columns[-1].width, self._glyphs)
        styles = {
            "state": state_style(node.state, palette),
            "phase": palette.of_phase(node.phase),
            POWER: palette.of_series(0, is_estimated),
            **dict.fromkeys(("W", "J", state.J_PER), of_energy),
        }
        return [
            _aligned(column, shown[column.title], styles.get(column.title, ""))
            for column in self._columns
        ]

    def _say(self, shown: int) -> None:
        """The run, how many nodes are how, joules per inference, and what happened."""
        box, now = self.query_one(Vertical), self._now
        title = self._watch.fleet.folder.name
        if now.nodes:
            count = counted(len(now.nodes), "node")
            title += f" · {count if shown == len(now.nodes) else f'{shown} of {count}'}"
        box.border_title, box.border_subtitle = Content(title), Content(now.states)
        trouble = self._watch.trouble
        here = next((node for node in now.nodes if node.key == self.here), None)
        why = f" · {here.name}: {here.why}" if here and here.why else ""
        said = one_line(headline(now) + why) if now.nodes else WAITING
        self.query_one("#headline", Label).update(
            Text(one_line(trouble), self.palette.alarm) if trouble else Text(said, "bold")
        )
        most = [n for rows, n in MOST_SHOWN.items() if self.app.size.height >= rows][-1]
        lines = [happened(each) for each in now.happened[-most:]]
        label = self.query_one("#happened", Label)
        label.update(Text("\n".join(lines)))
        label.display = bool(lines)

    # ------------------------------------------------------------ keys

    @property
    def here(self) -> str:
        """The key of the node under the cursor; empty if there is none."""
        table = self._table
        if not table.row_count:
            return ""
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)

    def on_data_table_row_highlighted(self) -> None:
        """Say why the node has no figures, if it has none."""
        self._say(self._table.row_count)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a node."""
        self._open(str(event.row_key.value))

    def _open(self, key: str) -> None:
        node = next((each for each in self._now.nodes if each.key == key), None)
        if node is None:
            return
        if node.file is None:
            self.notify(f"{node.name}: {node.why}", severity="warning")
        else:
            self.post_message(self.Opened(node))

    def action_filter(self) -> None:
        """Show the filter line."""
        line = self.query_one(Input)
        line.add_class("shown")
        line.focus()

    def action_clear(self) -> None:
        """Remove the filter."""
        line = self.query_one(Input)
        line.value = ""
        line.remove_class("shown")
        self._table.focus()

    def on_input_changed(self) -> None:
        """Apply the filter."""
        self.draw()

    def on_input_submitted(self) -> None:
        """Return to the table."""
        self._table.focus()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by a column; the other way round if it is sorted already."""
        title = str(event.column_key.value)
        if title in state.COLUMNS:
            self._sort_by(title, title == self._by and not self._is_reversed)

    def action_sort(self) -> None:
        """Sort by the next column."""
        titles = [column.title for column in self._columns if column.title in state.COLUMNS]
        place = titles.index(self._by) + 1 if self._by in titles else 0
        self._sort_by(titles[place % len(titles)], False)

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._sort_by(self._by, not self._is_reversed)

    def _sort_by(self, column: str, is_reversed: bool) -> None:
        self._by, self._is_reversed = column, is_reversed
        self.draw()

    def action_copy(self) -> None:
        """Copy the nodes and their sum to the clipboard."""
        total = table_text(self.query_one("#sum", RowTable)).split("\n")[1:]
        copy(self.app, "\n".join([table_text(self._table), *total]), "what is shown here")

    def action_help(self) -> None:
        """Show what the keys do."""
        self.app.push_screen(Help(self.BINDINGS, TOPICS))


@lru_cache(4096)
def place_style(row: int, column: int) -> Style:
    """What tells a click its cell."""
    return Style.from_meta({"row": row, "column": column})


def fitting(columns: Iterable[Column], width: int) -> tuple[Column, ...]:
    """The columns that fit in a width, the most important ones first."""
    found: list[Column] = []
    every = tuple(columns)
    for column in sorted(every, key=lambda each: each.rank):
        if width < column.width + PADDING:
            break
        width -= column.width + PADDING
        found.append(column)
    # The small graph takes the rest.
    rest = max(0, min(width, MOST_POWERS - POWER_COLUMNS))
    return tuple(
        column._replace(width=column.width + rest) if column.title == POWER else column
        for column in every
        if column in found
    )


def _aligned(column: Column, text: str, style: str) -> Text:
    found = Text(one_line(text), style, no_wrap=True)
    found.justify = "right" if column.is_number else "left"
    found.truncate(column.width, overflow="ellipsis")
    return found
