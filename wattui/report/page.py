"""A report as one page of HTML that loads nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import singledispatch
from html import escape
from importlib.resources import files

from wattui.report.document import Block, Facts, Heading, Headline, Notes, PageTable, Picture, Words
from wattui.report.draw.style import NARROW_MM, WIDE_MM
from wattui.report.svg import colours, inline

# A browser that respects it loads nothing, whatever the page contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TEXT = ' class="text"'
_ONE = r"[−–-]?(?:[0-9][0-9.,]*|∞)"
_NUMBER = re.compile(rf"(?:< )?{_ONE}(?: (?:±|…) (?:{_ONE}|\?))?|–")


def html_page(blocks: Sequence[Block]) -> str:
    """The page."""
    title = next((b.text for b in blocks if isinstance(b, Heading) and b.level == 1), "Report")
    light, dark = colours()
    style = files("wattui.report").joinpath("page.css").read_text(encoding="utf-8")
    style = style.replace("/* light figures */", light).replace("/* dark figures */", dark)
    body = fragment(blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def fragment(blocks: Sequence[Block]) -> str:
    """The parts alone, to be shown inside another page."""
    return "\n".join(_body(blocks))


def _body(blocks: Sequence[Block]) -> Iterator[str]:
    parts = [b for b in blocks if isinstance(b, Heading) and b.level == 2]
    figure = table = part = 0
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            part += 1
            yield f'<h2 id="part-{part}">{escape(block.text)}</h2>'
        elif isinstance(block, Picture):
            figure += 1
            yield _figure(block, figure)
        elif isinstance(block, PageTable):
            table += 1
            yield _table(block, table)
        else:
            yield _html(block)
        if isinstance(block, Heading) and block.level == 1 and len(parts) > 1:
            yield _contents(parts)


def _contents(parts: Sequence[Heading]) -> str:
    links = "".join(
        f'<li><a href="#part-{number}">{escape(part.text)}</a></li>'
        for number, part in enumerate(parts, 1)
    )
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


@singledispatch
def _html(block: object) -> str:
    raise TypeError(f"no page has a {type(block).__name__}")


@_html.register
def _(block: Heading) -> str:
    return f"<h{block.level}>{escape(block.text)}</h{block.level}>"


@_html.register
def _(block: Headline) -> str:
    figure, joules, rest = block.figure.partition("J ")
    state = ' class="key doubtful"' if block.estimated else ' class="key"'
    return (
        f"<div{state}><p><strong>{escape(figure + joules.strip())}</strong> {escape(rest)}</p>"
        f'<p class="origin">{escape(block.origin)}</p>'
        f'<p class="from">{escape(block.made_from)}</p></div>'
    )


@_html.register
def _(block: Words) -> str:
    return f"<p>{escape(block.text)}</p>"


@_html.register
def _(block: Notes) -> str:
    items = []
    for note in block.notes:
        name = f"<b>{escape(note.name)}</b> " if note.name else ""
        where = f'<span class="where">{escape(note.where)}</span> ' if note.where else ""
        remedy = f' <span class="remedy">{_typed(note.remedy)}</span>' if note.remedy else ""
        items.append(f"<li>{name}{where}{_typed(note.text)}.{remedy}</li>")
    return (
        f'<section class="notes" aria-label="{escape(block.title)}">'
        f'<p class="title">{escape(block.title)}</p>'
        f"<ul>{''.join(items)}</ul></section>"
    )


@_html.register
def _(block: Facts) -> str:
    rows = []
    for term, text in block.facts:
        lines = "<br>".join(map(escape, text.split("\n")))
        shown = f"<code>{lines}</code>" if term in block.code else lines
        rows.append(f"<dt>{escape(term)}</dt><dd>{shown}</dd>")
    return f"<dl>{''.join(rows)}</dl>"


def _typed(text: str) -> str:
    """A text with the parts between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _figure(block: Picture, number: int) -> str:
    wide = block.svg(WIDE_MM)
    drawn = inline(wide, f"f{number}", block.title, block.instead)
    if not block.one_column:
        small = inline(block.svg(NARROW_MM), f"n{number}", block.title, block.instead)
        drawn = f'<div class="two-columns">{drawn}</div><div class="one-column">{small}</div>'
    return (
        f"<figure>{drawn}\n"
        f"<figcaption><b>Figure {number}. {escape(block.title)}.</b> "
        f"{escape(block.caption)}</figcaption></figure>"
    )


def _table(block: PageTable, number: int) -> str:
    texts = {
        place
        for row in block.rows
        for place, cell in enumerate(row)
        if place and cell and not _NUMBER.fullmatch(cell)
    }
    head = "".join(
        f'<th scope="col"{_TEXT if place in texts else ""}>{escape(title)}</th>'
        for place, title in enumerate(block.head)
    )
    rows = []
    for row in block.rows:
        cells = "".join(
            f"<td{_TEXT if place in texts else ''}>{escape(cell)}</td>"
            for place, cell in enumerate(row[1:], 1)
        )
        rows.append(f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>')
    caption = f"<b>Table {number}. {escape(block.caption)}</b>"
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{escape(block.caption)}"><table>'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
