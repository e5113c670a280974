"""Playback of a run file: its rows at any speed, as if they were arriving now."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from recorders.channels import channel_of, kind_of, unit_of
from recorders.counts import names_of
from recorders.rows import FIXED_COLUMNS
from recorders.source import Channel
from recorders.summary.reduction import Reduction
from recorders.wire import Message
from wattui.errors import UsageError, unreadable
from wattui.runs.lines import GrowingLines, Lines, lines_of, time_of
from wattui.runs.recorded import about_run, reduce_run
from wattui.runs.run_file import NotARunFileError
from wattui.runs.run_json import ReadSource
from wattui.tui.state.session import SCREEN_HZ, Stream

EVENT = FIXED_COLUMNS.index("event")
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0, math.inf)
# At full speed, the screen is redrawn after reading rows for this long.
BATCH_S = 0.1
# While seeking, keys are answered after so many rows: a row takes longer to show than to read.
SEEK_ROWS = 1000
FIRST_ROWS = 100
NOTHING_TO_MARK = "Playing back a recording, so nothing can be marked"
NO_RECORDER = "Watching a fleet, so nothing is recorded or marked here"
NO_PROCESSES = "A recording has no list of processes"


class Playback(Stream):
    """Delivers the rows of a run file when due. Raises UsageError if it is not a run file.

    `name` is the file's, unless it is given another. `is_of_fleet`: it was opened from the nodes of
    a fleet, to which one goes back.
    """

    is_of_fleet = False

    def __init__(
        self, path: Path, speed: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.name = path, path.name
        self.speed = speed
        self.paused = False
        self.ended = False
        self._clock = clock
        self._at_s, self._asked_s = 0.0, clock()
        self._lines = lines_of(path)
        header, self.rate_hz = _header_and_rate(self._lines)
        self._names = names_of(header)
        self.columns = header[len(FIXED_COLUMNS) : len(header) - len(self._names)]
        about = about_run(path)
        self.sources = about.sources or [_source(self.columns)]
        self.missing = about.missing
        self.length_s = _length_s(self._lines, len(header))
        self.position_s = 0.0
        self._target_s: float | None = None
        self.skipped_s = 0.0
        self._whole: Reduction | None = None
        self._rewind()

    def _rewind(self, place: int = 0) -> None:
        """Read on from a place in the file: from the next row of a later time."""
        self._rows = self._rows_from(place)
        self._next = next(self._rows, None)
        if place:
            first_s = self._next[0] if self._next else 0.0
            self._next = next((row for row in self._rows if row[0] > first_s), None)
        self.skipped_s = self.position_s = self._next[0] if place and self._next else 0.0
        self._row_due_s = 0.0
        self.ended = False

    def _rows_from(self, place: int) -> Generator[tuple[float, list[str]]]:
        """The rows from a place on; counts may have got a column since the last look."""
        self._names = names_of(next(csv.reader([self._lines.header()]), []))
        width = len(FIXED_COLUMNS) + len(self.columns) + len(self._names)
        return rows_of(self._lines.since(place), width)

    @property
    def title(self) -> str:
        """The file, the speed, and whether it is paused or ended."""
        speed = "at full speed" if math.isinf(self.speed) else f"× {self.speed:g}"
        how = "ended" if self.ended else "paused" if self.paused else speed
        how = "seeking" if self.is_seeking else how
        return f"{self.name} {how}"

    def poll(self) -> list[Message]:
        """Rows and events that became due since the last call."""
        now_s = self._clock()
        if not self.paused and not self.is_seeking:
            self._at_s += (now_s - self._asked_s) * self.speed if now_s > self._asked_s else 0.0
        self._asked_s = now_s
        found: list[Message] = []
        while self._next is not None and self._next[0] <= self._at_s:
            time_s, cells = self._next
            self.position_s = max(self.position_s, time_s)
            is_due = cells[EVENT] or time_s >= self._row_due_s
            if is_due and (message := message_of(cells, self._names)):
                found.append(message)
                if not cells[EVENT]:
                    self._row_due_s = time_s + 0.99 / SCREEN_HZ
            self._next = next(self._rows, None)
            is_enough = self.is_seeking and len(found) >= SEEK_ROWS
            if is_enough or self._clock() - now_s > BATCH_S:
                break
        if not self.is_seeking:
            self._target_s = None
        if self._next is None and not self.ended:
            self.ended = True
            self._rows.close()
        return found

    @property
    def refusal(self) -> str:
        """Why nothing can be marked: a recording cannot be changed."""
        return NOTHING_TO_MARK

    def request(self, **message: Any) -> Message:
        """Refuse: a recording cannot be changed."""
        return {"error": NO_PROCESSES if message["do"] == "processes" else NOTHING_TO_MARK}

    def faster(self, steps: int) -> None:
        """Move up `SPEEDS` by so many steps, or down if negative."""
        here = max((n for n, speed in enumerate(SPEEDS) if speed <= self.speed), default=0)
        self.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, here + steps))]
        if self._next is not None and math.isinf(self._at_s):
            self._at_s = self._next[0]

    @property
    def is_seeking(self) -> bool:
        """Whether the rows up to the time that was sought are still being read."""
        target_s, following = self._target_s, self._next
        return target_s is not None and following is not None and following[0] <= target_s

    def seek(self, time_s: float) -> bool:
        """Continue from another time, once the rows before it are read; at the end if beyond it.

        Of a far one, only the rows just before it are read: those before `skipped_s` are left out.
        Returns whether rows start over, from the beginning or from there. Raises UsageError if the
        file can no longer be read.
        """
        time_s = max(0.0, min(time_s, self.length_s))
        is_back = time_s < self.position_s
        try:
            lines = self._lines
            is_far = self._until(time_s) > lines.much
            if is_far or is_back:
                place = max(0, lines.place(time_s) - lines.near) if is_far else 0
                self._rows.close()
                self._rewind(place)
        except OSError as error:
            raise unreadable(self.path, error) from None
        self._at_s = self._target_s = time_s
        self._asked_s = self._clock()
        return is_far or is_back

    def _until(self, time_s: float) -> float:
        """About how much would be read until a time, from here or from the start."""
        from_s = self.position_s if time_s >= self.position_s else 0.0
        size = self._lines.size()
        return size * (time_s - from_s) / self.length_s if self.length_s else 0.0

    def reduce(self) -> Reduction:
        """What a summary needs of the whole file. Raises NotARunFileError, or OSError."""
        if self._whole is None:
            self._whole = reduce_run(self.path)
        return self._whole

    @property
    def sought_s(self) -> float:
        """The time of the last row read, or the later one that is still sought."""
        return max(self.position_s, self._target_s or 0.0)

    def pause(self) -> None:
        """Pause or resume."""
        self.paused = not self.paused

    def finish(self, **about: Any) -> None:
        """Close the file."""
        self._rows.close()


class Following(Playback):
    """Playback of a node's journal while it records: it goes on with rows as they come. `finished`
    is the file that takes its place at the end. Raises UsageError if it is not a run file."""

    def __init__(
        self, path: Path, finished: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(path, clock=clock)
        self._finished = finished
        self._growing = self._lines = GrowingLines(path)
        self._header = self._lines.header()
        self._rewind()

    @property
    def title(self) -> str:
        """The node, and whether rows are still shown as they come."""
        how = "ended" if self.ended else "paused" if self.paused else "now"
        return f"{self.name} {'seeking' if self.is_seeking else how}"

    def poll(self) -> list[Message]:
        """Rows and events that have come since the last call."""
        found = super().poll()
        if self._next is None:
            try:
                self._rows = self._rows_since()
                self._next = next(self._rows, None)
                self.ended = False
            except OSError:  # the recording has ended, and is now beside it
                self.path, self.ended = self._finished, True
        self.length_s = max(self.length_s, self.position_s)
        return found

    def _rows_since(self) -> Generator[tuple[float, list[str]]]:
        """The rows after the last one read, also in a file that took its place with more columns,
        in which each is elsewhere."""
        header, lines = self._header, self._growing
        self._header = lines.header()
        if self._header == header:
            return self._rows_from(lines.read_to - 1)
        found = self._rows_from(max(0, lines.place(self.position_s) - lines.near))
        return (row for row in found if row[0] > self.position_s)

    def seek(self, time_s: float) -> bool:
        """Continue from another time; see `Playback.seek`."""
        if time_s >= self.length_s:
            self.length_s = max(self.length_s, _length_s(self._lines, len(self._header.split(","))))
            time_s = self.length_s
        return super().seek(time_s)


def _header_and_rate(lines: Lines) -> tuple[list[str], float]:
    """The columns, and the sampling rate of the first rows."""
    path = lines.path
    try:
        header = next(csv.reader([lines.header()]), [])
        if tuple(header[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
            raise UsageError(
                f"{path} is not a run file: its first columns are not "
                f"{', '.join(FIXED_COLUMNS)}; use a file written by wattui"
            )
        times_s = [float(row[0]) for row in csv.reader(islice(lines.since(), FIRST_ROWS))]
    except OSError as error:
        raise unreadable(path, error) from None
    except NotARunFileError as error:
        raise UsageError(f"{path} is not a run file: {error}") from None
    except (ValueError, IndexError, csv.Error) as error:
        raise UsageError(f"{path} is damaged: its first rows cannot be read ({error})") from None
    steps_s = sorted(b - a for a, b in pairwise(times_s) if b - a > 0.0005)
    return header, 1 / steps_s[len(steps_s) // 2] if steps_s else 1.0


def _length_s(lines: Lines, width: int) -> float:
    """The time of the last whole row; 0 if there is none."""
    times_s = (time_of(cells[0]) for cells in _readable(lines.last()) if len(cells) == width)
    return max((time_s for time_s in times_s if time_s is not None), default=0.0)


def _source(columns: Sequence[str]) -> ReadSource:
    """A source for run.json, as far as the columns tell."""
    channels = []
    for column in columns:
        name = channel_of(column)
        channels.append(Channel(name, unit_of(column), kind_of(name).origin))
    return ReadSource("file", "", tuple(channels))


def rows_of(lines: Iterable[str], width: int) -> Generator[tuple[float, list[str]]]:
    """The time and the cells of each complete row."""
    for cells in _readable(lines):
        if len(cells) == width and (time_s := time_of(cells[0])) is not None:
            yield time_s, cells


def message_of(cells: Sequence[str], names: Sequence[str]) -> Message | None:
    """A row that ends with the counts `names`, as the recorder would have sent it; None if it is
    damaged."""
    time_s, _, phase, label, repeat, event, inferences, *others = cells
    last = len(others) - len(names)
    readings, counts = others[:last], zip(names, others[last:], strict=True)
    try:
        for text in filter(None, readings):
            float(text)
        return {
            "t": "event" if event else "row",
            "time": time_s,
            "event": event,
            "phase": phase,
            "label": label,
            "repeat": int(repeat) if repeat else None,
            "inferences": int(inferences) if inferences else None,
            "counts": {name: int(text) for name, text in counts if text},
            "cells": readings,
        }
    except ValueError:
        return None


def _readable(lines: Iterable[str]) -> Iterator[list[str]]:
    """The cells of each line that is CSV."""
    cells = csv.reader(lines)
    while True:
        try:
            yield next(cells)
        except StopIteration:
            return
        except csv.Error:
            continue
