"""Opens a part of the machine in its own thread, as its driver may hang."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

# How often to report one that has not answered yet, and when to continue without it.
TELL_S, LONGEST_S = 1.0, 15.0

T = TypeVar("T")
# Called with the name of what is waited for, and for how long so far.
Tell = Callable[[str, float], None]


class Opening(Generic[T]):
    """Runs `open_it`; if that fails, `failed` makes its substitute from the reason in words.

    A thread that hangs is left behind, and ends with the process. `took_s` is how long it took.
    """

    def __init__(self, name: str, open_it: Callable[[], T], failed: Callable[[str], T]) -> None:
        self.name = name
        self.took_s: float | None = None
        self._open_it, self._failed = open_it, failed
        self._opened: list[T] = []
        self._begun_s = time.monotonic()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            opened = self._open_it()
        except Exception as error:  # a driver can raise anything; the others are still opened
            opened = self._failed(f"{type(error).__name__}: {error}")
        self.took_s = time.monotonic() - self._begun_s
        self._opened.append(opened)

    def result(self, tell: Tell, longest_s: float = LONGEST_S, tell_s: float = TELL_S) -> T:
        """The part once it is open, or its substitute `longest_s` after the beginning."""
        while (left_s := self._begun_s + longest_s - time.monotonic()) > 0:
            self._thread.join(min(left_s, tell_s))
            if not self._thread.is_alive():
                break
            tell(self.name, time.monotonic() - self._begun_s)
        return self._opened[0] if self._opened else self._failed(f"no answer for {longest_s:g} s")
