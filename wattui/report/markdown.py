"""A report as Markdown with pictures beside it. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import singledispatch
from urllib.parse import quote

from wattui.report.document import Block, Facts, Heading, Key, Notes, Picture, Table, Words
from wattui.report.svg import alone

_SPECIAL = re.compile(r"([\\`*_\[\]|#~])")


def markdown(blocks: Sequence[Block], folder: str) -> tuple[str, dict[str, str]]:
    """The text, and the pictures by their file's name in the folder."""
    pictures: dict[str, str] = {}
    parts: list[str] = []
    for block in blocks:
        if isinstance(block, Picture):
            name = f"{len(pictures) + 1}-{block.name}.svg"
            pictures[name] = alone(block.svg, block.title)
            parts.append("".join(_picture(block, f"{folder}/{name}", len(pictures))))
        else:
            parts.append(_text(block))
    return "\n\n".join(parts) + "\n", pictures


def _picture(block: Picture, path: str, number: int) -> Iterator[str]:
    yield f"![{_plain(block.title)}]({quote(os.fsencode(path))})\n\n"
    yield f"**Figure {number}. {_plain(block.title)}.** {_plain(block.caption)}"


@singledispatch
def _text(block: object) -> str:
    raise TypeError(f"no Markdown has a {type(block).__name__}")


@_text.register
def _(block: Heading) -> str:
    return f"{'#' * block.level} {_plain(block.text)}"


@_text.register
def _(block: Key) -> str:
    return f"**{_plain(block.figure)}**  \n{_plain(block.origin)}  \n{_plain(block.made_from)}"


@_text.register
def _(block: Words) -> str:
    return _plain(block.text)


@_text.register
def _(block: Notes) -> str:
    lines = [f"{_plain(block.title)}:\n"]
    for note in block.notes:
        head = f"**{_plain(note.name)}** " if note.name else ""
        where = f"{_plain(note.where)}: " if note.where else ""
        remedy = f" ({_plain(note.remedy)})" if note.remedy else ""
        lines.append(f"- {head}{where}{_plain(note.text)}{remedy}")
    return "\n".join(lines)


@_text.register
def _(block: Facts) -> str:
    texts = (
        _code(text) if term in block.code else _plain(text.replace("\n", "; "))
        for term, text in block.facts
    )
    terms = (_plain(term) for term, _ in block.facts)
    return "\n".join(f"- {term}: {text}" for term, text in zip(terms, texts, strict=True))


@_text.register
def _(block: Table) -> str:
    lines = [f"**{_plain(block.caption)}**\n", _row(block.head)]
    lines.append(f"|---|{'---:|' * (len(block.head) - 1)}")
    return "\n".join([*lines, *map(_row, block.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """A text that Markdown and the HTML in it leave as it stands, on one line."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", line)


def _code(text: str) -> str:
    """A text as code, between more backticks than it has in a row."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return fence + space + " ".join(text.split()) + space + fence
