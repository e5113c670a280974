"""Steps of the engine: each gives every running request its next token."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

from workloads.serve.counters import Counters, Finish
from workloads.serve.engine import Engine


class Wanted(NamedTuple):
    """The prompt of a request, and when its answer ends."""

    prompt: bytes
    most_tokens: int
    seed: int = 0
    ignore_end: bool = False


@dataclass(eq=False, slots=True)
class Generation:
    """A request in the server. Times are of a monotonic clock, in seconds."""

    wanted: Wanted
    rank: int
    arrived_s: float
    cached: int = 0
    generated: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    finish: Finish | None = None
    cancelled: bool = False
    steps: Iterator[int] | None = None
    _answer: SimpleQueue[int | Finish] = field(default_factory=SimpleQueue)

    def put(self, item: int | Finish) -> None:
        """Hand over the next token, or the end."""
        self._answer.put(item)

    def tokens(self, wanted: Callable[[], bool] = lambda: True) -> Iterator[int]:
        """The tokens as they come. Asks now and then whether anybody still wants them; when nobody
        does, or when the iteration is given up, the request is cancelled."""
        try:
            while True:
                try:
                    item = self._answer.get(timeout=0.25)
                except Empty:
                    if not wanted():
                        return
                    continue
                if isinstance(item, Finish):
                    return
                yield item
        finally:
            self.cancelled = True


class Scheduler:
    """Runs requests side by side in `slots`, in the order of their arrival.

    A step lasts `step_s` at least. `counters` may be read and is changed under `lock`.
    """

    def __init__(self, engine: Engine, slots: int, step_s: float = 0.0) -> None:
        self.engine = engine
        self.counters = Counters()
        self.lock = threading.Lock()
        self._slots, self._step_s = slots, step_s
        self._changed = threading.Condition(self.lock)
        self._waiting: deque[Generation] = deque()
        self._running: list[Generation] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to take steps."""
        self._thread.start()

    def close(self) -> None:
        """Take no further step; what has not ended is cut off."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident:
            self._thread.join(timeout=5)

    def submit(self, wanted: Wanted) -> Generation:
        """Queue a request."""
        with self._changed:
            made = Generation(wanted, self.counters.arrived % 2, time.monotonic())
            self.counters.arrived += 1
            self.counters.input_tokens.observe(len(wanted.prompt))
            self._waiting.append(made)
            self.counters.waiting = len(self._waiting)
            self._changed.notify()
        return made

    def _run(self) -> None:
        next_s = time.monotonic()
        while True:
            with self._changed:
                while not (self._closed or self._waiting or self._running):
                    self._changed.wait()
                    next_s = time.monotonic()
                if self._closed:
                    break
                entered = self._admit()
            self._step(entered)
            if self._step_s:
                next_s = max(next_s + self._step_s, time.monotonic())
                time.sleep(max(0.0, next_s - time.monotonic()))
        for each in (*self._running, *self._waiting):
            each.put(Finish.ABORT)

    def _admit(self) -> list[Generation]:
        entered = []
        while self._waiting and len(self._running) < self._slots:
            entered.append(self._waiting.popleft())
            self._running.append(entered[-1])
        self.counters.running, self.counters.waiting = len(self._running), len(self._waiting)
        return entered

    def _step(self, entered: list[Generation]) -> None:
        """Compute the prompts of those that have entered, and a token for every request."""
        decoding = [each for each in self._running if each not in entered]
        for each in entered:
            self._prefill(each)
        begun_s = time.monotonic()
        tokens = [(each, self._next(each)) for each in decoding]
        seconds = time.monotonic() - begun_s
        if self._step_s:
            seconds = max(seconds, self._step_s)
        with self.lock:
            for each, token in tokens:
                each.decode_s += seconds
                self._count(each, token)
            if decoding:
                self.counters.count_decode(len(decoding), seconds)

    def _prefill(self, entered: Generation) -> None:
        wanted = entered.wanted
        begun_s = time.monotonic()
        entered.cached = self.engine.cached(wanted.prompt)
        entered.steps = self.engine.stream(wanted.prompt, wanted.most_tokens, seed=wanted.seed)
        token = self._next(entered)
        now_s = time.monotonic()
        entered.prefill_s = max(now_s - begun_s, self._step_s)
        with self.lock:
            if isinstance(token, int):
                self.counters.count_prompt(
                    entered.rank, len(wanted.prompt), entered.cached, entered.prefill_s
                )
                self.counters.first_token_s.observe(now_s - entered.arrived_s)
            self._count(entered, token)

    def _next(self, running: Generation) -> int | Finish:
        """The next token of a request, or why there is none."""
        if running.cancelled:
            return Finish.ABORT
        assert running.steps is not None
        try:
            return next(running.steps, Finish.LENGTH)
        except Exception:  # an engine may raise anything: the request has failed, not the server
            return Finish.ERROR

    def _count(self, running: Generation, token: int | Finish) -> None:
        """Count a token and hand it over; the last one ends its request."""
        if isinstance(token, int):
            running.generated += 1
            self.counters.count_token(running.rank, is_first=running.generated == 1)
            running.put(token)
            if token == self.engine.end and not running.wanted.ignore_end:
                self._end(running, Finish.STOP)
            elif running.generated >= running.wanted.most_tokens:
                self._end(running, Finish.LENGTH)
        else:
            self._end(running, token)

    def _end(self, ended: Generation, finish: Finish) -> None:
        counters, prompt = self.counters, len(ended.wanted.prompt)
        self._running.remove(ended)
        counters.running = len(self._running)
        counters.finished[finish] += 1
        counters.ended.add(prompt, ended.cached, ended.generated)
        counters.ended_decode_s += ended.decode_s
        counters.most_tokens = max(counters.most_tokens, prompt + ended.generated)
        counters.request_s.observe(time.monotonic() - ended.arrived_s)
        counters.output_tokens.observe(ended.generated)
        ended.finish = finish
        ended.put(finish)
