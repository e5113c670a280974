"""Tables as Markdown, for exports and reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wattui.clean import markdown


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [_row(head), f"|---|{'---:|' * (len(head) - 1)}", *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"
