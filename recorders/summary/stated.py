"""A count of inferences that was stated after the recording. Pure."""

from __future__ import annotations

from dataclasses import replace

from recorders.summary.reduction import NOTE, EventRow, Reduction
from recorders.texts import OwnNote


def with_count(reduction: Reduction, n: int) -> Reduction:
    """The recording as if each of its commands had been said to do `n` inferences, as by
    `--inferences n`; without a command, as if all that ran had done them together.

    A recording that counted inferences itself keeps its count.
    """
    events = reduction.events
    if not events or is_counted(reduction):
        return reduction
    count, found, commands = 0, list[EventRow](), 0
    for row in events:
        if row.noted(OwnNote.COMMAND_ENDED) is not None:
            commands, count = commands + 1, count + n
        found.append(replace(row, inferences=count))
    each = " in each repeat" if commands > 1 else ""
    text = f"{n:,} inferences{each}, stated by hand after the recording"
    said = f"{NOTE}{OwnNote.STATED_COUNT}: {text}"
    found.append(replace(events[-1], event=said, inferences=count or n))
    return replace(reduction, events=found)


def is_counted(reduction: Reduction) -> bool:
    """Whether inferences were counted during a recording."""
    return any(row.inferences for row in reduction.events)
