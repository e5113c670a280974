"""Undoing a mark: rewrites the rows since it, as if it had never been made. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorders.channels import METER
from recorders.phases import Edge, Phase, where_of
from recorders.rows import quote, where_text
from recorders.runfile import Place
from recorders.summary.reduction import BEGIN, END, NOTE, read_meter
from recorders.tallies import Tally
from recorders.texts import OwnNote

# Where a row is: its place in the file, its number among the event rows.
Position = tuple[Place, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in the recording; or a note, or a reading of a meter.

    `position` is that of its first row, `edges` are its rows, `then` is the phase of the rows after
    them; `open_before` (innermost first) and `marked_before` are the phases open and marked before
    it, `ended` those that it ended, with their counts.
    """

    position: Position
    edges: Sequence[Edge]
    then: Phase | None
    open_before: Sequence[Phase]
    marked_before: Phase | None
    ended: Sequence[tuple[Phase, Tally]] = ()

    @property
    def words(self) -> str:
        """It in words, as in "mark running b32"."""
        event, phase = self.edges[-1]
        if event.startswith(NOTE):
            text = event.removeprefix(NOTE)
            return text if self.meter else f"note {text.strip()}"
        return " ".join(filter(None, ("mark" if event == BEGIN else event, *where_of(phase)[:2])))

    @property
    def meter(self) -> str:
        """The meter whose reading it is; empty if it is none."""
        return read_meter(self.edges[-1][0])

    @property
    def is_edge(self) -> bool:
        """Whether phases began or ended."""
        return self.edges[-1][0] in (BEGIN, END)

    @property
    def note(self) -> str:
        """The event of its first row once undone."""
        return f"{NOTE}{OwnNote.UNDONE} {self.words}"

    @property
    def phase_before(self) -> Phase | None:
        """The innermost phase before it, to which its rows revert."""
        return self.open_before[0] if self.open_before else None


def without(mark: Mark, columns: Sequence[str], lines: bytes) -> bytes:
    """The file's lines from the mark on, with the mark undone; `columns` are those of channels.

    Raises ValueError if they do not begin with its rows, or contain another phase.
    """
    before = _text(mark.phase_before)
    kept = []
    for place, line in enumerate(lines.splitlines(keepends=True)):
        event, phase = mark.edges[place] if place < len(mark.edges) else ("", mark.then)
        shown = quote(event).encode(errors="backslashreplace")
        old = _text(phase) + (shown + b"," if event else b"")
        time_s, time_utc, rest = line.split(b",", 2)
        if not rest.startswith(old):
            raise ValueError("its rows are not in the run file")
        if place == 0:
            note = quote(mark.note).encode(errors="backslashreplace") + b","
            cells = rest[len(old) :]
            if mark.meter:
                cells = _blank(cells, 1 + columns.index(f"{METER}{mark.meter}_W"))
            kept += [time_s, b",", time_utc, b",", before, note, cells]
        elif place >= len(mark.edges):
            kept += [time_s, b",", time_utc, b",", before, rest[len(old) :]]
    return b"".join(kept)


def _blank(cells: bytes, place: int) -> bytes:
    """Cells after the event, with one of them empty."""
    parts = cells.rstrip(b"\n").split(b",")
    parts[place] = b""
    return b",".join(parts) + b"\n"


def _text(phase: Phase | None) -> bytes:
    return where_text(*where_of(phase)).encode(errors="backslashreplace") + b","
