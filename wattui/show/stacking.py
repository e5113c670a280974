"""Tables that show every figure with its ± and verdict, however narrow the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from wattui.show.width import FEWEST_COLUMNS, MOST_COLUMNS

INDENT, BETWEEN = 2, 3


def plain_table(*titles: str, left: Collection[int] = (0,)) -> Table:
    """A table without lines; columns at the places `left` are texts, all others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(Text(title), justify="left" if place in left else "right", no_wrap=True)
    return table


class Fitting:
    """The first of several tables that fits the available width.

    Each table may leave out columns of the one before it, but no ± and no verdict. If none fits,
    the first is shown row by row, each cell under its row's name.
    """

    def __init__(self, *tables: Table) -> None:
        self._tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table that fits."""
        unbounded = options.update(max_width=MOST_COLUMNS)
        for table in self._tables:
            if Measurement.get(console, unbounded, table).maximum <= options.max_width:
                yield table
                return
        yield stacked(self._tables[0], options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Down to a few columns, and as wide as the widest."""
        unbounded = options.update(max_width=MOST_COLUMNS)
        widest = max(Measurement.get(console, unbounded, t).maximum for t in self._tables)
        most = min(widest, options.max_width)
        return Measurement(min(FEWEST_COLUMNS, most), most)


def stacked(table: Table, width: int) -> RenderableType:
    """The rows of a table below each other: the first cell, then `title cell` as often as fits."""
    lines = [_text(part) for part in (table.title,) if part]
    titles = [" ".join(_text(column.header).plain.split()) for column in table.columns]
    lines += [Text(titles[0], "dim")] if titles[0] else []
    cells = [list(map(_text, column.cells)) for column in table.columns]
    for place, row in enumerate(zip(*cells, strict=True)):
        style = table.rows[place].style or ""
        name = row[0].copy()
        name.stylize_before("bold")
        pairs = [
            Text.assemble((f"{title} " if title else "", "dim"), cell)
            for title, cell in zip(titles[1:], row[1:], strict=True)
            if cell.plain
        ]
        found = [name, *_packed(pairs, width)]
        for line in found:
            line.stylize_before(style)
        lines += found
    lines += [Text.assemble((_text(table.caption).plain, "dim"))] if table.caption else []
    return Group(*lines)


def _packed(pairs: list[Text], width: int) -> Iterator[Text]:
    """As many as fit on a line; one wider than a line is wrapped."""
    line = Text()
    for pair in pairs:
        if line and INDENT + cell_len(line.plain) + BETWEEN + cell_len(pair.plain) > width:
            yield Text.assemble(" " * INDENT, line)
            line = Text()
        line = Text.assemble(line, " " * BETWEEN if line else "", pair)
    if line:
        yield Text.assemble(" " * INDENT, line)


def _text(cell: RenderableType) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell))
