"""Reads every source at one moment, for a phase edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from recorders.channel_state import Feed
from recorders.clock import Clock
from recorders.source import SourceError
from recorders.worker import Answer, ReadResult, Worker

# Direct sources are read again if that took longer than this, until a counter shows itself as slow:
# twice by the second time, or once by the third.
TIGHT_NS, SLOW_NS, SLOWEST_NS, MOST_READS = 200_000, 20_000_000, 100_000_000, 5
WAIT_S = 0.5
# Everything is read again if this thread resumed later than this after a worker's last reading.
HANDED_OVER_NS = 600_000

Results = list[tuple[Feed, ReadResult]]


class AtOnce(NamedTuple):
    """Readings at one moment: the time of the first direct one, direct ones, those of workers, and
    what workers had read before."""

    time_ns: int
    direct: Results
    fresh: Results
    earlier: list[tuple[Feed, Answer]]


def read_at_once(
    clock: Clock, direct: Sequence[Feed], workers: Sequence[tuple[Feed, Worker]]
) -> AtOnce:
    """Read everything at once; workers that do not answer in `WAIT_S` are left out."""
    earlier: list[tuple[Feed, Answer]] = []
    fresh: Results = []
    for _ in range(MOST_READS):
        earlier += [(feed, ("counters", result)) for feed, result in fresh]
        fresh = []
        for feed, worker in workers:
            before, now = worker.read_now(WAIT_S)
            earlier += [(feed, answer) for answer in before]
            if now is not None:
                fresh.append((feed, now))
        started_ns, results = _read_direct(clock, direct)
        if started_ns - max(_times_ns(fresh), default=started_ns) < HANDED_OVER_NS:
            break
    return AtOnce(min(_times_ns(results), default=started_ns), results, fresh, earlier)


def _read_direct(clock: Clock, feeds: Sequence[Feed]) -> tuple[int, Results]:
    """Read the direct sources a few times; returns the tightest group and its start time."""
    groups: list[tuple[int, int, Results]] = []
    slow = 0
    for _ in range(MOST_READS):
        started_ns = clock.monotonic_ns()
        results = [(feed, feed.read(started_ns)) for feed in feeds]
        took_ns = clock.monotonic_ns() - started_ns
        groups.append((took_ns, started_ns, results))
        slow += took_ns > SLOW_NS
        if took_ns < TIGHT_NS or took_ns > SLOWEST_NS or slow == 2:
            break
    _, started_ns, results = min(groups, key=itemgetter(0))
    return started_ns, results


def _times_ns(results: Results) -> Iterator[int]:
    for _, result in results:
        if not isinstance(result, SourceError):
            yield from (each.time_ns for each in result)
