"""Writes results as files for other programs and for papers: CSV, JSON, Markdown, SVG."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from recorders.summary.bases import BASES
from recorders.summary.figures import Domain, Summary
from wattui import outputs
from wattui.analysis.cells import is_mixed
from wattui.analysis.macs import command_macs
from wattui.analysis.results import COLUMNS, row_dict
from wattui.analysis.results_file import document
from wattui.clean import cell, lines, markdown, markdown_code, one_line, texts
from wattui.outputs import OutputError, write_output
from wattui.runs.recorded import Run
from wattui.runs.run_file import is_run_file
from wattui.show.markdown import markdown_table
from wattui.show.palette import DARK
from wattui.show.pictures import pictures
from wattui.show.plot import BRAILLE
from wattui.show.printing import console
from wattui.show.quantities import energy_unit, number
from wattui.show.remedies import notes_of
from wattui.show.result_sets import result_set
from wattui.show.summary import (
    answer_texts,
    figure_text,
    headline,
    known_j,
    machine_line,
    method_parts,
    origin_word,
    summary_parts,
)

SVG_COLUMNS = 110


def export(run: Run, path: Path) -> None:
    """Write the results in the format set by the extension. Raises OutputError."""
    if reason := refusal(run, path):
        raise OutputError(reason)
    write_output(path, FORMATS[path.suffix](run).encode(errors="backslashreplace"))


def refusal(run: Run, path: Path) -> str | None:
    """Why results cannot be written there; None if they can."""
    if reason := outputs.refusal(path, [run.csv], FORMATS):
        return reason
    recording = path.with_suffix(".csv")
    if path.suffix == ".json" and is_run_file(recording):
        return f"{path} belongs to the recording {recording.name}: fix: {outputs.FIX}"
    return None


def as_csv(run: Run) -> str:
    """The results table (docs/results-table.md); unknown figures are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    results = result_set(run, run.csv.stem)
    for row in results.rows:
        found = row_dict(results.name, row).items()
        writer.writerow({k: cell(one_line(v)) if isinstance(v, str) else v for k, v in found})
    return text.getvalue()


def as_json(run: Run) -> str:
    """The same with machine, flags and samples, for programs and `wattui compare`."""
    results = document([result_set(run, run.csv.stem)])
    return json.dumps(results, indent=1, allow_nan=False) + "\n"


def as_markdown(run: Run) -> str:
    """Tables of domains and labels, flags, machine and method."""
    return lines("\n".join(_markdown(run)))


def as_svg(run: Run) -> str:
    """A picture of the tables, bars and curves."""
    parts = (
        *summary_parts(run.summary),
        *pictures(run.summary, command_macs(run.about.argv)[1], DARK, BRAILLE, SVG_COLUMNS),
        *method_parts(run.about),
        machine_line(run.about),
    )
    with open(os.devnull, "w") as nowhere:
        out = console(
            record=True,
            width=SVG_COLUMNS,
            file=nowhere,
            force_terminal=True,
            color_system="truecolor",
            no_color=False,
        )
        for part in parts:
            out.print(part)
            out.print()
        return out.export_svg(title=one_line(run.csv.name))


FORMATS: dict[str, Callable[[Run], str]] = {
    ".md": as_markdown,
    ".csv": as_csv,
    ".json": as_json,
    ".svg": as_svg,
}


def _markdown(run: Run) -> Iterator[str]:
    summary = texts(run.summary)
    running, channel = summary.running, summary.headline
    yield f"# {markdown(run.csv.name)}\n"
    if command := run.about.command:
        yield f"{markdown_code(command)}\n"
    if running is None:
        yield "Nothing was marked as running.\n"
    else:
        *quoted, made_from = headline(summary).plain.splitlines()
        yield "".join(f"**{markdown(line)}**\n\n" for line in quoted if line)
        yield f"{made_from}\n"
        apart = is_mixed(summary)
        if not apart:
            yield from _rows("domain", running.domains)
        repeats = [] if apart else summary.repeats
        for title, groups in (("label", summary.labels), ("repeat", repeats)):
            if channel and groups:
                yield f"\n## By {title}, channel {channel}\n"
                named = {str(getattr(group, title)): group.domains[channel] for group in groups}
                yield from _rows(title, named)
        for basis in BASES:
            yield f"\n{basis.name}: {basis.meaning}"
    yield from _flags(summary)
    for part in (*method_parts(run.about), machine_line(run.about)):
        if part:
            yield "\n" + "  \n".join(markdown(line) for line in part.plain.splitlines())
    yield ""


def _flags(summary: Summary) -> Iterator[str]:
    if summary.flags:
        yield "\n## Flags\n"
    for flag in notes_of(summary.flags):
        where = f" {markdown(flag.where)}" if flag.where else ""
        remedy = f" ({flag.remedy})" if flag.remedy else ""
        yield f"- **{markdown(flag.name)}**{where}: {markdown(flag.text)}{remedy}"


def _rows(what: str, domains: Mapping[str, Domain]) -> Iterator[str]:
    """Watts, joules and joules per inference, one row for each."""
    factor, unit = energy_unit(known_j(domains.values()))
    titles = [what, "idle W", "armed W", "running W", "J"]
    titles += [f"{basis.name} {unit}/inference" for basis in BASES]
    rows = []
    for name, domain in domains.items():
        cells = [
            name + origin_word(domain.origin),
            *map(number, (domain.idle_w, domain.armed_w, domain.running_w)),
        ]
        cells += [figure_text(domain.running_j, domain.origin)]
        rows.append(cells + answer_texts(domain, domain.origin, factor))
    yield markdown_table(titles, rows)
