"""A run file that could not be finished says itself what it lacks."""

from __future__ import annotations

import csv

import pytest

from recorders.cut_short import cut_short
from recorders.rows import FIXED_COLUMNS

HEADER = ",".join(FIXED_COLUMNS) + ",package0_J\n"


def row(second: int, event: str = "", phase: str = "running", label: str = "b32") -> str:
    return f"{second}.000000,2026-01-01T00:00:00.000Z,{phase},{label},,{event},7,{second}.5\n"


def finished(rows: str, lost: str, room: int | None = None) -> tuple[list[list[str]], int]:
    """The rows of the file in the end, and how many of them were given up."""
    data = rows.encode()
    stay, note, given_up = cut_short(data, lost.encode(), room or len(data) + 500, "No space left")
    return list(csv.reader((data[:stay] + note).decode().splitlines())), given_up


def test_the_last_row_says_how_many_are_missing_and_keeps_its_readings() -> None:
    rows, given_up = finished(HEADER + row(1) + row(2), row(3) + row(4))
    text = "2 rows are not in the file (No space left): the figures are those of the file"
    assert rows[-1] == row(2).strip().replace(",,,", f",,note:run_file {text},").split(",")
    assert rows[-2] == row(1).strip().split(",")
    assert given_up == 0


def test_phases_whose_edges_are_missing_are_named_up_to_three() -> None:
    edges = [row(n, what, label=f"b{n}") for n in range(3, 8) for what in ("begin", "end")]
    rows, _ = finished(
        HEADER + row(1, "begin", "idle", ""), row(2, "end", "idle", "") + "".join(edges)
    )
    assert rows[-1][5].startswith(
        "note:run_file 11 rows are not in the file (No space left), among them edges of idle, "
        "running b3, running b4 and 3 more: "
    )
    assert rows[-2][5] == "begin"  # an edge is never given up


def test_rows_without_an_event_make_room_for_the_note() -> None:
    kept = HEADER + row(1, "begin") + "".join(map(row, range(2, 9)))
    rows, given_up = finished(kept, row(9), len(kept))
    assert given_up > 0
    assert f" {1 + given_up} rows are not in the file" in rows[-1][5]
    assert len(rows) == 9 - given_up
    assert rows[-1][0] == "8.000000"


@pytest.mark.parametrize("rows", ["", HEADER, HEADER + row(1, "begin"), "time_s,power\n1,2\n"])
def test_a_file_without_room_stays_as_it_is(rows: str) -> None:
    assert cut_short(rows.encode(), row(9).encode(), len(rows), "?") == (len(rows), b"", 0)


def test_a_header_is_no_row_to_say_it_in() -> None:
    assert cut_short(HEADER.encode(), row(9).encode(), 9999, "?") == (len(HEADER), b"", 0)
