"""The command: says where it listens, ends on a signal, and refuses what it cannot do."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.support.language_server import serving
from workloads.cli import main
from workloads.serve.engine import Gpt


def test_it_says_where_it_listens_and_ends_on_a_signal() -> None:
    argv = [sys.executable, "-m", "workloads", "serve", "toy", "--tokens-per-second", "50"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = urlsplit(server.stdout.readline().split()[-1])
        assert url.hostname == "127.0.0.1"
        connection = HTTPConnection("127.0.0.1", url.port or 0, timeout=20)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["llama3"], "invalid choice: 'llama3'"),
        (["toy", "--tokens-per-second", "0"], "must be above 0"),
        (["toy", "--slots", "0"], "at least 1"),
        (["toy", "--no-metrics"], "--dialect llama"),
        (["toy", "--port", "70000"], "cannot listen on 127.0.0.1:70000"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "toy", "--port", port]) == 2
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_a_server_starts_again_on_the_port_that_it_has_just_left() -> None:
    with serving() as first:
        port = first.server.server_address[1]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
            while client.recv(4096):  # until the server has closed the connection
                pass
    with serving(port=port) as second:
        assert second.json("/health") == {"status": "ok"}


@pytest.mark.needs_workloads
def test_the_small_gpt_answers_with_as_many_tokens_as_are_wanted() -> None:
    with serving(engine=Gpt()) as client:
        answer = client.json("/v1/completions", {"prompt": "once upon a time", "max_tokens": 12})
    assert answer["model"] == "gpt"
    assert answer["usage"]["prompt_tokens"] == 16
    assert answer["usage"]["completion_tokens"] == 12
    assert answer["choices"][0]["finish_reason"] == "length"
