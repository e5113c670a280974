"""Many runs as one table, a row for each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from wattui.analysis.cells import to_quote
from wattui.clean import texts
from wattui.show.quantities import number, prefix_for
from wattui.show.stacking import Fitting
from wattui.show.summary import FIGURES, figure_text

COMMAND_COLUMNS = 32
_STYLES = {"measured": "", "estimated": "yellow", "simulated": "magenta", "manual": "cyan"}
# What is left out first where the terminal is narrow.
_FIRST_TO_GO = ("begun", "command", "inf/s")


def runs_table(rows: Sequence[dict[str, Any]], mixed: bool = False) -> Fitting:
    """File, beginning, command or labels, quotable channel, figures per inference, flags.

    A run of several labels has a row for the best and one for the worst, unless they are `mixed`.
    """
    gone = (_FIRST_TO_GO[:n] for n in range(len(_FIRST_TO_GO) + 1))
    return Fitting(*(_table(rows, left_out, mixed) for left_out in gone))


def _table(rows: Sequence[dict[str, Any]], left_out: Sequence[str], mixed: bool) -> Table:
    rows = texts(rows)
    names = _short([row["file"] for row in rows])
    found = [
        (row, name + words, group, _domain(row["summary"], group), place)
        for row, name in zip(rows, names, strict=True)
        for place, (words, group) in enumerate(to_quote(row["summary"], mixed=mixed))
    ]
    domains = [domain for *_, domain, _ in found]
    values = [d[key]["value"] for d in domains if d for _, key in FIGURES if d[key]]
    factor, prefix = prefix_for(values)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    titles = ["run", "begun", "command", "channel"]
    figures = [f"{title} {prefix}J/inf" for title, _ in FIGURES]
    for title in [*titles, *figures, "inf/s", "flags"]:
        if title not in left_out:
            right = title in figures or title == "inf/s"
            table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for row, name, group, domain, place in found:
        summary = row["summary"]
        cells = {
            "run": name,
            "begun": (row["begun_utc"] or "–")[:16].replace("T", " "),
            "command": _command(row),
            "channel": _channel(summary, domain),
        }
        for title, (_, key) in zip(figures, FIGURES, strict=True):
            cells[title] = figure_text(domain, key, factor) if domain else "–"
        cells["inf/s"] = number(group["inferences_per_s"] if group else None)
        cells["flags"] = _flags(summary["flags"]) if place == 0 else ""
        shown = [Text(text) for title, text in cells.items() if title not in left_out]
        table.add_row(*shown, style=_STYLES[domain["origin"]] if domain else "")
    return table


def _domain(summary: dict[str, Any], group: dict[str, Any] | None) -> dict[str, Any] | None:
    name = summary["headline"]
    found: dict[str, Any] | None = group["domains"].get(name) if group and name else None
    return found


def _short(files: Sequence[str]) -> list[str]:
    """The names below the folder that all of them are in."""
    folders = {str(Path(file).parent) for file in files}
    absolute = {os.path.isabs(folder) for folder in folders}
    common = os.path.commonpath(folders) if len(absolute) == 1 else ""
    return [os.path.relpath(file, common) if common else file for file in files]


def _command(row: dict[str, Any]) -> str:
    """The command that was recorded, else the labels of what ran."""
    labels = ", ".join(group["label"] for group in row["summary"]["labels"])
    text = Text(row["command"] or labels or "–")
    text.truncate(COMMAND_COLUMNS, overflow="ellipsis")
    return text.plain


def _channel(summary: dict[str, Any], domain: dict[str, Any] | None) -> str:
    name = summary["headline"] or "–"
    word = "" if domain is None or domain["origin"] == "measured" else domain["origin"]
    word = word or summary["contents"]
    return f"{name} ({word})" if word else name


def _flags(flags: Sequence[dict[str, str]]) -> str:
    """The gravest, and how many more there are."""
    names = list(dict.fromkeys(flag["name"] for flag in flags))
    return f"{names[0]} +{len(names) - 1}" if len(names) > 1 else "".join(names)
