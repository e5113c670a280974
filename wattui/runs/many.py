"""Loads many runs; if summaries must be recomputed, in several processes."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from pickle import UnpicklingError
from threading import Thread
from typing import TYPE_CHECKING

from recorders.own_process import own_command
from wattui.runs.helper import Found, recompute_all
from wattui.runs.recorded import Run, Unsummarised, kept_run, load_run, recompute

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# Starting a process takes as long as recomputing 60 short runs.
FILES_EACH = 100
MOST_PROCESSES = 8
# Files that a helper is given at once, and how many times before it has answered: it never waits.
SHARE, AHEAD = 4, 2
# How long Ctrl-C may wait: with the handler of polars, it does not interrupt a system call.
CTRL_C_S = 0.1


def loader(csvs: Sequence[Path]) -> Callable[[Path], Run]:
    """`load_run` for these files, with most of its work done; it raises what that does."""
    known: dict[Path, Run | Unsummarised] = {}
    for csv in csvs:
        with suppress(OSError):
            known[csv] = kept_run(csv)
    unknown = [csv for csv, run in known.items() if isinstance(run, Unsummarised)]
    processes = min(_cores(), MOST_PROCESSES, len(unknown) // FILES_EACH)
    found = recompute_in(processes, unknown) if processes > 1 else {}

    def load(csv: Path) -> Run:
        run = known.get(csv) or load_run(csv)
        return run if isinstance(run, Run) else run.summarised(found.get(csv) or recompute(csv))

    return load


def recompute_in(processes: int, csvs: Sequence[Path]) -> Found:
    """The summaries of run files, recomputed in this process and in others that help it.

    Those of files that cannot be read are missing, as are some of a helper that fails.
    """
    todo, found = deque(csvs), Found()
    with ExitStack() as stack:
        helpers: list[Thread] = []
        with suppress(OSError):
            for _ in range(processes - 1):
                helpers.append(stack.enter_context(_helped(todo, found)))
        while todo:
            found.update(recompute_all(_share(todo, 1)))
        for helper in helpers:
            while helper.is_alive():
                helper.join(CTRL_C_S)
    return found


@contextmanager
def _helped(todo: deque[Path], found: Found) -> Iterator[Thread]:
    """A thread that has a process of its own recompute files until none is left.

    Ctrl-C does not reach that process. It ends with this one, however this one ends.
    """
    from multiprocessing.connection import Pipe

    ours, its = Pipe()
    with ours:
        with its:
            process = subprocess.Popen(
                own_command("wattui.runs.helper"),
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"POLARS_MAX_THREADS": "1"},
                start_new_session=True,
            )
        thread = Thread(target=_hand_out, args=(ours, todo, found))
        thread.start()
        try:
            yield thread
        finally:
            process.kill()
            process.wait()
            thread.join()


def _hand_out(helper: Connection, todo: deque[Path], found: Found) -> None:
    """Have a helper recompute files until none is left, or until it ends."""
    asked = 0
    with suppress(OSError, EOFError, UnpicklingError):
        while todo or asked:
            while asked < AHEAD and (share := _share(todo, SHARE)):
                helper.send(share)
                asked += 1
            if asked:
                found.update(helper.recv())
                asked -= 1


def _share(todo: deque[Path], most: int) -> list[Path]:
    """The next of the files that are left; several threads may ask."""
    share: list[Path] = []
    with suppress(IndexError):
        while len(share) < most:
            share.append(todo.popleft())
    return share


def _cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # macOS has none
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
