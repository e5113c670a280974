"""Recognises a run file by its first line."""

from __future__ import annotations

from pathlib import Path

from recorders.rows import FIXED_COLUMNS

_HEAD = ",".join(FIXED_COLUMNS).encode()


class NotARunFileError(Exception):
    """The file is not a run file; the text says why."""


def is_run_file(path: Path) -> bool:
    """Check the first line; an unreadable file passes, so that the reason can be reported."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except PermissionError:
        return True
    except OSError:
        return False
