"""A server under several loads, one after the other: `wattui tokens bench`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from wattui.errors import UsageError
from wattui.tokens.load import Load, Loaded, Marks, Wish
from wattui.tokens.prompts import Prompt, Synthetic, endless
from wattui.tokens.server import Address, Server, ServerError
from wattui.tokens.trace import Rates

# Lengths of the prompts that show how many tokens a word has.
FEW_WORDS, MORE_WORDS = 8, 24
NEEDED = "it needs httpx: pip install 'wattui[tokens]'"


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure; `model` None: the only one there is."""

    address: Address
    model: str | None
    prompts: Synthetic | Sequence[Prompt]
    concurrency: Sequence[int]
    seconds: float
    repeats: int = 1
    warmup_s: float = 0.0
    armed_s: float = 5.0
    timeout_s: float = 120.0
    key_name: str | None = None


def key_of(name: str | None) -> str | None:
    """The key in an environment variable. Raises UsageError."""
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise UsageError(f"--api-key-env {name}: it is not set: fix: export {name}=…")
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"--api-key-env {name}: its value is no key")
    return key


async def measure(
    asked: Bench, marks: Marks, keep: Callable[[Loaded], None], say: Callable[[str], None]
) -> None:
    """Run every load and keep what it did, also if it is interrupted.

    Raises UsageError or ServerError, with what was kept before.
    """
    try:
        import httpx
    except ImportError:
        raise UsageError(NEEDED) from None
    key = key_of(asked.key_name)
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(asked.timeout_s, connect=10.0, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        trust_env=False,
    ) as client:
        server = Server(client, asked.address, asyncio.get_running_loop().time, asked.key_name)
        await run(asked, server, marks, keep, say)


async def run(
    asked: Bench,
    server: Server,
    marks: Marks,
    keep: Callable[[Loaded], None],
    say: Callable[[str], None],
) -> None:
    """Run every load against a server."""
    server.model = asked.model or await _only_model(server)
    prompts = await _prompts(asked.prompts, server)
    now_s, rates = asyncio.get_running_loop().time, Rates()
    for repeat in range(1, asked.repeats + 1):
        numbered = repeat if asked.repeats > 1 else None
        if asked.armed_s:
            await marks.begin("armed", "", numbered)
            await asyncio.sleep(asked.armed_s)
            await marks.end()
        for concurrency in asked.concurrency:
            wish = Wish(concurrency, asked.seconds, asked.warmup_s, numbered)
            load = Load(wish, server.ask, prompts, marks, now_s, rates)
            say(_announced(wish, asked.repeats))
            try:
                await load.run()
            finally:
                keep(load.loaded())
            if lost := load.loaded().lost:
                raise ServerError(f"{asked.address.base}: gave up in {wish.label}: {lost}")


def _announced(wish: Wish, repeats: int) -> str:
    repeat = f", repeat {wish.repeat} of {repeats}" if wish.repeat else ""
    return f"{wish.label}{repeat}: {wish.concurrency} requests in flight for {wish.seconds:g} s"


async def _only_model(server: Server) -> str:
    models = await server.models()
    if len(models) != 1:
        listed = f"one of {', '.join(models[:8])}" if models else "the name of a model"
        raise UsageError(f"the server has {len(models)} models: fix: --model NAME with {listed}")
    return models[0]


async def _prompts(asked: Synthetic | Sequence[Prompt], server: Server) -> Iterator[Prompt]:
    """Prompts without an end; made-up ones have as many words as give the tokens asked for."""
    if not isinstance(asked, Synthetic):
        await server.check(replace(asked[0], max_tokens=1))
        return endless(asked)
    lengths = []
    for number, words in ((-1, FEW_WORDS), (-2, MORE_WORDS)):
        usage = await server.check(replace(asked.made(words, number), max_tokens=1))
        lengths.append(usage.prompt)
    per_word = (lengths[1] - lengths[0]) / (MORE_WORDS - FEW_WORDS)
    if per_word <= 0:
        return asked.endless(asked.tokens_in)
    words = round((asked.tokens_in - lengths[0]) / per_word + FEW_WORDS)
    return asked.endless(max(1, words))
