"""Results as files for other programs and for papers: CSV, JSON, Markdown, SVG."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from recorders.runfile import json_path
from wattui.analysis.recorded import Run
from wattui.quantities import energy_unit, number, with_uncertainty
from wattui.tables import method_parts, summary_parts

PER_INFERENCE = tuple(f"{which}_j_per_inference" for which in ("total", "dynamic", "marginal"))
FIGURES = ("running_j", *PER_INFERENCE)
SVG_COLUMNS = 110


class ExportError(Exception):
    """The results cannot be written; the text says why, in a line."""


def export(run: Run, path: Path) -> None:
    """Write the results in the form that the name's end says. Raises ExportError."""
    if reason := refusal(run, path):
        raise ExportError(reason)
    text = FORMATS[path.suffix](run)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({error.strerror})") from None


def refusal(run: Run, path: Path) -> str | None:
    """Why results cannot be written there; None where they can."""
    if path.suffix not in FORMATS:
        return f"end the name in {', '.join(FORMATS)}"
    if path.absolute() in (run.csv.absolute(), json_path(run.csv).absolute()):
        return "that is the recording itself: give another name"
    if os.path.lexists(path):
        return f"{path} exists: give another name"
    if not path.absolute().parent.is_dir():
        return f"there is no folder {path.parent}"
    return None


def as_csv(run: Run) -> str:
    """A row for each group of phases and domain; unknown figures are empty."""
    text = io.StringIO()
    columns = ["label", "repeat", "seconds", "inferences", "domain", "origin"]
    columns += ["idle_w", "armed_w", "running_w"]
    columns += [name for key in FIGURES for name in (key, f"{key}_plus_minus")]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for group in _groups(run.summary):
        for name, domain in group["domains"].items():
            row = {key: group[key] for key in columns[:4]}
            row |= {"domain": name} | {key: domain[key] for key in columns[5:9]}
            for key in FIGURES:
                figure = domain[key] or {"value": None, "plus_minus": None}
                row |= {key: figure["value"], f"{key}_plus_minus": figure["plus_minus"]}
            writer.writerow(row)
    return text.getvalue()


def as_json(run: Run) -> str:
    """The summary, as `wattui summary --json` prints it."""
    return json.dumps(run.summary, indent=1) + "\n"


def as_markdown(run: Run) -> str:
    """Tables of domains and labels, flags, machine and method."""
    return "\n".join(_markdown(run))


def as_svg(run: Run) -> str:
    """A picture of the tables."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=SVG_COLUMNS, file=nowhere, force_terminal=True)
        for part in (*summary_parts(run.summary), *method_parts(run.run)):
            console.print(part)
            console.print()
        return console.export_svg(title=run.csv.name)


FORMATS: dict[str, Callable[[Run], str]] = {
    ".md": as_markdown,
    ".csv": as_csv,
    ".json": as_json,
    ".svg": as_svg,
}


def _groups(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All running phases together, then labels, then repeats."""
    if summary["running"]:
        yield summary["running"]
    yield from summary["labels"]
    yield from summary["repeats"]


def _markdown(run: Run) -> Iterator[str]:
    yield f"# {run.csv.name}\n"
    running = run.summary["running"]
    if running is None:
        yield "Nothing was marked as running."
    for group in _groups(run.summary):
        name = group["label"] or (f"repeat {group['repeat']}" if group["repeat"] else "All running")
        counted = f", {group['inferences']:,} inferences" if group["inferences"] else ""
        yield f"\n## {name}\n\n{number(group['seconds'])} s{counted}\n"
        yield from _table(group)
    if run.summary["flags"]:
        yield "\n## Flags\n"
        for flag in run.summary["flags"]:
            yield f"- **{flag['name']}** {flag['where']}: {flag['text']}"
    for part in method_parts(run.run):
        yield f"\n{part.plain if isinstance(part, Text) else part}"
    yield ""


def _table(group: dict[str, Any]) -> Iterator[str]:
    """Watts, joules and joules per inference of each domain."""
    domains = group["domains"]
    values = [d[key]["value"] for d in domains.values() for key in PER_INFERENCE if d[key]]
    factor, unit = energy_unit(values)
    titles = ["domain", "idle W", "armed W", "running W", "J"]
    titles += [f"{which} {unit}/inference" for which in ("total", "dynamic", "marginal")]
    yield f"| {' | '.join(titles)} |"
    yield f"|---|{'---:|' * (len(titles) - 1)}"
    for name, domain in domains.items():
        word = "" if domain["origin"] == "measured" else f" ({domain['origin']})"
        cells = [f"{name}{word}"]
        cells += [number(domain[key]) for key in ("idle_w", "armed_w", "running_w")]
        cells += [_figure(domain["running_j"], 1.0)]
        cells += [_figure(domain[key], factor) for key in PER_INFERENCE]
        yield f"| {' | '.join(cells)} |"


def _figure(figure: dict[str, Any] | None, factor: float) -> str:
    if figure is None:
        return "–"
    return with_uncertainty(figure["value"], figure["plus_minus"], factor)
