"""Failed and stopped commands, from the notes at their ends. Pure."""

from __future__ import annotations

import math
import re
import signal
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recorders.summary.figures import Flag
from recorders.summary.reduction import BEGIN, Reduction
from recorders.summary.spans import Span
from recorders.texts import OwnNote

_ENDED = re.compile(r"with exit ([0-9]+)(?: in repeat ([0-9]+))?(: stopped)?")
# Phases between repeats, which belong to the machine, not the command.
RESTS = ("idle", "cooldown")
# A shell's exit status for a command killed by a signal is above this.
SIGNALLED = 128


@dataclass(frozen=True, slots=True)
class Command:
    """A command that ended, its time, and its exit status as a shell gives it (None: not noted).

    `stopped` if the user asked it to end.
    """

    since_s: float
    until_s: float
    status: int | None
    repeat: int | None
    stopped: bool = False

    @property
    def failed(self) -> bool:
        """Whether it exited with an error or was ended by a signal."""
        return bool(self.status)

    @property
    def how(self) -> str:
        """How it failed, in words."""
        verb = "was stopped" if self.stopped else "failed"
        status = self.status or 0
        try:
            name = f" ({signal.Signals(status - SIGNALLED).name})"
        except ValueError:
            name = ""
        return f"{verb} with exit status {status}{name}"


def ended_note(status: int | None, repeat: int | None, stopped: bool) -> str:
    """The note for the end of a command."""
    if status is None:
        return OwnNote.COMMAND_ENDED
    where = f" in repeat {repeat}" if repeat is not None else ""
    how = ": stopped" if stopped else ""
    return f"{OwnNote.COMMAND_ENDED} with exit {status}{where}{how}"


class Commands:
    """The commands of a recording, and which of them are left out of its figures.

    A failed repeat is left out if another one succeeded; if all failed, none is left out.
    """

    def __init__(self, reduction: Reduction) -> None:
        self.ended = list(_ended(reduction))
        repeats = [command for command in self.ended if command.failed and command.repeat]
        ran_s = (r.time_s for r in reduction.events if (r.event, r.phase) == (BEGIN, "running"))
        self.all_failed = bool(repeats) and all(_is_in(time_s, repeats) for time_s in ran_s)
        self._left_out = [] if self.all_failed else repeats
        self._left_out_until_s = [command.until_s for command in self._left_out]

    def leave_out(self, span: Span) -> bool:
        """Whether a phase belongs to a repeat that is left out."""
        left_out = self._left_out
        return bool(left_out) and span.phase not in RESTS and _is_in(span.start_s, left_out)

    def place(self, span: Span) -> int:
        """The number of left-out commands before a phase began."""
        return bisect_left(self._left_out_until_s, span.start_s)

    def end_s(self, time_s: float) -> float:
        """The end of the command that was running at a time; infinite if not noted."""
        return next((c.until_s for c in self.ended if c.until_s >= time_s), math.inf)

    def flags(self) -> Iterator[Flag]:
        """Flags for the failures; a command that the user stopped did not fail."""
        failed = [command for command in self.ended if command.failed]
        for command in failed:
            if command.repeat is not None:
                text = f"repeat {command.repeat} {command.how}"
                yield Flag(
                    "failed_repeat", "", text + ("" if self.all_failed else " and was left out")
                )
        alone = [command for command in failed if command.repeat is None]
        if not alone and not (failed and self.all_failed):
            return
        who = f"the command {alone[0].how}" if alone else "every repeat failed"
        if all(command.stopped for command in failed):
            who = who if alone else "the command was stopped"
            yield Flag("stopped_command", "", f"{who}, so the figures are those of a part of it")
        else:
            yield Flag("failed_command", "", f"{who}, so the figures are those of a failed command")


def _is_in(time_s: float, commands: Sequence[Command]) -> bool:
    """Whether a time is within one of the commands."""
    return any(command.since_s <= time_s < command.until_s for command in commands)


def _ended(reduction: Reduction) -> Iterator[Command]:
    since_s = 0.0
    for row in reduction.remarks:
        if (note := row.noted(OwnNote.COMMAND_ENDED)) is not None:
            found = _ENDED.fullmatch(note)
            status, repeat, stopped = found.groups() if found else (None, None, None)
            yield Command(since_s, row.time_s, _whole(status), _whole(repeat), bool(stopped))
            since_s = row.time_s


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
