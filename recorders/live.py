"""A recording as other programs see it: its newest readings, phase, figure and flags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from recorders.channels import TOTAL, kind_of, with_unit
from recorders.counts import INFERENCES, Counts, named
from recorders.publisher import Publisher, TextRow
from recorders.summary.contents import contents, headline, missing_from
from recorders.summary.flags import FLAGS
from recorders.summary.progress import RunningSoFar
from recorders.summary.reduction import GAP, LOST, RESET, EventRow, Reducer, Where
from recorders.texts import OwnNote
from recorders.wire import Message

# What ran after the last reading of its energy has no figure: older ones are not of now.
FRESH_S, FRESH_PERIODS = 1.0, 2.0
# Notes that begin with the name of a channel.
_ABOUT_CHANNELS = frozenset(
    {OwnNote.DROPPED, OwnNote.IMPLAUSIBLE, OwnNote.INTEGRATED, OwnNote.MIG, OwnNote.STUCK}
)


class LiveState:
    """Follows the rows of a recording, and gives a page of them to its publisher.

    Flags that need the whole recording (throttling, drift, foreign load, resolution) are not shown.
    """

    def __init__(
        self, publisher: Publisher, columns: Sequence[str], reducer: Reducer, period_s: float
    ) -> None:
        self._publisher, self._reducer = publisher, reducer
        self._fresh_s = max(FRESH_S, FRESH_PERIODS * period_s)
        self._energies = with_unit(columns, "J")
        self.progress = RunningSoFar(self._energies)
        self._headline = headline(self._energies)
        self._flags: dict[tuple[str, str], None] = {}
        self._without: list[str] = []
        self._missing: dict[str, str] = {}
        self._lost: dict[str, None] = {}
        self._rows: list[TextRow] = list(_read_so_far(columns, reducer))
        self._time_text = "0.000000"
        self._counts: Counts = {}
        for number, row in enumerate(reducer.reduction.events):
            self._happen(number, row)

    def take(self, time_text: str, cells: Sequence[str], event: str, counts: Counts) -> None:
        """Take a row that the reducer has just taken."""
        self._rows.append((time_text, cells))
        self._counts = counts
        if event:
            events = self._reducer.reduction.events
            self._happen(len(events) - 1, events[-1])

    def show(self, at_ns: int, where: Where, disk: Message, ended: bool = False) -> None:
        """Publish a page; `at_ns` is now."""
        rows, self._rows = self._rows, []
        # Meters hand in their readings late, in rows of their own.
        self._time_text = max([self._time_text, *(text for text, _ in rows)], key=float)
        progress = self.progress.now(self._last_j(), self._counts)
        phase, label, repeat = where
        now = {
            "at_ns": at_ns,
            "time_s": self._time_text,
            "phase": phase,
            "label": label,
            "repeat": repeat,
            "inferences": self._counts.get(INFERENCES),
            "counts": named(self._counts),
            "progress": asdict(progress) if progress else None,
            "flags": [list(flag) for flag in self._all_flags()],
            "contents": contents(self._headline, self._energies, self._lacking, self._without),
            "lost": list(self._lost),
            "disk": disk["error"],
            "ended": ended,
        }
        self._publisher.put(now, rows)

    def close(self, at_ns: int, where: Where, disk: Message) -> None:
        """Publish the last page."""
        self.show(at_ns, where, disk, ended=True)
        self._publisher.close()

    def _last_j(self) -> dict[str, float]:
        """The energies of now: not those of a lost device, nor a sum that lacks it."""
        since_s = float(self._time_text) - self._fresh_s
        gone = set(self._lost)
        if any(map(self._is_summed, gone)):
            gone.add(TOTAL)
        return {
            channel: joules
            for channel, (at_s, joules) in self._reducer.last.items()
            if at_s >= since_s and channel not in gone
        }

    @property
    def _lacking(self) -> dict[str, str]:
        return missing_from(self._headline, self._missing)

    def _all_flags(self) -> list[tuple[str, str]]:
        found = list(self._flags)
        origin = kind_of(self._headline).origin if self._headline else "none"
        if origin in ("estimated", "simulated"):
            found.insert(0, (origin, self._headline or ""))
        if self._lacking:
            found.insert(0, ("incomplete", ""))
        return found

    def _happen(self, number: int, row: EventRow) -> None:
        self.progress.add(number, row)
        for kind in (GAP, RESET, LOST):
            if row.event.startswith(kind):
                channel = row.event.removeprefix(kind)
                self._flags[kind[:-1], channel] = None
                if kind == LOST:
                    self._lost[channel] = None
                    self._lack(channel, "lost")
        if (moving := row.noted(OwnNote.MOVING)) is not None:
            self._flags.pop(("stuck", moving), None)
        if (without := row.noted(OwnNote.NOT_COUNTED)) is not None:
            self._without += without.split()
        if (part := row.noted(OwnNote.MISSING)) is not None:
            self._lack(*part.partition(": ")[::2])
        for note, flag in FLAGS.items():
            if (text := row.noted(note)) is not None:
                subject = text.split(maxsplit=1)[0].rstrip(":") if note in _ABOUT_CHANNELS else ""
                self._flags[flag, subject] = None

    def _lack(self, part: str, reason: str) -> None:
        if self._is_summed(part):
            self._missing.setdefault(part, reason)

    def _is_summed(self, part: str) -> bool:
        return kind_of(part).in_total and part not in self._without


def _read_so_far(columns: Sequence[str], reducer: Reducer) -> Iterator[TextRow]:
    """The last energy of each channel, as a row."""
    places = {name: place for place, name in enumerate(columns)}
    for channel, (at_s, energy_j) in reducer.last.items():
        if (place := places.get(f"{channel}_J")) is not None:
            cells = [""] * len(columns)
            cells[place] = f"{energy_j:.6f}"
            yield f"{at_s:.6f}", cells
