"""Many runs as one table, a row for each."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from recorders.counts import INFERENCES, short
from recorders.summary.bases import BASES
from recorders.summary.figures import Domain, Flag, Group, Summary
from wattui.analysis.cells import to_quote
from wattui.clean import one_line
from wattui.runs.recorded import SummaryRow
from wattui.show.quantities import number, prefix_for
from wattui.show.stacking import Fitting, plain_table
from wattui.show.summary import RATE, STYLES, answer_texts, known_j

COMMAND_COLUMNS = 32
# Columns left out first on a narrow terminal.
_FIRST_TO_GO = ("begun", "command", RATE)


def runs_table(rows: Sequence[SummaryRow], mixed: bool = False) -> Fitting:
    """File, start time, command or labels, headline channel, figures per inference, flags.

    A run with several labels has a row for the best and one for the worst, unless `mixed`.
    """
    names = _short([row.file for row in rows])
    found = [
        (row, name + words, group, _domain(row.summary, group), place)
        for row, name in zip(rows, names, strict=True)
        for place, (words, group) in enumerate(to_quote(row.summary, mixed=mixed))
    ]
    factor, prefix = prefix_for(known_j(domain for *_, domain, _ in found if domain))
    pers = {row.summary.per for row in rows if row.summary.running}
    of = short(pers.pop()) if len(pers) == 1 else "unit" if pers else short(INFERENCES)
    figures, rate = [f"{basis.name} {prefix}J/{of}" for basis in BASES], f"{of}/s"
    titles = ["run", "begun", "command", "channel", *figures, rate, "flags"]
    lines: list[tuple[dict[str, Text], str]] = []
    for row, name, group, domain, place in found:
        known = answer_texts(domain, domain.origin, factor) if domain else ["–"] * len(figures)
        cells = [
            name,
            (row.begun_utc or "–")[:16].replace("T", " "),
            _command(row),
            _channel(row.summary, domain),
            *known,
            number(group.inferences_per_s if group else None),
            _flags(row.summary.flags) if place == 0 else "",
        ]
        shown = map(Text, map(one_line, cells))
        style = STYLES[domain.origin] if domain else ""
        lines.append((dict(zip(titles, shown, strict=True)), style))
    gone = [rate if title == RATE else title for title in _FIRST_TO_GO]
    left = (set(gone[:n]) for n in range(len(gone) + 1))
    kept = [[title for title in titles if title not in each] for each in left]
    return Fitting(*(_table(lines, each, {*figures, rate}) for each in kept))


def _table(
    lines: Sequence[tuple[Mapping[str, Text], str]], titles: Sequence[str], numbers: Collection[str]
) -> Table:
    """A table of some columns, those of numbers to the right."""
    left = [place for place, title in enumerate(titles) if title not in numbers]
    table = plain_table(*titles, left=left)
    for cells, style in lines:
        table.add_row(*(cells[title] for title in titles), style=style)
    return table


def _domain(summary: Summary, group: Group | None) -> Domain | None:
    return group.domains.get(summary.headline or "") if group else None


def _short(files: Sequence[str]) -> list[str]:
    """The names relative to their common folder."""
    folders = {str(Path(file).parent) for file in files}
    absolute = {os.path.isabs(folder) for folder in folders}
    common = os.path.commonpath(folders) if len(absolute) == 1 else ""
    return [os.path.relpath(file, common) if common else file for file in files]


def _command(row: SummaryRow) -> str:
    """The recorded command, else the labels of the running phases."""
    labels = ", ".join(group.label for group in row.summary.labels)
    text = Text(one_line(row.command or labels or "–"))
    text.truncate(COMMAND_COLUMNS, overflow="ellipsis")
    return text.plain


def _channel(summary: Summary, domain: Domain | None) -> str:
    name = summary.headline or "–"
    is_measured = domain is None or domain.origin == "measured"
    word = summary.contents if is_measured or domain is None else domain.origin
    return f"{name} ({word})" if word else name


def _flags(flags: Sequence[Flag]) -> str:
    """The most serious flag, and how many more there are."""
    names = list(dict.fromkeys(flag.name for flag in flags))
    return f"{names[0]} +{len(names) - 1}" if len(names) > 1 else "".join(names)
