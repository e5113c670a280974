"""One node of a fleet as its files show it: where it is, and whether it still records."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from recorders.channels import is_cumulative, kind_of, node_of
from recorders.counts import INFERENCES, names_of
from recorders.json_parts import WrongPartError
from recorders.rows import FIXED_COLUMNS
from recorders.summary.contents import contents, left_out, missing_parts, quoted_channel
from recorders.summary.figures import Summary
from recorders.summary.reduction import NOTE, Reduction
from wattui.fleet.folder import JOURNAL, NODE, PART, RUN_JSON
from wattui.runs.lines import lines_of
from wattui.runs.recorded import reduce_run
from wattui.runs.run_file import NotARunFileError
from wattui.runs.tail import Tail
from wattui.show.quantities import counted
from wattui.tui.state.live import Live
from wattui.tui.state.playback import EVENT, message_of, rows_of

# A node without new rows is silent, then lost; one that records at a slow rate has more time.
SILENT_S, LOST_S = 5.0, 30.0
SILENT_ROWS = 3
# It is called back for so long.
BACK_S = 30.0
# Powers are means over this time. Of rows without events, the last of each look is taken, and of
# many others one in this time.
STEP_S, MIDDLE_S = 0.9, 1.5
# Powers that are kept for the small graph, and rows of a finished recording that are read.
MOST_POWERS, LAST_ROWS = 60, 600
NOT_READ, NO_ROWS = "not read yet", "no rows yet"
OF_SEVERAL = "a file of several nodes, which is in no sum"


class State(Enum):
    """Whether a node records; in the order of a sorted column."""

    LOST = "lost"
    BROKEN_OFF = "broken off"
    SILENT = "silent"
    BACK = "back"
    STARTING = "starting"
    LATE = "joined late"
    RECORDING = "recording"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node's run.json says of it; `start_utc_s` is by the clock of the first node, as far as
    they were compared."""

    host: str = ""
    ranks: tuple[int, ...] = ()
    start_utc_s: float | None = None
    summary: Summary | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Joules of a node's running phases, and what was counted in them."""

    energy_j: float
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NodeNow:
    """A node at one moment; None is unknown, and `why` says why there are no figures.

    `contains` says what the sum of its power lacks, `origin` whether it is measured. `file` is what
    can be played back; `grows` whether rows are still coming.
    """

    key: str
    name: str
    facts: Facts
    state: State
    quiet_s: float = 0.0
    phase: str = ""
    label: str = ""
    power_w: float | None = None
    energy_j: float | None = None
    counts: dict[str, int] = field(default_factory=dict)
    running: Running | None = None
    channel: str = ""
    contains: str = ""
    origin: str = "measured"
    powers_w: tuple[float, ...] = ()
    why: str = ""
    file: Path | None = None
    grows: bool = False

    @property
    def count(self) -> tuple[str, int] | None:
        """What is counted: inferences, or else the first that has a name."""
        return next(((name, n) for name, n in self.counts.items()), None)

    def j_per(self, name: str | None = None) -> float | None:
        """Joules of its running phases per one of what it counted; by default, of the first."""
        if self.running is None:
            return None
        n = self.running.counts.get(name or next(iter(self.running.counts)))
        return self.running.energy_j / n if n else None

    @property
    def is_there(self) -> bool:
        """Whether its power is that of now."""
        return self.state in (State.RECORDING, State.LATE, State.BACK)

    @property
    def state_text(self) -> str:
        """Its state in words."""
        return f"silent {self.quiet_s:.0f} s" if self.state is State.SILENT else self.state.value

    @property
    def of_text(self) -> str:
        """What its power is of."""
        own = "" if self.channel == "total" else self.channel
        words = (self.contains or own, "" if self.origin == "measured" else self.origin)
        return ", ".join(filter(None, words)) or self.channel


