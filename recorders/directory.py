"""A recording's private marks directory: creation, removal, and cleanup after a killed recorder.

Its recorder holds a lock on it while it lives. Unlike process ids, locks are not reused and work
across containers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from recorders.marks import PIPE

# A socket's path has room for 107 bytes.
LONGEST_PLACE = 60
_NAME = re.compile(r"wattui-[0-9]+-[0-9a-f]{8}")


def places() -> list[Path]:
    """Parent directories to try, best first."""
    named = (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR"))
    found = (*named, "/tmp", "/dev/shm", "/var/tmp")
    return [Path(p) for p in dict.fromkeys(found) if p and len(p.encode()) <= LONGEST_PLACE]


def candidates() -> list[Path]:
    """A new name in each parent, so that the name is known before it is created."""
    name = f"wattui-{os.getpid()}-{os.urandom(4).hex()}"
    return [place / name for place in places()]


def make(names: Iterable[Path]) -> tuple[Path, int]:
    """Create a directory with one of these names, private to this user; returns it and its lock.

    Raises OSError if none can be created.
    """
    reason = OSError("no directory was given")
    for directory in names:
        try:
            while True:
                directory.mkdir(mode=0o700)
                if (lock := _locked(directory)) is not None:
                    return directory, lock
        except OSError as error:
            reason = error
    raise reason


def _locked(directory: Path) -> int | None:
    """The descriptor of its lock; None if it was cleaned up before it was locked."""
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:  # the file system has no locks
        return lock
    if directory.exists():
        return lock
    os.close(lock)
    return None


def remove(directory: Path) -> None:
    """Remove it with its contents, releasing any shell blocked on its pipe."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(OSError))
        with contextlib.suppress(OSError):
            pipe = os.open(directory / PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            stack.callback(os.close, pipe)
        for _ in range(3):  # a program may be creating its count page
            for entry in directory.iterdir():
                entry.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                directory.rmdir()
                return


def sweep() -> None:
    """Remove this user's directories left behind by dead recorders."""
    for directory in known():
        with contextlib.suppress(OSError):
            lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(directory)
            finally:
                os.close(lock)


def known() -> Iterator[Path]:
    """This user's directories, of recorders that live or are dead."""
    for place in places():
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_uid == (
                    os.geteuid()
                ):
                    yield Path(entry.path)
