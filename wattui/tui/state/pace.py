"""Tokens per second now, over a window that is long enough to say so. Pure.

A window begins no earlier than the phase that runs: an idle machine's joules are not those of its
tokens. Phases of one name that follow each other are one.

Where a server counts a request's tokens when it ends, they come in lumps. The window then reaches
from one lump to another, with many between, so that what is cut off at both ends hardly matters.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from recorders.server_counts import read_server_counts
from recorders.summary.reduction import NOTE
from recorders.texts import OwnNote

TOKENS = "tokens_out"
# The window where tokens are counted as they are made, seconds; the shortest that says something;
# it is looked at so often.
WINDOW_S, SHORTEST_S, STEP_S = 10.0, 1.0, 0.25
# Where they are counted at a request's end: at least so many lumps, and so many seconds.
LEAST_LUMPS, LEAST_S, MOST_LUMPS = 16, 30.0, 256
_NOTE = f"{NOTE}{OwnNote.SERVER_COUNTS} "


class Now(NamedTuple):
    """The tokens of a window, and its times in seconds. `at_end`: a server counts them when their
    request ends; `is_short`: there were not enough such requests yet."""

    tokens: int
    start_s: float
    end_s: float
    at_end: bool = False
    is_short: bool = False

    @property
    def seconds(self) -> float:
        """The length of the window."""
        return self.end_s - self.start_s


class Pace:
    """Follows the count of tokens."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=MOST_LUMPS)
        self._last_s = 0.0
        self._seen: int | None = None
        self._phase = ""
        self.at_end = False

    def note(self, event: str) -> None:
        """Take an event: a server may say that it counts tokens when a request ends."""
        said = read_server_counts(event.removeprefix(_NOTE)) if event.startswith(_NOTE) else None
        if said and said.at_end:
            self.at_end = TOKENS in said.at_end
            self._points.clear()

    def begin(self, phase: str) -> None:
        """A phase begins. Tokens that are counted at a request's end may be of the one before."""
        if phase != self._phase and not self.at_end:
            self._points.clear()
        self._phase = phase

    def add(self, time_s: float, tokens: int | None) -> None:
        """Take the tokens so far; None: they are unknown now."""
        seen, self._seen, self._last_s = self._seen, tokens, time_s
        if tokens is None:
            self._points.clear()
        elif self.at_end:
            # What came before the first lump is a part of one.
            if seen is not None and tokens > seen:
                self._points.append((time_s, tokens))
        elif not self._points or time_s - self._points[-1][0] >= STEP_S:
            self._points.append((time_s, tokens))

    def now(self) -> Now | None:
        """The tokens of the last window; None while nothing is counted."""
        points = list(self._points)
        if len(points) < 2:
            return None
        end_s, end = points[-1]
        least_s = LEAST_S if self.at_end else WINDOW_S
        # The latest point that is long enough ago, and has enough lumps after it.
        first = max((at for at, each in enumerate(points) if each[0] <= end_s - least_s), default=0)
        if self.at_end:
            first = min(first, max(0, len(points) - 1 - LEAST_LUMPS))
        start_s, start = points[first]
        seconds, lumps = end_s - start_s, len(points) - 1 - first
        if end == start or self._last_s - end_s > max(least_s, seconds):
            return None
        if not self.at_end and seconds < SHORTEST_S:
            return None
        is_short = self.at_end and (seconds < least_s or lumps < LEAST_LUMPS)
        return Now(end - start, start_s, end_s, self.at_end, is_short)
