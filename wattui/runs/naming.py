"""Reads runs, and reports which run file cannot be read."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from recorders.summary.per import NotCountedError, common_per, counted_names
from wattui.errors import UsageError, unreadable
from wattui.runs.many import loader
from wattui.runs.recorded import Run, load_run
from wattui.runs.run_file import NotARunFileError

OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn any error in reading a run file into a UsageError that names the file; those of a file
    that is written meanwhile stay as they are."""
    try:
        yield
    except OSError as error:
        if error.errno in OF_WRITING:
            raise
        raise unreadable(path, error) from None
    except NotARunFileError as error:
        raise UsageError(f"{path} is not a run file: {error}") from None


def per_of(runs: Sequence[Run], asked: str | None = None) -> str:
    """The count in the place of inferences for several runs, as `chosen_per`. Raises UsageError."""
    return chosen_per([counted_names(run.summary.running) for run in runs], asked)


def chosen_per(counted: Sequence[Sequence[str]], asked: str | None = None) -> str:
    """The count in the place of inferences for runs that counted this: by default the usual one
    that all have. Raises UsageError if none has the one that was asked for."""
    if asked and not any(asked in names for names in counted):
        known = ", ".join(dict.fromkeys(name for names in counted for name in names)) or "none"
        raise UsageError(f"--per {asked}: nothing here counted {asked}: there is {known}")
    return asked or common_per(counted)


def load_named(csv: Path) -> Run:
    """A run with its summary. Raises UsageError, which names the file, if it cannot be read."""
    with naming(csv):
        return load_run(csv)


def load_all_named(csvs: Sequence[Path]) -> list[Run]:
    """Runs with their summaries. Raises UsageError, which names the first that cannot be read."""
    load = loader(csvs)
    runs = []
    for csv in csvs:
        with naming(csv):
            runs.append(load(csv))
    return runs


def by_named(run: Run, per: str | None) -> Run:
    """The run with its energies per unit of a count. Raises UsageError if it has no such count."""
    try:
        return run.by(per)
    except NotCountedError as error:
        raise UsageError(f"{run.csv}: --per {per}: {error}") from None
