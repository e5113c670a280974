"""Energies at phase edges that were found after the edges, from the next moves of the counters.

They are in event rows `located:TIME_S CHANNEL=JOULES±JOULES …` with the time of the edge. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from recorders.summary.reduction import EventRow

LOCATED = "located:"


class AtEdge(NamedTuple):
    """A channel's energy at an edge, and its ± (k = 2), joules."""

    energy_j: float
    plus_minus_j: float


def located_text(channel: str, energy_j: float, plus_minus_j: float) -> str:
    """A channel's energy as in the event."""
    return f"{channel}={energy_j:.6f}±{plus_minus_j:.6f}"


def located(events: Iterable[EventRow]) -> dict[float, dict[str, AtEdge]]:
    """The energies at each edge, by the time of its row; anything else in the text is ignored."""
    found: dict[float, dict[str, AtEdge]] = {}
    for row in events:
        if row.event.startswith(LOCATED):
            time_text, _, energies = row.event.removeprefix(LOCATED).partition(" ")
            try:
                here = found.setdefault(float(time_text), {})
                for part in energies.split():
                    channel, _, text = part.rpartition("=")
                    energy_text, _, error_text = text.partition("±")
                    here[channel] = AtEdge(float(energy_text), abs(float(error_text)))
            except ValueError:
                continue
    return found
