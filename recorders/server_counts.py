"""The note of what a server counts, as it is written and as it is read from a run file. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

COUNTS = " counts "
AT_END = "at a request's end"
STEPS = "rounded to steps"
UNSEEN = "no series of"


@dataclass(frozen=True, slots=True)
class ServerCounts:
    """The counts of a server at an address: all `names`, those that move only `at_end` of a
    request, the `steps` of those that it rounds, and the chosen ones without a series yet."""

    address: str
    server: str
    names: Sequence[str]
    at_end: Sequence[str] = ()
    steps: Mapping[str, int] = field(default_factory=dict)
    unseen: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The text of the note."""
        steps = [f"{name}={step}" for name, step in self.steps.items()]
        parts = {AT_END: self.at_end, STEPS: steps, UNSEEN: self.unseen}
        more = [f"; {kind}: {' '.join(names)}" for kind, names in parts.items() if names]
        return f"{self.address}: {self.server}{COUNTS}{' '.join(self.names)}{''.join(more)}"


def read_server_counts(text: str) -> ServerCounts | None:
    """What the text of a note says; None if it is not one."""
    said, *more = text.split("; ")
    who, is_there, names = said.rpartition(COUNTS)
    address, _, server = who.rpartition(": ")
    if not is_there:
        return None
    parts = {kind: names.split() for kind, _, names in (each.partition(": ") for each in more)}
    steps: dict[str, int] = {}
    for name, _, step in (each.partition("=") for each in parts.get(STEPS, ())):
        with suppress(ValueError):
            steps[name] = int(step)
    at_end, unseen = parts.get(AT_END, ()), parts.get(UNSEEN, ())
    return ServerCounts(address, server, names.split(), at_end, steps, unseen)
