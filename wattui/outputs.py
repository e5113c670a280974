"""Where results may be written: never over a recording or another file, and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recorders.drafts import discard, write_draft
from recorders.runfile import json_path
from wattui.errors import UsageError

FIX = "use another name"


class OutputError(UsageError):
    """The file cannot be written; the text says why, in a line."""


def refusal(
    path: Path,
    recordings: Iterable[Path] = (),
    suffixes: Collection[str] = (),
    force: bool = False,
    fix: str = FIX,
) -> str | None:
    """Why nothing can be written there, in a line; None if it can.

    `recordings` are the run files that are read; they and the run.json beside them always stay.
    `suffixes` are the extensions that there are; empty: any. With `force` other files may be
    replaced, and `fix` is what to do where one exists.
    """
    try:
        if suffixes and path.suffix not in suffixes:
            return f"{path}: fix: use one of the extensions {', '.join(suffixes)}"
        kept = {file.resolve() for csv in recordings for file in (csv, json_path(csv))}
        if path.resolve() in kept:
            return f"that is the recording itself: fix: {FIX}"
        if os.path.lexists(path) and not force:
            return f"{path} exists: fix: {fix}"
        if not path.absolute().parent.is_dir():
            return f"no such folder: {path.parent}: check the name"
    except OSError as error:
        return f"that name cannot be used ({error.strerror})"
    except ValueError:  # a NUL character
        return "that name cannot be used"
    return None


def write_output(path: Path, data: bytes, force: bool = False) -> None:
    """Write a new file; with `force` an existing one is replaced. Raises OutputError."""
    with drafted(path, force) as draft:
        draft.write_bytes(data)


@contextmanager
def drafted(path: Path, force: bool = False) -> Iterator[Path]:
    """An empty draft to write, which gets the file's name at the end; nothing stays if that fails.

    Raises OutputError.
    """
    draft = None
    try:
        draft = write_draft(path, b"")
        yield draft
        if force:
            draft.replace(path)
        else:
            put(draft, path)
    except OSError as error:
        raise OutputError(failure(path, error)) from None
    finally:
        if draft:
            discard(draft)


def put(draft: Path, path: Path) -> None:
    """Give a finished draft its name. Raises OSError; FileExistsError if the name is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(f"{path} exists") from None
        draft.rename(path)


def failure(path: Path, error: OSError) -> str:
    """Why a file was not written, in a line."""
    if isinstance(error, FileExistsError):
        return f"{path} exists: fix: {FIX}"
    return f"{path} cannot be written ({error.strerror})"
