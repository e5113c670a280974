"""Makes text of recordings safe for a report: no control or joining characters, no endless names.

A label or a host name may contain anything; the rest is escaped when it is written.
"""

from __future__ import annotations

from dataclasses import replace

from wattui.clean import lines, name_of, one_line, short, texts
from wattui.report.document import Block, Facts, Heading, PageTable

MOST_TEXT = 4000


def cleaned(block: Block) -> Block:
    """The same block with its texts made safe; names are shorter than paragraphs.

    Facts, the exact command among them, keep their length and their lines.
    """
    if isinstance(block, Facts):
        return replace(block, facts=tuple((term, lines(text)) for term, text in block.facts))
    return texts(block, name_of if isinstance(block, Heading | PageTable) else _paragraph)


def _paragraph(text: str) -> str:
    return short(one_line(text), MOST_TEXT)
