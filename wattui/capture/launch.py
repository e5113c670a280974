"""Records a command: baseline, repeats, rests between and after; `poll` advances it."""

from __future__ import annotations

import re
import shlex
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from recorders.marks import ENVIRONMENT
from recorders.texts import OwnNote
from wattui.capture.child import Child
from wattui.capture.headless import environment
from wattui.capture.matching import Matcher, Matching
from wattui.capture.printed import Printed
from wattui.capture.process import GRACE_S
from wattui.capture.stages import CommandStage, Rest, Stage, stages, told_repeat
from wattui.errors import INCOMPLETE, NOT_STARTED

# Our own program, wherever it is installed and whatever hides its name.
OWN = (sys.executable, "-P", "-m", "wattui")
INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recording to make: command, file, repeats, rests, and how inferences are counted."""

    argv: tuple[str, ...]
    csv: Path
    idle_s: float
    repeats: int = 1
    cooldown_s: float = 10.0
    idle_after_s: float = 0.0
    label: str = ""
    inferences: int | None = None
    count_match: re.Pattern[str] | None = None
    phase_match: re.Pattern[str] | None = None


def as_typed(argv: Sequence[str]) -> list[str]:
    """A command as one would type it."""
    if tuple(argv[: len(OWN)]) == OWN:
        return ["wattui", *argv[len(OWN) :]]
    return ["python" if word == sys.executable else word for word in argv]


class RecorderLink(Protocol):
    """The recorder process: its directory for marks, and how to send it requests."""

    directory: str
    lost: str | None

    def request(self, **message: Any) -> dict[str, Any]:
        """Send a request and return the answer."""


class Launch:
    """A command being recorded; `status` is set when all is done, `output` has its last lines.

    The command has no terminal: its output is kept, and it cannot prompt. The requests are those of
    `wattui --headless`, in the same order, so that the file is the same.
    """

    def __init__(
        self, recipe: Recipe, session: RecorderLink, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.recipe = recipe
        self.status: int | None = None
        self._session, self._clock = session, clock
        self._printed = Printed()
        self._stages = deque(
            stages(recipe.idle_s, recipe.repeats, recipe.cooldown_s, recipe.idle_after_s)
        )
        self._stage: Stage = self._stages[0]
        self._phase: int | None = None
        self._child: Child | None = None
        self._matching: Matching | None = None
        self._statuses: list[int] = []
        self._ended_by: int | None = None
        self._signals = 0
        self._kill_s = float("inf")
        self._next_stage()

    @property
    def output(self) -> deque[str]:
        """The last lines of output."""
        return self._printed.lines

    @property
    def stopped(self) -> bool:
        """Whether it has been asked to end."""
        return self._ended_by is not None

    @property
    def about(self) -> dict[str, Any]:
        """The command's entry in run.json."""
        return {
            "argv": list(self.recipe.argv),
            "exit_status": self.status,
            "exit_statuses": self._statuses,
            "ended_by_signal": self._ended_by,
            "repeats": self.recipe.repeats,
        }

    @property
    def title(self) -> str:
        """The current step in words."""
        if isinstance(self._stage, Rest):
            return f"{self._stage.title}, {max(self._left_s(self._stage), 0):.0f} s left"
        words = shlex.join(as_typed(self.recipe.argv))
        if self.stopped:
            words = f"stopping, press x again to force it: {words}"
        if self._stage.repeat is None:
            return words
        return f"repeat {self._stage.repeat} of {self.recipe.repeats}: {words}"

    @property
    def progress(self) -> float | None:
        """Progress from 0 to 1, through this rest or the repeats; None for a single run."""
        if isinstance(self._stage, Rest):
            return min(1.0, 1 - self._left_s(self._stage) / self._stage.seconds)
        return len(self._statuses) / self.recipe.repeats if self.recipe.repeats > 1 else None

    def poll(self) -> bool:
        """Advance; True when all is done."""
        if self.status is None and self._is_through():
            self._next_stage()
        return self.status is not None

    def stop(self) -> None:
        """Stop cleanly: a rest at once, a command when it ends; forced the second time."""
        if self.status is not None:
            return
        self._ended_by = self._ended_by or signal.SIGINT
        if self._child is None:
            self._end_rest()
            self.status = INTERRUPTED
            return
        self._signals += 1
        if self._signals == 1:
            self._child.send(signal.SIGINT)
        else:
            self._child.send(signal.SIGTERM)
            self._kill_s = min(self._kill_s, self._clock() + GRACE_S)

    def kill(self) -> None:
        """Kill it and everything it started; end the phases as well."""
        if self._child is None:
            self.stop()
            return
        self._ended_by = self._ended_by or signal.SIGKILL
        self._child.kill()
        self.poll()

    def _left_s(self, rest: Rest) -> float:
        return rest.seconds - (self._clock() - self._begun_s)

    def _is_through(self) -> bool:
        """Whether the current stage is over; ends what the stage began."""
        if isinstance(self._stage, Rest):
            if self._left_s(self._stage) > 0 and self._session.lost is None:
                return False
            self._end_rest()
            return True
        return self._child is None or self._is_ended(self._child)

    def _next_stage(self) -> None:
        failed = next((status for status in self._statuses if status), 0)
        if self._session.lost is not None:
            self.status = failed or INCOMPLETE
            return
        if self.stopped or not self._stages:
            self.status = failed
            return
        self._stage = self._stages.popleft()
        self._begun_s = self._clock()
        if isinstance(self._stage, Rest):
            self._phase = self._session.request(do="begin", phase=self._stage.phase).get("id")
        else:
            self._start(self._stage)

    def _end_rest(self) -> None:
        if self._phase is not None:
            self._session.request(do="end", id=self._phase)
            self._phase = None

    def _start(self, run: CommandStage) -> None:
        recipe = self.recipe
        self._session.request(do="command", repeat=run.repeat, label=recipe.label)
        if recipe.count_match or recipe.phase_match:
            self._matching = Matching(
                Matcher(recipe.count_match, recipe.phase_match),
                lambda request: self._session.request(**request),
            )
        marks = {ENVIRONMENT: self._session.directory, "PYTHONUNBUFFERED": "1"}
        environ = told_repeat(environment(), run.repeat) | marks
        try:
            child = Child(recipe.argv, environ, self._on_output, self._on_end)
        except OSError as error:
            self._printed.feed(f"{recipe.argv[0]}: {error.strerror}\n".encode())
            self._finish_matching()
            self._session.request(do="command_end", exit_status=NOT_STARTED)
            self.status = NOT_STARTED
            return
        self._session.request(do="watch", pid=child.pid)
        self._child = child
        child.follow()

    def _on_output(self, data: bytes) -> None:
        if self._matching is not None:
            self._matching.put(1, data)

    def _on_end(self, status: int) -> None:
        ended_ns = time.monotonic_ns()
        self._finish_matching()
        self._session.request(
            do="command_end",
            inferences=self.recipe.inferences,
            exit_status=status,
            stopped=self.stopped,
            at_ns=ended_ns,
        )
        self._statuses.append(status)

    def _finish_matching(self) -> None:
        if self._matching is None:
            return
        self._matching.finish()
        if missed := self._matching.missed:
            self._session.request(do="note", text=f"{OwnNote.UNMATCHED} {missed}", own=True)

    def _is_ended(self, child: Child) -> bool:
        """Read the command's output; returns whether it has ended."""
        ended = child.ended
        self._printed.feed(child.printed())
        if ended:
            self._printed.end()
            self._child = self._matching = None
        elif self._clock() >= self._kill_s:
            child.kill()
        return ended
