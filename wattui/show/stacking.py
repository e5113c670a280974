"""Tables that show every figure with its ± and verdict, however narrow the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from wattui.show.width import FEWEST_COLUMNS, MOST_COLUMNS

INDENT, BETWEEN = 2, 3
PLUS_MINUS = " ± "


def plain_table(*titles: str, left: Collection[int] = (0,)) -> Table:
    """A table without lines; columns at the places `left` are texts, all others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(Text(title), justify="left" if place in left else "right", no_wrap=True)
    return table


def decimals_aligned(table: Table) -> Table:
    """The table with the decimal points of each column of numbers below each other, those of its
    values and those of its ±."""
    made = plain_table(*(_text(column.header).plain for column in table.columns))
    columns = [
        list(map(_text, column.cells))
        if column.justify == "left"
        else _aligned(list(map(_text, column.cells)), cell_len(_text(column.header).plain))
        for column in table.columns
    ]
    for place, column in enumerate(table.columns):
        made.columns[place].justify = column.justify
    for row, cells in zip(table.rows, zip(*columns, strict=True), strict=True):
        made.add_row(*cells, style=row.style)
    made.title, made.caption = table.title, table.caption
    made.title_justify, made.caption_justify = table.title_justify, table.caption_justify
    return made


def _aligned(cells: Sequence[Text], least: int) -> list[Text]:
    """Cells `29.67 ± 0.12` of one width, at least so many columns, with their points aligned."""
    parts = [_parts(cell) for cell in cells]
    widths = [max(cell_len(part.plain) for part in column) for column in zip(*parts, strict=True)]
    found = []
    for whole, fraction, plus_minus, whole_error, error in parts:
        own = (
            _padded(whole, widths[0], True), _padded(fraction, widths[1]),
            _padded(plus_minus, widths[2]), _padded(whole_error, widths[3], True),
            _padded(error, widths[4]),
        )  # fmt: skip
        line = _padded(Text.assemble(*own), least, True)
        line.justify, line.style = "left", whole.style
        found.append(line)
    return found


def _parts(cell: Text) -> tuple[Text, Text, Text, Text, Text]:
    """A cell before its point and from it on; ` ± `; and the same two parts of its ±."""
    value, plus_minus, error = cell.plain.partition(PLUS_MINUS)
    places = [len(value.partition(".")[0]), len(value), len(value) + len(plus_minus)]
    places.append(places[-1] + len(error.partition(".")[0]))
    first, second, third, fourth, fifth = cell.divide(places)
    return first, second, third, fourth, fifth


def _padded(text: Text, width: int, to_right: bool = False) -> Text:
    """A text with blanks up to a width."""
    blanks = " " * (width - cell_len(text.plain))
    return Text.assemble(blanks, text) if to_right else Text.assemble(text, blanks)


class Fitting:
    """The first of several tables that fits the available width.

    Each table may leave out columns of the one before it, but no ± and no verdict. If none fits,
    the first is shown row by row, each cell under its row's name.
    """

    def __init__(self, *tables: Table) -> None:
        self._tables = tables
        self._drawn = tables

    def with_aligned_decimals(self) -> Fitting:
        """The same tables with their decimal points aligned, as far as they fit."""
        made = Fitting(*self._tables)
        made._drawn = tuple(map(decimals_aligned, self._tables))
        return made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table that fits."""
        unbounded = options.update(max_width=MOST_COLUMNS)
        for table in self._drawn:
            if Measurement.get(console, unbounded, table).maximum <= options.max_width:
                yield table
                return
        yield stacked(self._tables[0], options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Down to a few columns, and as wide as the widest."""
        unbounded = options.update(max_width=MOST_COLUMNS)
        widest = max(Measurement.get(console, unbounded, t).maximum for t in self._drawn)
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
