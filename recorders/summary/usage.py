"""Counts of a load by the usage of each of its requests, which is known when they have ended. Pure.

It tells what a window used better than what was counted while it lasted: estimates of requests that
had not ended, or by a server that counts when they end. It is taken if nobody else counted: as much
was counted from the load's first request to its last as they used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from recorders.counts import NAME, Counts
from recorders.summary.reduction import EventRow, Reduction
from recorders.summary.served import server_counts

if TYPE_CHECKING:
    from recorders.summary.spans import Span

USAGE = "note:usage "
# The phases of a load: its ramp, its window, and the end of its last requests.
BEFORE, WINDOW, AFTER = "warmup", "running", "cooldown"
# The most by which both may differ, as a share: clients that are too few to matter.
MOST_APART = 0.01
_NOTE = re.compile(rf"(.*): ((?:{NAME}=\d+ of \d+(?:, |$))+)")
_PART = re.compile(rf"({NAME})=(\d+) of (\d+)")


class Used(NamedTuple):
    """What a load used in its window, and in all, by name."""

    label: str
    time_s: float
    counts: Mapping[str, tuple[int, int]]


def usage_note(label: str, window: Counts, whole: Counts) -> str:
    """The note of a load that has ended."""
    parts = (f"{name}={window.get(name, 0)} of {n}" for name, n in whole.items())
    return f"usage {label}: {', '.join(parts)}"


def at_end(reduction: Reduction) -> set[str]:
    """The counts of tokens that some server moves only when a request ends."""
    return {name for each in server_counts(reduction) for name in each.at_end}


def by_usage(
    reduction: Reduction,
    spans: Sequence[Span],
    counts_at: Callable[[EventRow], Counts],
    by_servers: Set[str],
) -> Iterator[tuple[Span, Counts]]:
    """The windows of loads, and their counts, but for those `by_servers` that move at each step. A
    load that does not agree with what was counted on one of them is left out."""
    at_steps = by_servers - at_end(reduction)
    for used in _used(reduction):
        phases = [_last(spans, used, phase) for phase in (BEFORE, WINDOW, AFTER)]
        before, window, after = phases
        if before is None or window is None or after is None:
            continue
        if not before.end_s <= window.start_s <= window.end_s <= after.start_s:
            continue
        first, last = counts_at(before.begin.row), counts_at(after.end.row)
        # A program's count that has no number yet has not begun.
        first = {**dict.fromkeys(last.keys() - by_servers, 0), **first}
        asked = used.counts.keys() - at_steps
        if all(_agree(used.counts[name][1], first.get(name), last.get(name)) for name in asked):
            yield window, {name: used.counts[name][0] for name in asked}


def _used(reduction: Reduction) -> Iterator[Used]:
    for row in reduction.remarks:
        if row.event.startswith(USAGE) and (match := _NOTE.fullmatch(row.event[len(USAGE) :])):
            parts = _PART.findall(match[2])
            counts = {name: (int(window), int(whole)) for name, window, whole in parts}
            yield Used(match[1], row.time_s, counts)


def _last(spans: Sequence[Span], used: Used, phase: str) -> Span | None:
    """The last finished phase of a load before its note."""
    own = (
        span
        for span in spans
        if span.finished
        and (span.phase, span.label) == (phase, used.label)
        and span.end_s <= used.time_s
    )
    return max(own, key=lambda span: span.end_s, default=None)


def _agree(whole: int, first: int | None, last: int | None) -> bool:
    if first is None or last is None:
        return False
    return abs(last - first - whole) <= MOST_APART * whole
