"""What a server is: its models, and what its metrics count."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.support.meters import plug
from tests.support.servers import llama
from wattui import cli
from wattui.errors import UsageError
from wattui.tokens.check import check, counted_by, metrics_of
from wattui.tokens.server import ServerError, parse_address

pytestmark = pytest.mark.needs_tokens

Reply = tuple[int, Mapping[str, str], bytes]


def answer(path: str, headers: Mapping[str, str]) -> Reply:
    if path == "/v1/models":
        return 200, {}, json.dumps({"data": [{"id": "tiny"}, {"id": "large"}]}).encode()
    return (200, {}, llama(7).encode()) if path == "/metrics" else (404, {}, b"")


def test_it_says_the_models_and_what_is_counted_when() -> None:
    with plug() as device:
        device.answer = answer
        address = parse_address(f"http://{device.host}")
        assert list(check(address, metrics_of(address))) == [
            "models: tiny, large",
            f"http://{device.host}/metrics: llama-server counts tokens_out, tokens_in, "
            "prefill_ms, decode_ms; tokens_out, decode_ms only when a request ends",
        ]


@pytest.mark.parametrize("page", ["/metrics", "/prometheus/metrics"])
def test_the_address_of_the_metrics_is_that_of_their_server(page: str) -> None:
    address = parse_address(f"http://127.0.0.1:8000{page}")
    assert address.of("models") == "http://127.0.0.1:8000/v1/models"
    assert metrics_of(address) == f"http://127.0.0.1:8000{page}"


def test_without_metrics_it_says_how_to_switch_them_on(capsys: pytest.CaptureFixture[str]) -> None:
    with plug() as device:
        device.answer = lambda path, headers: (
            (501, {}, b"") if path == "/metrics" else answer(path, headers)
        )
        assert cli.main(["tokens", "check", f"http://{device.host}/v1"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].endswith("answers 501: fix: start llama-server with --metrics")


def test_a_server_that_does_not_answer_is_an_error() -> None:
    with plug() as device:
        address = parse_address(f"http://{device.host}")
    with pytest.raises(ServerError):
        list(check(address, metrics_of(address)))


def test_a_wrong_address_of_metrics_is_refused() -> None:
    with pytest.raises(UsageError, match="not an address of http"):
        counted_by("ftp://h/metrics")
