"""Extracts the numbers from a command's output: every word with a digit, and every unit.

Wording may change without a difference here; a digit, a unit or their order may not.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from itertools import chain
from typing import Any

# Where JSON holds sentences, of which the numbers alone are kept.
PROSE = frozenset({"text", "remarks", "reason", "remedy", "contents", "title", "note", "notes"})
# What differs from one version and place to the next, or with the words of a note.
LEFT_OUT = frozenset({"version", "versions", "wattui", "bytes", "blake2b", "stamp"})
# Floating point adds up in other orders on other processors and Pythons.
DIGITS, RELATIVE, ABSOLUTE = 9, 1e-8, 1e-12
PREFIXES, UNITS = ("", "n", "µ", "m", "k", "p", "M", "G"), ("J", "W", "s", "Hz", "J/MAC", "MACs")
KEPT = {prefix + unit for prefix in PREFIXES for unit in UNITS} | {*"–%±×", "±?"}
EDGES = "*`,;:()[]'\"…!"
# Spaces, lines of tables, braille, the slash of a unit and the end of a sentence.
BETWEEN = re.compile(r"[\s/·|\u2500-\u259f\u2800-\u28ff]+|\.(?=\s|$)")
OF_A_DATE = re.compile(r"(\d{4}-)?\d\d-\d\d([T_].*)?|\d\d:\d\d(:\d\d)?")
LINES = frozenset({"tr", "p", "text", "li", "h1", "h2", "h3", "figcaption", "div", "dt", "dd"})
UNREAD = frozenset({"style", "script", "title", "metadata"})


def numbers(text: str) -> str:
    """The words with a digit, and the units, of a line."""
    words = (word.strip(EDGES) for word in BETWEEN.split(text.replace("± ?", "±?")))
    return " ".join(word for word in words if _is_kept(word))


def _is_kept(word: str) -> bool:
    return word in KEPT or (bool(re.search(r"\d", word)) and not OF_A_DATE.fullmatch(word))


def of_lines(text: str) -> list[str]:
    """Numbers line by line, those without any left out."""
    return [found for line in text.splitlines() if (found := numbers(line))]


def of_json(text: str) -> Any:
    """A JSON document with its sentences reduced to their numbers."""
    return _reduced(json.loads(text))


def _reduced(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _reduced(v, k) for k, v in value.items() if k not in LEFT_OUT}
    if isinstance(value, list):
        return [_reduced(item, key) for item in value]
    if isinstance(value, str) and key in PROSE:
        return numbers(value)
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value


def of_columns(columns: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """Of each column of a table: how many cells are filled, and the sum of their numbers."""
    found = {}
    for name, cells in columns.items():
        filled = [cell for cell in cells if cell not in ("", None)]
        sum_ = math.fsum(float(cell) for cell in filled if _is_number(cell))
        found[name] = [len(filled), float(f"{sum_:.{DIGITS}g}")]
    return found


def of_csv(text: str) -> dict[str, list[Any]]:
    """The same of a CSV."""
    rows = list(csv.DictReader(text.splitlines()))
    return of_columns({name: [row[name] for row in rows] for name in rows[0]})


def _is_number(cell: object) -> bool:
    try:
        return math.isfinite(float(str(cell)))
    except ValueError:
        return False


class _Page(HTMLParser):
    """Collects the text of each row, paragraph and label of a page or picture."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = [""]
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._unread += tag in UNREAD
        if tag in LINES:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in UNREAD

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.lines[-1] += f" {data}"


def of_page(text: str) -> list[str]:
    """Numbers of HTML or SVG, without those that place and colour its shapes."""
    page = _Page()
    page.feed(text)
    return of_lines("\n".join(" ".join(line.split()) for line in page.lines))


def differences(kept: Any, now: Any, where: str = "") -> Iterator[str]:
    """What is other than it was, a line each."""
    if isinstance(kept, dict) and isinstance(now, dict):
        for key in kept | now:
            if key not in kept or key not in now:
                yield f"{where}/{key}: {'new' if key in now else 'gone'}"
            else:
                yield from differences(kept[key], now[key], f"{where}/{key}")
    elif _are_lines(kept) and _are_lines(now):
        if _words(kept) != _words(now):
            yield from (f"{where}: was {a!r}, is {b!r}" for a, b in _other_lines(kept, now))
    elif isinstance(kept, list) and isinstance(now, list):
        if len(kept) != len(now):
            yield f"{where}: {len(kept)} items were, {len(now)} are"
        for place, (a, b) in enumerate(zip(kept, now, strict=False)):
            yield from differences(a, b, f"{where}/{place}")
    elif not _equal(kept, now):
        yield f"{where}: was {kept!r}, is {now!r}"


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _words(lines: Iterable[str]) -> list[str]:
    return list(chain.from_iterable(line.split() for line in lines))


def _other_lines(kept: list[str], now: list[str]) -> Iterator[tuple[str, str]]:
    for place in range(max(len(kept), len(now))):
        a, b = ("".join(lines[place : place + 1]) for lines in (kept, now))
        if a != b:
            yield a, b


def _equal(kept: Any, now: Any) -> bool:
    if isinstance(kept, float) and isinstance(now, float | int):
        return math.isclose(kept, now, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(kept) is type(now) and bool(kept == now)
