"""Recognises a run file: a CSV by its first line, Parquet by its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import PARQUET, journal_path

_HEAD = ",".join(FIXED_COLUMNS).encode()
_MAGIC = b"PAR1"
SUFFIXES = (".csv", PARQUET)


class NotARunFileError(Exception):
    """The file is not a run file; the text says why."""


def is_parquet(path: Path) -> bool:
    """Whether a run file is read as Parquet: its extension decides."""
    return path.suffix == PARQUET


def is_run_file(path: Path) -> bool:
    """Check the columns; an unreadable file passes, so that the reason can be reported."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEAD))
    except PermissionError:
        return True
    except OSError:
        return False
    if not is_parquet(path):
        return head == _HEAD
    return head.startswith(_MAGIC) and _has_the_columns(path)


def is_copy(path: Path) -> bool:
    """Whether a run file has its rows a second time: as Parquet beside the CSV it is made from."""
    return is_parquet(path) and is_run_file(journal_path(path))


def checked(names: Sequence[str]) -> list[str]:
    """The names of the columns of a run file. Raises NotARunFileError."""
    if tuple(names[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
        missing = [name for name in FIXED_COLUMNS if name not in names]
        if missing and names and names[0] == FIXED_COLUMNS[0]:
            raise NotARunFileError(f"it lacks columns: {', '.join(missing)}")
        raise NotARunFileError("its columns do not start with " + ",".join(FIXED_COLUMNS))
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise NotARunFileError(f"it has duplicate columns: {', '.join(map(repr, twice))}")
    return list(names)


def _has_the_columns(path: Path) -> bool:
    from wattui.runs.parquet import columns

    try:
        checked(columns(path))
    except (NotARunFileError, OSError):
        return False
    return True
