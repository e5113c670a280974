"""Requests become phases: what the front end, marked programs and shells may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from recorders.by_hand import hand_reading
from recorders.failures import ended_note
from recorders.inbox import FRONT_END, SHELL, Request
from recorders.marks import CountPages
from recorders.phases import LOADING, RUNNING, SPEAKS_FOR_ITSELF, Edge, Phase, Phases
from recorders.recorder import Recorder
from recorders.reduction import BEGIN, END
from recorders.undo import Mark
from recorders.wire import Message

NO_MARK = "there is no mark to take back"
NOT_THE_LAST = "other phases have begun or ended since"
ENDED_LOADING = "the mark ended the command's loading, and stays"


@dataclass(frozen=True, slots=True)
class Implicit:
    """The running phase that a command has until it marks one of its own."""

    phase: Phase
    position: tuple[int, int]


class Conductor:
    """Answers requests; every phase edge goes through `Recorder.edge`.

    `meters` are the names of those that a person reads. `stop_request` is the request that ended
    the recording; `command_pid` the command under way.
    """

    def __init__(self, recorder: Recorder, pages: CountPages, meters: Sequence[str] = ()) -> None:
        self._recorder = recorder
        self._pages = pages
        self._meters = meters
        self._phases = Phases()
        self._implicit: Implicit | None = None
        self._marked: Phase | None = None
        self._last_mark: Mark | str = NO_MARK
        self.command_pid: int | None = None
        self.stop_request: Message | None = None
        anyone: dict[str, Callable[[Message, int], Message]] = {
            "begin": self._begin,
            "end": self._end,
            "mark": self._mark,
            "undo": self._undo,
            "note": self._note,
            "meter": self._meter,
            "count": self._count,
            "hello": self._hello,
            "bye": self._bye,
        }
        self._anyone = anyone
        self._front_end = anyone | {
            "command": self._command,
            "watch": self._watch,
            "command_end": self._command_end,
            "rows": self._rows,
            "sampling": self._sampling,
            "stop": self._stop,
        }

    def handle(self, request: Request) -> Message:
        """Do what is asked; what is wrong with a request is its answer."""
        known = self._front_end if request.owner == FRONT_END else self._anyone
        what = str(request.message.get("do"))
        if what not in known:
            return {"t": "ack", "error": f"unknown request {what!r}"}
        try:
            return {"t": "ack", **known[what](request.message, request.owner)}
        except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
            return {"t": "ack", "error": f"{what}: {error}"}

    def stop(self, message: Message) -> None:
        """End every phase and the recording."""
        if self.stop_request is None:
            self.stop_request = message
            self._close(self._phases.all_open())
            self._recorder.stop()

    def _begin(self, message: Message, owner: int) -> Message:
        repeat = message.get("repeat")
        own = None if repeat is None else int(repeat)
        return {"id": self._open(*_names(message), owner, None, own).number}

    def _end(self, message: Message, owner: int) -> Message:
        if phase := self._phases.end(int(message["id"])):
            self._edge([(END, phase)], self._phases.current)
        return {}

    def _mark(self, message: Message, owner: int) -> Message:
        name, label = _names(message)
        before, implicit = (self._phases.all_open(), self._marked), self._implicit
        ended, self._marked = self._marked and self._phases.end(self._marked.number), None
        if name:
            self._marked = self._open(name, label, SHELL, ended)
        elif ended:
            self._edge([(END, ended)], self._phases.current)
        else:
            return {}
        same = self._implicit is implicit
        self._last_mark = Mark(*self._last_edge, *before) if same else ENDED_LOADING
        return {}

    def _undo(self, message: Message, owner: int) -> Message:
        """Take the last mark back, as if it had not been."""
        mark = self._last_mark
        if isinstance(mark, str):
            raise ValueError(mark)
        try:
            self._recorder.undo(mark)
        except OSError as error:
            raise ValueError(f"the run file cannot be rewritten: {error.strerror}") from None
        self._phases.restore(mark.open_before)
        self._marked, self._last_mark = mark.marked_before, NO_MARK
        return {}

    def _meter(self, message: Message, owner: int) -> Message:
        reading, phase = hand_reading(message, self._meters), self._phases.current
        self._recorder.edge([(reading.note, phase)], phase, reading)
        return {}

    def _note(self, message: Message, owner: int) -> Message:
        self._recorder.note(str(message["text"]))
        return {}

    def _count(self, message: Message, owner: int) -> Message:
        n = int(message["n"])
        if n < 0:
            raise ValueError("a count cannot fall")
        self._pages.add(n)
        return {}

    def _hello(self, message: Message, owner: int) -> Message:
        self._pages.open(str(message["page"]))
        return {}

    def _bye(self, message: Message, owner: int) -> Message:
        self._close(self._phases.owned_by(owner))
        if owner == FRONT_END:
            self.stop({"do": "stop", "front_end": "gone"})
        return {}

    def _command(self, message: Message, owner: int) -> Message:
        """The command is about to start: its time is running until it says otherwise."""
        self._phases.repeat = message.get("repeat")
        self._phases.base_label = str(message.get("label") or "")
        position = self._recorder.position()
        self._implicit = Implicit(self._open(RUNNING, "", FRONT_END, None), position)
        return {}

    def _watch(self, message: Message, owner: int) -> Message:
        self.command_pid = int(message["pid"])
        self._recorder.watch(self.command_pid)
        return {}

    def _command_end(self, message: Message, owner: int) -> Message:
        if n := int(message.get("inferences") or 0):
            self._pages.add(n)
        self._close(self._phases.all_open())
        self._forget_mark()
        status = message.get("exit_status")
        note = ended_note(None if status is None else int(status), self._phases.repeat)
        self._recorder.note(note)
        self.command_pid = self._implicit = self._marked = None
        self._recorder.watch(None)
        self._phases.repeat, self._phases.base_label = None, ""
        return {}

    def _rows(self, message: Message, owner: int) -> Message:
        self._recorder.send_rows(float(message["rate_hz"]))
        return {}

    def _sampling(self, message: Message, owner: int) -> Message:
        return {"sampling": self._recorder.sampling()}

    def _stop(self, message: Message, owner: int) -> Message:
        self.stop(message)
        return {}

    def _open(
        self, name: str, label: str, owner: int, ended: Phase | None, repeat: int | None = None
    ) -> Phase:
        """Open a phase at one reading, which also ends the phase it takes over from."""
        edges: list[Edge] = [(END, ended)] if ended else []
        implicit = self._implicit
        if implicit and name in SPEAKS_FOR_ITSELF:
            self._implicit = None
            self._recorder.rename_running_since(implicit.position)
            self._phases.end(implicit.phase.number)
            edges.append((END, replace(implicit.phase, name=LOADING)))
        phase = self._phases.begin(name, label, owner, repeat)
        self._edge([*edges, (BEGIN, phase)], phase)
        return phase

    def _close(self, phases: Sequence[Phase]) -> None:
        """End several phases at one reading, innermost first."""
        ended = [phase for phase in phases if self._phases.end(phase.number)]
        if ended:
            self._edge([(END, phase) for phase in ended], self._phases.current)

    def _edge(self, edges: Sequence[Edge], then: Phase | None) -> None:
        self._last_edge = self._recorder.edge(edges, then), edges, then
        self._forget_mark()

    def _forget_mark(self) -> None:
        if self._last_mark != NO_MARK:
            self._last_mark = NOT_THE_LAST


def _names(message: Message) -> tuple[str, str]:
    return str(message["phase"]), str(message.get("label") or "")
