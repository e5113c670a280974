"""Writes the run file: run.csv, which is always readable, and run.json beside it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from recorders.counts import column_of
from recorders.cut_short import cut_short
from recorders.drafts import discard, draft_name, replace_file
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
# The folder of a node of a fleet begins like this; its rows, finished or not, and its run.json.
NODE, PART, JOURNAL, RUN_JSON = "node=", "part.parquet", "journal.csv", "run.json"
# The `format` of run.json.
FORMAT_VERSION = 1

Identity = tuple[int, ...]


class Place(NamedTuple):
    """A place between two lines of a file: the bytes and the lines before it."""

    byte: int = 0
    line: int = 0

    def minus(self, other: Place) -> Place:
        """The place so much earlier."""
        return Place(self.byte - other.byte, self.line - other.line)


# Lines with the event rows whose positions are lost, in a file with a column for these counts.
EventsAgain = Callable[[Callable[[Place], bool], Sequence[str]], bytes]


class _Shortened(NamedTuple):
    """Lines between two places were replaced by ones that are shorter by `less`."""

    start: Place
    end: Place
    less: Place

    def moved(self, place: Place) -> Place:
        """Where a place is now."""
        if place >= self.end:
            return place.minus(self.less)
        byte, line = place.minus(self.start)
        less = max(0, min(byte, self.less.byte)), max(0, min(line, self.less.line))
        return place.minus(Place(*less))


class _Widened(NamedTuple):
    """So many lines got an empty cell each, and the first of them `more` bytes."""

    lines: int
    more: int

    def moved(self, place: Place) -> Place:
        """Where a place is now."""
        widened = min(place.line, self.lines)
        return Place(place.byte + self.more + widened - 1, place.line) if widened else place


class RunFileExistsError(Exception):
    """The file already exists and may not be replaced."""


class RunFileBusyError(Exception):
    """Another recorder is writing this file."""


class RunFile:
    """An open run.csv. Lines are kept until they are on disk; `flush` may be called again after
    an OSError (a full disk), and resumes where it stopped.

    If another program deletes, replaces or truncates the file, `look_after` continues in a new file
    beside it, or in one of the `refuges`; `path` is where the rows are.
    A position is where a line was written, whatever has happened to earlier ones. `names` are the
    counts that have a column.
    """

    def __init__(
        self, path: Path, header: str, force: bool = False, refuges: Sequence[Path] = ()
    ) -> None:
        """Create the file. `force` replaces an existing one; of a link to a file, the link.

        Raises RunFileExistsError, RunFileBusyError, or OSError if it cannot be written."""
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
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
        self._written = self._lines = 0
        self._taken = Place()
        # What was done to lines that were in the file, in order.
        self._changes: list[_Shortened | _Widened] = []
        self.names: tuple[str, ...] = ()
        self._json: tuple[Path, Identity] | None = None
        self._is_stranded = False
        self.lost_rows = 0
        self.events_again: EventsAgain = lambda _is_lost, _names: b""
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

    def write(self, lines: bytes, names: Sequence[str] = ()) -> None:
        """Add complete lines, which end with the counts `names`; those without a column are left
        out."""
        before, kept = self._place(self._taken), lines
        refused = [place - len(names) for place, each in enumerate(names) if each not in self.names]
        if refused:
            kept = _without_cells(lines, refused)
        self._pending += kept
        self._taken = Place(self._taken.byte + len(lines), self._taken.line + lines.count(b"\n"))
        if refused:
            less = Place(len(lines) - len(kept))
            self._changes.append(_Shortened(before, self._place(self._taken), less))

    @property
    def position(self) -> Place:
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
            self.saved = self._taken.byte - len(self._pending)

    def add_count(self, name: str) -> None:
        """Give a count a column, the last one, which is empty in the lines so far.

        The file is replaced by one with the column, so that a reader finds one or the other. Raises
        OSError if it cannot be, leaving it unchanged.
        """
        self.flush()
        if not self._is_regular or self._is_stranded:
            raise OSError(errno.EINVAL, "it is not an ordinary file")
        status = os.fstat(self._descriptor)
        draft, more = draft_name(self.path), f",{column_of(name)}".encode()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o600)
        try:
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            with contextlib.suppress(OSError):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            with contextlib.suppress(OSError):  # the file system has no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            at = written = 0
            while at < self._written:
                data = self._whole_lines(at, self._written)
                wider = data.replace(b"\n", b",\n")
                if not at:
                    wider = wider.replace(b",\n", more + b"\n", 1)
                written += _written_at(descriptor, wider, written)
                at += len(data)
            if _identity(self.path) != _identity(self._descriptor):
                raise OSError(errno.EBUSY, "another program changed the file")
            os.replace(draft, self.path)
        except OSError:
            os.close(descriptor)
            discard(draft)
            raise
        os.close(self._descriptor)
        self._descriptor, self._written = descriptor, written
        self._header = self._header.rstrip(b"\n") + more + b"\n"
        self.names += (name,)
        self._changes.append(_Widened(self._lines, len(more)))
        self._learn_ends()

    def rename_running_since(self, position: Place) -> None:
        """Rename rows from `position` on to `loading`, as the command has begun to mark itself.

        Both words have seven letters, so rows are renamed in place.
        Raises OSError; it may be called again.
        """
        with contextlib.suppress(OSError):  # overwriting in place works even on a full disk
            self.flush()
        at = self._place(position).byte
        while at < self._written:
            data = self._whole_lines(at, self._written)
            os.pwrite(self._descriptor, _renamed(data), at)
            at += len(data)
        self._learn_ends()
        self._pending = bytearray(_renamed(bytes(self._pending)))

    def rewrite_since(self, position: Place, change: Callable[[bytes], bytes]) -> None:
        """Replace the lines from `position` on with the result of `change`.

        Raises OSError if they cannot be written, and ValueError if `change` does, leaving the file
        unchanged.
        """
        first, end = self._place(position), self._place(self._taken)
        at = first.byte
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
        less = Place(len(old) - len(new), old.count(b"\n") - new.count(b"\n"))
        self._changes.append(_Shortened(first, end, less))

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
        """Finish the rows, and let others have the file."""
        try:
            self.finish_rows()
        finally:
            self.release()

    def release(self) -> None:
        """Let others have the file, who then take it for complete."""
        os.close(self._descriptor)

    def finish_rows(self) -> None:
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

    def _place(self, position: Place) -> Place:
        """Where a position is now, in the file plus pending lines."""
        for change in self._changes:
            position = change.moved(position)
        return position

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
        os.ftruncate(self._descriptor, at + _written_at(self._descriptor, data, at))

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
                again = self.events_again(self._is_lost_after(kept), self.names)
                try:
                    kept_lines = self._copy(descriptor, kept, again)
                except OSError:
                    os.close(descriptor)
                    path.unlink(missing_ok=True)
                    break
                return self._settle(path, descriptor, kept_lines)
        self._is_stranded = True
        return "there is nowhere else to write it"

    def _is_lost_after(self, kept: int) -> Callable[[Place], bool]:
        return lambda position: kept <= self._place(position).byte < self._written

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
        now, end = Place(size, kept_lines), Place(self._written, self._lines)
        self._changes.append(_Shortened(now, end, end.minus(now)))
        lost, self._written, self._lines = self._lines - kept_lines, size, kept_lines
        self._learn_ends()
        self.path = path
        self.lost_rows += max(0, lost)
        return f"the recording is now in {path}" + (f", {lost} rows were lost" if lost > 0 else "")


def _written_at(descriptor: int, data: bytes, at: int) -> int:
    """Write all of `data` at an offset; returns its length. Raises OSError."""
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], at + done)
    return done


def _without_cells(lines: bytes, places: Sequence[int]) -> bytes:
    """The lines without some of their last cells, which are numbers or empty."""
    kept = []
    for line in lines.splitlines():
        cells = line.rsplit(b",", -places[0])
        for place in places:
            del cells[place]
        kept.append(b",".join(cells) + b"\n")
    return b"".join(kept)


def encoded(text: str) -> bytes:
    """Text as encoded in a run file, whatever characters a label contains."""
    return text.encode(errors="backslashreplace")


def journal_path(path: Path) -> Path:
    """The CSV that has the rows while they are recorded: run.csv of a run.parquet, which is made
    from it at the end."""
    return path.with_suffix(".csv") if path.suffix == PARQUET else path


def json_path(csv_path: Path) -> Path:
    """run.json beside run.csv, or beside the rows of a node of a fleet."""
    is_of_node = csv_path.name in (PART, JOURNAL) and csv_path.parent.name.startswith(NODE)
    return csv_path.with_name(RUN_JSON) if is_of_node else csv_path.with_suffix(".json")


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
