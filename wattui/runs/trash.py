"""A trash folder beside the runs: a deleted run is moved there, and can be put back."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from recorders.runfile import json_path
from wattui.errors import UsageError
from wattui.runs.notes import notes_path
from wattui.runs.recorded import about_run

# Listing runs skips folders whose names begin with a dot.
FOLDER = ".wattui-trash"

Move = tuple[Path, Path]


@dataclass(frozen=True, slots=True)
class Discarded:
    """A run in the trash: its run file as it was, and the moves that brought it there."""

    csv: Path
    moves: tuple[Move, ...]

    @property
    def place(self) -> Path:
        """The folder in which it is now."""
        return self.moves[0][1].parent


def discard(csv: Path) -> Discarded:
    """Move a run file, its run.json and its notes to the trash folder beside it.

    Raises UsageError if it is being recorded or cannot be moved.
    """
    files = [csv, json_path(csv)] if about_run(csv).status is not None else [csv]
    files += filter(Path.exists, [notes_path(csv)])
    try:
        if _is_being_written(csv):
            raise UsageError(f"{csv.name} is being recorded; stop that recording first")
        trash = csv.parent / FOLDER
        trash.mkdir(exist_ok=True)
        place = Path(mkdtemp(prefix=f"{csv.stem}-", dir=trash))
        moves = tuple((file, place / file.name) for file in files)
        try:
            _move(moves)
        finally:
            _remove_empty(place)
    except OSError as error:
        raise _immovable(csv, error) from None
    return Discarded(csv, moves)


def put_back(run: Discarded) -> None:
    """Move a run back to where it was. Raises UsageError if another file is there by now."""
    for old, _ in run.moves:
        if os.path.lexists(old):
            raise UsageError(f"{old.name} exists again; the deleted run stays in {run.place}")
    try:
        _move([(new, old) for old, new in run.moves])
    except OSError as error:
        raise _immovable(run.csv, error) from None
    _remove_empty(run.place)


def _immovable(csv: Path, error: OSError) -> UsageError:
    return UsageError(f"{csv.name} cannot be moved ({error.strerror}); fix: chmod u+w {csv.parent}")


def _move(moves: Iterable[Move]) -> None:
    """Move all of the files, or none."""
    done: list[Move] = []
    try:
        for old, new in moves:
            old.rename(new)
            done.append((old, new))
    except OSError:
        for old, new in done:
            new.rename(old)
        raise


def _remove_empty(place: Path) -> None:
    """Remove a folder of the trash, and the trash, as far as they are empty."""
    with contextlib.suppress(OSError):
        place.rmdir()
        place.parent.rmdir()


def _is_being_written(csv: Path) -> bool:
    """Whether a recorder holds the lock of a run file."""
    with csv.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # the file system has no locks
            return False
    return False
