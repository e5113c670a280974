"""A thread for a source with slow reads, so that no other channel waits."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Literal

from recorders.source import Fatal, Reading, Source, SourceError
from recorders.ticker import Histogram

CALIBRATE_S = 0.005

# A look only tells when counters move; its readings belong to no tick.
ReadRequest = Literal["all", "counters", "look", "stop"]
ReadResult = Sequence[Reading] | SourceError
# What was asked for, and what came of it.
Answer = tuple[ReadRequest, ReadResult]


class Worker:
    """Reads its source on request; the recorder's thread collects the results."""

    def __init__(self, source: Source, read_times: Histogram) -> None:
        self._source = source
        self._read_times = read_times
        self._asked: SimpleQueue[ReadRequest] = SimpleQueue()
        self._results: SimpleQueue[ReadResult] = SimpleQueue()
        # Requests in progress, and when each was made.
        self._outstanding: deque[tuple[ReadRequest, float]] = deque()
        # How soon the source wants to be observed again; None once there is nothing to learn.
        self.learns_in_s: float | None = 0.0
        self.calibrated = False
        self._thread = threading.Thread(target=self._run, name=source.name, daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Request a read, unless one is in progress."""
        if all(what != "all" for what, _ in self._outstanding):
            self._ask("all")

    def look(self) -> None:
        """Request a look at the counters, unless a read is in progress."""
        if not self._outstanding:
            self._ask("look")

    def _ask(self, what: ReadRequest) -> None:
        self._outstanding.append((what, time.monotonic()))
        self._asked.put(what)

    @property
    def is_reading(self) -> bool:
        """Whether a requested read is still in progress."""
        return len(self._outstanding) > self._results.qsize()

    def results(self) -> list[Answer]:
        """Results since the last call."""
        found = []
        while self._outstanding:
            try:
                result = self._results.get_nowait()
            except Empty:
                break
            found.append((self._outstanding.popleft()[0], result))
        return found

    def read_now(self, longest_s: float) -> tuple[list[Answer], ReadResult | None]:
        """Earlier results, and a read of the counters starting now.

        It is None if a read is not done within `longest_s` of its request; a source that hangs is
        waited for once, and then asked no more until it answers.
        """
        earlier = self.results()
        if self._is_silent(longest_s):
            return earlier, None
        self._ask("counters")
        while self._outstanding:
            left_s = self._outstanding[0][1] + longest_s - time.monotonic()
            try:
                result = self._results.get(timeout=max(0.0, left_s))
            except Empty:
                return earlier, None
            earlier.append((self._outstanding.popleft()[0], result))
        return earlier[:-1], earlier[-1][1]

    def _is_silent(self, longest_s: float) -> bool:
        """Whether the oldest request in progress is older than this."""
        oldest = self._outstanding[0][1] if self._outstanding else math.inf
        return time.monotonic() - oldest > longest_s

    def stop(self) -> None:
        """Stop the thread, abandoning a read that hangs in a driver."""
        self._asked.put("stop")
        self._thread.join(timeout=0.2)

    def _run(self) -> None:
        wait_s: float | None = CALIBRATE_S
        while True:
            try:
                wanted = self._asked.get(timeout=wait_s)
            except Empty:
                wait_s = self._calibrate()
                continue
            if wanted == "stop":
                return
            begun_ns = time.monotonic_ns()
            self._results.put(self._guarded_read(wanted != "all"))
            self._read_times.add(time.monotonic_ns() - begun_ns)
            wait_s = self._calibrate()

    def _calibrate(self) -> float | None:
        """Observe once; returns how long to wait for a request before the next time."""
        try:
            wait_s = self._source.calibrate()
        except Exception:  # a driver library can raise anything; the next read will report it
            wait_s = None
        self.calibrated = self.calibrated or wait_s is None
        self.learns_in_s = None if self.calibrated else wait_s
        return None if wait_s is None else max(CALIBRATE_S, wait_s)

    def _guarded_read(self, counters_only: bool) -> ReadResult:
        try:
            return self._source.read(counters_only)
        except SourceError as error:
            return error
        except Exception as error:  # a driver library can raise anything; the recording continues
            return Fatal(f"{type(error).__name__}: {error}")
