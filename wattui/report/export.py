"""Writes results as files for other programs and for papers: CSV, JSON, Markdown, SVG."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from recorders.counts import singular
from recorders.summary.bases import BASES
from recorders.summary.figures import Domain
from wattui import outputs
from wattui.analysis.cells import is_mixed
from wattui.analysis.macs import command_macs
from wattui.analysis.results import COLUMNS, row_dict
from wattui.analysis.results_file import document
from wattui.clean import cell, one_line
from wattui.outputs import OutputError, write_output
from wattui.report.clean import cleaned
from wattui.report.document import Block, Heading, Headline, Notes, PageTable, Words
from wattui.report.facts import facts_of, missing_of
from wattui.report.markdown import markdown_page
from wattui.report.numbers_table import MEANINGS
from wattui.runs.recognise import is_run_file
from wattui.runs.recorded import Run
from wattui.runs.run_file import SUFFIXES
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
    for recording in map(path.with_suffix, SUFFIXES):
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
    return markdown_page(list(map(cleaned, _blocks(run))), "")[0]


def as_svg(run: Run) -> str:
    """A picture of the tables, bars and curves."""
    run = run.by()
    parts = (
        *summary_parts(run.summary),
        *pictures(
            run.summary,
            command_macs(run.about.argv, run.summary.per)[1],
            DARK,
            BRAILLE,
            SVG_COLUMNS,
        ),
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


def _blocks(run: Run) -> Iterator[Block]:
    summary = run.by().summary
    running, channel = summary.running, summary.headline
    yield Heading(1, run.csv.name)
    if running is None:
        yield Words("Nothing was marked as running.")
    else:
        *quoted, made_from = headline(summary).plain.splitlines()
        yield from (Headline(line, "", "", False) for line in quoted if line)
        yield Words(made_from)
        apart = is_mixed(summary)
        if not apart:
            yield _table("By domain", "domain", running.domains, summary.per)
        repeats = [] if apart else summary.repeats
        for what, groups in (("label", summary.labels), ("repeat", repeats)):
            if channel and groups:
                named = {str(getattr(group, what)): group.domains[channel] for group in groups}
                yield _table(f"By {what}, channel {channel}", what, named, summary.per)
        yield MEANINGS
    for title, notes in (("Flags", notes_of(summary.flags)), ("Missing", missing_of(run.about))):
        if notes:
            yield Notes(title, notes)
    yield facts_of(run.about, run.csv.name, None)


def _table(caption: str, what: str, domains: Mapping[str, Domain], per: str) -> PageTable:
    """Watts, joules and joules per inference, one row for each."""
    factor, unit = energy_unit(known_j(domains.values()))
    titles = (f"{basis.name} {unit}/{singular(per)}" for basis in BASES)
    rows = (
        (
            name + origin_word(domain.origin),
            *map(number, (domain.idle_w, domain.armed_w, domain.running_w)),
            figure_text(domain.running_j, domain.origin),
            *answer_texts(domain, domain.origin, factor),
        )
        for name, domain in domains.items()
    )
    return PageTable(caption, (what, "idle W", "armed W", "running W", "J", *titles), tuple(rows))
