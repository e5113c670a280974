"""Servers that are not as they should be, over real sockets: one line that says what and how to fix
it, and nothing hangs."""

from __future__ import annotations

import asyncio
import json
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from wattui import cli
from wattui.commands.tokens import OTHER_FILES, allow_connections
from wattui.errors import UsageError
from wattui.tokens.server import MOST_REFUSAL_BYTES

pytestmark = pytest.mark.needs_tokens

MODELS = json.dumps({"data": [{"id": "tiny"}]})
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
CHUNK = {"choices": [{"text": "a b"}]}
Answer = Callable[[str], bytes | None]


def page(status: str, body: str, kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}"
    return f"{head}\r\n{body}".encode()


def stream(*events: dict[str, Any] | str) -> bytes:
    lines = [each if isinstance(each, str) else json.dumps(each) for each in events]
    return page("200 OK", "".join(f"data: {line}\n\n" for line in lines), "text/event-stream")


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that answers each request as told, and never if told nothing; gives its address."""
    loop = asyncio.new_event_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = head.lower().split("\r\n")
                length = [line for line in lines if line.startswith("content-length:")]
                body = await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
                told = answer(head + body.decode())
                if told is None:
                    await asyncio.sleep(60)
                writer.write(told or b"")
                await writer.drain()
                if not told:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:

        async def stop() -> None:
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def completions(answer: bytes | None) -> Answer:
    """One model, and this answer to every completion."""
    return lambda head: page("200 OK", MODELS) if head.startswith("GET") else answer


def benched(url: str, *more: str) -> int:
    quick = ("--concurrency", "2", "--seconds", "0.2", "--armed", "0", "--timeout", "0.3")
    return cli.main(["tokens", "bench", url, *quick, "--prompts", "synthetic:8/2", *more])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page("401 No", '{"error": {"message": "no key"}}'), "--api-key-env OPENAI_API_KEY"),
        (page("500 Oops", "<html>"), "HTTP 500: Oops"),
        (page("307 Moved", "", more="location: http://there/\r\n"), "redirects to http://there/"),
        (page("200 OK", "{}"), "answered 200 with application/json, not with a stream"),
        (stream("{"), "it sent an event that is not JSON"),
        (stream("[" * 100_000), "it sent an event that is not JSON"),
        (page("500 Oops", "[" * 100_000), "HTTP 500: Oops"),
        (stream({"error": {"message": "out of\nmemory"}}), "out of memory"),
        (stream(CHUNK, "[DONE]"), "its stream has no usage"),
        (stream(CHUNK, {"usage": {"prompt_tokens": -1}}, "[DONE]"), "its stream has no usage"),
        (stream(CHUNK, {"choices": [], "usage": USAGE}), "the stream ended before its end"),
        (b"", "it ended the connection in the middle of an answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nda", "with nothing, not with a stream"),
        (None, "it sent nothing for too long: fix: raise --timeout"),
    ],
)
def test_a_server_that_fails_is_one_line(
    answer: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(completions(answer)) as url:
        assert benched(url) == 1
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith(f"wattui: {url}/v1/completions: ")
    assert said in line


def test_a_refusal_without_an_end_is_not_read_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    endless = page("500 Oops", "x" * (MOST_REFUSAL_BYTES + 1)).replace(b"-length: ", b"-length: 9")
    with serving(completions(endless)) as url:
        assert benched(url, "--timeout", "20") == 1
    assert "HTTP 500: Oops" in capsys.readouterr().err


def test_an_error_that_is_null_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    answer = stream(
        CHUNK | {"error": None}, {"choices": [], "usage": USAGE, "error": None}, "[DONE]"
    )
    with serving(completions(answer)) as url:
        assert benched(url, "--json") == 0
    [load] = json.loads(capsys.readouterr().out)["loads"]
    assert load["failed"] == 0


@pytest.mark.parametrize(
    "models",
    ["[" * 100_000, '{"data": [{"id": "\\ud800"}]}', '{"data": [{"id": "a\x1b[31m"}, {}]}'],
)
def test_models_that_make_no_sense_are_one_line(
    models: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda head: page("200 OK", models)) as url:
        assert benched(url) in (1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "bug in wattui" not in err
    [line] = err.splitlines()
    assert line.isprintable()


def test_without_a_server_it_says_where_none_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert benched("http://127.0.0.1:9") == 1
    assert capsys.readouterr().err == (
        "wattui: http://127.0.0.1:9/v1/models: no server answers there: fix: start it, or check "
        "the address\n"
    )


def test_a_model_that_is_not_there_is_said_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(completions(page("404 Not Found", '{"error": "model not found"}'))) as url:
        assert benched(url, "--model", "huge") == 1
    assert capsys.readouterr().err == (
        f"wattui: {url}/v1/completions: it has no model 'huge': fix: --model NAME with one of "
        "tiny\n"
    )


def test_a_strict_server_is_asked_without_what_it_refuses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def strict(head: str) -> bytes | None:
        if head.startswith("GET"):
            return page("200 OK", MODELS)
        if "ignore_eos" in head or "continuous_usage_stats" in head:
            return page("400 Bad Request", '{"error": {"message": "unknown field"}}')
        return stream(CHUNK, {"choices": [], "usage": USAGE}, "[DONE]")

    with serving(strict) as url:
        assert benched(url, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    [load] = found["loads"]
    assert load["tokens_out"] > 0
    assert load["failed"] == 0


def test_more_connections_than_files_may_be_open_are_refused_or_made_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {"is": (100, 500)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["is"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update({"is": wanted}))
    allow_connections(8)
    assert limits["is"] == (100, 500)
    allow_connections(400)
    assert limits["is"] == (400 + OTHER_FILES, 500)
    with pytest.raises(UsageError, match=r"--concurrency 600: .* 500 open files: fix: ulimit"):
        allow_connections(600)


def test_failed_requests_are_counted_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    asked = 0

    def flaky(head: str) -> bytes | None:
        nonlocal asked
        if head.startswith("GET"):
            return page("200 OK", MODELS)
        asked += 1
        if asked == 5:
            return page("503 Service Unavailable", '{"error": {"message": "too busy"}}')
        return stream(CHUNK, {"choices": [], "usage": USAGE}, "[DONE]")

    with serving(flaky) as url:
        assert benched(url) == 1
    assert "c2: 1 request failed: HTTP 503: too busy (1)" in capsys.readouterr().err


def test_a_server_that_dies_ends_the_load_and_keeps_what_there_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = 0

    def dying(head: str) -> bytes | None:
        nonlocal asked
        if head.startswith("GET"):
            return page("200 OK", MODELS)
        asked += 1
        return b"" if asked > 12 else stream(CHUNK, {"choices": [], "usage": USAGE}, "[DONE]")

    monkeypatch.setattr("wattui.tokens.load.PAUSE_S", 0.01)
    with serving(dying) as url:
        assert benched(url, "--json", "--seconds", "30") == 1
    out, err = capsys.readouterr()
    [load] = json.loads(out)["loads"]
    assert load["requests"] > 0
    assert not load["is_whole"]
    assert f"{url}/v1: gave up in c2: it ended the connection" in err


def test_the_key_goes_from_the_variable_to_the_server_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def keyed(head: str) -> bytes | None:
        seen.append(head)
        if head.startswith("GET"):
            return page("200 OK", MODELS)
        return stream(CHUNK, {"choices": [], "usage": USAGE}, "[DONE]")

    monkeypatch.setenv("KEY", "sesame")
    with serving(keyed) as url:
        assert benched(url, "--api-key-env", "KEY", "--json") == 0
        assert benched(url, "--api-key-env", "NONE") == 2
    assert all("authorization: bearer sesame" in head.lower() for head in seen)
    out, err = capsys.readouterr()
    assert "sesame" not in out + err
    assert "--api-key-env NONE: it is not set" in err


def test_without_a_recording_it_says_how_to_get_joules(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(completions(stream(CHUNK, {"choices": [], "usage": USAGE}, "[DONE]"))) as url:
        assert benched(url) == 0
    out, err = capsys.readouterr()
    assert "\nc2 " in out
    assert "no recording runs, so there are no joules: fix: wattui --headless --csv llm.csv" in err
