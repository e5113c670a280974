"""Prepares drawn SVG for a page, or puts it on a sheet with others. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from wattui.report.draw.style import INK, ON_DARK, PAPER, POINTS_PER_MM, TEXT_PT, WIDE_MM

# The width of a two-column figure on a page.
MOST_REM = 61.0
_SIZE = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
_USED = re.compile(r'(?:url\(#|href="#)([^)"]+)')
_ID = re.compile(r' id="([^"]*)"')
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
# A hundredth of a point is 4 µm on paper.
_LONG_NUMBER = re.compile(r"-?[0-9]+\.[0-9]{3,}")
_STROKES = "stroke-linejoin:round;stroke-linecap:butt"
_GEOMETRY = re.compile(r'(?: d| x| y|transform)="[^"]*"')
_ROTATION = re.compile(r' transform="rotate\(-0 [^)]*\)"')
_EMPTY_GROUP = re.compile(r"<g>\s*</g>")
_EMPTY_FRAME = re.compile(r'\s*<path d="[^"]*" style="fill: none"/>')


class Sheet(NamedTuple):
    """A drawn figure without its frame, in points, and how large it is."""

    width: float
    height: float
    body: str


def sheet(svg: str, prefix: str) -> Sheet:
    """The drawing; only used identifiers are kept, and each gets a prefix."""
    size, body = _SIZE.search(svg), _BODY.search(svg)
    if size is None or body is None:
        raise ValueError("this is not an SVG that matplotlib made")
    text = _STYLE.sub("", _METADATA.sub("", body[1]))
    text = _GEOMETRY.sub(lambda m: _LONG_NUMBER.sub(_rounded, m[0]), text)
    used = set(_USED.findall(text))
    text = _ID.sub(lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", text)
    text = _USED.sub(lambda m: m[0].removesuffix(m[1]) + f"{prefix}-{m[1]}", text)
    text = _EMPTY_FRAME.sub("", text.replace("xlink:href=", "href="))
    text = _EMPTY_GROUP.sub("", _EMPTY_GROUP.sub("", _ROTATION.sub("", text)))
    lines = (line.strip() for line in text.split("\n"))
    return Sheet(float(size[1]), float(size[2]), "\n".join(line for line in lines if line))


def inline(svg: str, prefix: str, title: str, instead: str) -> str:
    """An element of a page, in the page's colours; `title` and `instead` are read aloud."""
    width, height, body = sheet(svg, prefix)
    most_rem = MOST_REM * width / (WIDE_MM * POINTS_PER_MM)
    size = f"width:100%;max-width:{most_rem:.3g}rem"
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" style="{size};{_STROKES}" '
        f'aria-labelledby="{prefix}-title {prefix}-desc">\n'
        f'<title id="{prefix}-title">{escape(title)}</title>\n'
        f'<desc id="{prefix}-desc">{escape(instead)}</desc>\n'
        f"{_COLOUR.sub(_on_page, body)}\n</svg>"
    )


def alone(svg: str, title: str) -> str:
    """A file of one figure, dark on white."""
    found = sheet(svg, "f")
    return _file(found.width, found.height, title, [found.body])


def stacked(svgs: Sequence[str], headings: Sequence[str], title: str) -> str:
    """A file of all figures; consecutive narrow ones are placed side by side in pairs.

    Each figure has a letter, and its heading if that differs from the one before.
    """
    sheets = [sheet(svg, f"f{number}") for number, svg in enumerate(svgs, 1)]
    width = max((each.width for each in sheets), default=0.0)
    parts: list[str] = []
    place, top, said = 0, 0.0, ""
    while place < len(sheets):
        row = sheets[place : place + 2]
        if len(row) == 2 and row[0].width + row[1].width > width + 1:
            row = row[:1]
        if headings[place] != said:
            said = headings[place]
            top += _HEADING if top else 0.0
            parts.append(_text(0, top + 1.6 * TEXT_PT, said, 8.5, "bold"))
            top += 2.4 * TEXT_PT
        for number, each in enumerate(row):
            left = 0.0 if number == 0 else width - each.width
            parts.append(
                f'<g transform="translate({left:g} {top + _LETTER:g})">\n{each.body}\n</g>'
            )
            parts.append(_text(left, top + _LETTER, letter(place + number), 8.0, "bold"))
        top += max(each.height for each in row) + _LETTER + _BETWEEN
        place += len(row)
    return _file(width, top, title, parts)


_LETTER, _BETWEEN, _HEADING = 8.0, 8.0, 8.0


def letter(place: int) -> str:
    """a … z, aa, ab …"""
    before, last = divmod(place, 26)
    return (letter(before - 1) if before else "") + chr(ord("a") + last)


def colours() -> tuple[str, str]:
    """Declarations of a page's colours, for a light page and for a dark one."""
    light = ";".join(f"--{colour[1:]}:{colour}" for colour in ON_DARK)
    dark = ";".join(f"--{colour[1:]}:{other}" for colour, other in ON_DARK.items())
    return light, dark


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _on_page(colour: re.Match[str]) -> str:
    if colour[0] == INK:
        return "currentColor"
    return f"var(--{colour[0][1:]})" if colour[0] in ON_DARK else colour[0]


def _text(x: float, y: float, text: str, size: float, weight: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" style="font-size:{size:g}px;font-weight:{weight};fill:{INK};'
        f"font-family:Helvetica,Arial,'DejaVu Sans',sans-serif\">{escape(text)}</text>"
    )


def _file(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width / POINTS_PER_MM:.2f}mm" '
        f'height="{height / POINTS_PER_MM:.2f}mm" viewBox="0 0 {width:g} {height:g}" '
        f'style="{_STROKES}">\n<title>{escape(title)}</title>\n'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
