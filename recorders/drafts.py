"""Drafts: files written under an unpredictable name, then renamed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def draft_name(path: Path) -> Path:
    """A new name beside a file."""
    return path.with_name(f".wattui-{os.urandom(8).hex()}")


def write_draft(path: Path, data: bytes, like: Path | None = None, safe: bool = False) -> Path:
    """Write a new file beside `path`, to be renamed or linked; returns its name.

    It never overwrites a file or follows a symbolic link. It copies the permissions of `like`, if
    that exists. `safe` waits for the disk. Raises OSError, leaving nothing behind.
    """
    draft = draft_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if like and like.exists():
                os.fchmod(descriptor, like.stat().st_mode & 0o777)
            file.write(data)
            file.flush()
            if safe:
                os.fsync(descriptor)
    except OSError:
        discard(draft)
        raise
    return draft


def replace_file(path: Path, data: bytes, like: Path | None = None, safe: bool = False) -> None:
    """Replace `path` atomically, or leave it unchanged. Raises OSError."""
    draft = write_draft(path, data, like, safe)
    try:
        draft.replace(path)
    except OSError:
        discard(draft)
        raise


def discard(draft: Path) -> None:
    """Remove a draft if it still exists."""
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)
