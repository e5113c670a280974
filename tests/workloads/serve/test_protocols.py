"""What clients of OpenAI and Ollama get: streams, usage, and errors they can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.language_server import Client, serving
from workloads.serve.engine import Toy

CHAT = [{"role": "user", "content": "How much is a joule?"}]
LONG = "all work and no play makes Jack a dull boy. " * 4


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as made:
        yield made


def test_a_stream_and_an_answer_in_one_piece_are_the_same_text(client: Client) -> None:
    body = {"prompt": "once", "max_tokens": 40, "ignore_eos": True}
    whole = client.json("/v1/completions", body)
    events = client.events("/v1/completions", body | {"stream": True})
    assert "".join(event["choices"][0]["text"] for event in events) == whole["choices"][0]["text"]
    assert events[-1]["choices"][0]["finish_reason"] == "length"
    assert not any("usage" in event for event in events)


def test_usage_counts_tokens_where_chunks_are_fewer(client: Client) -> None:
    asked = {"max_tokens": 200, "ignore_eos": True, "stream": True}
    body = {"messages": CHAT, **asked, "stream_options": {"include_usage": True}}
    *events, last = client.events("/v1/chat/completions", body)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 200
    assert last["usage"]["prompt_tokens"] == len("user: How much is a joule?\nassistant:")
    pieces = [each for each in events if each["choices"][0]["delta"].get("content")]
    assert len(pieces) < 200  # a letter of two tokens is one chunk
    assert all(event["usage"] is None for event in events)


def test_usage_can_be_stated_at_every_piece(client: Client) -> None:
    asked = {"prompt": "once", "max_tokens": 50, "ignore_eos": True, "stream": True}
    options = {"include_usage": True, "continuous_usage_stats": True}
    *pieces, _, last = client.events("/v1/completions", asked | {"stream_options": options})
    stated = [piece["usage"]["completion_tokens"] for piece in pieces]
    # Each letter of two tokens, and each end that is ignored, is in the next piece's number.
    assert stated == sorted(set(stated))
    assert len(stated) < 50
    assert last["usage"]["completion_tokens"] == 50


def test_the_end_of_the_text_ends_the_answer_unless_it_is_ignored(client: Client) -> None:
    body = {"prompt": "once", "max_tokens": 2000}
    ended = client.json("/v1/completions", body)
    assert ended["choices"][0]["finish_reason"] == "stop"
    assert ended["usage"]["completion_tokens"] < 2000
    ignored = client.json("/v1/completions", body | {"ignore_eos": True})
    assert ignored["usage"]["completion_tokens"] == 2000
    assert "\0" not in ignored["choices"][0]["text"]


def test_whole_blocks_of_an_earlier_prompt_are_cached(client: Client) -> None:
    body = {"prompt": LONG, "max_tokens": 1}
    first, second = (client.json("/v1/completions", body)["usage"] for _ in range(2))
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] == (len(LONG) - 1) // 16 * 16


def test_ollama_counts_in_its_last_line(client: Client) -> None:
    body = {"model": "toy", "prompt": "once", "options": {"num_predict": 30, "ignore_eos": True}}
    lines = [json.loads(line) for line in client.text("/api/generate", body).splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert (lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == (4, 30)
    assert lines[-1]["total_duration"] >= lines[-1]["eval_duration"] > 0
    chat = client.json("/api/chat", {"messages": CHAT, "stream": False})
    assert chat["done"]
    assert chat["message"]["role"] == "assistant"


def test_timings_are_llama_servers_alone(client: Client) -> None:
    body = {"prompt": LONG, "max_tokens": 8, "ignore_eos": True}
    assert "timings" not in client.json("/v1/completions", body)
    with serving("llama") as llama:
        llama.json("/v1/completions", body)
        timings = llama.json("/v1/completions", body)["timings"]
        *_, last = llama.events("/v1/completions", body | {"stream": True})
    assert timings["predicted_n"] == last["timings"]["predicted_n"] == 8
    assert timings["cache_n"] + timings["prompt_n"] == len(LONG)
    assert timings["cache_n"] > 0


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v1/completions", b"{", 400, "not JSON"),
        ("/v1/completions", b"[]", 400, "object"),
        ("/v1/completions", {"prompt": "a", "max_tokens": -1}, 400, "max_tokens"),
        ("/v1/completions", {"prompt": "a", "max_tokens": True}, 400, "max_tokens"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 8192}, 400, "context length is 8192"),
        ("/v1/completions", {"prompt": "a", "model": "other"}, 404, "`other` does not exist"),
        ("/v1/completions", {"prompt": "a", "n": 2}, 400, "n:"),
        ("/v1/completions", {"prompt": "a", "stop": ["b"]}, 400, "stop"),
        ("/v1/completions", {"prompt": "a", "stream_options": {"include_usage": True}}, 400, "str"),
        ("/v1/completions", {"prompt": ["a", "b"]}, 400, "prompt"),
        ("/v1/completions", {"prompt": ""}, 400, "empty"),
        ("/v1/chat/completions", {"messages": []}, 400, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "user"}]}, 400, "content"),
        ("/v1/nothing", {}, 404, "not found"),
        ("/v1/completions", None, 405, "needs POST"),
        ("/health", {}, 405, "needs GET"),
    ],
)
def test_a_mistake_is_a_line_that_names_it(
    client: Client, path: str, body: Any, status: int, says: str
) -> None:
    with client.open(path, body) as response:
        assert response.status == status
        assert says in json.loads(response.read())["error"]["message"]
    assert client.json("/health") == {"status": "ok"}


def test_a_mistake_at_ollamas_paths_is_written_as_ollama_does(client: Client) -> None:
    assert "prompt" in client.json("/api/generate", {})["error"]


def test_the_model_is_listed(client: Client) -> None:
    assert [each["id"] for each in client.json("/v1/models")["data"]] == ["toy"]


class _Failing(Toy):
    def stream(self, prompt: bytes, n: int, *, seed: int) -> Iterator[int]:
        yield 65
        raise MemoryError


def test_a_failing_engine_is_an_error_and_not_an_answer() -> None:
    with serving(engine=_Failing()) as client:
        with client.open("/v1/completions", {"prompt": "a"}) as response:
            assert response.status == 500
        events = client.events("/v1/completions", {"prompt": "a", "stream": True})
        assert "error" in events[-1]
        failed = 'vllm:request_success_total{engine="0",model_name="toy",finished_reason="error"}'
        assert client.samples()[failed] == 2
