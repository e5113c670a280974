"""One run of a command: what the recorder is told about it, in order, whoever starts it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from recorders.marks import ENVIRONMENT
from recorders.texts import OwnNote
from wattui.capture.matching import Matcher, Matching
from wattui.capture.stages import CommandStage, Recipe, told_repeat


class RecordedCommand:
    """A run of a command, which begins here, in the thread that will start it.

    `environ` is its environment. `ask` sends the recorder a request. `on_output` takes a copy of
    what the command writes (stream, data); None if nothing is matched. At its end, `drain` waits
    for the requests of servers.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: CommandStage,
        directory: str,
        ask: Callable[..., object],
        drain: Callable[[], object] = lambda: None,
    ) -> None:
        self._inferences, self._ask, self._drain = recipe.inferences, ask, drain
        self.environ = told_repeat(environment(), run.repeat) | {ENVIRONMENT: directory}
        self._matching = None
        if recipe.count_match or recipe.phase_match:
            matcher = Matcher(recipe.count_match, recipe.phase_match)
            self._matching = Matching(matcher, lambda request: ask(**request))
        self.on_output = self._matching.put if self._matching else None
        label = recipe.commands[run.which].label
        ask(do="command", repeat=run.repeat, label=label, thread=threading.get_native_id())

    def started(self, pid: int) -> None:
        """Report its process."""
        self._pid = pid
        self._ask(do="watch", pid=pid)

    def joined(self, *others: int) -> None:
        """Report the processes of other ranks' commands, once it has started itself."""
        self._ask(do="watch", pid=self._pid, others=others)

    def ended(self, status: int, stopped: bool) -> str:
        """Report its end once its output is matched; returns what could not be, in words."""
        if not stopped:
            self._drain()
        ended_ns = time.monotonic_ns()
        if missed := self._match_the_rest():
            self._ask(do="note", text=f"{OwnNote.UNMATCHED} {missed}", own=True)
        self._ask(
            do="command_end",
            inferences=self._inferences,
            exit_status=status,
            stopped=stopped,
            at_ns=ended_ns,
        )
        return missed

    def not_started(self, status: int, stopped: bool) -> None:
        """Report that it did not start."""
        self._match_the_rest()
        self._ask(do="command_end", exit_status=status, stopped=stopped)

    def _match_the_rest(self) -> str:
        if self._matching is None:
            return ""
        self._matching.finish()
        return self._matching.missed


def environment() -> dict[str, str]:
    """The environment as wattui was given it: Python adds LC_CTYPE in the C locale (PEP 538)."""
    environ = dict(os.environ)
    with contextlib.suppress(OSError):
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
        if not any(entry.startswith(b"LC_CTYPE=") for entry in given):
            environ.pop("LC_CTYPE", None)
    return environ
