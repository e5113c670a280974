"""Finds recordings in folders, and reads what run.json says of one or makes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from recorders.runfile import fingerprint, json_path
from recorders.summary.summary import summarise
from wattui.runs.forms import PARTS, fits, is_summary
from wattui.runs.run_file import is_run_file

DEPTH = 2
MOST_FILES = 2000
CHANGED = "{} has changed since it was recorded: its figures are made from it now"


@dataclass(frozen=True, slots=True)
class Run:
    """A run file and the content of its run.json; of that only a `summary` is always there.

    `remarks` are lines for a person on what could not be read.
    """

    csv: Path
    run: dict[str, Any]
    remarks: list[str] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, as the recorder made it or from the CSV alone."""
        found: dict[str, Any] = self.run["summary"]
        return found


def find_runs(folder: Path) -> list[Path]:
    """Run files in a folder and two levels below it, the newest first; 2,000 at most."""
    newest_first = sorted(_csv_files(folder, DEPTH), key=_changed_s, reverse=True)
    return list(islice(filter(is_run_file, newest_first), MOST_FILES))


def load_run(csv: Path) -> Run:
    """A run with its summary, which is made from the CSV where run.json has none that is of it.

    Raises NotARunFileError, or OSError where the file cannot be read.
    """
    remarks: list[str] = []
    run = json_beside(csv, remarks)
    is_whole, is_of_csv = is_summary(run.get("summary")), run.get("csv") == fingerprint(csv)
    if is_whole and is_of_csv:
        return Run(csv, run, remarks)
    if "csv" in run and not is_of_csv:
        remarks.append(CHANGED.format(csv))
    elif run.get("summary") is not None and not is_whole:
        remarks.append(f"{json_path(csv)}: its summary is not whole: made anew from {csv.name}")
    from wattui.runs.reduce import read_csv

    reduced = read_csv(csv)
    summary = summarise(reduced.reduction).to_dict()
    return Run(csv, {**run, "summary": summary}, remarks + reduced.remarks)


def changed(csv: Path) -> list[str]:
    """A remark where run.json tells of another file than the one that is there now."""
    run = json_beside(csv, [])
    return [CHANGED.format(csv)] if "csv" in run and run["csv"] != fingerprint(csv) else []


def command_line(csv: Path) -> str | None:
    """The command that run.json names; None where it names none."""
    command = json_beside(csv, []).get("command", {})
    return " ".join(command.get("argv", [])) or None


def json_beside(csv: Path, remarks: list[str]) -> dict[str, Any]:
    """What run.json has, less what has not the form that it should have."""
    path = json_path(csv)
    try:
        found = json.loads(path.read_bytes(), parse_constant=_no_number)
    except FileNotFoundError:
        return {}
    except OSError as error:
        remarks.append(f"{path} cannot be read ({error.strerror}): left out")
        return {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        remarks.append(f"{path} is not the JSON of a recording: left out")
        return {}
    right = {key: value for key, value in found.items() if fits(value, PARTS.get(key, object))}
    if wrong := found.keys() - right.keys():
        remarks.append(f"{path}: not as a recorder writes it, left out: {', '.join(sorted(wrong))}")
    if right.get("sampling"):  # whoever tells of it tells the readers too
        right.setdefault("sources", [])
    return right


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _csv_files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix == ".csv" and entry.is_file():
            yield entry
        elif depth and not entry.name.startswith(".") and entry.is_dir() and not entry.is_symlink():
            yield from _csv_files(entry, depth - 1)


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
