"""Finds recordings in folders; reads run.json, or recomputes its summary from the CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from recorders.json_parts import WrongPartError
from recorders.runfile import json_path
from recorders.summary.budget import Budget, budgets
from recorders.summary.figures import VERSION, Summary
from recorders.summary.per import by, in_place
from recorders.summary.reduction import Reduction
from recorders.summary.stated import is_counted, with_count
from recorders.summary.summary import summarise
from wattui.runs.identity import is_same
from wattui.runs.notes import notes_path, read_notes, stated
from wattui.runs.recognise import is_copy, is_run_file
from wattui.runs.run_file import SUFFIXES
from wattui.runs.run_json import RunJson, read_run_json
from wattui.runs.traces import Binner, Traces

_NUMBER = re.compile(r"(\d+)")
DEPTH = 2
MOST_FILES = 10_000
EARLIER = range(1, VERSION)
CHANGED = "{} has changed since it was recorded: its figures are recomputed"


@dataclass(frozen=True, slots=True)
class Run:
    """A run file, its summary, and the account of the recording in its run.json.

    `remarks` are messages about parts that could not be read.
    """

    csv: Path
    summary: Summary
    about: RunJson
    remarks: list[str] = field(default_factory=list)

    def by(self, per: str | None = None) -> Run:
        """The run with another count in the place of inferences, by default the usual one.

        Raises NotCountedError if it has no such count.
        """
        return replace(self, summary=by(self.summary, per))

    def in_place(self, name: str) -> Run:
        """The run with this count in the place of inferences, even if it has none."""
        return replace(self, summary=in_place(self.summary, name))


class Recomputed(NamedTuple):
    """A summary made from the rows of a run file, and remarks on those that could not be read."""

    summary: Summary
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class Unsummarised:
    """A run file and the account of its recording, before its summary is recomputed."""

    csv: Path
    about: RunJson
    remarks: list[str]

    def summarised(self, found: Recomputed) -> Run:
        """The run with the summary made from its rows."""
        return Run(self.csv, found.summary, self.about, self.remarks + found.remarks)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """The summary of a run, with its start time and command, and what its ± are made of if that was
    asked for."""

    file: str
    begun_utc: str | None
    command: str | None
    summary: Summary
    remarks: list[str]
    budgets: list[Budget] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, one of the rows of `wattui summary --json`."""
        names = ("file", "begun_utc", "command", "remarks")
        fields = {name: getattr(self, name) for name in names}
        return fields | {"summary": self.summary.to_dict()} | self._explained()

    def alone(self) -> dict[str, Any]:
        """The JSON form of a single run: its summary."""
        return self.summary.to_dict() | self._explained()

    def _explained(self) -> dict[str, Any]:
        found = self.budgets
        return {} if found is None else {"budgets": [budget.to_dict() for budget in found]}


def find_runs(folder: Path) -> list[Path]:
    """Run files in a folder and two levels below, newest first; 10,000 at most."""
    return list(newest_runs(folder))


def newest_runs(folder: Path) -> Iterator[Path]:
    """The same run files, each as soon as its first line has been read."""
    newest_first = sorted(_csv_files(folder, DEPTH), key=_changed_s, reverse=True)
    return islice(filter(is_run_file, newest_first), MOST_FILES)


def natural(path: PurePath) -> tuple[list[list[str | int]], str]:
    """A key that sorts numbers in names as numbers, folder by folder."""
    return [
        [int(part) if place % 2 else part.casefold() for place, part in enumerate(parts)]
        for parts in map(_NUMBER.split, path.parts)
    ], str(path)


def load_run(csv: Path) -> Run:
    """A run with its summary, recomputed from the CSV if run.json has none that matches it.

    Raises NotARunFileError, or OSError if the file cannot be read.
    """
    found = kept_run(csv)
    return found if isinstance(found, Run) else found.summarised(recompute(csv))


