"""Finds recordings in folders, and reads what run.json says of one or makes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import json_path
from recorders.summary import VERSION, Summary, summarise

DEPTH = 2
MOST_FILES = 2000
# What some parts of run.json have to be, for those who read them.
FORMS: dict[str, type] = {
    **dict.fromkeys(("host", "versions", "clock", "command", "sampling"), dict),
    **dict.fromkeys(("sources", "missing"), list),
    "status": str,
}
_HEAD = ",".join(FIXED_COLUMNS).encode()


@dataclass(frozen=True, slots=True)
class Run:
    """A run file and the content of its run.json; of that only a `summary` is always there."""

    csv: Path
    run: dict[str, Any]

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
    """A run with its summary, which is made from the CSV where run.json has none.

    Raises NotARunFileError, or OSError where the file cannot be read.
    """
    run = _json_beside(csv)
    if _is_summary(run.get("summary")):
        return Run(csv, run)
    from wattui.analysis.runs import reduce_csv

    return Run(csv, {**run, "summary": summarise(reduce_csv(csv)).to_dict()})


def _json_beside(csv: Path) -> dict[str, Any]:
    """What run.json has, less what has not the form that it should have."""
    try:
        found = json.loads(json_path(csv).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, FORMS.get(key, object))}


def _is_summary(found: Any) -> bool:
    """Whether this is a summary of the form that is made now."""
    names = {field.name for field in fields(Summary)}
    return isinstance(found, dict) and found.get("version") == VERSION and names <= found.keys()


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


def is_run_file(path: Path) -> bool:
    """By its first line; one that may not be read passes, so that the reason can be told."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except PermissionError:
        return True
    except OSError:
        return False


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
