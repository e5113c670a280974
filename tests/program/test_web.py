"""The dashboard in a browser: on the loopback, for its own pages, with nothing from elsewhere."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from .other_user import as_other_user, needs_root
from .running import WATTUI, Place, command_line, until

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


pytestmark = pytest.mark.needs_web


class Served(NamedTuple):
    """A server's port, the token of its link, and the cookie that its owner's browser has."""

    port: int
    token: str
    cookie: str


@pytest.fixture
def served(place: Place) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    argv = [*WATTUI, "--web", "--port", str(port), "--simulate"]
    program = place.start(argv, stderr=subprocess.PIPE)
    try:
        assert program.stderr is not None
        line = program.stderr.readline().decode()
        found = re.search(rf"http://127\.0\.0\.1:{port}/\?token=(\S{{40,}}) ", line)
        assert found, line
        until(lambda: answers(port), "an answer of the server")
        status, headers = get(port, f"/?token={found[1]}")
        assert (status, headers["Location"]) == (303, f"http://127.0.0.1:{port}/")
        yield Served(port, found[1], headers["Set-Cookie"])
    finally:
        program.terminate()
        program.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def get(port: int, path: str, **headers: str) -> tuple[int, Message]:
    """Status and headers of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.headers


def connect(served: Served, origin: str, host: str | None = None, cookie: str = "") -> int:
    """The status with which a websocket is answered."""
    port = served.port
    own = {"Origin": origin, "Host": host or f"127.0.0.1:{port}", "Cookie": cookie or served.cookie}
    return get(port, "/ws?width=100&height=30", **UPGRADE, **own)[0]


def test_the_page_needs_nothing_from_elsewhere(served: Served) -> None:
    port = served.port
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/", headers={"Cookie": served.cookie})
    page = connection.getresponse().read().decode()
    assert served.token not in page
    addresses = re.findall(r"(?:https?:|ws:)?//[^\s\"')]+", page)
    assert addresses
    assert all(f"//127.0.0.1:{port}/" in address for address in addresses)


def test_only_its_own_page_may_open_the_dashboard(served: Served) -> None:
    port = served.port
    assert connect(served, f"http://127.0.0.1:{port}") == 101
    assert connect(served, f"http://localhost:{port}") == 101
    assert connect(served, "https://example.org") == 403
    assert connect(served, f"http://127.0.0.1:{port}", host=f"example.org:{port}") == 403


def test_only_who_was_given_the_link_gets_anything(served: Served) -> None:
    port, name = served.port, served.cookie.partition("=")[0]
    for path in ("/", "/ws", "/static/js/textual.js", "/download/x", "/?token=", "/?token=x"):
        assert get(port, path)[0] == 403
        assert get(port, path, Cookie=f"{name}=x")[0] == 403
        assert get(port, path, Cookie=f"{name}=é")[0] == 403
    assert connect(served, f"http://127.0.0.1:{port}", cookie="none=0") == 403
    assert get(port, "/", Cookie=served.cookie)[0] == 200


def test_the_cookie_stays_where_it_belongs(served: Served) -> None:
    parts = {part.strip().lower() for part in served.cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict"} <= parts
    assert str(served.port) in served.cookie.partition("=")[0]
    status, headers = get(served.port, f"/?token={served.token}", Host=f"localhost:{served.port}")
    assert (status, headers["Set-Cookie"]) == (303, None)
    assert headers["Location"].startswith(f"http://127.0.0.1:{served.port}/")


@needs_root
def test_another_user_of_this_machine_is_refused(served: Served, place: Place) -> None:
    port, token = served.port, served.token.encode()
    owner = next(pid for pid in place.processes() if "--web" in command_line(pid))
    stranger = served._replace(cookie="no=no")
    assert as_other_user(lambda: get(port, "/")[0]) == "403"
    assert as_other_user(lambda: connect(stranger, f"http://127.0.0.1:{port}")) == "403"
    assert as_other_user(Path(f"/proc/{owner}/environ").read_bytes) == "PermissionError"
    assert as_other_user(lambda: token in Path(f"/proc/{owner}/cmdline").read_bytes()) == "False"


async def test_the_dashboard_is_shown_and_ends_with_its_recorder(
    served: Served, place: Place
) -> None:
    import aiohttp

    origin = f"http://127.0.0.1:{served.port}"
    shown = b""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(
            f"{origin}/ws?width=120&height=35", origin=origin, headers={"Cookie": served.cookie}
        ) as socket,
    ):
        while b"simulated" not in shown:
            message = await socket.receive(timeout=30)
            shown += message.data if message.type == aiohttp.WSMsgType.BINARY else b""
        assert any("recorders" in command_line(pid) for pid in place.processes())
        await socket.send_json(["stdin", "q"])
        while (await socket.receive(timeout=30)).type == aiohttp.WSMsgType.BINARY:
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
