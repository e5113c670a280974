"""Makes text from outside safe to show: labels, notes, names of files and devices. Pure.

Everything shown on a terminal, a page or a picture passes through here: nothing in it moves a
cursor, changes the direction of a line, or cannot be written.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar

MOST_NAME = 160
Data = TypeVar("Data")
# Characters that change the direction of a line, so that it reads as something else.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Spaces, and ends of lines of every kind.
_BREAKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")
_KEPT = frozenset({"Zs", "Co"})
# In file names that are not UTF-8, bytes appear as these surrogates.
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF

# The closest ASCII for a character, of the same width.
LIKE = {
    **dict.fromkeys("─━═╌┄╴╶╸╺", "-"),
    **dict.fromkeys("│┃║╎┆▏▕❚▎▍┊", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫", "+"),
    **dict.fromkeys("█▉▊▋▌▐▇▆▅■▓", "#"),
    **dict.fromkeys("▄▃▂▁▀▔░▒", "="),
    **dict.fromkeys("●◉⏺", "*"),
    **dict.fromkeys("○◯", "o"),
    **dict.fromkeys("▶▸►→⇒", ">"),
    **dict.fromkeys("◀◂◄←", "<"),
    **dict.fromkeys("↑▲⌃", "^"),
    **dict.fromkeys("↓▼⌄", "v"),
    **dict.fromkeys("–—−‐", "-"),
    **dict.fromkeys("·•∙", "."),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("×✕✖✗", "x"),
    **dict.fromkeys("✓✔", "v"),
    "…": ".",
    "±": "~",
    "≈": "~",
    "°": "'",
    "µ": "u",
    "Σ": "S",
    "²": "2",
    "\u00a0": " ",
}


def one_line(text: str) -> str:
    """The text on one line: control characters are made visible, joiners are left out."""
    return text if text.isprintable() else "".join(map(_shown, text))


def lines(text: str) -> str:
    """The same for a text that keeps its lines and tabs."""
    return "\n".join(_kept_line(line) for line in text.split("\n"))


def _kept_line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(each if each == "\t" else _shown(each) for each in line)


def texts(data: Data, change: Callable[[str], str] = one_line) -> Data:
    """Data as JSON or dataclasses have it, every text in it, names included, on one line; or with
    another change of its texts."""
    found: Any = data
    if found is None or isinstance(found, int | float):
        pass
    elif isinstance(found, str):
        found = change(found)
    elif dataclasses.is_dataclass(found) and not isinstance(found, type):
        names = [field.name for field in dataclasses.fields(found)]
        found = type(found)(**{name: texts(getattr(found, name), change) for name in names})
    elif isinstance(found, dict):
        found = {texts(key, change): texts(value, change) for key, value in found.items()}
    elif isinstance(found, list | tuple):
        found = type(found)(texts(each, change) for each in found)
    return found  # type: ignore[no-any-return]


def markdown(text: str) -> str:
    """A text escaped so that Markdown and its HTML show it literally, on one line; on GitHub, it
    notifies nobody and refers to nothing."""
    line = _BREAK.sub(" ", text).replace("&", "&amp;").replace("<", "&lt;")
    return _REFERENCE.sub(rf"\g<0>{_NO_SPACE}", _MARKDOWN.sub(r"\\\1", line))


def markdown_code(text: str) -> str:
    """A text as Markdown code, between more backticks than it has in a row."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return fence + space + " ".join(text.split()) + space + fence


_BREAK = re.compile(r"\s*\n\s*")
_MARKDOWN = re.compile(r"([\\`*\[\]|#~]|\b_|_\b)")
# What stands before the name of a user or the number of an issue; GitHub looks for it in the text
# that is shown, whether it was escaped or not, and does not find it before a space without width.
_REFERENCE = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)
_NO_SPACE = "&#8203;"


def cell(text: str) -> str:
    """A text for a CSV that a spreadsheet may open: it is never run as a formula."""
    return f"'{text}" if text[:1] in _FORMULAS else text


_FORMULAS = frozenset("=+-@\t\r")


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character in _BREAKS:
        return " "
    code = ord(character)
    if code < ord(" "):
        return chr(0x2400 + code)  # ␀ to ␟
    if character == "\x7f":
        return "␡"
    kind = unicodedata.category(character)
    if kind in _KEPT:
        return character
    if kind == "Cf" and character not in _BIDI:
        return ""
    if _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode()


def name_of(text: str) -> str:
    """A label or other name as a report shows it."""
    return short(one_line(text), MOST_NAME)


def short(text: str, most: int) -> str:
    """A text, shortened with … if it is longer than this."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