class NodeWatch:
    """Follows the files of a node."""

    def __init__(self, folder: Path, now_s: float) -> None:
        self.folder = folder
        self.key = folder.name.removeprefix(NODE)
        self.facts = Facts()
        self.is_finished = self.was_lost = False
        self._facts_ns = -1
        self._tail = Tail(folder / JOURNAL)
        self._starts = 0
        self._live: Live | None = None
        self._names: Sequence[str] = ()
        self._energies: Sequence[int] = ()
        self._contents = -1, ""
        self._width = 0
        self._row_due_s = self._step_s = 0.0
        self._time_s: float | None = None
        self._energy_j: float | None = None
        self._drawn: tuple[float, float] | None = None
        self._powers_w: deque[float] = deque(maxlen=MOST_POWERS)
        self._channel: str | None = None
        self._place: int | None = None
        self._running: Running | None = None
        self._has_changed = False
        self._why, self._error = NOT_READ, ""
        self._grown_s = now_s
        self._back_s: float | None = None

    @property
    def quiet_since_s(self) -> float:
        """The time of the last new row, else that at which the node was first seen."""
        return self._grown_s

    @property
    def ended_utc_s(self) -> float | None:
        """The time of day of the last row, by the clock of the first node; None if unknown."""
        start_s = self.facts.start_utc_s
        return None if start_s is None or self._time_s is None else start_s + self._time_s

    @property
    def is_to_be_read(self) -> bool:
        """Whether rows before those that were read are needed for its energies."""
        return self._live is not None and not self._live.is_whole and self._summary is None

    @property
    def _summary(self) -> Summary | None:
        return self.facts.summary if self.is_finished else None

    @property
    def is_new(self) -> bool:
        """Whether it was not looked at yet."""
        return self._why == NOT_READ

    def look(self, now_s: float, wall_s: float) -> None:
        """Read what is new; an error is in `why` until it has gone."""
        if self.is_new:
            self._why = ""
        try:
            self._look(now_s, wall_s)
            self._error = ""
        except OSError as error:
            self._error = str(error.strerror)

    def _look(self, now_s: float, wall_s: float) -> None:
        self._read_facts()
        if self.is_finished:
            return
        if (self.folder / PART).exists():
            self._finish()
            return
        is_first = self._live is None
        try:
            lines = self._tail.read()
        except FileNotFoundError:
            return
        if self._tail.starts != self._starts:
            self._starts = self._tail.starts
            self._begin(self._tail.header, self._tail.is_whole)
        if lines:
            self._take(lines)
            age_s = max(0.0, wall_s - self._tail.path.stat().st_mtime) if is_first else 0.0
            self._grown_s = now_s - age_s

    def state(self, now_s: float, is_late: bool) -> State:
        """Whether it records. Notes whether it was lost before."""
        if self.is_finished:
            is_whole = self.facts.status != State.BROKEN_OFF.value
            return State.FINISHED if is_whole else State.BROKEN_OFF
        quiet_s = now_s - self._grown_s
        slow_s = SILENT_ROWS * self._step_s
        if quiet_s >= max(LOST_S, 2 * slow_s):
            self.was_lost, self._back_s = True, None
            return State.LOST
        if quiet_s >= max(SILENT_S, slow_s):
            return State.LOST if self.was_lost else State.SILENT
        if self.was_lost:
            self.was_lost, self._back_s = False, now_s
        if self._time_s is None:
            return State.STARTING
        if self._back_s is not None and now_s - self._back_s < BACK_S:
            return State.BACK
        return State.LATE if is_late else State.RECORDING

    @property
    def host(self) -> str:
        """The host's name, or the beginning of the boot's id until that is known."""
        return self.facts.host or self.key[:8]

    def now(self, now_s: float, state: State, name: str) -> NodeNow:
        """The node at this moment, by this name."""
        live, channel = self._live, self._channel
        found = NodeNow(
            self.key,
            name,
            self.facts,
            state,
            now_s - self._grown_s,
            why=self._error or self._why or NO_ROWS,
        )
        if live is None or self._time_s is None:
            return found
        if found.is_there:
            stretch = live.stretch
            found = replace(
                found,
                phase=stretch.phase if stretch else "",
                label=stretch.label if stretch else "",
                power_w=self._powers_w[-1] if self._powers_w else None,
            )
        return replace(
            found,
            energy_j=self._energy_j,
            counts=_counted(live.counts),
            running=self._running,
            channel=channel or "",
            contains=self._contains(live.reduction),
            origin=kind_of(channel).origin if channel else "",
            powers_w=tuple(self._powers_w),
            why=self._error or self._why or ("" if channel else "no power sensor"),
            file=self._file,
            grows=not self.is_finished and state is not State.LOST,
        )

    def read_all(self) -> None:
        """Read the rows before those that were read, once, for energies since the beginning."""
        if self._live is None or self._file is None:
            return
        try:
            self._live.backfill(reduce_run(self._file))
            self._quote(self._live)
        except (NotARunFileError, OSError) as error:
            self._why = str(error)
            self._live.skipped_s = 0.0
        self._has_changed = True

    def summarise(self) -> bool:
        """Work out the energies of the running phases so far; False if nothing has changed."""
        if self._live is None or self.is_to_be_read or not self._has_changed:
            return False
        self._has_changed = False
        try:
            summary = self._summary or self._live.summary()
        except (ValueError, KeyError):  # rows that contradict each other
            summary = None
        running = summary.running if summary else None
        domain = running.domains.get(self._channel or "") if running else None
        self._running = None
        if summary and running and domain and domain.running_j:
            counts = {name: each.count for name, each in running.counts.items() if each.count}
            if running.inferences:
                counts = {summary.per: running.inferences} | counts
            self._running = Running(domain.running_j.value, counts) if counts else None
        return True

    @property
    def _file(self) -> Path | None:
        name = PART if self.is_finished else JOURNAL
        return self.folder / name if self._live is not None else None

    def _contains(self, reduction: Reduction) -> str:
        if self._summary is not None:
            return self._summary.contents
        if self._contents[0] != len(reduction.events):
            missing = missing_parts(reduction, self._time_s or 0.0)
            channels, without = reduction.energy_channels, left_out(reduction)
            words = contents(self._channel, channels, missing, without)
            self._contents = len(reduction.events), words
        return self._contents[1]

    def _finish(self) -> None:
        try:
            lines = lines_of(self.folder / PART)
            if any(map(node_of, lines.header().split(","))):
                self._why, self.is_finished = OF_SEVERAL, True
                return
            first = max(0, lines.size() - LAST_ROWS)
            self._begin(lines.header(), is_whole=first == 0)
            self._take(list(lines.since(first)))
            self.is_finished = True
        except NotARunFileError as error:
            self._why, self.is_finished = str(error), True

    def _begin(self, header: str, is_whole: bool) -> None:
        """Start over with a file's columns."""
        columns = header.strip().split(",")
        if tuple(columns[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
            self._why, self._live = "not a run file", None
            return
        self._names, self._width = names_of(columns), len(columns)
        readings = columns[len(FIXED_COLUMNS) : len(columns) - len(self._names)]
        self._energies = [place for place, name in enumerate(readings) if is_cumulative(name)]
        self._live = Live([readings[place] for place in self._energies])
        self._live.skipped_s = 0.0 if is_whole else -1.0
        self._why, self._channel, self._place = "", None, None
        self._row_due_s, self._time_s, self._energy_j, self._drawn = 0.0, None, None, None
        self._powers_w.clear()
        self._quote(self._live)

    def _take(self, lines: Sequence[str]) -> None:
        live = self._live
        if live is None:
            return
        rows = [*rows_of(lines, self._width)]
        latest = self._latest(rows)
        for number, (time_s, cells) in enumerate(rows):
            if self._time_s is not None and time_s > self._time_s:
                self._step_s = time_s - self._time_s
            self._time_s = time_s
            is_read = self._place is not None and bool(cells[self._place])
            is_due = number == latest or (is_read and time_s >= self._row_due_s)
            if (cells[EVENT] or is_due) and (message := message_of(cells, self._names)):
                if live.skipped_s < 0:
                    live.skipped_s = time_s
                energies = [message["cells"][place] for place in self._energies]
                live.take({**message, "cells": energies})
                if cells[EVENT].startswith(NOTE):
                    self._quote(live)
                if self._place is not None and cells[self._place]:
                    self._draw(time_s, float(cells[self._place]))
            if is_due:
                self._row_due_s = time_s + MIDDLE_S
        self._has_changed = True

    def _latest(self, rows: Sequence[tuple[float, Sequence[str]]]) -> int:
        """The place of the last row in which the headline channel was read, else of the last."""
        places = range(len(rows) - 1, -1, -1)
        read = (each for each in places if self._place is None or rows[each][1][self._place])
        return next(read, len(rows) - 1)

    def _quote(self, live: Live) -> None:
        """Find the headline channel."""
        if (channel := quoted_channel(live.reduction)) != self._channel:
            self._channel, self._energy_j, self._drawn = channel, None, None
            self._powers_w.clear()
            column = f"{channel}_J"
            self._place = (
                len(FIXED_COLUMNS) + self._energies[live.columns.index(column)]
                if column in live.columns
                else None
            )

    def _draw(self, time_s: float, energy_j: float) -> None:
        """Keep a reading of the headline channel, and the mean power since the last one."""
        self._energy_j = energy_j
        since_s, since_j = self._drawn or (time_s, energy_j)
        if self._drawn is None or time_s - since_s >= STEP_S:
            if time_s > since_s:
                self._powers_w.append((energy_j - since_j) / (time_s - since_s))
            self._drawn = time_s, energy_j

    def _read_facts(self) -> None:
        path = self.folder / RUN_JSON
        try:
            changed_ns = path.stat().st_mtime_ns
            if changed_ns == self._facts_ns:
                return
            found = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError, RecursionError):
            return
        self._facts_ns, self._has_changed = changed_ns, True
        before, self.facts = self.facts, read_facts(found)
        if not self.facts.ranks:  # as of a recorder whose front end was killed
            self.facts = replace(
                self.facts,
                ranks=before.ranks,
                start_utc_s=before.start_utc_s or self.facts.start_utc_s,
            )


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    """What was counted, inferences first."""
    found = sorted(counts.items(), key=lambda item: item[0] != INFERENCES)
    return {name: n for name, n in found if n}


def node_file(folder: Path) -> Path:
    """The rows of a node: its finished recording, or the copy of one that is not."""
    part = folder / PART
    return part if part.exists() else folder / JOURNAL


def read_facts(found: Any) -> Facts:
    """What run.json says of a node, as far as it can be read."""
    run, fleet = _part(found), _part(_part(found).get("fleet"))
    host, clock = _part(run.get("host")).get("name"), _part(run.get("clock")).get("start_utc_ns")
    offset_ns = _part(fleet.get("clock")).get("wall_offset_ns")
    listed = fleet.get("ranks")
    ranks = [_part(each).get("rank") for each in listed] if isinstance(listed, list) else []
    try:
        summary = Summary.from_dict(run["summary"])
    except (WrongPartError, KeyError):
        summary = None
    return Facts(
        host if isinstance(host, str) else "",
        tuple(rank for rank in ranks if isinstance(rank, int)),
        (clock + (offset_ns if isinstance(offset_ns, int | float) else 0)) * 1e-9
        if isinstance(clock, int)
        else None,
        summary,
        status if isinstance(status := run.get("status"), str) else "",
    )


def _part(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def ranks_text(ranks: Sequence[int]) -> str:
    """Ranks in words: `0–3`, `0, 2`, `8 ranks`; – if unknown."""
    if not ranks:
        return "–"
    if len(ranks) > 1 and list(ranks) == list(range(ranks[0], ranks[0] + len(ranks))):
        return f"{ranks[0]}–{ranks[-1]}"
    text = ", ".join(map(str, ranks))
    return text if len(text) <= 9 else counted(len(ranks), "rank")
