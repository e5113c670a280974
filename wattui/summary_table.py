"""Many runs as one table, a row for each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from wattui.quantities import number, prefix_for
from wattui.tables import FIGURES, MOST_COLUMNS, Fitting, figure_text

__all__ = ["MOST_COLUMNS", "runs_table"]

COMMAND_COLUMNS = 32
_STYLES = {"measured": "", "estimated": "yellow", "simulated": "magenta", "manual": "cyan"}
# What is left out first where the terminal is narrow.
_FIRST_TO_GO = ("±", "begun", "command", "flags", "inf/s")


def runs_table(rows: Sequence[dict[str, Any]]) -> Fitting:
    """File, beginning, command or labels, quotable channel, figures per inference, flags."""
    gone = (_FIRST_TO_GO[:n] for n in range(len(_FIRST_TO_GO) + 1))
    return Fitting(*(_table(rows, left_out) for left_out in gone))


def _table(rows: Sequence[dict[str, Any]], left_out: Sequence[str]) -> Table:
    domains = [_domain(row["summary"]) for row in rows]
    values = [d[key]["value"] for d in domains if d for _, key in FIGURES if d[key]]
    factor, prefix = prefix_for(values)
    names = _short([row["file"] for row in rows])
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    titles = ["run", "begun", "command", "channel"]
    figures = [f"{title} {prefix}J/inf" for title, _ in FIGURES]
    for title in [*titles, *figures, "inf/s", "flags"]:
        if title not in left_out:
            right = title in figures or title == "inf/s"
            table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for name, row, domain in zip(names, rows, domains, strict=True):
        summary = row["summary"]
        running = summary["running"]
        cells = {
            "run": name,
            "begun": (row["begun_utc"] or "–")[:16].replace("T", " "),
            "command": _command(row),
            "channel": _channel(summary, domain),
        }
        for title, (_, key) in zip(figures, FIGURES, strict=True):
            errors = "±" not in left_out
            cells[title] = figure_text(domain, key, factor, errors) if domain else "–"
        cells["inf/s"] = number(running["inferences_per_s"] if running else None)
        cells["flags"] = _flags(summary["flags"])
        shown = [Text(text) for title, text in cells.items() if title not in left_out]
        table.add_row(*shown, style=_STYLES[domain["origin"]] if domain else "")
    return table


def _domain(summary: dict[str, Any]) -> dict[str, Any] | None:
    running, name = summary["running"], summary["headline"]
    found: dict[str, Any] | None = running["domains"].get(name) if running and name else None
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
