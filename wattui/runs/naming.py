"""Reads runs, and reports which run file cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wattui.errors import UsageError, unreadable
from wattui.runs.recorded import Run, load_run
from wattui.runs.run_file import NotARunFileError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn any error in reading a run file into a UsageError that names the file."""
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from None
    except NotARunFileError as error:
        raise UsageError(f"{path} is not a run file: {error}") from None


def load_named(csv: Path) -> Run:
    """A run with its summary. Raises UsageError, which names the file, if it cannot be read."""
    with naming(csv):
        return load_run(csv)
