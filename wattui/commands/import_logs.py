"""`wattui import`: other tools' logs become run files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from recorders.phases import RUNNING
from recorders.runfile import json_path
from recorders.summary.by_hand import check_names
from wattui.analysis.importers import abr, aipowermeter, any_table, registry
from wattui.analysis.importers.abr import Window
from wattui.analysis.importers.given import ImportOptions, NamedTable
from wattui.analysis.importers.joining import JoinedLogs, baseline, joined, whole, windowed
from wattui.analysis.importers.log import Log, UnreadableError, printable
from wattui.analysis.importers.stamps import stamp_ns
from wattui.analysis.importers.text import LogText, decoded
from wattui.capture.progress import waiting
from wattui.commands.import_questions import ask_columns
from wattui.commands.imported_run import write_run
from wattui.commands.parser import Parser
from wattui.errors import INCOMPLETE, UsageError, unreadable
from wattui.show.printing import print_json, say

# How many levels of folders are searched for power files.
DEPTH = 3
_FIGURE = re.compile(r"\d[\d.,:]*")


@dataclass(frozen=True, slots=True)
class ImportJob:
    """One run file to write; `make` raises UnreadableError."""

    csv: Path
    source: Path
    sources: tuple[Path, ...]
    make: Callable[[], JoinedLogs]
    about: dict[str, Any]


class _ListFormats(argparse.Action):
    """Prints the known formats and exits, as --help does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        width = max(len(f.NAME) for f in registry.FORMATS)
        sys.stdout.writelines(f"{f.NAME:{width}}  {f.COLUMNS}\n" for f in registry.FORMATS)
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui import`."""
    made = Parser(
        prog="wattui import",
        description="Convert other tools' logs to run files: "
        + ", ".join(form.NAME for form in registry.FORMATS)
        + ". A folder may hold runs of the ABR benchmark (logs with metadata of the same "
        "name) or of AIPowerMeter.",
    )
    made.add_argument("source", metavar="LOG", help="log, or folder of runs")
    made.add_argument("--out", required=True, metavar="FILE", help="run file to write, or a folder")
    made.add_argument("--idle", metavar="LOG", help="idle log, or a folder of them")
    made.add_argument("--from", dest="start", metavar="TIME", help="time at which running starts")
    made.add_argument("--to", dest="end", metavar="TIME", help="time at which running ends")
    made.add_argument(
        "--phase", default=RUNNING, help="phase that the log covers (default: running)"
    )
    made.add_argument("--label", default="", metavar="TEXT", help="label of what ran")
    made.add_argument(
        "--inferences", type=int, metavar="N", help="number of inferences in each phase"
    )
    made.add_argument(
        "--meter",
        default="wall",
        metavar="NAME",
        help="meter whose readings were typed in (default: wall)",
    )
    columns = made.add_argument_group(
        "any table", "columns of a table of no known format; --power and --energy may be repeated"
    )
    columns.add_argument(
        "--time",
        metavar="COL[=UNIT]",
        help="its time: dates, or a count of " + ", ".join(any_table.TIMES_NS),
    )
    columns.add_argument(
        "--power",
        metavar="COL[=UNIT]",
        action="append",
        default=[],
        help="a power in " + ", ".join(any_table.POWERS),
    )
    columns.add_argument(
        "--energy",
        metavar="COL[=UNIT]",
        action="append",
        default=[],
        help="an energy counted up, in " + ", ".join(any_table.ENERGIES),
    )
    made.add_argument(
        "--list", action=_ListFormats, nargs=0, help="list the known formats and their columns"
    )
    made.add_argument("--force", action="store_true", help="replace existing run files")
    made.add_argument(
        "--json", action="store_true", help="print a list of the files written as JSON on stdout"
    )
    return made


def main(options: argparse.Namespace) -> int:
    """Write the run files, then their names on stdout. Raises UsageError."""
    _check(options)
    _ask(options)
    jobs = list(_jobs(options))
    for job in jobs:
        _refuse(job, options.force)
    made, failed = [], []
    for job in jobs:
        try:
            with waiting(f"importing {job.source}"):
                made.append(write_run(job.csv, job.make(), job.about, options.force))
        except UnreadableError as error:
            failed.append(f"{job.source} cannot be imported: {printable(str(error))}")
    if failed and not made:
        raise UsageError("; ".join(failed))
    say(*failed, *_remarks(made))
    if options.json:
        print_json(made)
    else:
        sys.stdout.writelines(f"{run['csv']}\n" for run in made)
    return INCOMPLETE if failed else 0


def _remarks(made: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The remarks of one run, or a table of those of several: one that differs only in its figures
    is in it once, as the first run has it, after the number of runs."""
    if len(made) == 1:
        yield from (f"{run['csv']}: {said}" for run in made for said in run["remarks"])
        return
    firsts: dict[str, str] = {}
    kinds = [{_FIGURE.sub("#", said): said for said in run["remarks"]} for run in made]
    for kind in kinds:
        firsts = kind | firsts
    counts = Counter(each for kind in kinds for each in kind)
    if counts:
        yield f"{len(made)} runs imported; each run.json has its own remarks (import.remarks)"
        yield "runs  remark, with the figures of the first of them"
    yield from (f"{n:4}  {firsts[each]}" for each, n in counts.most_common())


def _check(options: argparse.Namespace) -> None:
    if bool(options.time) != bool(options.power or options.energy):
        raise UsageError("a table needs --time and --power or --energy: fix: name both columns")
    if options.inferences is not None and options.inferences < 1:
        raise UsageError(f"--inferences {options.inferences}: must be 1 or more")
    for name, text in (("--from", options.start), ("--to", options.end)):
        if text is not None and stamp_ns(text) is None:
            raise UsageError(f"{name} {text!r} is not a time (example: 2018-09-15_19:48:23)")
    try:
        check_names([options.meter])
    except ValueError as error:
        raise UsageError(f"--meter: {error}") from None


def _ask(options: argparse.Namespace) -> None:
    """Ask for the columns of a log of no known format, on a terminal."""
    source = Path(options.source)
    if options.time or not (source.is_file() and sys.stdin.isatty() and sys.stderr.isatty()):
        return
    try:
        with _opened(source) as text:
            registry.format_of(text)
    except registry.UnknownFormatError as unknown:
        if table := ask_columns(unknown.head, say, _answer):
            options.time, options.power, options.energy = table.time, table.powers, table.energies
    except UnreadableError:
        return


def _answer(prompt: str) -> str:
    """A line typed by the user. Raises UsageError at the end of input."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("no columns were named: fix: add --time COL --power COL=W")
    return answer


def _jobs(options: argparse.Namespace) -> Iterator[ImportJob]:
    source, out = Path(options.source), Path(options.out)
    if not source.is_dir():
        yield _of_log(source, _one(out, source), options)
    elif powers := _power_files(source):
        yield _of_power_files(source, powers, _one(out, source), options)
    else:
        yield from _of_abr(source, out, options)


def _one(out: Path, source: Path) -> Path:
    """Where a source's single run file goes."""
    if out.suffix == ".csv" and not out.is_dir():
        return out
    return out / f"{source.resolve().stem}.csv"


def _of_log(source: Path, csv: Path, options: argparse.Namespace) -> ImportJob:
    found = _metadata(source.with_suffix(".json")) if source.suffix == ".csv" else None
    of_run = options.phase == RUNNING and not (options.start or options.end)
    if found is not None and of_run:
        return _of_run(source, found, csv, options)
    idle = _idle(options)

    def make() -> JoinedLogs:
        log = _read(source, options)
        if options.start or options.end:
            marked = windowed(log, _window(log, options))
        else:
            marked = whole(log, options.phase, options.label, options.inferences)
        return joined([*_baseline(idle, options), marked])

    return ImportJob(csv, source, (source, *([idle] if idle else [])), make, _about(source, idle))


def _of_abr(folder: Path, out: Path, options: argparse.Namespace) -> Iterator[ImportJob]:
    """A job for each log in the folder that has metadata; the others are reported."""
    logs = sorted(folder.glob("*.csv"))
    found = {log: _metadata(log.with_suffix(".json")) for log in logs}
    if not any(found.values()):
        raise UsageError(
            f"{folder} holds no runs: neither {aipowermeter.POWER_FILE} nor logs (NAME.csv) with "
            "metadata (NAME.json, with start_time and end_time)"
        )
    if out.suffix == ".csv":
        raise UsageError(f"--out {out}: several runs need a folder")
    say(*(f"{log}: left out, no metadata file of the same name" for log in logs if not found[log]))
    lone = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(".csv") not in logs]
    say(*(f"{path}: left out, no log of the same name" for path in lone))
    for log, metadata in found.items():
        if metadata:
            yield _of_run(log, metadata, out / log.name, options)


def _of_run(log: Path, found: dict[str, Any], csv: Path, options: argparse.Namespace) -> ImportJob:
    stems = abr.idle_stems(found, log.stem)
    idle = _idle(options, stems)

    def make() -> JoinedLogs:
        window = abr.window(found, options.label or printable(log.stem))
        if options.inferences is not None:
            window = replace(window, inferences=options.inferences)
        before, missing = _found_baseline(idle, stems, options)
        window = replace(window, remarks=(*missing, *window.remarks))
        running = windowed(_read(log, options), window)
        return joined([*before, running])

    sources = (log, log.with_suffix(".json"), *([idle] if idle else []))
    return ImportJob(csv, log, sources, make, {**_about(log, idle), "metadata": found})


def _of_power_files(
    folder: Path, powers: list[Path], csv: Path, options: argparse.Namespace
) -> ImportJob:
    idle = _idle(options)

    def make() -> JoinedLogs:
        files = {}
        for power in powers:
            latency = power.with_name(aipowermeter.LATENCY_FILE)
            latencies = _text(latency) if latency.is_file() else None
            place = power.parent.relative_to(folder)
            read = partial(_read_with, aipowermeter.read, power)
            files["" if place == Path() else place.as_posix()] = (read, latencies)
        return joined([*_baseline(idle, options), *aipowermeter.runs(files, options.inferences)])

    return ImportJob(csv, folder, tuple(powers), make, _about(folder, idle))


def _power_files(folder: Path) -> list[Path]:
    """Power files in a folder; folders in it that cannot be read, or are gone, are passed over."""
    found = []
    for inside, folders, files in os.walk(folder, followlinks=True):
        if aipowermeter.POWER_FILE in files:
            found.append(Path(inside, aipowermeter.POWER_FILE))
        if len(Path(inside).relative_to(folder).parts) == DEPTH:
            folders.clear()
    return sorted(found)


def _idle(options: argparse.Namespace, stems: Sequence[str] = ()) -> Path | None:
    """The idle log given, or the first with one of these stems in the folder given."""
    if not options.idle:
        return None
    given = Path(options.idle)
    if not given.is_dir():
        return given
    if not stems:
        raise UsageError(f"--idle {given} is a folder: fix: name the idle log of this run")
    logs = {path.stem: path for path in given.glob("*.csv")}
    return next((logs[stem] for stem in stems if stem in logs), None)


def _baseline(idle: Path | None, options: argparse.Namespace) -> list[Log]:
    if idle is None:
        return []
    try:
        return [baseline(_read(idle, options))]
    except UnreadableError as error:
        raise UnreadableError(f"its idle log {idle}: {error}") from None


def _found_baseline(
    idle: Path | None, stems: Sequence[str], options: argparse.Namespace
) -> tuple[list[Log], list[str]]:
    """The idle log of a run and no remark, or no log and why, if it was searched for in a folder.
    Raises UnreadableError for a log that was named."""
    try:
        if idle is None and options.idle:
            names = " or ".join(f"{stem}.csv" for stem in stems)
            raise UnreadableError(f"{names} is not in {options.idle}")
        return _baseline(idle, options), []
    except UnreadableError as error:
        if not Path(options.idle).is_dir():
            raise
        return [], [f"no idle log, so idle and dynamic energy are not known: {error}"]


def _window(log: Log, options: argparse.Namespace) -> Window:
    if not log.samples:
        raise UnreadableError("no row has both a time and a reading")
    start_ns = stamp_ns(options.start or "")
    end_ns = stamp_ns(options.end or "")
    window = Window(
        log.samples[0].time_ns if start_ns is None else start_ns,
        log.samples[-1].time_ns if end_ns is None else end_ns,
        options.label,
        options.inferences,
    )
    if window.end_ns <= window.start_ns:
        raise UnreadableError("the window is empty: --to is not after --from")
    return window


def _given(options: argparse.Namespace) -> ImportOptions:
    table = (
        NamedTable(options.time, tuple(options.power), tuple(options.energy))
        if options.time
        else None
    )
    return ImportOptions(options.meter, options.inferences, table)


def _about(source: Path, idle: Path | None) -> dict[str, Any]:
    return {"source": str(source), **({"idle": str(idle)} if idle else {})}


def _metadata(path: Path) -> dict[str, Any] | None:
    return abr.metadata(_text(path)) if path.is_file() else None


@contextmanager
def _opened(path: Path) -> Iterator[LogText]:
    """The lines of a file. Raises UsageError if it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            yield decoded(file)
    except OSError as error:
        raise unreadable(path, error) from None


def _text(path: Path) -> str:
    """The text of a small file. Raises UsageError if it cannot be read."""
    with _opened(path) as text:
        return "".join(text.pieces())


def _read(path: Path, options: argparse.Namespace) -> Log:
    """The readings of a log of any format. Raises UsageError and UnreadableError."""
    return _read_with(partial(registry.read, given=_given(options)), path)


def _read_with(read: Callable[[LogText], Log], path: Path) -> Log:
    with _opened(path) as text:
        return read(text)


def _refuse(job: ImportJob, force: bool) -> None:
    """Raise UsageError if a run file would replace a file to keep."""
    sources = {path.resolve() for path in job.sources}
    for path in (job.csv, json_path(job.csv)):
        if path.resolve() in sources:
            raise UsageError(f"{path} is the file to import: fix: use another --out")
        if path.exists() and not force:
            raise UsageError(f"{path} exists: fix: use another --out, or add --force")
