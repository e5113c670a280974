"""The dashboard in a browser: on the loopback, for its own pages, with nothing from elsewhere."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from .running import WATTUI, Place, command_line, until

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


pytestmark = pytest.mark.needs_web


@pytest.fixture
def port(place: Place) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    program = place.start([*WATTUI, "--web", "--port", str(number), "--simulate"])
    try:
        until(lambda: answers(number), "an answer of the server")
        yield number
    finally:
        program.terminate()
        program.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def connect(port: int, origin: str, host: str | None = None) -> int:
    """The status with which a websocket is answered."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {**UPGRADE, "Origin": origin, "Host": host or f"127.0.0.1:{port}"}
    connection.request("GET", "/ws?width=100&height=30", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_page_needs_nothing_from_elsewhere(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    page = connection.getresponse().read().decode()
    addresses = re.findall(r"(?:https?:|ws:)?//[^\s\"')]+", page)
    assert addresses
    assert all(f"//127.0.0.1:{port}/" in address for address in addresses)


def test_only_its_own_page_may_open_the_dashboard(port: int) -> None:
    assert connect(port, f"http://127.0.0.1:{port}") == 101
    assert connect(port, f"http://localhost:{port}") == 101
    assert connect(port, "https://example.org") == 403
    assert connect(port, f"http://127.0.0.1:{port}", host=f"example.org:{port}") == 403


async def test_the_dashboard_is_shown_and_ends_with_its_recorder(port: int, place: Place) -> None:
    import aiohttp

    origin = f"http://127.0.0.1:{port}"
    shown = b""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{origin}/ws?width=120&height=35", origin=origin) as socket,
    ):
        while b"simulated" not in shown:
            message = await socket.receive(timeout=20)
            shown += message.data if message.type == aiohttp.WSMsgType.BINARY else b""
        assert any("recorders" in command_line(pid) for pid in place.processes())
        await socket.send_json(["stdin", "q"])
        while (await socket.receive(timeout=20)).type == aiohttp.WSMsgType.BINARY:
            pass
    until(
        lambda: not any("recorders" in command_line(pid) for pid in place.processes()),
        "the recorder's end",
    )


def test_a_port_in_use_is_told_in_a_line(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = place.run([*WATTUI, "--web", "--port", str(port)])
    assert ended.status == 2
    assert f"port {port} cannot be used" in ended.lines[0]
    assert "--port" in ended.lines[0]
