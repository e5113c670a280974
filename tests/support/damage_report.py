"""Accidents that befall recordings, their run.json and exported results, for property tests."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

CELLS = st.sampled_from(
    ["", "nan", "NaN", "inf", "-inf", "1e308", "-1e300", "1e15", "1e-320", "-0.0", "text", "7", '"']
)
JUNK = st.sampled_from(
    [None, [], {}, "", "x", -1, 0, 1e308, -1e-320, True, [1], {"a": None}, "<b>",
     float("nan"), float("inf"), -float("inf")]
)  # fmt: skip
ACCIDENTS = ("cell", "cell", "column", "twice", "drop", "header", "names", "shuffle")


@st.composite
def broken_csv(draw: st.DrawFn, whole: str) -> bytes:
    """The text of a run file after a few accidents, perhaps broken off."""
    rows = [line.split(",") for line in whole.splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        _happen(draw, rows)
    text = "\n".join(map(",".join, rows)).encode() + b"\n"
    return text[: draw(st.none() | st.integers(0, len(text)))]


def _happen(draw: st.DrawFn, rows: list[list[str]]) -> None:
    accident = draw(st.sampled_from(ACCIDENTS))
    place = draw(st.integers(0, len(rows) - 1))
    if accident == "cell":
        row = rows[place]
        row[draw(st.integers(0, len(row) - 1))] = draw(CELLS)
    elif accident == "column":
        column = draw(st.integers(0, len(rows[0]) - 1))
        for row in rows:
            if len(row) > max(1, column):
                del row[column]
    elif accident == "twice":
        rows.insert(place, list(rows[place]))
    elif accident == "drop" and len(rows) > 1:
        del rows[place]
    elif accident == "header":
        rows.insert(place, list(rows[0]))
    elif accident == "names":
        rows[0].append(rows[0][draw(st.integers(0, len(rows[0]) - 1))])
    elif accident == "shuffle":
        rows[place], rows[-1] = rows[-1], rows[place]


@st.composite
def broken_json(draw: st.DrawFn, whole: Any, below: Sequence[str] = ()) -> Any:
    """JSON in which one to three values, however deep, are others or missing.

    `below` are keys of which one is gone into first, half of the time.
    """
    found = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        inside = [key for key in below if isinstance(found.get(key), (dict, list)) and found[key]]
        deeper = bool(inside) and draw(st.integers(0, 1)) == 1
        _mangle(draw, found[draw(st.sampled_from(inside))] if deeper else found)
    return found


def _mangle(draw: st.DrawFn, place: Any) -> None:
    while isinstance(place, (dict, list)) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and draw(st.integers(0, 4)):
            place = inner
        elif draw(st.integers(0, 3)):
            place[key] = draw(JUNK)
            return
        else:
            del place[key]
            return
