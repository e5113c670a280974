"""Waits until servers that count tokens at a request's end have no request, at the edge of a phase.

Otherwise the tokens of the requests at work would be those of another phase than their energy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

# How long to wait before looking again: at first, and at most, seconds.
FIRST_S, MOST_S, GROWTH = 0.02, 0.1, 1.3
# A wait is reported after this long.
TELL_S = 1.0


class Drain:
    """A wait that begins now and lasts `longest_s` at most; `ask` sends the recorder a request.

    `open_requests` are those that it waits for, None if their number is not known.
    """

    def __init__(
        self,
        ask: Callable[..., Mapping[str, Any] | None],
        longest_s: float,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._ask, self._clock_ns = ask, clock_ns
        self._since_ns = clock_ns()
        self._until_ns = self._since_ns + longest_s * 1e9
        self._next_ns, self._step_s = 0.0, FIRST_S
        self.open_requests: int | None = None

    def is_over(self) -> bool:
        """Whether there is no request any more, or the time is up; asks only now and then."""
        now_ns = self._clock_ns()
        if now_ns < self._next_ns:
            return False
        answer = self._ask(do="drain", since_ns=self._since_ns) or {}
        self.open_requests = answer.get("open")
        self._next_ns, self._step_s = (
            now_ns + self._step_s * 1e9,
            min(MOST_S, GROWTH * self._step_s),
        )
        return not answer.get("wait") or now_ns >= self._until_ns

    def wait(self, sleep: Callable[[float], object], tell: Callable[[str], object]) -> None:
        """Wait; `sleep` returns something true to give up, `tell` hears what it waits for."""
        told = False
        while not self.is_over():
            if not told and self._clock_ns() - self._since_ns > TELL_S * 1e9:
                told = True
                left_s = (self._until_ns - self._clock_ns()) * 1e-9
                n = self.open_requests
                requests = "requests" if n is None else f"{n} request{'s' * (n != 1)}"
                tell(f"waiting up to {left_s:.0f} s for {requests} of the server to end")
            if sleep(self._step_s):
                return
