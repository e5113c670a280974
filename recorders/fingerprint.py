"""Tells whether a run.csv is still the file that the summary in its run.json was made from."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

# A file system that keeps no finer times could hide a change.
COARSE_NS = 10_000_000
# The clock from which the kernel takes the times of files.
_FILE_CLOCK = getattr(time, "CLOCK_REALTIME_COARSE", time.CLOCK_REALTIME)


def fingerprint(csv: Path) -> dict[str, Any]:
    """The length and digest of a run.csv, and the stamp by which it is known again without reading.

    There is no stamp if the file could change now and keep it. Raises OSError.
    """
    with csv.open("rb") as file:
        before = os.fstat(file.fileno())
        found: dict[str, Any] = {"blake2b": _digest(file), "bytes": file.tell()}
        now_ns = time.clock_gettime_ns(_FILE_CLOCK)
        after = os.fstat(file.fileno())
    stamp = _stamp(after)
    is_fine = after.st_ctime_ns % COARSE_NS and after.st_mtime_ns % COARSE_NS
    if stamp == _stamp(before) and is_fine and after.st_ctime_ns < now_ns:
        found["stamp"] = stamp
    return found


def is_same(csv: Path, found: Mapping[str, Any]) -> bool:
    """Whether a file has this fingerprint; read only if its length and stamp do not tell.

    Raises OSError.
    """
    status = os.stat(csv)
    if status.st_size != found.get("bytes"):
        return False
    if _stamp(status) == found.get("stamp"):
        return True
    with csv.open("rb") as file:
        return bool(_digest(file) == found.get("blake2b"))


def _stamp(status: os.stat_result) -> dict[str, int]:
    """What every change to a file changes: its ctime cannot be set, unlike its mtime."""
    return {
        "inode": status.st_ino,
        "ctime_ns": status.st_ctime_ns,
        "mtime_ns": status.st_mtime_ns,
    }


def _digest(file: BufferedReader) -> str:
    import hashlib  # and with it OpenSSL, not before it is needed

    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return digest.hexdigest()
