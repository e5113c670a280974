"""The phases that are open now: they nest, and the innermost owns the row. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from recorders.reduction import Where

LOADING = "loading"
RUNNING = "running"
# A command that marks one of these has said for itself when it runs.
SPEAKS_FOR_ITSELF = frozenset({"armed", "warmup", "running"})


@dataclass(frozen=True, slots=True)
class Phase:
    """An open phase; `label` is the whole path, `owner` the connection that began it."""

    number: int
    name: str
    label: str
    repeat: int | None
    owner: int


# An event at a reading of all counters, and the phase of its row.
Edge = tuple[str, Phase | None]


def where_of(phase: Phase | None) -> Where:
    """Phase, label and repeat of the rows of a phase."""
    return (phase.name, phase.label, phase.repeat) if phase else ("", "", None)


class Phases:
    """The stack of open phases."""

    def __init__(self) -> None:
        self._open: list[Phase] = []
        self._numbers = count(1)
        self.repeat: int | None = None
        self.base_label = ""

    @property
    def current(self) -> Phase | None:
        """The innermost open phase."""
        return self._open[-1] if self._open else None

    def begin(self, name: str, label: str, owner: int, repeat: int | None = None) -> Phase:
        """Open a phase inside the current one; raises ValueError without a name.

        `repeat` is the phase's own number; that of the whole command goes before it, and without
        either it is that of the phase around it.
        """
        if not name:
            raise ValueError("a phase needs a name")
        outer = self._open[-1].label if self._open else self.base_label
        path = "/".join(part for part in (outer, label) if part)
        around = self._open[-1].repeat if self._open else None
        known = [number for number in (self.repeat, repeat, around) if number is not None]
        phase = Phase(next(self._numbers), name, path, known[0] if known else None, owner)
        self._open.append(phase)
        return phase

    def end(self, number: int) -> Phase | None:
        """Close one phase, wherever in the stack it is; None if it is not open."""
        for phase in self._open:
            if phase.number == number:
                self._open.remove(phase)
                return phase
        return None

    def owned_by(self, owner: int) -> list[Phase]:
        """Open phases of one connection, innermost first."""
        return [phase for phase in reversed(self._open) if phase.owner == owner]

    def all_open(self) -> list[Phase]:
        """Every open phase, innermost first."""
        return list(reversed(self._open))

    def restore(self, phases: Sequence[Phase]) -> None:
        """Let exactly these be open, innermost first."""
        self._open = list(reversed(phases))
