"""The file run.notes beside a run: its tags, a note, and a count of inferences stated by hand.

JSON, written only when somebody adds to a run. The run file and run.json are never changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorders.drafts import replace_file
from recorders.json_parts import (
    WrongPartError,
    an_object,
    optional,
    part,
    part_or,
    text,
    tuple_of,
    whole,
)
from recorders.plausible import MOST_COUNT
from wattui.clean import one_line
from wattui.errors import UsageError, unreadable
from wattui.runs.identity import identity, is_same

VERSION = 1
TAG = "#"


@dataclass(frozen=True, slots=True)
class Notes:
    """What was added to a run; `inferences` is its count if that was stated afterwards, and `csv`
    the fingerprint of the run file that it was stated about."""

    tags: tuple[str, ...] = ()
    text: str = ""
    inferences: int | None = None
    csv: Mapping[str, Any] | None = None

    @property
    def line(self) -> str:
        """Tags and note as a person types them: `#baseline #v2 with the fan off`."""
        return " ".join([*(TAG + tag for tag in self.tags), self.text]).strip()


def notes_path(csv: Path) -> Path:
    """run.notes beside run.csv."""
    return csv.with_suffix(".notes")


def parsed(line: str) -> tuple[tuple[str, ...], str]:
    """The tags of a typed line, the words that begin with #, and the note, its other words."""
    words = one_line(line).split()
    tags = (word.lstrip(TAG) for word in words if word.startswith(TAG))
    note = " ".join(word for word in words if not word.startswith(TAG))
    return tuple(dict.fromkeys(filter(None, tags))), note


def read_notes(csv: Path, remarks: list[str] | None = None) -> Notes:
    """The notes on a run; without one, or if it cannot be read, which is remarked on, none."""
    notes, fault = _read(csv)
    if fault and remarks is not None:
        remarks.append(f"{fault}: left out")
    return notes


def _read(csv: Path) -> tuple[Notes, str]:
    """The notes on a run, and why the file that is there is not one of notes."""
    path = notes_path(csv)
    try:
        found = json.loads(path.read_bytes())
        part(found, "version", _version)
        notes = Notes(
            part_or(found, "tags", tuple_of(text), ()),
            part_or(found, "note", text, ""),
            part_or(found, "inferences", optional(_count), None),
            part_or(found, "csv", optional(an_object), None),
        )
    except FileNotFoundError:
        return Notes(), ""
    except OSError as error:
        return Notes(), f"{path} cannot be read ({error.strerror})"
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, WrongPartError) else "is not JSON"
        return Notes(), f"{path} {why}"
    return notes, ""


def write_notes(csv: Path, notes: Notes) -> None:
    """Write the notes on a run, or remove the file if there are none.

    Raises UsageError, also if the file there is not one of notes: it stays.
    """
    if fault := _read(csv)[1]:
        raise UsageError(f"{fault}, and is not replaced: fix: move it away")
    found = {
        "tags": list(notes.tags),
        "note": notes.text,
        "inferences": notes.inferences,
        "csv": None if notes.inferences is None else notes.csv,
    }
    kept = {name: value for name, value in found.items() if value}
    path = notes_path(csv)
    try:
        if kept:
            data = json.dumps({"version": VERSION} | kept, indent=1, ensure_ascii=False)
            replace_file(path, f"{data}\n".encode(errors="backslashreplace"), like=csv)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        fix = f"fix: chmod u+w {csv.parent}"
        raise UsageError(f"{path} cannot be written ({error.strerror}); {fix}") from None


def stated(csv: Path, remarks: list[str]) -> int | None:
    """The inferences that somebody stated a run did; none if its run file has changed since."""
    notes = read_notes(csv, remarks)
    if notes.inferences is None or (notes.csv is not None and is_same(csv, notes.csv)):
        return notes.inferences
    remarks.append(f"{notes_path(csv)}: its count is of another {csv.name}: left out")
    return None


def state(csv: Path, inferences: int | None) -> None:
    """State how many inferences a run did, or with None take that back. Raises UsageError."""
    try:
        about = None if inferences is None else identity(csv)
    except OSError as error:
        raise unreadable(csv, error) from None
    write_notes(csv, replace(read_notes(csv), inferences=inferences, csv=about))


def _version(found: Any) -> int:
    if whole(found) != VERSION:
        raise WrongPartError(f"not {VERSION}")
    return VERSION


def _count(found: Any) -> int:
    if not 0 < (count := whole(found)) <= MOST_COUNT:
        raise WrongPartError("not a count")
    return count
