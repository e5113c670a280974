"""Counts by the usage of each request of a load, where its server counts when a request ends. Pure.

Such a server's counter cuts a window at whole requests; the load knows what each of its requests
had used at any moment. Its counts are taken for its window if it was the server's only client: the
server then counted as much from the load's first request to its last as the load did.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from recorders.counts import NAME, Counts
from recorders.summary.reduction import EventRow, Reduction
from recorders.texts import OwnNote

if TYPE_CHECKING:
    from recorders.summary.spans import Span

USAGE = "note:usage "
# The phases of a load: its ramp, its window, and the end of its last requests.
BEFORE, WINDOW, AFTER = "warmup", "running", "cooldown"
# The most by which both may differ, as a share: clients that are too few to matter.
MOST_APART = 0.01
_AT_END = re.compile(r".*; at a request's end: ([a-z0-9_ ]+)")
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
    found = map(_AT_END.match, reduction.noted(OwnNote.SERVER_COUNTS))
    return {name for match in found if match for name in match[1].split()}


def by_usage(
    reduction: Reduction, spans: Sequence[Span], counts_at: Callable[[EventRow], Counts]
) -> Iterator[tuple[Span, Counts]]:
    """The windows of loads, and their counts that their server would cut at whole requests. Those
    of a load that does not agree with its server on one of them are left out."""
    names = at_end(reduction)
    for used in _used(reduction) if names else ():
        phases = [_last(spans, used, phase) for phase in (BEFORE, WINDOW, AFTER)]
        before, window, after = phases
        if before is None or window is None or after is None:
            continue
        if not before.end_s <= window.start_s <= window.end_s <= after.start_s:
            continue
        first, last = counts_at(before.begin.row), counts_at(after.end.row)
        asked = names & used.counts.keys()
        if all(_agree(used.counts[name][1], last.get(name), first.get(name)) for name in asked):
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


def _agree(whole: int, last: int | None, first: int | None) -> bool:
    grown = math.nan if last is None or first is None else last - first
    return abs(grown - whole) <= MOST_APART * whole
