"""Recognises a run file: a CSV by its first line, Parquet by its columns."""

from __future__ import annotations

from pathlib import Path

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import journal_path
from wattui.runs.run_file import NotARunFileError, checked, is_parquet

_HEAD = ",".join(FIXED_COLUMNS).encode()
_MAGIC = b"PAR1"


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


def _has_the_columns(path: Path) -> bool:
    from wattui.runs.parquet import columns

    try:
        checked(columns(path))
    except (NotARunFileError, OSError):
        return False
    return True
