"""A report as Markdown with pictures beside it. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import singledispatch
from urllib.parse import quote

from wattui.clean import markdown, markdown_code
from wattui.report.document import Block, Facts, Heading, Headline, Notes, PageTable, Picture, Words
from wattui.report.draw.style import NARROW_MM, WIDE_MM
from wattui.report.svg import alone


def markdown_page(blocks: Sequence[Block], folder: str) -> tuple[str, dict[str, str]]:
    """The text, and the pictures by file name."""
    pictures: dict[str, str] = {}
    parts: list[str] = []
    for block in blocks:
        if isinstance(block, Picture):
            name = f"{len(pictures) + 1}-{block.name}.svg"
            pictures[name] = alone(block.svg(WIDE_MM), block.title)
            parts.append("".join(_picture(block, f"{folder}/{name}", len(pictures))))
        else:
            parts.append(_text(block))
    return "\n\n".join(parts) + "\n", pictures


def figure_files(blocks: Sequence[Block]) -> dict[str, str]:
    """Each picture alone, one column wide, by file name."""
    pictures = [block for block in blocks if isinstance(block, Picture)]
    return {
        f"{number}-{block.name}.svg": alone(block.svg(NARROW_MM), block.title)
        for number, block in enumerate(pictures, 1)
    }


def _picture(block: Picture, path: str, number: int) -> Iterator[str]:
    yield f"![{markdown(block.title)}]({quote(os.fsencode(path))})\n\n"
    yield f"**Figure {number}. {markdown(block.title)}.** {markdown(block.caption)}"


@singledispatch
def _text(block: object) -> str:
    raise TypeError(f"no Markdown has a {type(block).__name__}")


@_text.register
def _(block: Heading) -> str:
    return f"{'#' * block.level} {markdown(block.text)}"


@_text.register
def _(block: Headline) -> str:
    figure, *rest = map(markdown, (block.figure, block.origin, block.made_from))
    return "  \n".join([f"**{figure}**", *filter(None, rest)])


@_text.register
def _(block: Words) -> str:
    return markdown(block.text)


@_text.register
def _(block: Notes) -> str:
    lines = [f"{markdown(block.title)}:\n"]
    for note in block.notes:
        head = f"**{markdown(note.name)}** " if note.name else ""
        where = f"{markdown(note.where)}: " if note.where else ""
        remedy = f" ({markdown(note.remedy)})" if note.remedy else ""
        lines.append(f"- {head}{where}{markdown(note.text)}{remedy}")
    return "\n".join(lines)


@_text.register
def _(block: Facts) -> str:
    texts = (
        markdown_code(text) if term in block.code else markdown(text.replace("\n", "; "))
        for term, text in block.facts
    )
    terms = (markdown(term) for term, _ in block.facts)
    return "\n".join(f"- {term}: {text}" for term, text in zip(terms, texts, strict=True))


@_text.register
def _(block: PageTable) -> str:
    line = f"|---|{'---:|' * (len(block.head) - 1)}"
    table = "\n".join([_row(block.head), line, *map(_row, block.rows)])
    return f"**{markdown(block.caption)}**\n\n{table}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"
