"""A closed loop: so many requests are in flight at any moment, and a window while they are.

The window is the steady state of ML.ENERGY's benchmark (mlenergy/benchmark/llm/benchmark.py,
`RequestTracker`): it begins when as many requests as are in flight at once have sent their first
token, and ends before fewer are in flight. Theirs sends a known number of requests; this one sends
requests until the window has lasted long enough, so that it never runs dry in between. It ends with
a first token as well, that of the last request of a round: as many prompts were then computed in
each slot, and requests that run in step do not cut the window in the middle of their step.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from wattui.tokens.prompts import Prompt
from wattui.tokens.trace import Rates, Tokens, Trace, counted

# A window that has lasted this many times as long as asked ends within a round.
MOST_STRETCH = 2.0
# After a failure, a slot waits; after so many in a row for each slot, the server is given up.
PAUSE_S, MOST_FAILURES = 0.5, 3
# How often counts are passed on while requests run.
FLUSH_S = 0.25


class Asks(Protocol):
    """Sends a prompt and fills its trace; calls back at the first token."""

    async def __call__(self, prompt: Prompt, on_first: Callable[[], None], trace: Trace) -> None:
        """Send and fill."""


class Marks(Protocol):
    """Where phases and counts go."""

    async def begin(self, phase: str, label: str = "", repeat: int | None = None) -> None:
        """End the open phase, and begin this one."""

    async def end(self) -> None:
        """End the open phase."""

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counts of the open phase."""

    async def note(self, text: str) -> None:
        """Write a note, after everything before it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The load asked for: `warmup_s` is the least time under load before the window, `prompts` the
    name of their kind if there are several."""

    concurrency: int
    seconds: float
    warmup_s: float = 0.0
    repeat: int | None = None
    prompts: str = ""

    @property
    def label(self) -> str:
        """The label of its phases: c8, or c8 512+128 if there are several kinds of prompts."""
        return f"c{self.concurrency} {self.prompts}".strip()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load has done.

    `begun_s` and `ended_s` are the window's (None: it did not begin). `tokens` is what was used in
    it, by the usage of every request, `whole` what was used from the first request to the last;
    `passed_on` is what the open phase was told. `is_whole`: it ended with a round. `lost`: why it
    ended early, or nothing.
    """

    wish: Wish
    traces: list[Trace]
    started_s: float
    begun_s: float | None
    ended_s: float | None
    tokens: Tokens
    whole: Tokens
    passed_on: Tokens
    is_whole: bool
    lost: str


class Ledger:
    """Counts that are passed on while requests run: whole numbers that never fall.

    The usage of a request is known when it ends. Until then, its tokens are estimated from the
    chunks that have arrived, and corrected by what follows.
    """

    def __init__(self, marks: Marks, now_s: Callable[[], float], rates: Rates) -> None:
        self._marks = marks
        self._now_s = now_s
        self._rates = rates
        self._open: list[Trace] = []
        self._ended = Tokens()
        self.passed_on = Tokens()

    def open(self, trace: Trace) -> None:
        """A request was sent."""
        self._open.append(trace)

    def close(self, trace: Trace) -> None:
        """A request has ended."""
        self._open.remove(trace)
        self._rates.add(trace)
        self._ended += counted([trace], self._now_s(), self._rates)

    def flush(self) -> None:
        """Pass on what is new."""
        known = self._ended + counted(self._open, self._now_s(), self._rates)
        new = (known - self.passed_on).whole
        self.passed_on += new
        self._marks.count(new.counts)


class Load:
    """One load, from its first request to the end of its last. `rates` learn from every load."""

    def __init__(
        self,
        wish: Wish,
        ask: Asks,
        prompts: Iterator[Prompt],
        marks: Marks,
        now_s: Callable[[], float],
        rates: Rates,
    ) -> None:
        self._wish, self._ask, self._prompts = wish, ask, prompts
        self._marks, self._now_s, self._rates = marks, now_s, rates
        self._ledger = Ledger(marks, now_s, rates)
        self._traces: list[Trace] = []
        self._firsts = self._firsts_before = self._failures = 0
        self._turn = asyncio.Event()
        self._is_reached: Callable[[], bool] = self._is_full
        self._is_over = False
        self._started_s = now_s()
        self._begun_s: float | None = None
        self._ended_s: float | None = None
        self._told = Tokens()
        self._is_whole = False
        self._lost = ""

    async def run(self) -> None:
        """Ramp, window, and the end of the requests in flight; its phases end if cancelled, too."""
        wish = self._wish
        await self._marks.begin("warmup", wish.label, wish.repeat)
        try:
            async with self._flushed(), self._slots():
                await self._until(self._is_full)
                if not self._lost:
                    await self._window()
                self._is_over = True
                await self._marks.begin("cooldown", wish.label, wish.repeat)
        finally:
            await self._marks.end()

    def loaded(self) -> Loaded:
        """What was done so far."""
        tokens = Tokens()
        if self._begun_s is not None and self._ended_s is not None:
            tokens = counted(self._traces, self._ended_s, self._rates)
            tokens -= counted(self._traces, self._begun_s, self._rates)
        return Loaded(
            self._wish,
            self._traces,
            self._started_s,
            self._begun_s,
            self._ended_s,
            tokens,
            counted(self._traces, math.inf, self._rates),
            self._told,
            self._is_whole,
            self._lost,
        )

    async def _window(self) -> None:
        wish = self._wish
        self._firsts_before = self._firsts
        self._ledger.flush()
        before = self._ledger.passed_on
        await self._marks.begin("running", wish.label, wish.repeat)
        self._begun_s = self._now_s()
        try:
            await self._until(self._is_round, MOST_STRETCH * wish.seconds)
        finally:
            self._ended_s = self._now_s()
            self._ledger.flush()
            self._told = self._ledger.passed_on - before
            await self._marks.end()

    def _is_full(self) -> bool:
        """Whether the window may begin."""
        warm_s = self._started_s + self._wish.warmup_s
        return self._firsts >= self._wish.concurrency and self._now_s() >= warm_s

    def _is_round(self) -> bool:
        """Whether the window may end."""
        firsts = self._firsts - self._firsts_before
        lasted_s = self._now_s() - (self._begun_s or 0.0)
        self._is_whole = lasted_s >= self._wish.seconds and firsts % self._wish.concurrency == 0
        return self._is_whole

    async def _until(self, is_reached: Callable[[], bool], most_s: float | None = None) -> None:
        """Wait for a first token at which this is so, or for the server to be given up."""
        self._turn.clear()
        self._is_reached = is_reached
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._turn.wait()

    def _on_first(self) -> None:
        self._firsts += 1
        if not self._turn.is_set() and self._is_reached():
            self._turn.set()

    @asynccontextmanager
    async def _slots(self) -> AsyncIterator[None]:
        """So many requests in flight; at the end, the last ones end."""
        tasks = [asyncio.create_task(self._slot()) for _ in range(self._wish.concurrency)]
        try:
            yield
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _slot(self) -> None:
        while not self._is_over:
            prompt = next(self._prompts)
            trace = Trace(prompt.size, self._now_s())
            self._traces.append(trace)
            self._ledger.open(trace)
            try:
                await self._ask(prompt, self._on_first, trace)
            finally:
                self._ledger.close(trace)
            if not trace.failure:
                self._failures = 0
                continue
            self._failures += 1
            if self._failures >= MOST_FAILURES * self._wish.concurrency:
                self._lost, self._is_over = trace.failure, True
                self._turn.set()
                return
            await asyncio.sleep(PAUSE_S)

    @asynccontextmanager
    async def _flushed(self) -> AsyncIterator[None]:
        """Counts are passed on all the while."""

        async def flush() -> None:
            while True:
                await asyncio.sleep(FLUSH_S)
                self._ledger.flush()

        task = asyncio.create_task(flush())
        try:
            yield
        finally:
            task.cancel()
            self._ledger.flush()
