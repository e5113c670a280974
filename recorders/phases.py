"""The open phases: they nest within their owner, and the last one begun owns the row. Pure.

A program's phase lies inside the one that its thread, task or process had open; a phase from the
front end or a shell encloses all that begin while it is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from recorders.inbox import FRONT_END, SHELL
from recorders.summary.reduction import Where
from recorders.texts import cut

LOADING = "loading"
RUNNING = "running"
# A command that marks one of these has said itself when it is running.
SPEAKS_FOR_ITSELF = frozenset({"armed", "warmup", "running"})
AMBIENT = (FRONT_END, SHELL)


@dataclass(frozen=True, slots=True)
class Phase:
    """An open phase; `label` is the whole path, `owner` the connection that began it.

    `own_id` is the owner's number for it, `around` the phase that encloses it.
    """

    number: int
    name: str
    label: str
    repeat: int | None
    owner: int
    own_id: int = 0
    around: Phase | None = None


# An event at a reading of all counters, with the phase of its row.
Edge = tuple[str, Phase | None]


def where_of(phase: Phase | None) -> Where:
    """The phase, label and repeat written in the rows of a phase."""
    return (phase.name, phase.label, phase.repeat) if phase else ("", "", None)


class Phases:
    """The open phases, in order of their beginning."""

    def __init__(self) -> None:
        self._open: dict[int, Phase] = {}
        self._by_id: dict[tuple[int, int], Phase] = {}
        self._numbers = count(1)
        self.repeat: int | None = None
        self.base_label = ""

    @property
    def current(self) -> Phase | None:
        """The open phase that began last."""
        return next(reversed(self._open.values()), None)

    def begin(
        self,
        name: str,
        label: str,
        owner: int,
        repeat: int | None = None,
        own_id: int | None = None,
        inside: int | None = None,
    ) -> Phase:
        """Open a phase; raises ValueError without a name.

        `own_id` is its owner's number for it (default: ours), `inside` that of the owner's phase
        that encloses it. `repeat` is the phase's own number; the whole command's takes precedence,
        and without either it is that of the enclosing phase.
        """
        if not name:
            raise ValueError("a phase needs a name")
        around = self.around(owner, inside)
        path = cut("/".join(p for p in (around.label if around else self.base_label, label) if p))
        known = [self.repeat, repeat, around.repeat if around else None]
        number = next(self._numbers)
        phase = Phase(
            number,
            name,
            path,
            next((each for each in known if each is not None), None),
            owner,
            number if own_id is None else own_id,
            around,
        )
        self._add(phase)
        return phase

    def around(self, owner: int, inside: int | None) -> Phase | None:
        """The phase that would enclose a new phase of this owner."""
        own = self._by_id.get((owner, inside)) if inside else None
        if own:
            return own
        ambient = (phase for phase in reversed(self._open.values()) if phase.owner in AMBIENT)
        return next(ambient, None)

    def find(self, owner: int, own_id: int) -> Phase | None:
        """Find an open phase by its owner's number; the front end may use ours for any phase."""
        return self._by_id.get((owner, own_id))

    def end(self, number: int) -> Phase | None:
        """Close one phase, wherever it lies; None if it is not open."""
        phase = self._open.pop(number, None)
        if phase:
            self._by_id.pop((phase.owner, phase.own_id), None)
        return phase

    def place(self, phase: Phase | None) -> int:
        """The position of a phase among the open ones, from 1; 0 for none."""
        return 1 + list(self._open).index(phase.number) if phase else 0

    def twins(self, phase: Phase) -> list[Phase]:
        """The open phases with the same name, label and repeat, in order of their beginning."""
        same = where_of(phase)
        return [each for each in self._open.values() if where_of(each) == same]

    def owned_by(self, owner: int) -> list[Phase]:
        """Open phases of one connection, innermost first."""
        return [phase for phase in reversed(self._open.values()) if phase.owner == owner]

    def all_open(self) -> list[Phase]:
        """Every open phase, the last begun first."""
        return list(reversed(self._open.values()))

    def restore(self, phases: Sequence[Phase]) -> None:
        """Make exactly these the open phases, the last begun first."""
        self._open.clear()
        self._by_id.clear()
        for phase in reversed(phases):
            self._add(phase)

    def _add(self, phase: Phase) -> None:
        self._open[phase.number] = phase
        self._by_id[phase.owner, phase.own_id] = phase
