"""The page of a recording: its newest readings, for other programs of the same user.

A small file in the recorder's private directory, which the recorder rewrites twice a second and
readers only read: any number of them, however slow, disturb nothing. It has a header, with the
length and the checksum of what follows, and two lines of JSON: what never changes, and the rest.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import zlib
from pathlib import Path

from recorders import directory
from recorders.wire import Message

NAME = "live"
MOST_BYTES = 2**24
# A page that is being rewritten is read again.
READS, REREAD_S = 50, 0.001
# Changed with the contents, as another version may read them.
_MARK = b"wattui-live 2"


class DamagedPageError(ValueError):
    """A page that is not whole, or not a page."""


def encoded(fixed: bytes, now: bytes) -> bytes:
    """A page from its two lines."""
    body = fixed + now
    return b"%s %d %d\n%s" % (_MARK, len(body), zlib.crc32(body), body)


def decoded(data: bytes) -> Message:
    """The contents of a page. Raises DamagedPageError."""
    head, _, body = data.partition(b"\n")
    try:
        length, checksum = map(int, head.removeprefix(_MARK + b" ").split(b" "))
        body = body[:length]
        if len(body) == length and zlib.crc32(body) == checksum:
            fixed, now = map(json.loads, body.splitlines())
            return {**fixed, **now}
    except (ValueError, TypeError):
        pass
    raise DamagedPageError("the page is not whole")


def read(descriptor: int) -> Message:
    """The contents of an open page. Raises DamagedPageError if it stays damaged, or OSError."""
    for _ in range(READS):
        with contextlib.suppress(DamagedPageError):
            return decoded(os.pread(descriptor, MOST_BYTES, 0))
        time.sleep(REREAD_S)
    raise DamagedPageError("the page stays damaged")


def open_page(place: Path) -> int:
    """A descriptor of the page in a recorder's directory. Raises OSError if there is none."""
    return os.open(place / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)


def is_abandoned(place: Path) -> bool:
    """Whether the recorder of a directory is gone: it holds a lock on it while it lives."""
    try:
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def pages() -> list[Path]:
    """The directories of this user's recorders that have a page."""
    return [place for place in directory.known() if (place / NAME).exists()]
