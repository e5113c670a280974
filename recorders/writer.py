"""Writes rows to disk in a thread, so that the sampling loop never waits."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from recorders.fingerprint import fingerprint
from recorders.runfile import EventsAgain, Place, RunFile, encoded
from recorders.wire import Message

# The most bytes kept for an unresponsive disk: over 60 s at 1 kHz with 2 kB per row. Event rows are
# accepted a little beyond that.
LIMIT_BYTES, EVENTS_BYTES = 128 * 2**20, 8 * 2**20
# More than this is not rewritten, as it must fit in memory.
REWRITE_LIMIT_BYTES = 32 * 2**20
CHUNK_BYTES = 2**20

Task = Callable[[], object]


class Writer:
    """Accepts rows without blocking, and performs file operations in order in its own thread.

    `news` are messages for the front end, `remarks` say what has happened to the file, `error` why
    the disk currently accepts nothing, `free_bytes` how much space it has. Rows that exceed the
    memory limit are refused.
    """

    def __init__(self, file: RunFile) -> None:
        self._file = file
        self._lines: list[str] = []
        self._given = file.position
        self._full_at = self._given.byte + LIMIT_BYTES
        # The counts with a column in the lines since the last flush, and those that got none.
        self._names: tuple[str, ...] = ()
        self._without_column: set[str] = set()
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._backlog: deque[Task] = deque()
        self._refused = self._refused_before = 0
        self.error: str | None = None
        self.free_bytes: int | None = None
        self.ended = False
        self._run: dict[str, Any] | None = None
        self._thread = Thread(target=self._work, name="writer", daemon=True)
        self.news: deque[Message] = deque()
        self.remarks: list[str] = []

    # ------------------------------------------------------------ the sampling loop's side

    def begin(self, run: dict[str, Any]) -> None:
        """Write the first run.json, and start writing rows.

        Raises OSError if run.json cannot be written, removing the new run.csv.
        """
        try:
            self._file.write_json(run)
        except OSError:
            self._file.close()
            self._file.path.unlink(missing_ok=True)
            raise
        self._thread.start()

    def write(self, line: str, is_event: bool) -> None:
        """Add one complete line."""
        byte, number = self._given
        if byte > self._full_at and not (is_event and byte < self._full_at + EVENTS_BYTES):
            self._refused += 1
            return
        self._lines.append(line)
        self._given = Place(
            byte + (len(line) if line.isascii() else len(encoded(line))), number + 1
        )

    def add_count(self, name: str) -> None:
        """Give a count a column, from the next line on; see `RunFile.add_count`."""
        self.flush()
        self._names += (name,)
        self._tasks.put(partial(self._add_count, name))

    def names(self) -> tuple[str, ...]:
        """The counts that the next lines end with."""
        if not self._without_column.isdisjoint(self._names):
            self.flush()
            self._names = tuple(n for n in self._names if n not in self._without_column)
        return self._names

    @property
    def position(self) -> Place:
        """The position of the next line; see `RunFile.position`."""
        return self._given

    def keep_events(self, again: EventsAgain) -> None:
        """Set how to recover event rows that another program removes from the file; see
        `RunFile.events_again`."""
        self._file.events_again = again

    def flush(self) -> None:
        """Pass lines to the thread, which retries what could not be written."""
        self._full_at = self._file.saved + LIMIT_BYTES
        lines, self._lines = self._lines, []
        self._tasks.put(partial(self._write, lines, self._names))

    def rename_running_since(self, position: Place) -> None:
        """See `RunFile.rename_running_since`."""
        self.flush()
        self._tasks.put(partial(self._file.rename_running_since, position))

    def rewrite_since(self, position: Place, change: Callable[[bytes], bytes]) -> None:
        """See `RunFile.rewrite_since`; raises ValueError if there is too much to rewrite."""
        if self._given.minus(position).byte > REWRITE_LIMIT_BYTES:
            raise ValueError("too much has been recorded since")
        self.flush()
        self._tasks.put(partial(self._rewrite, position, change))

    def refused_rows(self) -> int:
        """Rows refused since the last call, once rows are accepted again."""
        refused = self._refused - self._refused_before
        if not refused or self.owed_bytes > LIMIT_BYTES // 2:
            return 0
        self._refused_before = self._refused
        return refused

    # ------------------------------------------------------------ the end

    def finish(self, run: dict[str, Any]) -> None:
        """Write the remaining rows, close the file, and write run.json including `account`."""
        self.flush()
        self._run = run
        self._tasks.put(self._file.flush)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for the thread; returns whether everything has been written."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def account(self) -> dict[str, Any]:
        """Facts for run.json about the file: lost rows, path and remarks."""
        file = {"csv": str(self._file.path), "remarks": list(self.remarks)}
        return {"lost_rows": self._refused + self._file.lost_rows, "file": file}

    @property
    def saved_bytes(self) -> int:
        """Bytes written to disk."""
        return self._file.saved

    @property
    def owed_bytes(self) -> int:
        """Bytes not yet written to disk."""
        return self._given.byte - self._file.saved

    # ------------------------------------------------------------ the thread's side

    def _work(self) -> None:
        run_as_others()
        while not self.ended:
            self._backlog.append(self._tasks.get())
            self.round()

    def round(self) -> None:
        """Perform pending tasks, as far as the disk allows."""
        with contextlib.suppress(Empty):
            while True:
                self._backlog.append(self._tasks.get_nowait())
        try:
            self._look()
            while self._backlog:
                self._backlog[0]()
                self._backlog.popleft()
                if self._file.pending_bytes > CHUNK_BYTES:
                    self._file.flush()
            self._file.flush()
        except OSError as error:
            self._tell(error.strerror)
        else:
            self._tell(None)
        self.free_bytes = self._file.free_bytes()
        if self._run is not None and self._tasks.empty():
            self._end(self._run)
            self.ended = True

    def _write(self, lines: list[str], names: Sequence[str]) -> None:
        self._file.write(encoded("".join(lines)), names)

    def _add_count(self, name: str) -> None:
        try:
            self._file.add_count(name)
        except OSError as error:
            self._without_column.add(name)
            self._remark(f"the count {name} is not in the file: {error.strerror}")

    def _rewrite(self, position: Place, change: Callable[[bytes], bytes]) -> None:
        try:
            self._file.rewrite_since(position, change)
        except ValueError as error:
            self._remark(f"a mark that was undone is still in the file: {error}")

    def _look(self) -> None:
        if remark := self._file.look_after():
            self._remark(remark)

    def _remark(self, text: str) -> None:
        self.remarks.append(text)
        self.news.append({"t": "file", "text": text})

    def _tell(self, error: str | None) -> None:
        if error != self.error:
            self.error = error
            self.news.append({"t": "writing", "error": error})

    def _end(self, run: dict[str, Any]) -> None:
        for task in (*self._backlog, self._look):
            with contextlib.suppress(OSError):
                task()
        self._file.finish_rows()
        account = self.account()
        try:
            if remark := self._file.write_json(run | account | self._fingerprint(account)):
                self._remark(remark)
        except OSError as error:
            self._tell(error.strerror)
        finally:
            self._file.release()

    def _fingerprint(self, account: Mapping[str, Any]) -> dict[str, Any]:
        """The fingerprint that ties the summary to run.csv; empty if rows were lost."""
        with contextlib.suppress(OSError):
            if not (account["lost_rows"] or self.remarks):
                return {"csv": fingerprint(self._file.path)}
        return {}


def run_as_others() -> None:
    """Give up real-time scheduling for this thread, whose work is not time-critical."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
