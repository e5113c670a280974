"""Turns requests from the front end, marking programs and shells into phases."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recorders import process_table
from recorders.counts import INFERENCES, Counts, growth
from recorders.edges import Quiet
from recorders.inbox import FRONT_END, SHELL, Request
from recorders.marks import CountPages
from recorders.phases import LOADING, RUNNING, SPEAKS_FOR_ITSELF, Edge, Phase, Phases
from recorders.processes import Process, parent_of, process_of, run_in_parallel
from recorders.recorder import Recorder, Send
from recorders.summary.by_hand import hand_reading
from recorders.summary.failures import ended_note
from recorders.summary.reduction import (
    BEGIN,
    BLOCK,
    EDGES,
    END,
    LATE,
    NOTE,
    QUIET,
    SPAN,
    count_event,
)
from recorders.summary.served import at_end_note, drained_note
from recorders.tallies import Tallies
from recorders.texts import MOST_BYTES, OwnNote, cut, users_note
from recorders.undo import Mark, Position
from recorders.wire import Message

if TYPE_CHECKING:
    from recorders.servers.source import Servers

# The edges of these phases do not wait for requests of servers; those of baselines have no tokens.
NOT_DRAINED, BASELINES = frozenset({"warmup", "cooldown", LOADING}), frozenset({"idle", "armed"})
# Waits shorter than this, seconds, are not noted.
DRAINED_S = 0.2
NO_MARK = "there is no mark to undo"
NOT_THE_LAST = "other phases have begun or ended since"
ENDED_LOADING = "the mark ended the command's loading phase, which cannot be undone"
# An older request was not delayed: the program that made it had given up on it.
LATE_NS = 1_000_000_000
# A request that nobody waits for may be this old before its age matters.
UNAWAITED_NS = 2_000_000
MOST_REFUSALS = 100
# The marks, notes and readings that can be undone, one after another.
MOST_UNDONE = 100
# The name of a mark that was meant to be a count.
_LIKE_A_COUNT = re.compile(r"\+|-[\d.]+$")


@dataclass(frozen=True, slots=True)
class Implicit:
    """The running phase of a command until it marks its own."""

    phase: Phase
    position: Position


class Conductor:
    """Answers requests; every phase edge goes through `Recorder.edge`.

    `meters` are the names of the wall meters read manually. `servers` are asked for their counts at
    every edge, for which programs may wait `drain_s`. `stop_request` is the request that ended the
    recording; `command_pid` is the running command. `rank` is the front end's, if it is one of a
    job's processes.
    """

    def __init__(
        self,
        recorder: Recorder,
        pages: CountPages,
        meters: Sequence[str] = (),
        rank: int | None = None,
        servers: Servers | None = None,
        drain_s: float = 0.0,
    ) -> None:
        self._servers, self._drain_s = servers, drain_s
        # Since when each sender waits for the requests of servers to end.
        self._drains: dict[int, int] = {}
        self._sender = FRONT_END
        self._recorder = recorder
        self._pages = pages
        self._meters, self._rank = meters, rank
        self._phases = Phases()
        self._tallies = Tallies()
        self._page_of: dict[int, str] = {}
        self._told: dict[int, Counter[str]] = {}
        # The slot of each program's phase, and its counts at the begin.
        self._places: dict[int, tuple[int, Counts]] = {}
        # When the counters were read at the begin of phases that say later when that was for them.
        self._held_ns: dict[int, int] = {}
        self._refusals = self._cuts = 0
        self._totals: Counts = {}
        self._late = ""
        self._quiet: Quiet = ""
        self._answer: Send | None = None
        self._unaligned: set[str] = set()
        self._left_passes: set[str] = set()
        self._implicit: Implicit | None = None
        self._marked: Phase | None = None
        # Who made the last mark, with the number of its phase; and phases that others have ended.
        self._marked_by: tuple[int, Process] | None = None
        self._mixed: set[str] = set()
        self._sender_pid = 0
        # What can be undone, the last one at the end, or why there is none.
        self._undoable = deque[Mark](maxlen=MOST_UNDONE)
        self._no_undo = NO_MARK
        self.command_pid: int | None = None
        self.stop_request: Message | None = None
        self.lost_marks = 0
        anyone: dict[str, Callable[[Message, int], Message | None]] = {
            "begin": self._begin,
            "end": self._end,
            "mark": self._mark,
            "undo": self._undo,
            "note": self._note,
            "meter": self._meter,
            "count": self._count,
            "hello": self._hello,
            "names": self._name,
            "lost": self._lost,
            "quiet": self._watch_quiet,
            "drain": self._drain,
            "target": self._target,
            "left": self._left,
            "bye": self._bye,
            "unreadable": self._unreadable,
        }
        self._anyone = anyone
        self._front_end = anyone | {
            "command": self._command,
            "watch": self._watch,
            "command_end": self._command_end,
            "rows": self._rows,
            "sensors": self._sensors,
            "processes": self._show_processes,
            "stop": self._stop,
        }

    def handle(self, request: Request) -> Message | None:
        """Handle a request; an error is reported in its answer. None: it is answered later."""
        known = self._front_end if request.owner == FRONT_END else self._anyone
        what = str(request.message.get("do"))
        try:
            if what not in known:
                raise ValueError("unknown request")
            self._late, self._quiet = self._late_event(request.message), ""
            self._sender_pid, self._answer = request.pid, request.answer
            self._sender = request.owner
            found = known[what](request.message, request.owner)
            return None if found is None else {"t": "ack", **found}
        except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
            text = f"{what}: {error}"
            if request.owner != FRONT_END and what != "quiet":
                self._note_refusal(text)
            return {"t": "ack", "error": text}

    def stop(self, message: Message) -> None:
        """End every phase and the recording."""
        if self.stop_request is None:
            self.stop_request = message
            if "command" not in message:
                who = "the recording program" if "front_end" in message else "the recorder"
                self._recorder.note(
                    f"{OwnNote.BROKEN_OFF}: {who} was stopped before it had finished"
                )
            self._close(self._phases.all_open())
            self._recorder.stop()

    def _begin(self, message: Message, owner: int) -> Message:
        own_id, repeat, inside = (_whole(message, key) for key in ("id", "repeat", "in"))
        name, label = self._names(message)
        self._quiet = "before" if message.get("quiet") else ""
        holds = bool(message.get("block")) and not self._late
        phase = self._open(name, label, owner, None, repeat, own_id, inside, holds)
        if why := message.get("unaligned"):
            self._note_unaligned(phase, str(why))
        if place := _whole(message, "place"):
            self._places[phase.number] = place, self._pages.at(self._page_of.get(owner, ""), place)
        return {"id": phase.own_id}

    def _end(self, message: Message, owner: int) -> Message:
        if phase := self._phases.find(owner, int(message["id"])):
            named = _whole_numbers(message.get("counts") or {})
            self._settle()
            self._places.pop(phase.number, None)
            self._tell(phase, {INFERENCES: _whole(message, "n") or 0, **named})
            self._quiet = "after" if message.get("quiet") else ""
            block_ns = self._block(phase, message)
            edges = self._ended(phase)
            if block_ns:
                edges.insert(0, (f"{BLOCK}{self._recorder.block_text(*block_ns)}", phase))
            self._edge(edges, self._phases.current, block_ns[1] if block_ns else None)
        return {}

    def _block(self, phase: Phase, message: Message) -> tuple[int, int] | None:
        """When the call for a phase's begin returned to the program, and when it made this one; the
        edge of the begin is then no longer on hold. None if it did not say so, or was late."""
        read_ns = self._held_ns.get(phase.number)
        begun_ns, at_ns = (_whole(message, key) for key in ("begun_ns", "at_ns"))
        if read_ns is None or begun_ns is None or at_ns is None or self._late:
            return None
        is_block = begun_ns <= at_ns and self._recorder.settle(read_ns, begun_ns)
        return (begun_ns, at_ns) if is_block else None

    def _watch_quiet(self, message: Message, owner: int) -> None:
        """Answer once the counters have moved; until then the program is quiet."""
        if self._answer:
            self._recorder.watch_quiet(owner, self._answer)

    def _drain(self, message: Message, owner: int) -> Message:
        """Tell whether an edge that is wanted since then has to wait for requests of servers."""
        if self._servers is None or not self._drain_s:
            return {}
        since_ns = int(message["since_ns"])
        self._drains[owner] = since_ns
        waits, n = self._servers.wait_for(since_ns)
        return {"wait": waits, "open": n}

    def _note_requests(self, edges: Sequence[Edge]) -> None:
        """Note how long an edge has waited for requests of servers, and those that it cuts."""
        since_ns = self._drains.pop(self._sender, None)
        if self._servers is None:
            return
        edge_ns = self._recorder.edge_ns
        self._servers.was_edge(edge_ns, self._recorder.time_text(edge_ns))
        waited_s = 0.0 if since_ns is None else (edge_ns - since_ns) * 1e-9
        n = self._servers.open_at_end
        for event, phase in edges:
            if event not in EDGES or phase is None or phase.name in NOT_DRAINED:
                continue
            named = " ".join(filter(None, (phase.name, phase.label)))
            if waited_s > DRAINED_S:
                self._recorder.note(drained_note(named, event, waited_s))
            if n != 0 and phase.name not in BASELINES:
                self._recorder.note(at_end_note(named, event, n))

    def _target(self, message: Message, owner: int) -> Message:
        """Tell how well the energy of an open phase is known, for a program that runs on until it
        is known well enough; and note it."""
        phase = self._phases.find(owner, int(message["id"]))
        target = float(message["share"])
        if phase is None or not 0 < target < 1:
            return {}
        self._block(phase, message)
        found = self._recorder.so_far(phase)
        named = " ".join(filter(None, (phase.name, phase.label)))
        asked = f"{100 * target:.3g} %"
        if found is None:
            self._recorder.note(f"{OwnNote.TARGET_MISSED} {named}: ± is unknown, not {asked}")
            return {}
        reached = found.reaches(target)
        known = f"{named}: ± {100 * found.share:.2g} %"
        if reached:
            self._recorder.tell_repeat(f"{known} after {found.seconds:.3g} s", is_last=True)
        elif message.get("last"):
            after = f"after {found.seconds:.3g} s, not {asked}"
            self._recorder.note(f"{OwnNote.TARGET_MISSED} {known} {after}")
        else:
            left = f"about {found.left_s(target):.2g} s more for {asked}"
            self._recorder.tell_repeat(f"{known}, {left}", is_last=False)
        return {"reached": reached, "wait_s": found.wait_s(target)}

    def _left(self, message: Message, owner: int) -> Message:
        """Note that a program left a repeated phase during a pass, once for each label."""
        if phase := self._phases.find(owner, int(message["id"])):
            named = " ".join(filter(None, (phase.name, phase.label)))
            if named not in self._left_passes and len(self._left_passes) < MOST_REFUSALS:
                self._left_passes.add(named)
                self._recorder.note(f"{OwnNote.LEFT_PASS} {named}")
        return {}

    def _note_unaligned(self, phase: Phase, why: str) -> None:
        """Note why a phase was not aligned, once for each reason."""
        if why not in self._unaligned and len(self._unaligned) < MOST_REFUSALS:
            self._unaligned.add(why)
            named = " ".join(filter(None, (phase.name, phase.label)))
            self._recorder.note(f"{OwnNote.UNALIGNED} {named}: {cut(why)}")

    def _mark(self, message: Message, owner: int) -> Message:
        name, label = self._names(message)
        if owner != FRONT_END and _LIKE_A_COUNT.match(name):
            raise ValueError(
                f"{name!r} is not a phase; a count is +N in the pipe, or --count N, with a whole N"
            )
        before, implicit = (self._phases.all_open(), self._marked), self._implicit
        undoable = self._undoable
        ended, self._marked = self._marked, None
        if ended and self._phases.find(ended.owner, ended.own_id) is None:
            ended = None
        if name:
            self._marked = self._open(name, label, SHELL, ended)
        elif ended:
            self._settle()
            self._edge(self._ended(ended), self._phases.current)
        else:
            return {}
        if self._implicit is implicit:
            mark = Mark(*self._last_edge, *before, self._tallies.ended)
            undoable.append(mark)
            self._undoable = undoable
        else:
            self._no_undo = ENDED_LOADING
        self._note_marker(ended, parent_of if message.get("shell") else process_of)
        return {}

    def _note_marker(self, ended: Phase | None, find: Callable[[int], Process | None]) -> None:
        """Remember who made a mark, and note if it ended that of a process running beside it."""
        last, marker = self._marked_by, find(self._sender_pid)
        if ended and last and marker and last[0] == ended.number:
            text = " ".join(filter(None, (ended.name, ended.label)))
            is_new = text not in self._mixed and len(self._mixed) < MOST_REFUSALS
            if is_new and run_in_parallel(last[1], marker):
                self._mixed.add(text)
                self._recorder.note(f"{OwnNote.MIXED_MARKS} {text}")
        self._marked_by = (self._marked.number, marker) if self._marked and marker else None

    def _undo(self, message: Message, owner: int) -> Message:
        """Undo the last mark, note or reading that is left, as if it had never been made."""
        if not self._undoable:
            raise ValueError(self._no_undo)
        mark = self._undoable[-1]
        self._recorder.undo(mark)
        event, last = mark.edges[-1]
        self._phases.restore(mark.open_before)
        begun = last if event == BEGIN else None
        self._tallies.take_back(mark.ended, begun, self._phases.current)
        self._marked = mark.marked_before
        self._undoable.pop()
        self._no_undo = NO_MARK
        return {"undone": mark.words, "left": len(self._undoable)}

    def _meter(self, message: Message, owner: int) -> Message:
        reading, phase = hand_reading(message, self._meters), self._phases.current
        position = self._recorder.edge([(reading.note, phase)], phase, reading)
        self._may_be_undone(position, reading.note, owner)
        return {}

    def _note(self, message: Message, owner: int) -> Message:
        text = self._cut("note", str(message["text"]))
        if owner == FRONT_END and message.get("own"):
            self._recorder.note(text)
            return {}
        position, note = self._recorder.position(), users_note(text)
        self._recorder.note(note)
        self._may_be_undone(position, f"{NOTE}{note}", owner)
        return {}

    def _may_be_undone(self, position: Position, event: str, owner: int) -> None:
        """Remember what was typed in the front end, besides the marks."""
        if owner == FRONT_END:
            phase, open_now = self._phases.current, self._phases.all_open()
            mark = Mark(position, [(event, phase)], phase, open_now, self._marked)
            self._undoable.append(mark)

    def _unreadable(self, message: Message, owner: int) -> Message:
        raise ValueError(str(message["reason"]))

    def _count(self, message: Message, owner: int) -> Message:
        n = int(message["n"])
        if n < 0:
            raise ValueError("a count cannot be negative")
        of = str(message.get("of") or INFERENCES)
        self._pages.add(n, of, self._rank_of(message, owner))
        if owner != FRONT_END and (marked := self._phases.owned_by(SHELL)):
            self._tallies.add_outside(marked[0], {of: n})
        return {}

    def _hello(self, message: Message, owner: int) -> Message:
        page = str(message["page"])
        self._page_of[owner] = page
        names = _whole_numbers(message.get("names") or {})
        self._pages.open(page, names, self._rank_of(message, owner))
        return {"drain_s": self._drain_s} if self._servers and self._drain_s else {}

    def _rank_of(self, message: Message, owner: int) -> str:
        """The rank of who sent this, of a job of several; empty if it has none."""
        own = self._rank if owner == FRONT_END else None
        return str(message.get("rank", "" if own is None else own))

    def _name(self, message: Message, owner: int) -> Message:
        """A program has counts with names that it had not told."""
        if page := self._page_of.get(owner):
            self._pages.name(page, _whole_numbers(message["names"]))
        return {}

    def _lost(self, message: Message, owner: int) -> Message:
        """Note that a program dropped requests before they could be delivered."""
        n = int(message["n"])
        self.lost_marks += n
        self._recorder.note(
            f"{OwnNote.LOST_MARKS}: {n} requests were dropped before they could be delivered"
        )
        return {}

    def note_unreachable(self) -> None:
        """Note that marks could no longer be made; how many were lost is unknown."""
        self.lost_marks += 1
        self._recorder.note(
            f"{OwnNote.LOST_MARKS}: another program removed the marks directory ($WATTUI_RUN), "
            "so later marks are missing"
        )

    def _note_refusal(self, text: str) -> None:
        """Note a refused request in the file, up to a limit."""
        self._refusals += 1
        if self._refusals <= MOST_REFUSALS:
            self._recorder.note(f"{OwnNote.REFUSED} {cut(text)}")

    def _bye(self, message: Message, owner: int) -> Message:
        self._recorder.forget_quiet(owner)
        owned = self._phases.owned_by(owner)
        self._close(owned)
        if (page := self._page_of.pop(owner, None)) and not self._pages.close(page):
            self._recorder.note(
                f"{OwnNote.LOST_MARKS}: {page} was truncated, and some of its counts were lost"
            )
            self.lost_marks += 1
        self._told.pop(owner, None)
        if owner == FRONT_END:
            self.stop({"do": "stop", "front_end": "gone"})
        return {}

    def _command(self, message: Message, owner: int) -> Message:
        """The command is about to start: its time counts as running until it marks otherwise."""
        self._phases.repeat = message.get("repeat")
        self._phases.base_label = self._cut("label", str(message.get("label") or ""))
        if (thread := _whole(message, "thread")) is not None:
            self._recorder.expect(thread)
        position = self._recorder.position()
        self._implicit = Implicit(self._open(RUNNING, "", FRONT_END, None), position)
        return {}

    def _watch(self, message: Message, owner: int) -> Message:
        self.command_pid = int(message["pid"])
        self._recorder.watch(self.command_pid, *map(int, message.get("others", ())))
        return {}

    def _command_end(self, message: Message, owner: int) -> Message:
        if n := int(message.get("inferences") or 0):
            self._pages.add(n, rank=self._rank_of(message, owner))
        self._close(self._phases.all_open())
        self._forget_marks()
        status = message.get("exit_status")
        whole = None if status is None else int(status)
        self._recorder.note(ended_note(whole, self._phases.repeat, bool(message.get("stopped"))))
        self.command_pid = self._implicit = self._marked = None
        self._recorder.watch(None)
        self._phases.repeat, self._phases.base_label = None, ""
        return {}

    def _rows(self, message: Message, owner: int) -> Message:
        self._recorder.send_rows(float(message["rate_hz"]))
        return {}

    def _sensors(self, message: Message, owner: int) -> Message:
        return {
            "update_periods_s": self._recorder.update_periods_s(),
            "learns_in_s": self._recorder.learns_in_s(),
        }

    def _show_processes(self, message: Message, owner: int) -> Message:
        period_s = float(message.get("period_s", process_table.PERIOD_S))
        self._recorder.show_processes(bool(message["show"]), period_s)
        return {}

    def _stop(self, message: Message, owner: int) -> Message:
        self.stop(message)
        return {}

    def _open(
        self,
        name: str,
        label: str,
        owner: int,
        ended: Phase | None,
        repeat: int | None = None,
        own_id: int | None = None,
        inside: int | None = None,
        holds: bool = False,
    ) -> Phase:
        """Open a phase at one reading, which also ends the phase it replaces.

        `holds`: the program says later when that was for it.
        """
        if not name:
            raise ValueError("a phase needs a name")
        self._settle()
        edges = self._ended(ended) if ended else []
        implicit = self._implicit
        if implicit and name in SPEAKS_FOR_ITSELF:
            self._implicit = None
            self._recorder.rename_running_since(implicit.position)
            edges += self._ended(implicit.phase, LOADING)
        current = self._phases.current
        phase = self._phases.begin(name, label, owner, repeat, own_id, inside)
        self._tallies.begin(phase, self._totals)
        edges += self._how_rows(phase, "before")
        if phase.around is not current:
            edges.append((f"{SPAN}{self._phases.place(phase.around)}", phase))
        self._edge([*edges, (BEGIN, phase)], phase, hold=holds)
        if holds:
            self._held_ns[phase.number] = self._recorder.edge_ns
        return phase

    def _close(self, phases: Sequence[Phase]) -> None:
        """End several phases at one reading, innermost first."""
        if phases:
            self._settle()
            for phase in phases:
                self._tell_counted(phase)
            edges = [edge for phase in phases for edge in self._ended(phase)]
            self._edge(edges, self._phases.current)

    def _ended(self, phase: Phase, name: str | None = None) -> list[Edge]:
        """End a phase; returns its rows, with the events that a reader of the file needs.

        By default, a reader takes an end as that of the last open phase with its name, label and
        repeat, and takes what was counted since its begin as its counts.
        """
        place = self._phases.place(phase) if self._phases.twins(phase)[-1] is not phase else 0
        self._phases.end(phase.number)
        if (read_ns := self._held_ns.pop(phase.number, None)) is not None:
            self._recorder.settle(read_ns, read_ns)
        counted = self._tallies.end(phase, self._totals)
        shown = phase if name is None else replace(phase, name=name)
        edges = self._how_rows(shown, "after")
        if place:
            edges.append((f"{SPAN}{place}", shown))
        edges += [(count_event(n, name), shown) for name, n in counted.items()]
        return [*edges, (END, shown)]

    def _settle(self) -> None:
        """Settle the counts so far, before an edge."""
        if self._servers:
            self._servers.read_now()
        self._totals = self._pages.totals()
        self._tallies.settle(self._pages.outside(), self._phases.current)

    def _tell(self, phase: Phase, counts: Counts) -> None:
        """Credit what a program has counted in one of its phases."""
        untold = self._untold(phase.owner)
        counts = {name: min(max(n, 0), untold.get(name, 0)) for name, n in counts.items()}
        self._told.setdefault(phase.owner, Counter()).update(counts)
        self._tallies.add(phase, counts)

    def _tell_counted(self, phase: Phase) -> None:
        """Credit what a program has counted in a phase that it cannot end itself."""
        place, before = self._places.pop(phase.number, (0, {}))
        if place:
            now = self._pages.at(self._page_of.get(phase.owner, ""), place)
            self._tell(phase, growth(before, now))

    def _untold(self, owner: int) -> Counts:
        """What a process has counted in its phases without saying in which."""
        page = self._page_of.get(owner)
        return growth(self._told.get(owner, {}), self._pages.inside(page)) if page else {}

    def _late_event(self, message: Message) -> str:
        """The event that says when a late edge was made; empty if it is on time."""
        at_ns = message.get("at_ns")
        least_ns = UNAWAITED_NS if message.get("late") else LATE_NS
        time_text = self._recorder.past_text(at_ns, least_ns) if isinstance(at_ns, int) else ""
        return f"{LATE}{time_text}" if time_text else ""

    def _how_rows(self, phase: Phase, side: Quiet) -> list[Edge]:
        """How an edge was made, if not as usual: late, or with the program quiet on one side."""
        if self._late:
            return [(self._late, phase)]
        return [(f"{QUIET}{side}", phase)] if self._quiet == side else []

    def _edge(
        self,
        edges: Sequence[Edge],
        then: Phase | None,
        at_ns: int | None = None,
        hold: bool = False,
    ) -> None:
        quiet: Quiet = "" if self._late else self._quiet
        position = self._recorder.edge(
            edges, then, counts=self._totals, quiet=quiet, at_ns=at_ns, hold=hold
        )
        self._last_edge = position, edges, then
        self._note_requests(edges)
        self._forget_marks()

    def _names(self, message: Message) -> tuple[str, str]:
        name = self._cut("phase", str(message["phase"]))
        return name, self._cut("label", str(message.get("label") or ""))

    def _cut(self, what: str, text: str) -> str:
        """A text truncated to the maximum length, which is then noted in the file."""
        kept = cut(text)
        if kept is not text:
            self._cuts += 1
            if self._cuts <= MOST_REFUSALS:
                self._recorder.note(
                    f"{OwnNote.CUT} a {what} of {len(text):,} characters to {MOST_BYTES:,} bytes"
                )
        return kept

    def _forget_marks(self) -> None:
        """Other phases have begun or ended: the marks before can no longer be undone."""
        if self._undoable or self._no_undo != NO_MARK:
            self._undoable, self._no_undo = deque(maxlen=MOST_UNDONE), NOT_THE_LAST


def _whole_numbers(found: object) -> dict[str, int]:
    """Whole numbers by name. Raises ValueError."""
    if not isinstance(found, Mapping):
        raise ValueError("counts are numbers by name")
    return {str(name): int(n) for name, n in found.items()}


def _whole(message: Message, key: str) -> int | None:
    value = message.get(key)
    return None if value is None else int(value)
