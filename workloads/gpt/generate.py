"""Generation with the small GPT: a prefill of the prompts, then one token of each at a time.

Decoding is greedy and has no end token, so a generation depends on its prompt and the seed of the
weights alone. A `Generator` may be used by many threads at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.engines import EngineOptions, open_engine
from workloads.gpt.network import POSITIONS, decode, prefill
from workloads.weights import make_weights

if TYPE_CHECKING:
    from workloads.engine import Array, Engine


@dataclass(frozen=True, slots=True)
class State:
    """Sequences of `length` tokens: the logits (batch, 256) of the next, and the engine's cache."""

    length: int
    logits: Array
    cache: tuple[Any, ...]

    @property
    def likeliest(self) -> Array:
        """The next token of each sequence, (batch,)."""
        tokens: Array = self.logits.argmax(-1)
        return tokens


class Generator:
    """The network on an engine, with weights of a seed."""

    def __init__(self, engine: Engine, seed: int) -> None:
        graphs = prefill(1), decode(1)
        weights = make_weights(graphs[0], seed)
        self._prefill, self._decode = (engine.load(graph, weights) for graph in graphs)

    def prefill(self, prompts: Array) -> State:
        """The state after prompts (batch, tokens) of one length."""
        prompts = prompts.astype(np.int64)
        return _state(self._prefill, prompts.shape[1], self._prefill.put(prompts))

    def decode(self, state: State, tokens: Array) -> State:
        """The state after one more token (batch,) of each sequence."""
        column = tokens.astype(np.int64)[:, None]
        place = np.full_like(column, state.length)
        put = self._decode.put
        return _state(self._decode, state.length + 1, put(column), put(place), *state.cache)

    def stream(self, prompt: bytes, count: int) -> Iterator[int]:
        """`count` bytes that follow a prompt, each as soon as it is known.

        Raises ValueError for an empty prompt, or more tokens than the network has positions.
        """
        if not prompt or len(prompt) + count > POSITIONS:
            raise ValueError(
                f"{len(prompt)} prompt tokens and {count} more: there must be 1 prompt token or "
                f"more, and {POSITIONS} in all or fewer"
            )
        return self._tokens(np.frombuffer(prompt, np.uint8)[None], count)

    def _tokens(self, prompts: Array, count: int) -> Iterator[int]:
        state: State | None = None
        for _ in range(count):
            state = self.prefill(prompts) if state is None else self.decode(state, state.likeliest)
            yield int(state.likeliest[0])


def stream(prompt: bytes, n: int, *, seed: int) -> Iterator[int]:
    """`n` bytes that follow a prompt, by onnxruntime with one thread and weights of a seed.

    Safe to call from any thread. Raises ValueError as `Generator.stream` does.
    """
    return generator(seed).stream(prompt, n)


@lru_cache(maxsize=1)
def generator(seed: int) -> Generator:
    """The generator of a seed; the last one stays loaded."""
    return Generator(open_engine(EngineOptions()), seed)


def _state(loaded: Any, length: int, *inputs: Any) -> State:
    logits, *cache = loaded.apply(*inputs)
    return State(length, loaded.get(logits), tuple(cache))