def kept_run(csv: Path) -> Run | Unsummarised:
    """A run with the summary in its run.json, or without one if that does not match the CSV.

    Raises OSError if the CSV cannot be read.
    """
    found, remarks = _json_beside(csv)
    about, wrong = read_run_json(found)
    if wrong:
        names = ", ".join(wrong)
        remarks.append(f"{json_path(csv)}: malformed, left out: {names}")
    summary, why_not = _summary_of(found)
    has_changed = changed(csv, about)
    of_notes: list[str] = []
    is_stated = read_notes(csv, of_notes).inferences is not None
    if summary is not None and about.csv is not None and not (has_changed or is_stated):
        return Run(csv, summary, about, remarks + of_notes)
    if has_changed:
        remarks += has_changed
    elif why_not:
        said = f"its summary is incomplete: recomputed from {csv.name} ({why_not})"
        remarks.append(f"{json_path(csv)}: {said}")
    return Unsummarised(csv, about, remarks)


def recompute(csv: Path) -> Recomputed:
    """The summary of a run file, from its rows. Raises as `load_run` does."""
    remarks: list[str] = []
    return Recomputed(summarise(reduce_run(csv, remarks)), remarks)


def reduce_run(
    csv: Path, remarks: list[str] | None = None, binner: Binner | None = None
) -> Reduction:
    """What a summary needs of a run file, with the count that was stated afterwards, if any;
    `binner` takes its rows as well.

    Raises NotARunFileError, or OSError if the file cannot be read.
    """
    from wattui.runs.reduce import reduce_csv

    found: list[str] = []
    reduction = reduce_csv(csv, found, binner)
    if (n := stated(csv, found)) is not None:
        if is_counted(reduction):
            found.append(f"{notes_path(csv)}: {csv.name} counted inferences itself: left out")
        reduction = with_count(reduction, n)
    if remarks is not None:
        remarks += found
    return reduction


def read_budgets(
    csv: Path, labels: Sequence[str], channel: str | None = None, per: str | None = None
) -> list[Budget]:
    """What the ± of labels are made of ("": of everything), from the CSV; in the headline's channel
    and per the usual count unless others are given.

    Raises NotARunFileError, or OSError if the file cannot be read.
    """
    return budgets(reduce_run(csv), labels, channel, per)


def read_traces_and_budgets(
    csv: Path, labels: Sequence[str], channel: str, per: str
) -> tuple[Traces, list[Budget]]:
    """The curves of power, and what `read_budgets` gives, from one reading of the CSV.

    Raises NotARunFileError, or OSError if the file cannot be read.
    """
    from wattui.runs.blocks import header

    binner = Binner(csv, header(csv))
    reduction = reduce_run(csv, binner=binner)
    return binner.finished(), budgets(reduction, labels, channel, per)


def recorded(csv: Path, summary: Summary, run: Mapping[str, Any]) -> Run:
    """A recording that has just ended; `run` is the rest of its run.json."""
    return Run(csv, summary, read_run_json(run)[0])


def about_run(csv: Path) -> RunJson:
    """The account of a recording in its run.json, as far as it can be read."""
    return read_run_json(_json_beside(csv)[0])[0]


def changed(csv: Path, about: RunJson) -> list[str]:
    """A remark if run.json describes a different file from the one there now."""
    is_other = about.csv is not None and not is_same(csv, about.csv)
    return [CHANGED.format(csv)] if is_other else []


def _json_beside(csv: Path) -> tuple[dict[str, Any], list[str]]:
    """The content of a run.json, empty if it has none, and a remark on why."""
    path = json_path(csv)
    try:
        found = json.loads(path.read_bytes(), parse_constant=_no_number)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path} cannot be read ({error.strerror}): left out"]
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {}, [f"{path} is not the JSON of a recording: left out"]
    return found, []


def _summary_of(found: Mapping[str, Any]) -> tuple[Summary | None, str]:
    """The summary in a run.json, or why it is not used; neither if there is none, or one of an
    earlier version, which is recomputed."""
    summary = found.get("summary")
    if summary is None or (isinstance(summary, dict) and summary.get("version") in EARLIER):
        return None, ""
    try:
        return Summary.from_dict(summary), ""
    except WrongPartError as error:
        return None, str(error)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _csv_files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix in SUFFIXES and entry.is_file():
            if not is_copy(entry):
                yield entry
        elif depth and _is_of_runs(entry):
            yield from _csv_files(entry, depth - 1)


def _is_of_runs(folder: Path) -> bool:
    """Whether runs are looked for in a folder: a part of one, such as a node's, is none."""
    is_part = folder.name.startswith((".", "node="))
    return not is_part and folder.is_dir() and not folder.is_symlink()


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
