"""Looks up processes, and stops a command and its descendants."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from recorders.marks import ENVIRONMENT

if TYPE_CHECKING:
    import psutil

# Time for a command that is just starting to become visible.
APPEARS_S = 0.5
# Processes that cannot be killed, such as one waiting for a dead disk, are left behind.
KILL_S = 3.0


class Process(NamedTuple):
    """A process; `started` tells it from a later one with the same number."""

    pid: int
    started: int


def process_of(pid: int) -> Process | None:
    """A running process; None if there is none, or it cannot be seen."""
    fields = _stat(pid)
    return Process(pid, int(fields[19])) if fields else None


def parent_of(pid: int) -> Process | None:
    """The running parent of a process."""
    fields = _stat(pid)
    return process_of(int(fields[1])) if fields else None


def run_in_parallel(one: Process, other: Process) -> bool:
    """Whether two processes are both running, and neither is an ancestor of the other."""
    both = (one, other)
    if one == other or any(process_of(each.pid) != each for each in both):
        return False
    return other not in _ancestors(one.pid) and one not in _ancestors(other.pid)


def _ancestors(pid: int) -> Iterator[Process]:
    while process := parent_of(pid):
        yield process
        pid = process.pid


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after its name (proc(5)); none if it is not running."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    fields = text.rpartition(")")[2].split()
    return [] if fields[:1] in (["Z"], ["X"]) else fields


def end_tree(pid: int, grace_s: float) -> None:
    """Ask a process and its descendants to stop; kill them after the grace time (0: at once)."""
    import psutil

    processes = _tree(pid)
    ways = (psutil.Process.terminate, psutil.Process.kill) if grace_s else (psutil.Process.kill,)
    for way in ways:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                way(process)
        if grace_s:
            _, processes = psutil.wait_procs(processes, timeout=grace_s)


def end_recorded(directories: Sequence[Path], pid: int | None, grace_s: float) -> None:
    """Stop every process of a recording's command: ask, then kill after the grace time.

    These are the descendants of `pid`, and processes with one of the directories in their
    environment: an unannounced command, or children of a parent that has ended.
    """
    import psutil

    begun_s = time.monotonic()
    known = _tree(pid) if pid else []
    asked: set[psutil.Process] = set()
    while (passed_s := time.monotonic() - begun_s) < grace_s + KILL_S:
        found = {p for p in (*known, *_carrying(directories)) if _is_there(p)}
        if not found and passed_s > APPEARS_S:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                if passed_s > grace_s:
                    process.kill()
                elif process not in asked:
                    process.terminate()
        asked |= found
        time.sleep(0.02)


def _tree(pid: int) -> list[psutil.Process]:
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _carrying(directories: Sequence[Path]) -> list[psutil.Process]:
    """Processes started with one of these marks directories in their environment."""
    import psutil

    entries = [b"\0" + os.fsencode(f"{ENVIRONMENT}={path}") + b"\0" for path in directories]
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, psutil.Error):
                environment = b"\0" + Path("/proc", name, "environ").read_bytes()
                if any(entry in environment for entry in entries):
                    found.append(psutil.Process(int(name)))
    return found


def _is_there(process: psutil.Process) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
