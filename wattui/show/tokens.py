"""Loads of a server as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from wattui.show.quantities import number
from wattui.show.stacking import plain_table
from wattui.tokens.figures import PERCENTILES, Row

MS = 1000.0


def load_tables(rows: Sequence[Row]) -> Iterator[Table]:
    """What each load did, and how long its answers took."""
    head = ("load", "repeat") if any(row.repeat for row in rows) else ("load",)
    left = range(len(head))
    counts = ("requests", "failed", "tokens\nin", "tokens\nout", "requests\nper s", "tokens\nper s")
    table = plain_table(*head, "seconds", *counts, left=left)
    for row in rows:
        whole = (row.requests, row.failed, row.tokens_in, row.tokens_out)
        known = row.seconds is not None
        table.add_row(
            *_head(row, len(head)),
            number(row.seconds),
            *(f"{n:,}" if known else "–" for n in whole),
            number(row.requests_per_s),
            number(row.tokens_per_s),
        )
    yield table
    titles = [
        f"{what if p == PERCENTILES[0] else ''}\np{p} ms"
        for what in ("first token", "per token")
        for p in PERCENTILES
    ]
    table = plain_table(*head, *titles, left=left)
    for row in rows:
        times = [
            getattr(each, f"p{p}") for each in (row.first_token_s, row.per_token_s)
            for p in PERCENTILES
        ]  # fmt: skip
        shown = (number(None if each is None else MS * each, 3) for each in times)
        table.add_row(*_head(row, len(head)), *shown)
    yield table


def _head(row: Row, cells: int) -> tuple[str, ...]:
    return (row.label, str(row.repeat or ""))[:cells]
