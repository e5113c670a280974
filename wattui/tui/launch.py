"""Runs a command as a recording: idle baseline, the command, its end; moved on by `poll`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recorders.marks import ENVIRONMENT
from wattui.errors import NOT_STARTED
from wattui.tui.session import Session

KEPT_LINES = 500
# After so long a command that was asked to end is killed.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to run, and how long to rest before it."""

    argv: tuple[str, ...]
    idle_s: float


class Launch:
    """A command on its way through baseline and run; `output` has its last lines.

    The command has no terminal: what it prints is kept, and it can ask nothing.
    """

    def __init__(
        self, recipe: Recipe, session: Session, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recipe = recipe
        self._session = session
        self._clock = clock
        self._begun_s = clock()
        self._idle = session.request(do="begin", phase="idle").get("id")
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._asked_s: float | None = None
        self._signals = 0
        self.output: deque[str] = deque(maxlen=KEPT_LINES)
        self.status: int | None = None

    @property
    def title(self) -> str:
        """What is being done."""
        if self._process is None and self.status is None:
            left_s = self._recipe.idle_s - (self._clock() - self._begun_s)
            return f"idle baseline, {max(left_s, 0):.0f} s left"
        return " ".join(self._recipe.argv)

    @property
    def argv(self) -> Sequence[str]:
        """The command."""
        return self._recipe.argv

    def poll(self) -> bool:
        """Move on; True when the command has ended."""
        if self.status is not None:
            return True
        if self._process is None:
            if self._clock() - self._begun_s >= self._recipe.idle_s:
                self._start()
            return self.status is not None
        self._read()
        if self._asked_s is not None and self._clock() - self._asked_s > PATIENCE_S:
            self._signal(signal.SIGKILL)
        status = self._process.poll()
        if status is not None:
            self._read()
            self._end(status if status >= 0 else 128 - status)
        return self.status is not None

    def stop(self) -> None:
        """Ask the command to end; ask harder the second time."""
        if self._process is None:
            self._end(130)
            return
        self._signals += 1
        self._asked_s = self._asked_s or self._clock()
        self._signal(signal.SIGINT if self._signals == 1 else signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, with all that it started."""
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _start(self) -> None:
        if self._idle is not None:
            self._session.request(do="end", id=self._idle)
        self._session.request(do="command", label="")
        try:
            self._process = subprocess.Popen(
                self._recipe.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, ENVIRONMENT: self._session.directory, "PYTHONUNBUFFERED": "1"},
            )
        except OSError as error:
            self.output.append(f"{self._recipe.argv[0]}: {error.strerror}")
            self._end(NOT_STARTED)
            return
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._session.request(do="watch", pid=self._process.pid)

    def _read(self) -> None:
        """Take what the command has printed; a line that is written over counts once."""
        assert self._process is not None
        assert self._process.stdout is not None
        while data := self._process.stdout.read(65536):
            *lines, self._rest = (self._rest + data).split(b"\n")
            self.output.extend(line.decode(errors="replace").rpartition("\r")[2] for line in lines)

    def _end(self, status: int) -> None:
        if self._rest:
            self.output.append(self._rest.decode(errors="replace"))
        self._session.request(do="command_end")
        self.status = status

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
