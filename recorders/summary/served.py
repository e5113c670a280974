"""Flags about the counts of servers of language models, from the notes of a recording. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from recorders.counts import Counts
from recorders.server_counts import ServerCounts, read_server_counts
from recorders.summary.figures import Flag
from recorders.summary.reduction import Reduction
from recorders.texts import OwnNote

if TYPE_CHECKING:
    from recorders.summary.spans import Span

MOST_NAMED = 3
# The largest share of a phase's count that a server's step may be without being flagged.
MOST_STEP = 0.005


def at_end_note(phase: str, side: str, n: int | None) -> str:
    """The note that requests were running at an edge of a phase (side begin or end) whose tokens
    are only counted when they end."""
    found = "unknown requests" if n is None else f"{n} request{'s' * (n != 1)}"
    return f"{OwnNote.COUNTED_AT_REQUEST_END} {phase}: {found} at its {side}"


def drained_note(phase: str, side: str, seconds: float) -> str:
    """The note that an edge of a phase waited so long for requests to end."""
    return f"{OwnNote.DRAINED} {phase}: {seconds:.2f} s before its {side}"


def counted_note(time_s: str, counts: Counts) -> str:
    """The note with the counts at an edge, whose row at `time_s` could not wait for them."""
    parts = (f"{name}={n}" for name, n in counts.items())
    return " ".join([OwnNote.SERVER_COUNTED, time_s, *parts])


def counted_late(reduction: Reduction) -> dict[float, dict[str, int]]:
    """The counts that came too late for the row of an edge, by its time."""
    found: dict[float, dict[str, int]] = {}
    for time_s, *parts in map(str.split, reduction.noted(OwnNote.SERVER_COUNTED)):
        with suppress(ValueError):
            counts = {name: int(n) for name, _, n in (part.partition("=") for part in parts)}
            found[float(time_s)] = counts
    return found


def served(reduction: Reduction) -> set[str]:
    """The counts that servers made, which are unknown where a row has none."""
    return {name for each in server_counts(reduction) for name in each.names}


def server_counts(reduction: Reduction) -> Iterator[ServerCounts]:
    """What servers said that they count, in order."""
    return filter(None, map(read_server_counts, reduction.noted(OwnNote.SERVER_COUNTS)))


def steps(reduction: Reduction) -> dict[str, int]:
    """The steps in which servers stated counts, at their largest."""
    found: dict[str, int] = {}
    for each in server_counts(reduction):
        for name, step in each.steps.items():
            found[name] = max(step, found.get(name, 0))
    return found


def server_flags(reduction: Reduction, running: Sequence[Span] = ()) -> Iterator[Flag]:
    """Flags for tokens that belong to another phase than their energy, or are unknown or lost."""
    exact = {span.name for span in running if span.by_usage}
    exact -= {span.name for span in running if not span.by_usage}
    noted = _noted(reduction, OwnNote.COUNTED_AT_REQUEST_END)
    if cut := [text for text in noted if text.rpartition(": ")[0] not in exact]:
        phases = dict.fromkeys(text.rpartition(": ")[0] for text in cut)
        text = (
            "the server counts tokens when a request ends, and requests were at work at an edge: "
            f"{_some([text.rpartition(': ')[2] for text in cut])}; their tokens may be those of "
            "another phase than their energy"
        )
        yield Flag("counted_at_request_end", ", ".join(list(phases)[:MOST_NAMED]), text)
    if unread := _noted(reduction, OwnNote.SERVER_UNREAD):
        text = f"a server could not be read, and its counts are unknown then: {_some(unread)}"
        yield Flag("server_unread", "", text)
    if restarted := _noted(reduction, OwnNote.SERVER_RESTARTED):
        text = f"a server restarted, and its last counts are missing: {_some(restarted)}"
        yield Flag("server_restarted", "", text)
    yield from _unseen(reduction)
    yield from _rounded(steps(reduction), running)


def _rounded(found: Mapping[str, int], running: Sequence[Span]) -> Iterator[Flag]:
    """Counts of running phases that the steps of their server make inexact."""
    for name, step in found.items():
        counts = [n for span in running if (n := span.counts.get(name)) is not None]
        if counts and step > MOST_STEP * min(counts):
            text = (
                f"the server states {name} in steps of {step:,}, and a running phase has only "
                f"{min(counts):,}: they may be off by a step"
            )
            yield Flag("rounded_counts", name, text)


def _unseen(reduction: Reduction) -> Iterator[Flag]:
    """Counts that were chosen by labels which no series of their server has had by the end."""
    lasts = {each.address: each.unseen for each in server_counts(reduction)}
    for address, names in lasts.items():
        if names:
            why = "no series has the metric and labels that were given, so it stayed 0"
            yield Flag("no_series", ", ".join(names), f"{why}: {address}")


def _noted(reduction: Reduction, note: OwnNote) -> list[str]:
    return list(dict.fromkeys(reduction.noted(note)))


def _some(texts: list[str]) -> str:
    shown = list(dict.fromkeys(texts))
    return ", ".join(shown[:MOST_NAMED]) + " …" * (len(shown) > MOST_NAMED)
