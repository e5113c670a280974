"""The note of what a server counts is read as it was written."""

from __future__ import annotations

import pytest

from recorders.server_counts import ServerCounts, read_server_counts

BARE = ServerCounts("http://h:8000/metrics", "vLLM", ["tokens_out", "requests"])
FULL = ServerCounts(
    "http://h/metrics?model=a%20counts%20b",
    "llama-server",
    ["tokens_out", "tokens_in", "cut"],
    ["tokens_out"],
    {"tokens_out": 10, "tokens_in": 100},
    ["cut"],
)
TEXT = (
    "http://h/metrics?model=a%20counts%20b: llama-server counts tokens_out tokens_in cut; at a "
    "request's end: tokens_out; rounded to steps: tokens_out=10 tokens_in=100; no series of: cut"
)


def test_the_text_is_that_of_the_documentation() -> None:
    assert BARE.text == "http://h:8000/metrics: vLLM counts tokens_out requests"
    assert FULL.text == TEXT


@pytest.mark.parametrize("counts", [BARE, FULL])
def test_a_note_is_read_as_it_was_written(counts: ServerCounts) -> None:
    assert read_server_counts(counts.text) == counts


@pytest.mark.parametrize("step", ["tokens_out=", "tokens_out", "tokens_out=ten"])
def test_a_step_that_is_not_a_number_is_left_out(step: str) -> None:
    found = read_server_counts(f"{BARE.text}; rounded to steps: {step} requests=10")
    assert found is not None
    assert found.steps == {"requests": 10}


def test_other_texts_say_nothing() -> None:
    assert read_server_counts("http://h/metrics is silent") is None
