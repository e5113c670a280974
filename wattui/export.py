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

from recorders.runfile import json_path
from wattui.analysis.recorded import Run, is_run_file
from wattui.quantities import energy_unit, number
from wattui.remedies import REMEDIES
from wattui.tables import (
    FIGURES,
    MEANINGS,
    figure_text,
    headline,
    machine_line,
    method_parts,
    summary_parts,
)
from wattui.tui.palette import DARK
from wattui.tui.pictures import pictures
from wattui.tui.plot import BRAILLE

PER_INFERENCE = tuple(key for _, key in FIGURES)
ENERGIES = ("running_j", *PER_INFERENCE)
SVG_COLUMNS = 110


class ExportError(Exception):
    """The results cannot be written; the text says why, in a line."""


def export(run: Run, path: Path) -> None:
    """Write the results in the form that the name's end says. Raises ExportError."""
    if reason := refusal(run, path):
        raise ExportError(reason)
    text = FORMATS[path.suffix](run)
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise ExportError(f"{path} exists: give another name") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({error.strerror})") from None
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ExportError(f"{path} cannot be written ({error.strerror})") from None


def refusal(run: Run, path: Path) -> str | None:
    """Why results cannot be written there; None where they can."""
    if path.suffix not in FORMATS:
        return f"end the name in {', '.join(FORMATS)}"
    if path.resolve() in (run.csv.resolve(), json_path(run.csv).resolve()):
        return "that is the recording itself: give another name"
    if os.path.lexists(path):
        return f"{path} exists: give another name"
    if path.suffix == ".json" and is_run_file(path.with_suffix(".csv")):
        return f"{path} belongs to the recording {path.with_suffix('.csv').name}: another name"
    if not path.absolute().parent.is_dir():
        return f"there is no folder {path.parent}"
    return None


def as_csv(run: Run) -> str:
    """A row for each group of phases and domain; unknown figures are empty."""
    text = io.StringIO()
    columns = ["label", "repeat", "seconds", "inferences", "domain", "origin"]
    columns += ["idle_w", "armed_w", "running_w"]
    columns += [name for key in ENERGIES for name in (key, f"{key}_plus_minus")]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for group in _groups(run.summary):
        for name, domain in group["domains"].items():
            row = {key: group[key] for key in columns[:4]}
            row |= {"domain": name} | {key: domain[key] for key in columns[5:9]}
            for key in ENERGIES:
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
    """A picture of the tables, bars and curves."""
    parts = (
        *summary_parts(run.summary),
        *pictures(run.summary, DARK, BRAILLE, SVG_COLUMNS),
        *method_parts(run.run),
        machine_line(run.run),
    )
    with open(os.devnull, "w") as nowhere:
        console = Console(
            record=True,
            width=SVG_COLUMNS,
            file=nowhere,
            force_terminal=True,
            color_system="truecolor",
            no_color=False,
        )
        for part in parts:
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
    summary = run.summary
    running, channel = summary["running"], summary["headline"]
    yield f"# {run.csv.name}\n"
    if argv := run.run.get("command", {}).get("argv"):
        yield f"`{' '.join(argv)}`\n"
    if running is None:
        yield "Nothing was marked as running.\n"
    else:
        quoted, _, made_from = headline(summary).plain.partition("\n")
        yield f"**{quoted}**\n" if quoted else ""
        yield f"{made_from}\n"
        yield from _rows("domain", running["domains"])
        for title, groups in (("label", summary["labels"]), ("repeat", summary["repeats"])):
            named = {str(group[title]): group["domains"] for group in groups}
            if channel and named:
                yield f"\n## By {title}, {channel}\n"
                yield from _rows(title, {name: found[channel] for name, found in named.items()})
        for name, meaning in MEANINGS.items():
            yield f"\n{name}: {meaning}"
    yield from _flags(summary)
    for part in (*method_parts(run.run), machine_line(run.run)):
        if part:
            yield "\n" + "  \n".join(line.strip() for line in part.plain.splitlines())
    yield ""


def _flags(summary: dict[str, Any]) -> Iterator[str]:
    if summary["flags"]:
        yield "\n## Flags\n"
    for flag in summary["flags"]:
        where = f" {flag['where']}" if flag["where"] else ""
        remedy = f" ({REMEDIES[flag['name']]})" if flag["name"] in REMEDIES else ""
        yield f"- **{flag['name']}**{where}: {flag['text']}{remedy}"


def _rows(what: str, domains: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Watts, joules and joules per inference, a row for each."""
    values = [d[key]["value"] for d in domains.values() for key in PER_INFERENCE if d[key]]
    factor, unit = energy_unit(values)
    titles = [what, "idle W", "armed W", "running W", "J"]
    titles += [f"{which} {unit}/inference" for which, _ in FIGURES]
    yield f"| {' | '.join(titles)} |"
    yield f"|---|{'---:|' * (len(titles) - 1)}"
    for name, domain in domains.items():
        word = "" if domain["origin"] == "measured" else f" ({domain['origin']})"
        cells = [name.replace("|", "\\|") + word]
        cells += [number(domain[key]) for key in ("idle_w", "armed_w", "running_w")]
        cells += [figure_text(domain, "running_j", 1.0)]
        cells += [figure_text(domain, key, factor) for key in PER_INFERENCE]
        yield f"| {' | '.join(cells)} |"
