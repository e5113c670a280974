"""Counts of the server: those that move at each step, and those that move when a request ends."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
TOKENS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)


class Finish(StrEnum):
    """Why a request ended, as vLLM names it."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


@dataclass(slots=True)
class Histogram:
    """A histogram of Prometheus."""

    bounds: Sequence[float]
    sum: float = 0.0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Add one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[int]:
        """The count up to each bound, and that of all values."""
        return list(accumulate(self.counts))


@dataclass(slots=True)
class Tokens:
    """Tokens so far. `prompt` includes those that were `cached`."""

    prompt: int = 0
    cached: int = 0
    generated: int = 0

    def add(self, prompt: int = 0, cached: int = 0, generated: int = 0) -> None:
        """Add to each."""
        self.prompt += prompt
        self.cached += cached
        self.generated += generated

    @property
    def computed(self) -> int:
        """Prompt tokens that were not cached."""
        return self.prompt - self.cached


@dataclass(slots=True)
class Counters:
    """Everything that a metrics page shows.

    `now` moves at each step, `ended` when a request ends. SGLang's two data-parallel `ranks` take
    requests in turn, and count no token that a prompt's step gives.
    """

    running: int = 0
    waiting: int = 0
    arrived: int = 0
    now: Tokens = field(default_factory=Tokens)
    ended: Tokens = field(default_factory=Tokens)
    ranks: tuple[Tokens, Tokens] = field(default_factory=lambda: (Tokens(), Tokens()))
    finished: dict[Finish, int] = field(default_factory=lambda: dict.fromkeys(Finish, 0))
    prefill_s: float = 0.0
    ended_decode_s: float = 0.0
    decode_steps: int = 0
    busy_slots: int = 0
    most_tokens: int = 0
    prefill_steps_s: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    decode_steps_s: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    first_token_s: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    request_s: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    input_tokens: Histogram = field(default_factory=lambda: Histogram(TOKENS))
    output_tokens: Histogram = field(default_factory=lambda: Histogram(TOKENS))

    def count_prompt(self, rank: int, prompt: int, cached: int, seconds: float) -> None:
        """Count a prompt that has been computed."""
        self.now.add(prompt, cached)
        self.ranks[rank].add(prompt, cached)
        self.prefill_s += seconds
        self.prefill_steps_s.observe(seconds)

    def count_token(self, rank: int, is_first: bool) -> None:
        """Count a generated token."""
        self.now.add(generated=1)
        if not is_first:
            self.ranks[rank].add(generated=1)

    def count_decode(self, batch: int, seconds: float) -> None:
        """Count a step that gave each of a batch its next token."""
        self.decode_steps += 1
        self.busy_slots += batch
        self.decode_steps_s.observe(seconds)
