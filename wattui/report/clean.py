"""Makes text of recordings safe for a report: no control or joining characters, no endless names.

A label or a host name may contain anything; the rest is escaped when it is written.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from wattui.clean import one_line, short
from wattui.report.document import Block, Facts, Heading, PageTable, Picture

MOST_TEXT, MOST_NAME = 4000, 160
Part = TypeVar("Part")


def cleaned(block: Block) -> Block:
    """The same block with its texts made safe; names are shorter than paragraphs.

    Facts, the exact command among them, keep their length and their lines.
    """
    if isinstance(block, Facts):
        known = tuple((term, _lines(text)) for term, text in block.facts)
        return replace(block, facts=known)
    if isinstance(block, Picture):
        return replace(_cleaned(replace(block, svg=""), MOST_TEXT), svg=block.svg)
    return _cleaned(block, MOST_NAME if isinstance(block, Heading | PageTable) else MOST_TEXT)


def _cleaned(part: Part, most: int) -> Part:
    found: Any = part
    if isinstance(found, str):
        found = short(one_line(found), most)
    elif isinstance(found, tuple):
        found = tuple(_cleaned(each, most) for each in found)
    elif is_dataclass(found) and not isinstance(found, type):
        texts = {each.name: _cleaned(getattr(found, each.name), most) for each in fields(found)}
        found = replace(found, **texts)
    return found  # type: ignore[no-any-return]


def _lines(text: str) -> str:
    return "\n".join(map(one_line, text.split("\n")))
