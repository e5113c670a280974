"""Writes the page of a recording; `recorders.page` says what that is and reads it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorders import page
from recorders.wire import Message, encode
from recorders.writer import run_as_others

# So much room is reserved, as the file system may be full later.
ROOM_BYTES = 2**16
# So many rows are kept for a page that a disk delays; of more, the first are left out.
MOST_ROWS = 5000
# How long the end of a recording may wait for the last page.
CLOSE_S = 0.5

# Rows as (time_s, cells), all as text.
TextRow = tuple[str, Sequence[str]]


class Publisher:
    """Writes the page of one recording in its own thread, as a disk may keep it waiting.

    `fixed` never changes; `columns` are those of the rows. Raises OSError if it cannot be created.
    """

    def __init__(self, place: Path, fixed: Mapping[str, Any], columns: Sequence[str]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(place / page.NAME, flags, 0o600)
        with contextlib.suppress(OSError, AttributeError):  # macOS has no such call
            os.posix_fallocate(self._descriptor, 0, ROOM_BYTES)
        self._fixed = encode(dict(fixed))
        self._columns = columns
        self._readings: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._now: Message | None = None
        self._rows: deque[TextRow] = deque(maxlen=MOST_ROWS)
        self._is_given = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="page", daemon=True)
        self._thread.start()

    def put(self, now: Message, rows: Sequence[TextRow]) -> None:
        """Write a page soon, with the rows since the last one; replaces one not yet written."""
        with self._lock:
            self._now = now
            self._rows.extend(rows)
        self._is_given.set()

    def close(self) -> None:
        """Write the last page, if the disk answers in time."""
        self._is_closed = True
        self._is_given.set()
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        run_as_others()
        while not self._is_closed or self._now:
            self._is_given.wait()
            self._is_given.clear()
            with self._lock:
                now, self._now = self._now, None
                rows = list(self._rows)
                self._rows.clear()
            if now:
                self._take(rows)
                self._write({**now, "readings": self._readings})
        os.close(self._descriptor)

    def _take(self, rows: Sequence[TextRow]) -> None:
        """Keep the newest reading of each column, with its time."""
        left = set(range(len(self._columns)))
        for time_text, cells in reversed(rows):
            for place in [place for place in left if cells[place]]:
                self._readings[self._columns[place]] = time_text, cells[place]
                left.discard(place)
            if not left:
                break

    def _write(self, now: Message) -> None:
        data = page.encoded(self._fixed, encode(now))
        with contextlib.suppress(OSError):  # a full disk: readers see that the page gets old
            os.pwrite(self._descriptor, data, 0)
