"""Tables that show every figure with its ± and verdict, however narrow the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from wattui.show.width import FEWEST_COLUMNS, MOST_COLUMNS

INDENT, BETWEEN = 2, 3
# Between columns.
BLANKS = 2
PLUS_MINUS = " ± "


def plain_table(*titles: str, left: Collection[int] = (0,)) -> Table:
    """A table without lines; columns at the places `left` are texts, all others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, BLANKS, 0, 0))
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
        for table in self._drawn:
            widths = _widths(table)
            if widths is None and _maximum(console, options, table) <= options.max_width:
                yield table
                return
            if widths is not None and sum(widths) <= options.max_width:
                yield from _drawn(table, widths, console, options)
                return
        for line in stacked(self._tables[0], options.max_width):
            is_short = line.plain.isprintable() and cell_len(line.plain) <= options.max_width
            if is_short:
                yield from _segments(line, console, console.get_style(""))
                yield Segment.line()
            else:
                yield from console.render(line, options)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Down to a few columns, and as wide as the widest."""
        widest = max(_maximum(console, options, table) for table in self._drawn)
        most = min(widest, options.max_width)
        return Measurement(min(FEWEST_COLUMNS, most), most)


def _maximum(console: Console, options: ConsoleOptions, table: Table) -> int:
    """The width that a table needs."""
    unbounded = options.update(max_width=MOST_COLUMNS)
    return Measurement.get(console, unbounded, table).maximum


def _widths(table: Table) -> list[int] | None:
    """The widths of the columns of a plain table with the blanks between them; None if a cell has
    several lines, or the table is another."""
    columns = [[column.header, *column.cells] for column in table.columns]
    texts = [cell.plain if isinstance(cell, Text) else cell for each in columns for cell in each]
    is_plain = table.box is None and table.columns and table.padding == (0, BLANKS, 0, 0)
    if not is_plain or not all(isinstance(t, str) and t.isprintable() for t in texts):
        return None
    widths = [max(cell_len(_text(cell).plain) for cell in each) or 1 for each in columns]
    return [*(width + BLANKS for width in widths[:-1]), widths[-1]]


def _drawn(
    table: Table, widths: Sequence[int], console: Console, options: ConsoleOptions
) -> Iterator[Segment]:
    """The segments of a plain table that fits, as Rich draws it, which takes ten times as long."""
    own = options.update(width=sum(widths), height=None)
    if table.title:
        yield from console.render(_text(table.title), own.update(justify=table.title_justify))
    head = console.get_style(table.header_style)
    justify = [column.justify for column in table.columns]
    columns = [list(map(_text, [column.header, *column.cells])) for column in table.columns]
    styles = [head, *(console.get_style(row.style or "") for row in table.rows)]
    for style, cells in zip(styles, zip(*columns, strict=True), strict=True):
        for place, (cell, width, side) in enumerate(zip(cells, widths, justify, strict=True), 1):
            own_width = width if place == len(cells) else width - BLANKS
            blank = " " * (own_width - cell_len(cell.plain))
            is_right = (cell.justify or side) == "right"
            before, after = (blank, "") if is_right else ("", blank)
            after += " " * (width - own_width)
            if before:
                yield Segment(before, style)
            yield from _segments(cell, console, style)
            if after:
                yield Segment(after, style)
        yield Segment.line()
    if table.caption:
        kind = table.caption_style or "table.caption"
        said = Text(table.caption, kind) if isinstance(table.caption, str) else table.caption
        yield from console.render(said, own.update(justify=table.caption_justify))


def _segments(line: Text, console: Console, style: Style) -> Iterable[Segment]:
    """A line in its style over another."""
    if not line.spans:  # Rich would leave out its style
        return [Segment(line.plain, style + console.get_style(line.style))]
    return Segment.apply_style(line.render(console, end=""), style)


def stacked(table: Table, width: int) -> list[Text]:
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
    return lines


def _packed(pairs: list[Text], width: int) -> Iterator[Text]:
    """As many as fit on a line; one wider than a line is wrapped."""
    parts: list[str | Text] = []
    used = INDENT
    for pair in pairs:
        own = cell_len(pair.plain)
        if parts and used + BETWEEN + own > width:
            yield Text.assemble(" " * INDENT, *parts)
            parts, used = [], INDENT
        between = " " * BETWEEN if parts else ""
        parts += [between, pair]
        used += len(between) + own
    if parts:
        yield Text.assemble(" " * INDENT, *parts)


def _text(cell: RenderableType) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell))
