"""A server under several loads, one after the other: `wattui tokens bench`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from recorders.summary.usage import usage_note
from wattui.errors import UsageError
from wattui.tokens.load import Load, Loaded, Marks, Wish
from wattui.tokens.prompts import Prompt, Synthetic, words_known
from wattui.tokens.server import Address, Server, ServerError, connected, listed_names
from wattui.tokens.trace import Rates, Trace

LEAST_PER_WORD = 0.1


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure; `model` None: the only one there is."""

    address: Address
    model: str | None
    prompts: Sequence[Synthetic] | Sequence[Prompt]
    concurrency: Sequence[int]
    seconds: float
    repeats: int = 1
    warmup_s: float = 0.0
    armed_s: float = 5.0
    timeout_s: float = 120.0
    key_name: str | None = None


async def measure(
    asked: Bench, marks: Marks, keep: Callable[[Loaded], None], say: Callable[[str], None]
) -> None:
    """Run every load and keep what it did, also if it is interrupted.

    Raises UsageError or ServerError, with what was kept before.
    """
    async with connected(asked.address, asked.timeout_s, asked.key_name) as server:
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
    try:
        server.model.encode()
    except UnicodeEncodeError:
        raise UsageError(f"--model {server.model}: it is not a text in UTF-8") from None
    kinds = await _kinds(asked.prompts, server)
    now_s = asyncio.get_running_loop().time
    for repeat in range(1, asked.repeats + 1):
        numbered = repeat if asked.repeats > 1 else None
        if asked.armed_s:
            await marks.begin("armed", "", numbered)
            await asyncio.sleep(asked.armed_s)
            await marks.end()
        for kind, concurrency in itertools.product(kinds, asked.concurrency):
            wish = Wish(concurrency, asked.seconds, asked.warmup_s, numbered, kind.name)
            load = Load(wish, server.ask, kind.prompts, marks, now_s, kind.rates)
            say(_announced(wish, asked.repeats))
            try:
                await load.run()
            finally:
                loaded = load.loaded()
                keep(loaded)
            if loaded.lost:
                raise ServerError(f"{asked.address.base}: gave up in {wish.label}: {loaded.lost}")
            await marks.note(usage_note(wish.label, loaded.tokens.counts, loaded.whole.counts))


def _announced(wish: Wish, repeats: int) -> str:
    repeat = f", repeat {wish.repeat} of {repeats}" if wish.repeat else ""
    requests = "1 request" if wish.concurrency == 1 else f"{wish.concurrency} requests"
    return f"{wish.label}{repeat}: {requests} in flight for {wish.seconds:g} s"


async def _only_model(server: Server) -> str:
    models = await server.models()
    if len(models) != 1:
        listed = f"one of {listed_names(models)}" if models else "the name of a model"
        raise UsageError(f"the server has {len(models)} models: fix: --model NAME with {listed}")
    return models[0]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Prompts without an end; `name` is empty if they are the only ones. `rates` are known from one
    of them, so that the first requests in flight can be estimated."""

    name: str
    prompts: Iterator[Prompt]
    rates: Rates = field(default_factory=Rates)


async def _kinds(asked: Sequence[Synthetic] | Sequence[Prompt], server: Server) -> Sequence[_Kind]:
    """Each kind of prompts; made-up ones have as many words as give the tokens asked for."""
    given = [each for each in asked if isinstance(each, Prompt)]
    if given:
        kind = _Kind("", itertools.cycle(given))
        kind.rates.add(await server.check(replace(given[0], max_tokens=1)))
        return [kind]
    made = [each for each in asked if isinstance(each, Synthetic)]
    # All words once and twice: a word has as many tokens as in the mean of the prompts, and what is
    # left is a template's.
    once, twice = [_prompt_tokens(await server.check(made[0].every_word(n))) for n in (1, 2)]
    per_word = max((twice - once) / words_known(), LEAST_PER_WORD)
    kinds = []
    for each in made:
        words = max(1, round((each.tokens_in - (2 * once - twice)) / per_word))
        name = each.name if len(made) > 1 else ""
        kind = _Kind(name, each.endless(words))
        kind.rates.add(await server.check(_short(each, words)))
        kinds.append(kind)
    return kinds


def _short(made: Synthetic, words: int) -> Prompt:
    """A prompt of its own that is answered by one token."""
    return replace(made.made(words, -words), max_tokens=1)


def _prompt_tokens(trace: Trace) -> int:
    return trace.usage.prompt if trace.usage else 0
