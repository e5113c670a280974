"""Writes the run file: run.csv, which is always readable, and run.json beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from recorders.cut_short import cut_short
from recorders.drafts import replace_file
from recorders.json_text import json_text
from recorders.phases import LOADING, RUNNING

# Rows are renamed and copied in pieces, so that the sampling thread does not wait long.
PIECE_BYTES = 2**15
TAIL_BYTES = 64
# The end of the file in which room is made for a note about rows that do not fit.
WINDOW_BYTES = 2**16
MOST_NAMES = 99
# The extension of run files with typed columns.
PARQUET = ".parquet"
# The `format` of run.json.
FORMAT_VERSION = 1

Identity = tuple[int, ...]


class RunFileExistsError(Exception):
    """The file already exists and may not be replaced."""


class RunFileBusyError(Exception):
    """Another recorder is writing this file."""


class RunFile:
    """An open run.csv. Lines are kept until they are on disk; `flush` may be called again after
    an OSError (a full disk), and resumes where it stopped.

    If another program deletes, replaces or truncates the file, `look_after` continues in a new file
    beside it, or in one of the `refuges`; `path` is where the rows are.
    Positions are in bytes as written, whatever has happened to earlier rows.
    """

    def __init__(
        self, path: Path, header: str, force: bool = False, refuges: Sequence[Path] = ()
    ) -> None:
        """Create the file. `force` replaces an existing one; of a link to a file, the link.

        Raises RunFileExistsError, RunFileBusyError, or OSError if it cannot be written."""
        if not force and (clash := next(filter(os.path.lexists, (path, json_path(path))), None)):
            raise RunFileExistsError(str(clash))
        if force and path.is_symlink() and (path.is_file() or not path.exists()):
            path.unlink()
        was_there = os.path.lexists(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if force else os.O_EXCL)
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except FileExistsError:
            raise RunFileExistsError(str(path)) from None
        self.path = path
        self._refuges = refuges
        self._header = encoded(header)
        self._pending = bytearray()
        # The head and tail of the file, and the seam where the last rows were appended.
        self._head = self._tail = b""
        self._seam = (0, b"")
        self._written = self._lines = self._taken = 0
        # Stretches that were shortened: start position, end position, and bytes removed.
        self._shortened: list[tuple[int, int, int]] = []
        self._json: tuple[Path, Identity] | None = None
        self._is_stranded = False
        self.lost_rows = 0
        # Returns, as lines, the event rows whose positions were lost.
        self.events_again: Callable[[Callable[[int], bool]], bytes] = lambda _: b""
        self.saved = 0
        self.write(self._header)
        try:
            self._is_regular = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
            if self._is_regular:
                self._lock(path)
                os.ftruncate(self._descriptor, 0)
            self.flush()
        except (OSError, RunFileBusyError):
            os.close(self._descriptor)
            if not was_there:
                path.unlink(missing_ok=True)
            raise

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFileBusyError(str(path)) from None
        except OSError:  # the file system has no locks
            pass

    def write(self, lines: bytes) -> None:
        """Add complete lines."""
        self._pending += lines
        self._taken += len(lines)

    @property
    def position(self) -> int:
        """The position of the next line."""
        return self._taken

    def free_bytes(self) -> int | None:
        """Free bytes on the disk; None if unknown."""
        with contextlib.suppress(OSError):
            disk = os.fstatvfs(self._descriptor)
            return disk.f_bavail * disk.f_frsize
        return None

    @property
    def pending_bytes(self) -> int:
        """Bytes not yet on disk."""
        return len(self._pending)

    def flush(self) -> None:
        """Write all lines. Raises OSError, keeping what was not written."""
        before, at = self._tail, self._written - len(self._tail)
        while self._pending:
            done = os.pwrite(self._descriptor, self._pending, self._written)
            self._written += done
            data = bytes(self._pending[:done])
            del self._pending[:done]
            self._lines += data.count(b"\n")
            self._seam = at, before + data[:TAIL_BYTES]
            self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
            if len(self._head) < PIECE_BYTES:
                self._head = (self._head + data)[:PIECE_BYTES]
            self.saved = self._taken - len(self._pending)

    def rename_running_since(self, position: int) -> None:
        """Rename rows from `position` on to `loading`, as the command has begun to mark itself.

        Both words have seven letters, so rows are renamed in place.
        Raises OSError; it may be called again.
        """
        with contextlib.suppress(OSError):  # overwriting in place works even on a full disk
            self.flush()
        at = self._place(position)
        while at < self._written:
            data = self._whole_lines(at, self._written)
            os.pwrite(self._descriptor, _renamed(data), at)
            at += len(data)
        self._learn_ends()
        self._pending = bytearray(_renamed(bytes(self._pending)))

    def rewrite_since(self, position: int, change: Callable[[bytes], bytes]) -> None:
        """Replace the lines from `position` on with the result of `change`.

        Raises OSError if they cannot be written, and ValueError if `change` does, leaving the file
        unchanged.
        """
        at = self._place(position)
        if at >= self._written:
            start = at - self._written
            old, new = bytes(self._pending[start:]), change(bytes(self._pending[start:]))
            self._pending[start:] = new
        else:
            self.flush()
            old = os.pread(self._descriptor, self._written - at, at)
            new = change(old)
            try:
                self._overwrite(at, new)
            except OSError:
                with contextlib.suppress(OSError):  # its space on disk is still allocated
                    self._overwrite(at, old)
                raise
            self._written = at + len(new)
            self._lines += new.count(b"\n") - old.count(b"\n")
            self._learn_ends()
        self._shortened.append((position, self._taken, len(old) - len(new)))

    def look_after(self) -> str | None:
        """Detect what another program has done to the file since the last call, and recover;
        returns a remark, or None. Raises OSError."""
        if not self._is_regular or self._is_stranded or (harm := self._harm()) is None:
            return None
        what, is_elsewhere = harm
        name = self.path.name
        if is_elsewhere and (new_path := self._name_elsewhere()):
            self.path = new_path
            return f"{name} was moved by another program; the recording is now in {new_path}"
        return f"{name} was {what} by another program; {self._take_refuge()}"

    def write_json(self, content: dict[str, Any]) -> str | None:
        """Write run.json atomically; a foreign file in its place is left alone.

        Returns a remark if it had to go elsewhere, else None. Raises OSError.
        """
        path, remark = json_path(self.path), None
        if self._json is not None:
            before, identity = self._json
            if before != path and _identity(before) == identity:
                before.unlink()
            if os.path.lexists(path) and (before != path or _identity(path) != identity):
                taken, path = path, next(_free_names(path.with_suffix(""), ".json"))
                remark = (
                    f"{taken.name} was replaced by another program; the recording's is now {path}"
                )
        write_json_at(path, content)
        self._json = path, _identity(path) or ()
        return remark

    def close(self) -> None:
        """Write what can be written, end the file at a complete row, and count lost rows."""
        try:
            if self._is_stranded:
                with contextlib.suppress(OSError):
                    self._take_refuge()
            self.flush()
        except OSError as error:
            # If the disk has become read-only, the last row stays incomplete.
            with contextlib.suppress(OSError):
                self._cut_short(str(error.strerror))
            self.lost_rows += self._pending.count(b"\n")
            self._pending.clear()
        finally:
            if self._is_stranded:
                self.lost_rows += self._lines - 1
            os.close(self._descriptor)

    def _cut_short(self, reason: str) -> None:
        """End the file at a complete row, the last of which says what is missing."""
        start = max(0, self._written - WINDOW_BYTES)
        written = os.pread(self._descriptor, self._written - start, start)
        end = written.rfind(b"\n") + 1
        lost = written[end:] + self._pending
        stay, note, given_up = cut_short(written[:end], lost, len(written), reason)
        try:
            self._overwrite(start + stay, note)
            self.lost_rows += given_up
        except OSError:
            os.ftruncate(self._descriptor, start + end)
            raise

    # ------------------------------------------------------------ places in the file

    def _place(self, position: int) -> int:
        """The current offset of a position, in the file plus pending lines."""
        at = position
        for start, end, less in self._shortened:
            at -= less if position >= end else max(0, min(position - start, less))
        return at

    def _whole_lines(self, at: int, end: int) -> bytes:
        """A piece of the file made of complete lines."""
        size = PIECE_BYTES
        while True:
            data = os.pread(self._descriptor, min(size, end - at), at)
            if at + len(data) >= end or not data:
                return data
            if cut := data.rfind(b"\n") + 1:
                return data[:cut]
            size *= 2

    def _overwrite(self, at: int, data: bytes) -> None:
        """Overwrite the file from `at` with `data`, and truncate it there."""
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], at + done)
        os.ftruncate(self._descriptor, at + len(data))

    def _learn_ends(self) -> None:
        """Record the head and tail of the file after rows were changed."""
        self._head = os.pread(self._descriptor, min(PIECE_BYTES, self._written), 0)
        start = max(0, self._written - TAIL_BYTES)
        self._tail = os.pread(self._descriptor, self._written - start, start)
        self._seam = start, self._tail

    # ------------------------------------------------------------ other programs

    def _harm(self) -> tuple[str, bool] | None:
        """What another program has done to the file, and whether the path no longer leads to it."""
        here, there = _identity(self._descriptor), _identity(self.path)
        if here is None or there is None:
            return "deleted", True
        if there[:2] != here[:2]:
            return "replaced", True
        size = os.fstat(self._descriptor).st_size
        if size < self._written:
            return "truncated", False
        at, seam = self._seam
        if size > self._written or os.pread(self._descriptor, len(seam), at) != seam:
            return "written to", False
        return None

    def _name_elsewhere(self) -> Path | None:
        """The new path of the file, if it was only moved."""
        here = _identity(self._descriptor)
        with contextlib.suppress(OSError):
            name = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))
            if here is not None and _identity(name) == here:
                return name
        return None

    def _take_refuge(self) -> str:
        """Continue in a new file with what is left of this one; says where, and what was lost."""
        kept = self._kept_bytes()
        for folder in (self.path.parent, *self._refuges):
            for path in _free_names(folder / self.path.stem, ".csv"):
                try:
                    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                    descriptor = os.open(path, flags, 0o644)
                except FileExistsError:
                    continue
                except OSError:
                    break
                again = self.events_again(lambda at: kept <= self._place(at) < self._written)
                try:
                    kept_lines = self._copy(descriptor, kept, again)
                except OSError:
                    os.close(descriptor)
                    path.unlink(missing_ok=True)
                    break
                return self._settle(path, descriptor, kept_lines)
        self._is_stranded = True
        return "there is nowhere else to write it"

    def _kept_bytes(self) -> int:
        """Bytes at the start of the file that are complete lines of this recording."""
        size = min(os.fstat(self._descriptor).st_size, self._written)
        head = os.pread(self._descriptor, min(size, len(self._head)), 0)
        if head != self._head[: len(head)]:
            return 0
        while size:
            start = max(0, size - PIECE_BYTES)
            data = os.pread(self._descriptor, size - start, start)
            if cut := data.rfind(b"\n") + 1:
                return start + cut
            size = start
        return 0

    def _copy(self, descriptor: int, size: int, more: bytes) -> int:
        """Copy the first bytes of the file, or only the header, and append the recovered rows;
        returns the number of lines."""
        at, lines = 0, 0
        while at < size:
            data = os.pread(self._descriptor, min(PIECE_BYTES, size - at), at)
            os.pwrite(descriptor, data, at)
            at, lines = at + len(data), lines + data.count(b"\n")
        if not size:
            at, lines = os.pwrite(descriptor, self._header, 0), 1
        while more:
            done = os.pwrite(descriptor, more, at)
            at, lines, more = at + done, lines + more[:done].count(b"\n"), more[done:]
        return lines

    def _settle(self, path: Path, descriptor: int, kept_lines: int) -> str:
        """Continue in a file that has so many lines of this recording."""
        os.close(self._descriptor)
        self._descriptor, self._is_stranded = descriptor, False
        size = os.fstat(descriptor).st_size
        end = self._taken - len(self._pending)
        self._shortened.append((end - (self._written - size), end, self._written - size))
        lost, self._written, self._lines = self._lines - kept_lines, size, kept_lines
        self._learn_ends()
        self.path = path
        self.lost_rows += max(0, lost)
        return f"the recording is now in {path}" + (f", {lost} rows were lost" if lost > 0 else "")


def encoded(text: str) -> bytes:
    """Text as encoded in a run file, whatever characters a label contains."""
    return text.encode(errors="backslashreplace")


def journal_path(path: Path) -> Path:
    """The CSV that has the rows while they are recorded: run.csv of a run.parquet, which is made
    from it at the end."""
    return path.with_suffix(".csv") if path.suffix == PARQUET else path


def json_path(csv_path: Path) -> Path:
    """run.json beside run.csv."""
    return csv_path.with_suffix(".json")


def write_json(csv_path: Path, content: dict[str, Any]) -> None:
    """Write run.json beside run.csv atomically. Raises OSError."""
    write_json_at(json_path(csv_path), content)


def write_json_at(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically. Raises OSError."""
    replace_file(path, (json_text(content) + "\n").encode())


def _identity(file: Path | int) -> Identity | None:
    """The identity of a file (device, inode) and its modification time."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _free_names(stem: Path, suffix: str) -> Iterator[Path]:
    """Names like run.recovered.csv that are free, as is run.recovered.json."""
    for number in count(1):
        more = f"-{number}" if number > 1 else ""
        path = stem.with_name(f"{stem.name}.recovered{more}{suffix}")
        if not (os.path.lexists(path) or os.path.lexists(path.with_suffix(".json"))):
            yield path
        if number == MOST_NAMES:
            return


_RUNNING_CELL = re.compile(rf"^([^,\n]*,[^,\n]*,){RUNNING},".encode(), re.MULTILINE)


def _renamed(lines: bytes) -> bytes:
    return _RUNNING_CELL.sub(rb"\1" + LOADING.encode() + b",", lines)
