"""Whether the recorder is alive and recording, judged by its pulse. Pure."""

from __future__ import annotations

import errno
import os
import time
from typing import NamedTuple

from recorders.wire import Message

# The recorder sends a pulse twice as often as this; without one, nothing may be recorded.
SILENCE_S = 1.0
SILENT = "the recorder is not responding"
DISK_SILENT = "the disk is not responding"
_WORDS = {os.strerror(errno.ENOSPC): "disk full", os.strerror(errno.EDQUOT): "disk quota exceeded"}


class Disk(NamedTuple):
    """Bytes of the run file on disk, and bytes free there (None: unknown)."""

    saved_bytes: int
    free_bytes: int | None


class Health:
    """The recorder's health from its pulses; times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self, now_ns: int) -> None:
        self.disk: Disk | None = None
        self._heard_ns = self._moved_ns = self._well_ns = now_ns
        self._error: str | None = None

    def take(self, message: Message) -> None:
        """Take in one pulse."""
        self._heard_ns = message["at_ns"]
        saved, owed = message["saved_bytes"], message["owed_bytes"]
        if not owed or self.disk is None or saved != self.disk.saved_bytes:
            self._moved_ns = self._heard_ns
        if saved is not None:
            self.disk = Disk(saved, message["free_bytes"])
        self._error = message["error"]
        if self._of_disk is None:
            self._well_ns = self._heard_ns

    def trouble(self, now_ns: int) -> str | None:
        """Why nothing is being recorded, or None if all is well."""
        if now_ns - self._heard_ns > SILENCE_S * 1e9:
            return SILENT
        return self._of_disk

    def well_s_ago(self, now_ns: int) -> float:
        """Seconds since all was last well."""
        return (now_ns - self._well_ns) * 1e-9

    @property
    def _of_disk(self) -> str | None:
        if self._error is not None:
            return _WORDS.get(self._error, self._error[:1].lower() + self._error[1:])
        return DISK_SILENT if self._heard_ns - self._moved_ns > SILENCE_S * 1e9 else None


def alarm_text(trouble: str, since_s: float, is_recording: bool) -> str:
    """The text of the alarm; `since_s` is wall-clock time."""
    since = time.strftime("%H:%M:%S", time.localtime(since_s))
    return f"{'Not recording' if is_recording else 'No readings'} since {since}: {trouble}"
