"""Stamps rows with the open phase and sends them to the file and the summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock

from recorders import rows
from recorders.channels import is_count, is_cumulative
from recorders.clock import Clock
from recorders.counts import INFERENCES, Counts
from recorders.live import LiveState
from recorders.phases import Phase, where_of
from recorders.publisher import Publisher
from recorders.runfile import Place, encoded
from recorders.summary.reduction import Reducer, Reduction, Where
from recorders.texts import OwnNote
from recorders.undo import Mark, Position, without
from recorders.wire import Message
from recorders.writer import Writer

# Rows without an event are formatted so many at a time: the first of a batch, after a sleep, takes
# several times as long as the others, as its code and data have left the processor's caches.
BATCH = 16


class Journal:
    """Writes rows, or only reduces them if there is no file. `send` reaches the front end, which
    gets every row with an event if it `follows`."""

    def __init__(
        self,
        layout: rows.Layout,
        file: Writer | None,
        clock: Clock,
        send: Callable[[Message], None],
        follows: bool = False,
    ) -> None:
        self._layout = layout
        self._file = file
        self._clock = clock
        self._send = send
        self._follows = follows
        self._utc_text = rows.UtcText()
        self._gauges = [n for n, name in enumerate(layout.columns) if not is_cumulative(name)]
        self._unsent: dict[int, str] = {}
        # The last row if it was not sent, its cells and its phase.
        self._passed: tuple[rows.Row, list[str], Where] | None = None
        # Rows not formatted yet, and the date of each.
        self._waiting: list[tuple[rows.Row, int]] = []
        self.is_watched = False
        # Position in the file of each event row of the reduction.
        self._places: list[Place] = []
        # The counts that were given a column, or could not be.
        self._names = {INFERENCES: None}
        self._lock = Lock()
        if file:
            file.keep_events(self._events_again)
        self._reducer = Reducer(layout.columns)
        self._live: LiveState | None = None
        self.enter(None)

    @property
    def reduction(self) -> Reduction:
        """The data for the summary."""
        self._format()
        return self._reducer.reduction

    @property
    def last(self) -> dict[str, tuple[float, float]]:
        """The last reading of each energy: seconds and joules."""
        return self._reducer.last

    def publish_to(self, publisher: Publisher, period_s: float) -> None:
        """Keep the page of this recording up to date, from now on; rows come every `period_s`."""
        self._format()
        self._live = LiveState(publisher, self._layout.columns, self._reducer, period_s)

    def end_page(self) -> None:
        """Write the last page, which says that the recording has ended."""
        if self._live:
            self._live.close(self._clock.monotonic_ns(), self._phase, self.disk())

    def enter(self, phase: Phase | None) -> None:
        """Set the phase of rows from now on."""
        self._format()
        self._phase = where_of(phase)
        self._where = rows.where_text(*self._phase)

    def write(self, row: rows.Row) -> None:
        """Write a row stamped with the open phase; without an event, it may wait for others."""
        self._waiting.append((row, self._clock.utc_ns(row.time_ns)))
        if row.event:
            self._format()

    def rest(self) -> None:
        """Format a batch of rows, while there is time."""
        if len(self._waiting) >= BATCH:
            self._format()

    def _format(self) -> None:
        """Format all rows that wait, and reduce them."""
        waiting, self._waiting = self._waiting, []
        for row, utc_ns in waiting:
            self._format_row(row, utc_ns)

    def _format_row(self, row: rows.Row, utc_ns: int) -> None:
        if not row.counts.keys() <= self._names.keys():
            self._add_columns(row.counts)
        cells, inferences = self._layout.finish(row), row.counts.get(INFERENCES)
        time_text = rows.time_text(max(0, row.time_ns - self._clock.start_ns))
        if row.event:
            with self._lock:
                counts = self._in_order(row.counts)
                self._reducer.add(time_text, cells, row.event, self._phase, inferences, counts)
                self._places.append(self._file.position if self._file else Place())
        else:
            self._reducer.add(time_text, cells, row.event, self._phase, inferences)
        if self._live:
            self._live.take(time_text, cells, row.event, row.counts)
        if self._file:
            utc, names = self._utc_text(utc_ns), self._file.names()
            line = rows.line_text(time_text, utc, self._where, row.event, row.counts, cells, names)
            self._file.write(line, bool(row.event))
        if self.is_watched:
            self._unsent |= {place: cells[place] for place in self._gauges if cells[place]}
        if row.event and self._follows:
            if self._passed and self.is_watched:
                # An edge without readings of its own is found from the rows around it.
                self._send_cells(*self._passed)
                self._passed = None
            self._send_cells(row, cells, self._phase)
        elif not row.event:
            self._passed = row, cells, self._phase

    def _add_columns(self, counts: Counts) -> None:
        """Give each new count a column of the file."""
        for name in counts:
            if name not in self._names:
                self._names[name] = None
                if self._file:
                    self._file.add_count(name)

    def _in_order(self, counts: Counts) -> dict[str, int]:
        """The counts other than inferences, in the order of their columns."""
        return {name: counts[name] for name in self._names if name in counts and name != INFERENCES}

    def _events_again(self, is_lost: Callable[[Place], bool], names: Sequence[str]) -> bytes:
        """Event rows at some positions of the file, which has the counts `names`, rebuilt without
        gauges and powers."""
        with self._lock:
            found = list(zip(self._places, self._reducer.reduction.events, strict=True))
        utc_text, width = rows.UtcText(), self._layout.width
        columns = {name: place for place, name in enumerate(self._layout.columns)}
        lines = []
        for row in (event for place, event in found if is_lost(place)):
            cells = [""] * width
            for channel, value in row.energy_j.items():
                counted = is_count(channel)
                cells[columns[channel if counted else f"{channel}_J"]] = (
                    f"{value:.0f}" if counted else f"{value:.6f}"
                )
            for channel, value in row.power_w.items():
                cells[columns[f"{channel}_W"]] = f"{value:.6f}"
            since_start_ns = round(row.time_s * 1e6) * 1000
            utc = utc_text(self._clock.utc_ns(self._clock.start_ns + since_start_ns))
            time_text = rows.time_text(since_start_ns)
            where = rows.where_text(row.phase, row.label, row.repeat)
            lines.append(
                rows.line_text(time_text, utc, where, row.event, row.every_count, cells, names)
            )
        return encoded("".join(lines))

    def send_row(self, row: rows.Row) -> None:
        """Send a written row to the front end, with everything read since the last one.

        Gauges are read less often than rows are written, so their values may be in unsent rows.
        """
        self._format()
        unsent, self._unsent = self._unsent, {}
        self._passed = None
        cells = [text or unsent.get(n, "") for n, text in enumerate(row.cells)]
        self._send_cells(row, cells, self._phase)

    def _send_cells(self, row: rows.Row, cells: list[str], where: Where) -> None:
        phase, label, repeat = where
        self._send(
            {
                "t": "event" if row.event else "row",
                "time": rows.time_text(max(0, row.time_ns - self._clock.start_ns)),
                "event": row.event,
                "phase": phase,
                "label": label,
                "repeat": repeat,
                "inferences": row.counts.get(INFERENCES),
                "cells": cells,
                **({"counts": counts} if (counts := self._in_order(row.counts)) else {}),
            }
        )

    def flush(self) -> list[str]:
        """Pass rows to the disk, and news about it to the front end; returns notes to write."""
        self._format()
        if self._live:
            self._live.show(self._clock.monotonic_ns(), self._phase, self.disk())
        if self._file is None:
            return []
        self._file.flush()
        notes = []
        while self._file.news:
            message = self._file.news.popleft()
            self._send(message)
            if message["t"] == "file":
                notes.append(f"{OwnNote.RUN_FILE} {message['text']}")
        if refused := self._file.refused_rows():
            why = "because the disk did not respond in time"
            notes.append(f"{OwnNote.RUN_FILE} {refused} rows were lost {why}")
        return notes

    def disk(self) -> Message:
        """Disk status: bytes saved, bytes pending, free space and error."""
        file = self._file
        return {
            "saved_bytes": file.saved_bytes if file else None,
            "owed_bytes": file.owed_bytes if file else 0,
            "free_bytes": file.free_bytes if file else None,
            "error": file.error if file else None,
        }

    def position(self) -> Position:
        """Where the next row will be."""
        events = len(self.reduction.events)
        return self._file.position if self._file else Place(), events

    def rename_running_since(self, position: Position) -> None:
        """Rename running rows since then to loading; see `RunFile.rename_running_since`."""
        self._format()
        if self._file:
            self._file.rename_running_since(position[0])
        if self._follows:
            self._send({"t": "renamed", "first_event": position[1]})
        if self._live:
            self._live.progress.rename_running_since(position[1])
        self._reducer.rename_running_since(position[1])

    def undo(self, mark: Mark) -> None:
        """Undo a mark; see `recorders.undo`.

        Raises ValueError, changing nothing, if there is too much to rewrite.
        """
        self._format()
        first, first_event = mark.position
        if self._file:
            self._file.rewrite_since(first, partial(without, mark, self._layout.columns))
        self.enter(mark.phase_before)
        if self._live and mark.is_edge:
            self._live.progress.undo()
        with self._lock:
            self._reducer.undo(first_event, len(mark.edges), mark.note, self._phase)
            del self._places[first_event + 1 : first_event + len(mark.edges)]
        if self._follows:
            phase, label, repeat = self._phase
            where = {"phase": phase, "label": label, "repeat": repeat}
            undone = {"first_event": first_event, "rows": len(mark.edges), "event": mark.note}
            self._send({"t": "undone", **undone, **where})
