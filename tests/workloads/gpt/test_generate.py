"""Generation: the cache changes nothing, sequences do not meet, and all engines agree."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workloads.engines import EngineOptions, open_engine
from workloads.gpt.generate import Generator, State, stream
from workloads.gpt.network import POSITIONS, VOCABULARY

if TYPE_CHECKING:
    from workloads.engine import Array

pytestmark = pytest.mark.needs_workloads
# Most that logits may differ, as a share of the largest.
NEAR = 1e-5
ENGINES = ["numpy", "onnxruntime", pytest.param("torch", marks=pytest.mark.needs_torch)]


@cache
def generator(engine: str, seed: int = 1) -> Generator:
    return Generator(open_engine(EngineOptions(engine)), seed)


@pytest.fixture(params=ENGINES)
def gpt(request: pytest.FixtureRequest) -> Generator:
    return generator(request.param)


def prompts(batch: int, length: int) -> Array:
    return np.random.default_rng(5).integers(VOCABULARY, size=(batch, length))


def assert_near(found: Array, expected: Array) -> None:
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= NEAR * np.abs(expected).max()


def after(gpt: Generator, given: Array, first: int) -> list[State]:
    """The states after a prefill of the first tokens and a decode of each later one."""
    states = [gpt.prefill(given[:, :first])]
    for column in given[:, first:].T:
        states.append(gpt.decode(states[-1], column))
    return states


def test_decoding_with_the_cache_is_computing_all_again(gpt: Generator) -> None:
    given = prompts(2, 7)
    for state in after(gpt, given, 3):
        assert_near(state.logits, gpt.prefill(given[:, : state.length]).logits)


def test_sequences_of_a_batch_do_not_meet(gpt: Generator) -> None:
    given = prompts(3, 7)
    whole = after(gpt, given, 5)
    for row in range(3):
        alone = after(gpt, given[row : row + 1], 5)
        for state, one in zip(whole, alone, strict=True):
            assert_near(state.logits[row], one.logits[0])


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_engines_compute_what_numpy_does(engine: str) -> None:
    given = prompts(2, 9)
    reference = after(generator("numpy"), given, 6)
    for state, expected in zip(after(generator(engine), given, 6), reference, strict=True):
        assert_near(state.logits, expected.logits)


def test_a_state_can_be_continued_twice(gpt: Generator) -> None:
    """Decoding leaves the state before it as it was."""
    given = prompts(1, 6)
    state = gpt.prefill(given[:, :5])
    first = gpt.decode(state, np.array([7])).logits
    assert not np.array_equal(gpt.decode(state, np.array([8])).logits, first)
    assert np.array_equal(gpt.decode(state, np.array([7])).logits, first)


def test_a_stream_is_the_likeliest_byte_each_time() -> None:
    text, gpt = b"joules", generator("numpy")
    for token in stream(text, 3, seed=1):
        logits = gpt.prefill(np.frombuffer(text, np.uint8)[None]).logits
        assert token == logits.argmax()
        text += bytes([token])


def test_the_seed_decides() -> None:
    def once(seed: int) -> list[int]:
        return list(stream(b"watts and joules", 12, seed=seed))

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_streams_at_once_are_those_alone() -> None:
    texts = [f"prompt {place}".encode() * place for place in range(1, 9)]
    alone = [list(stream(text, 16, seed=1)) for text in texts]
    with ThreadPoolExecutor(len(texts)) as pool:
        assert list(pool.map(lambda text: list(stream(text, 16, seed=1)), texts)) == alone


@pytest.mark.parametrize(("prompt", "count"), [(b"", 1), (b"x" * POSITIONS, 1), (b"x", POSITIONS)])
def test_what_does_not_fit_is_refused_before_anything_is_computed(
    prompt: bytes, count: int
) -> None:
    with pytest.raises(ValueError, match="2048 in all or fewer"):
        stream(prompt, count, seed=1)


def test_all_positions_can_be_used() -> None:
    assert len(list(stream(b"x" * (POSITIONS - 2), 2, seed=1))) == 2
