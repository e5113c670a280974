"""A process that recomputes summaries for another one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from wattui.runs.recorded import Recomputed, recompute
from wattui.runs.run_file import NotARunFileError

Found = dict[Path, Recomputed]


def recompute_all(csvs: Iterable[Path]) -> Found:
    """The summaries of those run files that can be read."""
    found = Found()
    for csv in csvs:
        with suppress(OSError, NotARunFileError):
            found[csv] = recompute(csv)
    return found


def main() -> int:
    """Answer each list of files that comes through the socket on stdin, until that is closed."""
    from multiprocessing.connection import Connection

    from recorders.garbage import uncollected

    with uncollected(), Connection(0) as asked, suppress(EOFError, ConnectionError):
        while True:
            asked.send(recompute_all(asked.recv()))
    return 0
