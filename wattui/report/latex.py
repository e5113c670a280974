r"""The tables of a report as LaTeX with booktabs, and its methods paragraph. Pure.

The file is meant for \input in a document that loads booktabs, and uses nothing else; text is UTF-8
with what LaTeX would misread replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattui.report.document import Block, Heading, PageTable, Words

HEAD = "% \\usepackage{booktabs}\n"
METHODS = "Methods"
# Too wide for a page, and words, not figures.
FLAGS = "flags"
# A longer table would run off the page.
MOST_ROWS = 60
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "∞": r"$\infty$",
    "²": "$^2$",
    "₂": "$_2$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
}
_TABLE = str.maketrans(_SPECIAL)


def latex_page(blocks: Sequence[Block]) -> str:
    """Every table, under the run that it is of, and the methods."""
    return HEAD + "\n".join(_parts(blocks))


def latex(text: str) -> str:
    """A text that LaTeX prints as it is; two hyphens stay two."""
    return "{-}{-}".join(part.translate(_TABLE) for part in text.split("--"))


def _parts(blocks: Sequence[Block]) -> Iterator[str]:
    run, part = "", ""
    for block in blocks:
        if isinstance(block, Heading):
            run, part = (block.text, "") if block.level <= 2 else (run, block.text)
            if block.level <= 2:
                yield f"\n% {latex(block.text)}"
        elif isinstance(block, Words) and part == METHODS:
            yield f"\n{latex(block.text)}"
        elif isinstance(block, PageTable):
            yield "\n" + "\n".join(_table(block, run))


def _table(block: PageTable, run: str) -> Iterator[str]:
    shown = block.rows[:MOST_ROWS]
    caption = f"{run}: {block.caption}"
    if len(shown) < len(block.rows):
        caption += f", the first {len(shown)} of {len(block.rows)} rows"
    yield r"\begin{table}"
    yield rf"\caption{{{latex(caption)}}}"
    yield r"\centering\small"
    kept = [place for place, title in enumerate(block.head) if title != FLAGS]
    yield rf"\begin{{tabular}}{{@{{}}l{'r' * (len(kept) - 1)}@{{}}}}"
    yield rf"\toprule {_row([block.head[place] for place in kept])}"
    yield r"\midrule"
    yield from (_row([row[place] for place in kept]) for row in shown)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(map(latex, cells))} \\\\"
