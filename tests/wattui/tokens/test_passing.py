"""The usage in an answer: found however it is cut, and hidden where the client has not asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.tokens.passing import Answer, asking_usage, is_counted
from wattui.tokens.trace import Usage

SSE, NDJSON, JSON = (
    b"text/event-stream; charset=utf-8",
    b"application/x-ndjson",
    b"application/json",
)
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}}
TEXT = {"choices": [{"text": 'é "usage": {"completion_tokens": 9}'}], "usage": None}


def _event(content: dict[str, Any], end: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(content).encode() + end


def _passed(answer: Answer, raw: bytes, cuts: list[int]) -> bytes:
    passed, place = b"", 0
    while place < len(raw):
        size = cuts[place % len(cuts)]
        passed += answer.feed(raw[place : place + size])
        place += size
    return passed + answer.end()


CUTS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(CUTS, st.booleans(), st.sampled_from([b"\n\n", b"\r\n\r\n"]))
def test_only_the_usage_that_was_added_is_hidden(cuts: list[int], hides: bool, end: bytes) -> None:
    stated: list[Usage] = []
    answer = Answer(SSE, hides, stated.append)
    before = b": hello" + end + _event(TEXT, end) * 2
    usage = _event({"choices": [], "usage": USAGE}, end)
    after = b"data: [DONE]" + end + b"data: cut off"
    passed = _passed(answer, before + usage + after, cuts)
    assert passed == before + (b"" if hides else usage) + after
    assert stated == [Usage(7, 5, 2)]
    assert answer.has_usage
    assert not answer.has_error


def test_a_usage_with_a_text_is_counted_but_not_hidden() -> None:
    stated: list[Usage] = []
    raw = _event({"choices": [{"text": "a"}], "usage": USAGE})
    assert Answer(SSE, True, stated.append).feed(raw) == raw
    assert stated == [Usage(7, 5, 2)]


@given(CUTS)
def test_ollamas_last_line_is_counted(cuts: list[int]) -> None:
    stated: list[Usage] = []
    lines = [{"response": "a"}, {"done": True, "eval_count": 5, "prompt_eval_count": 7}]
    raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert _passed(Answer(NDJSON, False, stated.append), raw, cuts) == raw
    assert stated == [Usage(7, 5)]


def test_a_prompt_that_ollama_has_cached_whole_is_left_out_by_it() -> None:
    stated: list[Usage] = []
    answer = Answer(JSON, False, stated.append)
    answer.feed(b'{"eval_')
    answer.feed(b'count": 5}')
    assert not answer.has_usage
    answer.end()
    assert stated == [Usage(0, 5)]


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage",
        b'{"usage": 3}',
        b'{"usage": {"prompt_tokens": -1, "completion_tokens": 4}}',
        b'{"usage": {"prompt_tokens": "7"}}',
        b'{"eval_count": true}',
        b'{"eval_count": 9999999999999}',
        b'{"usage": {"prompt_tokens": true, "completion_tokens": true}}',
        b'{"usage": {"prompt_tokens": 9999999999999, "completion_tokens": 1}}',
        b'["usage"]',
        b"[" * 100_000 + b'"usage"',
    ],
)
def test_garbage_states_nothing(raw: bytes) -> None:
    answer = Answer(JSON, False, pytest.fail)
    assert answer.feed(raw) == raw
    answer.end()
    assert not answer.has_usage


def test_an_error_in_a_stream_is_seen() -> None:
    answer = Answer(SSE, False, pytest.fail)
    answer.feed(_event({"error": {"message": "out of memory"}}))
    assert answer.has_error


def test_the_usage_is_asked_for_where_the_client_has_not() -> None:
    path = b"/v1/chat/completions"
    body = b'{"stream": true, "messages": [],  "top_p": 0.1}\n'
    asked = asking_usage(path, body)
    assert asked.adds_usage
    assert asked.body.startswith(body.rstrip()[:-1])
    assert json.loads(asked.body) == json.loads(body) | {"stream_options": {"include_usage": True}}
    other = asking_usage(path, b'{"stream": true, "stream_options": {"a": 1}}')
    assert other.adds_usage
    assert json.loads(other.body)["stream_options"] == {"a": 1, "include_usage": True}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/v1/completions", b'{"stream": true, "stream_options": {"include_usage": true}}'),
        (b"/v1/completions", b'{"stream": false}'),
        (b"/v1/completions", b'{"stream": "yes"}'),
        (b"/v1/completions", b"{"),
        (b"/v1/completions", b"[]"),
        (b"/v1/completions", b'{"stream": true, "stream_options": 3}'),
        (b"/api/generate", b'{"stream": true}'),
    ],
)
def test_other_requests_are_left_as_they_are(path: bytes, body: bytes) -> None:
    assert asking_usage(path, body) == (body, False)


def test_only_generation_is_counted() -> None:
    assert is_counted(b"POST", b"/openai/v1/chat/completions")
    assert is_counted(b"POST", b"/api/chat")
    assert not is_counted(b"GET", b"/api/chat")
    assert not is_counted(b"POST", b"/v1/embeddings")
