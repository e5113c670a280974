"""What a run file is: its extensions and its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import PARQUET

SUFFIXES = (".csv", PARQUET)


class NotARunFileError(Exception):
    """The file is not a run file; the text says why."""


def is_parquet(path: Path) -> bool:
    """Whether a run file is read as Parquet: its extension decides."""
    return path.suffix == PARQUET


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
