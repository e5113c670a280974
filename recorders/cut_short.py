"""The end of a run file whose last rows could not be written: a note about them. Pure."""

from __future__ import annotations

import csv

from recorders.rows import FIXED_COLUMNS, quote
from recorders.texts import OwnNote

EVENT, MOST_NAMES, MOST_NAME = FIXED_COLUMNS.index("event"), 3, 60


def cut_short(rows: bytes, lost: bytes, room: int, reason: str) -> tuple[int, bytes, int]:
    """How many bytes of the last `rows` stay, the note that follows, and how many rows it replaces.

    The note has the readings of the last row. It and the rows that stay take at most `room` bytes,
    for which rows without an event are given up. It is empty if that is not enough.
    """
    lines = rows.splitlines(keepends=True)
    last = _cells(lines[-1]) if lines else []
    if len(last) < len(FIXED_COLUMNS) or last[EVENT] == "event":  # only the header
        return len(rows), b"", 0
    count, edges = lost.count(b"\n"), _edges(lost)
    if not last[EVENT]:
        lines.pop()  # the note has its readings
    for given_up in range(len(lines)):
        stay = sum(map(len, lines))
        last[EVENT] = _note(count + given_up, edges, reason)
        note = (",".join(map(quote, last)) + "\n").encode(errors="surrogateescape")
        if stay + len(note) <= room:
            return stay, note, given_up
        if _cells(lines.pop())[EVENT]:
            break
    return len(rows), b"", 0


def _note(count: int, edges: list[str], reason: str) -> str:
    more = len(edges) - MOST_NAMES
    named = ", ".join(edges[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    among = f", among them edges of {named}" if edges else ""
    return (
        f"note:{OwnNote.RUN_FILE} {count} rows are not in the file ({reason}){among}: "
        "the figures are those of the file"
    )


def _edges(lost: bytes) -> list[str]:
    """The phases with an edge in these rows, each once, with their labels."""
    found: dict[str, None] = {}
    for line in lost.splitlines():
        cells = _cells(line)
        if len(cells) > EVENT and cells[EVENT] in ("begin", "end"):
            name = " ".join(filter(None, cells[2:4]))
            found[name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 1]}…"] = None
    return list(found)


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode(errors="surrogateescape").rstrip("\n")]), [])
