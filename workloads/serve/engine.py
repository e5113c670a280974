"""A language model as the server uses it: bytes in, bytes out."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from typing import Protocol

BLOCK = 16
MOST_BLOCKS = 65536


class Engine(Protocol):
    """Generates tokens, each a byte. `end` is the one that ends an answer, if there is one."""

    name: str
    context: int
    end: int | None

    def stream(self, prompt: bytes, n: int, *, seed: int) -> Iterator[int]:
        """Yield `n` tokens, each as soon as it is computed; the first computes the prompt, too."""
        ...

    def cached(self, prompt: bytes) -> int:
        """How many of the first tokens of a prompt need no computing, and keep the prompt."""
        ...


class Gpt:
    """The small GPT, whose answers have no end. It computes every prompt again, and always takes
    the likeliest token, whatever the seed of the request.

    Raises UsageError without onnxruntime.
    """

    name = "gpt"
    end: int | None = None

    def __init__(self) -> None:
        from workloads.engines import ENGINES, EngineOptions, require

        _, needs, extra = ENGINES[EngineOptions().name]
        require(needs, extra, "serve gpt")
        from workloads.gpt.generate import generator
        from workloads.gpt.network import POSITIONS

        self.context = POSITIONS
        self._generator = generator(0)

    def stream(self, prompt: bytes, n: int, *, seed: int) -> Iterator[int]:
        """Yield `n` tokens, the likeliest each time."""
        return self._generator.stream(prompt, n)

    def cached(self, prompt: bytes) -> int:
        """None."""
        return 0


class Toy:
    """Makes up words without computing anything. The same prompt and seed give the same words."""

    name = "toy"
    context = 8192
    end: int | None = 0

    def __init__(self) -> None:
        self._blocks: set[int] = set()

    def stream(self, prompt: bytes, n: int, *, seed: int) -> Iterator[int]:
        """Yield words, among them letters of two bytes, and now and then the end."""
        chance = random.Random(seed ^ zlib.crc32(prompt))
        made = 0
        while made < n:
            letters = "".join(chance.choices("etaoinshrdlué", k=chance.randint(2, 9)))
            word = letters.encode() + (b"\0" if chance.random() < 0.02 else b" ")
            yield from word[: n - made]
            made += len(word)

    def cached(self, prompt: bytes) -> int:
        """The whole blocks of 16 tokens that an earlier prompt began with, except the last token's,
        which is always computed."""
        keys, key = [], 0
        for end in range(BLOCK, len(prompt), BLOCK):
            key = zlib.crc32(prompt[end - BLOCK : end], key)
            keys.append(key)
        known = next((i for i, key in enumerate(keys) if key not in self._blocks), len(keys))
        if len(self._blocks) > MOST_BLOCKS:
            self._blocks.clear()
        self._blocks.update(keys)
        return known * BLOCK
