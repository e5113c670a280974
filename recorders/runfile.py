"""The run file: writing run.csv so that it is always readable, and run.json beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorders.phases import LOADING, RUNNING

PENDING_LIMIT_BYTES = 64 * 2**20
# More than this is not rewritten: sampling would stand still for too long.
REWRITE_LIMIT_BYTES = 32 * 2**20


class RunFileExistsError(Exception):
    """The file is there already and was not to be replaced."""


class RunFile:
    """An open run.csv. Whole lines are kept until they are on disk; `flush` may be called again
    after an OSError (a full disk), and goes on where it stopped."""

    def __init__(self, path: Path, header: str, force: bool = False) -> None:
        """Create the file. Raises RunFileExistsError, or OSError where it cannot be written."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if force else os.O_EXCL)
        if not force and (clash := next(filter(os.path.lexists, (path, json_path(path))), None)):
            raise RunFileExistsError(str(clash))
        was_there = os.path.lexists(path)
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except FileExistsError:
            raise RunFileExistsError(str(path)) from None
        self.path = path
        self._written = 0
        self._pending = bytearray()
        self.lost_rows = 0
        self.write(header)
        try:
            self.flush()
        except OSError:
            os.close(self._descriptor)
            if not was_there:
                path.unlink(missing_ok=True)
            raise

    def write(self, line: str) -> None:
        """Add one whole line."""
        if len(self._pending) > PENDING_LIMIT_BYTES:
            self.lost_rows += 1
            return
        self._pending += line.encode(errors="backslashreplace")

    @property
    def position(self) -> int:
        """Byte offset at which the next line begins."""
        return self._written + len(self._pending)

    def flush(self) -> None:
        """Hand all lines to the system. Raises OSError; what was not written is kept."""
        while self._pending:
            done = os.pwrite(self._descriptor, self._pending, self._written)
            self._written += done
            del self._pending[:done]

    def rename_running_since(self, position: int) -> None:
        """Call the rows from `position` on `loading`: the command has begun to mark for itself.

        Both words have seven letters, so the rows are renamed where they stand.
        """
        with contextlib.suppress(OSError):
            self.flush()
        on_disk = os.pread(self._descriptor, max(0, self._written - position), position)
        os.pwrite(self._descriptor, _renamed(on_disk), position)
        self._pending = bytearray(_renamed(bytes(self._pending)))

    def rewrite_since(self, position: int, change: Callable[[bytes], bytes]) -> None:
        """Replace the lines from `position` on by what `change` makes of them.

        Raises OSError where they cannot be written, ValueError where they are too many or
        `change` does; the file is then as it was.
        """
        if self.position - position > REWRITE_LIMIT_BYTES:
            raise ValueError("too much has been recorded since")
        if position >= self._written:
            start = position - self._written
            self._pending[start:] = change(bytes(self._pending[start:]))
            return
        self.flush()
        old = os.pread(self._descriptor, self._written - position, position)
        new = change(old)
        try:
            self._overwrite(position, new)
        except OSError:
            with contextlib.suppress(OSError):  # its place on the disk is still there
                self._overwrite(position, old)
            raise
        self._written = position + len(new)

    def _overwrite(self, position: int, data: bytes) -> None:
        """Let the file end with `data` at `position`."""
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], position + done)
        os.ftruncate(self._descriptor, position + len(data))

    def close(self) -> None:
        """Write what can be written and end the file at a whole row; counts rows that were lost."""
        try:
            self.flush()
        except OSError:
            written = os.pread(self._descriptor, 2**16, max(0, self._written - 2**16))
            cut = len(written) - (written.rfind(b"\n") + 1)
            self.lost_rows += self._pending.count(b"\n")
            os.ftruncate(self._descriptor, self._written - cut)
        finally:
            os.close(self._descriptor)


def json_path(csv_path: Path) -> Path:
    """run.json beside run.csv."""
    return csv_path.with_suffix(".json")


def write_json(csv_path: Path, content: dict[str, Any]) -> None:
    """Write run.json whole or not at all. Raises OSError."""
    path = json_path(csv_path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(content, indent=1) + "\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


_RUNNING_CELL = re.compile(rf"^([^,\n]*,[^,\n]*,){RUNNING},".encode(), re.MULTILINE)


def _renamed(lines: bytes) -> bytes:
    return _RUNNING_CELL.sub(rb"\1" + LOADING.encode() + b",", lines)
