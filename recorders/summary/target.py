"""How well the energy of a phase is known while it is still open. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from recorders.summary.arithmetic import update_periods_s
from recorders.summary.located import LOCATED, located, located_text
from recorders.summary.reduction import BEGIN, END, NOTE, EventRow, Reduction, Where
from recorders.summary.summary import summarise
from recorders.texts import OwnNote

# A target is not reached in fewer updates of the slowest counter.
FEWEST_UPDATES = 5
# The notes that ± depends on.
TOLD = (NOTE + OwnNote.UPDATE_PERIODS, NOTE + OwnNote.INTEGRATED)
# A program asks again after half the time that it has run so far, but no sooner than this.
LEAST_WAIT_S = 0.3


@dataclass(frozen=True, slots=True)
class SoFar:
    """The relative ± of a phase's energy if it ended now, and how long it has been open.

    `updates`: how often its slowest counter was refreshed meanwhile.
    """

    share: float
    seconds: float
    updates: float

    def reaches(self, target: float) -> bool:
        """Whether ± is below a target."""
        return self.share <= target and self.updates >= FEWEST_UPDATES

    def left_s(self, target: float) -> float:
        """How much longer until it is: ± comes from the two edges, so its share falls as 1 / t."""
        few_s = self.seconds * FEWEST_UPDATES / self.updates if self.updates else 0.0
        return max(self.seconds * self.share / target, few_s) - self.seconds

    def wait_s(self, target: float) -> float:
        """When to ask again."""
        return max(LEAST_WAIT_S, min(self.left_s(target), self.seconds / 2))


def so_far(
    reduction: Reduction, where: Where, last: Mapping[str, tuple[float, float]]
) -> SoFar | None:
    """How well the energy of the phase that began there last is known; None if ± is unknown.

    `last` has the last reading of each channel, seconds and joules. The energy at an end now is
    taken to be as well known as the worst of those found since the begin.
    """
    events = reduction.events
    place = next((n for n in reversed(range(len(events))) if _begins(events[n], where)), None)
    if place is None or not last:
        return None
    begin = replace(events[place], phase="running", inferences=None)
    end_s = max(time_s for time_s, _ in last.values())
    energy_j = {channel: value for channel, (_, value) in last.items()}
    end = replace(begin, time_s=end_s, event=END, energy_j=energy_j)
    since = [row for row in events[place + 1 :] if row.event.startswith(LOCATED)]
    notes = [row for row in events if row.event.startswith(TOLD)]
    found = [*notes, begin, end, *since, _at_end(begin, end, since)]
    seconds = end_s - begin.time_s
    made = Reduction(reduction.channels, found)
    quoted = summarise(made).quoted
    figure = quoted.running_j if quoted else None
    if figure is None or not figure.plus_minus or figure.value <= 0 or seconds <= 0:
        return None
    slowest_s = max(update_periods_s(made).values(), default=0.0)
    updates = seconds / slowest_s if slowest_s else math.inf
    return SoFar(figure.plus_minus / figure.value, seconds, updates)


def _begins(row: EventRow, where: Where) -> bool:
    return row.event == BEGIN and (row.phase, row.label, row.repeat) == where


def _at_end(begin: EventRow, end: EventRow, since: Sequence[EventRow]) -> EventRow:
    """A row with the energies that would be found at the end."""
    at_edges = located(since)
    errors_j: dict[str, float] = {}
    for found in at_edges.values():
        for channel, at in found.items():
            errors_j[channel] = max(errors_j.get(channel, 0.0), at.plus_minus_j)
    texts = [
        located_text(channel, end.energy_j[channel], errors_j[channel])
        for channel in at_edges.get(begin.time_s, ())
        if channel in end.energy_j
    ]
    return replace(end, event=" ".join([f"{LOCATED}{end.time_s:.6f}", *texts]), energy_j={})
