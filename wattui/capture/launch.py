"""Records a command: baseline, repeats, rests between and after; `poll` advances it."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from wattui.capture.child import Child
from wattui.capture.command import RecordedCommand
from wattui.capture.drain import Drain
from wattui.capture.printed import Printed
from wattui.capture.process import GRACE_S
from wattui.capture.stages import CommandStage, Recipe, Rest, Stage, stages
from wattui.errors import INCOMPLETE, NotStartedError

# Our own program, wherever it is installed and whatever hides its name.
OWN = (sys.executable, "-P", "-m", "wattui")
INTERRUPTED = 128 + signal.SIGINT


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
        self._stages = deque(stages(recipe))
        self._stage: Stage = self._stages[0]
        self._phase: int | None = None
        self._child: Child | None = None
        self._statuses: list[int] = []
        self._ended_by: int | None = None
        self._signals = 0
        self._kill_s = float("inf")
        self._drain: Drain | None = None
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
    def is_unrecorded(self) -> bool:
        """Whether its recorder has stopped."""
        return self._session.lost is not None

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
        if self._drain:
            return "waiting for the requests of the server to end"
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
        if self.status is None and self._is_drained() and self._is_through():
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
            if self._left_s(self._stage) > 0 and not self.is_unrecorded:
                return False
            self._end_rest()
            return True
        return self._child is None or self._is_ended(self._child)

    def _next_stage(self) -> None:
        failed = next((status for status in self._statuses if status), 0)
        if self.is_unrecorded:
            self.status = failed or INCOMPLETE
            return
        if self.stopped or not self._stages:
            self.status = failed
            return
        self._stage = self._stages.popleft()
        self._begun_s = self._clock()
        if isinstance(self._stage, Rest):
            self._phase = self._session.request(do="begin", phase=self._stage.phase).get("id")
        elif self.recipe.tokens:
            self._drain = Drain(self._session.request, self.recipe.drain_s)
        else:
            self._start(self._stage)

    def _is_drained(self) -> bool:
        """Whether nothing is waited for before the command starts; starts it then."""
        if self._drain is None or not isinstance(self._stage, CommandStage):
            return True
        if not self._drain.is_over():
            return False
        self._drain = None
        self._start(self._stage)
        return self.status is None

    def _drain_at_end(self) -> None:
        """Wait for the requests of servers, in the thread that follows the command."""
        if self.recipe.tokens:
            Drain(self._session.request, self.recipe.drain_s).wait(time.sleep, lambda _: None)

    def _end_rest(self) -> None:
        if self._phase is not None:
            self._session.request(do="end", id=self._phase)
            self._phase = None

    def _start(self, run: CommandStage) -> None:
        self._run = RecordedCommand(
            self.recipe, run, self._session.directory, self._session.request, self._drain_at_end
        )
        environ = self._run.environ | {"PYTHONUNBUFFERED": "1"}
        try:
            child = Child(self.recipe.argv, environ, self._run.on_output, self._on_end)
        except NotStartedError as error:
            self._printed.feed(f"{error}\n".encode())
            self._run.not_started(error.status, self.stopped)
            self.status = error.status
            return
        self._run.started(child.pid)
        self._child = child
        child.follow()

    def _on_end(self, status: int) -> None:
        self._run.ended(status, self.stopped)
        self._statuses.append(status)

    def _is_ended(self, child: Child) -> bool:
        """Read the command's output; returns whether it has ended."""
        ended = child.ended
        self._printed.feed(child.printed())
        if ended:
            self._printed.end()
            self._child = None
        elif self._clock() >= self._kill_s:
            child.kill()
        return ended
