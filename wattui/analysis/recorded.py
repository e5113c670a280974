"""Finds recordings in folders, and reads what run.json says of one or makes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import json_path
from recorders.summary import summarise

DEPTH = 2
MOST_FILES = 2000
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
    found = list(islice(filter(_is_run_file, _csv_files(folder, DEPTH)), MOST_FILES))
    return sorted(found, key=_changed_s, reverse=True)


def load_run(csv: Path) -> Run:
    """A run with its summary, which is made from the CSV where run.json has none.

    Raises NotARunFileError, or OSError where the file cannot be read.
    """
    try:
        run = json.loads(json_path(csv).read_text())
    except (OSError, ValueError):
        run = {}
    if isinstance(run, dict) and isinstance(run.get("summary"), dict):
        return Run(csv, run)
    from wattui.analysis.runs import reduce_csv

    known = run if isinstance(run, dict) else {}
    return Run(csv, {**known, "summary": summarise(reduce_csv(csv)).to_dict()})


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


def _is_run_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except OSError:
        return False


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
