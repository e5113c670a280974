"""The table of processes that the dashboard shows: counted only while somebody looks at it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from queue import Empty, SimpleQueue

from recorders.census import Census, Counted
from recorders.gpu_users import GpuUsers, Users, memory_mib, time_pct
from recorders.sources.gpu_shares import Members
from recorders.wire import Message
from recorders.writer import run_as_others

PERIOD_S = 1.0
# The first shares are those of a shorter time, so that the table is soon there.
FIRST_S = 0.3
# The idlest and smallest beyond these are left out, so that a table fits into a pipe (64 KiB).
MOST_ROWS = 400


class ProcessTable:
    """Counts all processes once a second, or as often as it is told, in its own thread, from
    `show(True)` to `show(False)`."""

    def __init__(
        self,
        census: Callable[[], Census],
        readers: Callable[[], Sequence[GpuUsers]],
        tree_of: Callable[..., Members],
    ) -> None:
        self._census, self._readers, self._tree_of = census, readers, tree_of
        self._ready: SimpleQueue[Message] = SimpleQueue()
        self._over = threading.Event()
        self._tree: Members | None = None

    def watch(self, pid: int | None, *others: int) -> None:
        """The commands whose processes are marked (None: none is running)."""
        self._tree = None if pid is None else self._tree_of(pid, *others)

    def show(self, is_wanted: bool, period_s: float = PERIOD_S) -> None:
        """Begin to count, or stop."""
        self._over.set()
        if is_wanted:
            self._over = threading.Event()
            name = "process table"
            given = self._over, period_s
            threading.Thread(target=self._run, args=given, name=name, daemon=True).start()

    def take(self) -> Message | None:
        """The table, if there is a new one."""
        message = None
        while not self._ready.empty():
            try:
                message = self._ready.get_nowait()
            except Empty:
                break
        return message

    def _run(self, over: threading.Event, period_s: float) -> None:
        run_as_others()
        census, readers = self._census(), self._readers()
        wait_s = 0.0
        while not over.wait(wait_s):
            is_first = census.taken_ns is None
            wait_s = FIRST_S if is_first else period_s
            tree = self._tree
            members = tree.members() if tree else frozenset[int]()
            counted = census.take()
            users = {g: each for r in readers for g, each in r.read(members).items()}
            if not is_first:
                self._ready.put(table(counted, users, members))


def table(counted: Iterable[Counted], users: Mapping[str, Users], members: Set[int]) -> Message:
    """The message: a row for each process, the command's first. None is unknown.

    A row is its number, name, user, share of the time of all processors in per cent, share of the
    GPUs' time (100: one whole GPU), GPU memory and memory in MiB, whether it is the command's, and
    the share and memory of each GPU that it is known to use.
    """
    found = [(each, *_of_gpus(each.seen.pid, users)) for each in counted]
    found.sort(key=lambda row: (row[0].seen.pid in members, *_weight(*row)), reverse=True)
    rows = [
        [
            each.seen.pid,
            each.seen.name,
            each.user,
            _rounded(each.cpu_pct),
            _rounded(gpu_pct),
            _rounded(gpu_mib),
            _rounded(each.memory_mib),
            each.seen.pid in members,
            _of_each_gpu(each.seen.pid, users),
        ]
        for each, gpu_pct, gpu_mib in found[:MOST_ROWS]
    ]
    return {"t": "processes", "gpus": list(users), "rows": rows, "left_out": len(found) - len(rows)}


def _of_gpus(pid: int, users: Mapping[str, Users]) -> tuple[float | None, float | None]:
    """A process's share of the time of all GPUs, and the memory that it holds there."""
    uses = [use for each in users.values() for use in each.of([pid])]
    pcts = [pct for use in uses if (pct := time_pct([use])) is not None]
    return math.fsum(pcts) if len(pcts) == len(uses) else None, memory_mib(uses)


def _of_each_gpu(pid: int, users: Mapping[str, Users]) -> dict[str, list[float | None]]:
    found = {}
    for gpu, each in users.items():
        uses = each.of([pid])
        share_pct, mib = time_pct(uses), memory_mib(uses)
        if share_pct or mib:
            found[gpu] = [_rounded(share_pct), _rounded(mib)]
    return found


def _weight(
    each: Counted, gpu_pct: float | None, gpu_mib: float | None
) -> tuple[float, float, float]:
    return each.cpu_pct or 0.0, (gpu_pct or 0.0) + (gpu_mib or 0.0), each.memory_mib


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
