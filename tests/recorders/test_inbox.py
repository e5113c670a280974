"""Requests from the front end, from marked programs and from shells, as they are complete."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recorders import wire
from recorders.inbox import (
    FRONT_END,
    MOST_PIPE_BYTES,
    MOST_PIPE_LINES,
    PIPE_READ_BYTES,
    SHELL,
    Inbox,
    Request,
)
from recorders.marks import PIPE, SOCKET

WAIT_S = 0.5


@dataclass
class Post:
    """An inbox with the other ends of everything that leads to it."""

    directory: Path
    control: int
    inbox: Inbox
    sent: list[wire.Message] = field(default_factory=list)

    def connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(5)
        link.connect(str(self.directory / SOCKET))
        return link

    def receive(self, number: int = 1) -> list[Request]:
        found: list[Request] = []
        for _ in range(50):
            found += self.inbox.wait(WAIT_S)
            if len(found) >= number:
                break
        return found

    def tell(self, data: bytes) -> None:
        os.write(self.control, data)

    def shell(self, line: str) -> None:
        subprocess.run(["sh", "-c", f"echo '{line}' > '{self.directory / PIPE}'"], check=True)


@pytest.fixture
def post() -> Iterator[Post]:
    with TemporaryDirectory() as directory:
        read, write = os.pipe()
        sent: list[wire.Message] = []
        inbox = Inbox(Path(directory), read, sent.append)
        yield Post(Path(directory), write, inbox, sent)
        inbox.close()
        os.close(read)
        os.close(write)


def test_nothing_arrives_where_nothing_was_sent(post: Post) -> None:
    assert list(post.inbox.wait(0)) == []


def test_what_a_program_sends_as_it_connects_arrives_with_the_connection(post: Post) -> None:
    with post.connect() as link:
        link.sendall(wire.encode({"do": "hello"}) + wire.encode({"do": "begin"}))
        arrived = [request.message["do"] for request in post.inbox.wait(WAIT_S)]
    assert arrived == ["hello", "begin"]


def test_a_negative_time_left_is_no_wait(post: Post) -> None:
    assert list(post.inbox.wait(-1)) == []


def test_the_front_end_speaks_through_its_pipe(post: Post) -> None:
    post.tell(wire.encode({"do": "note", "text": "hello"}))
    (request,) = post.receive()
    assert (request.message, request.owner) == ({"do": "note", "text": "hello"}, FRONT_END)
    request.answer({"t": "ack"})
    assert post.sent == [{"t": "ack"}]


def test_a_request_in_two_pieces_is_one_request(post: Post) -> None:
    post.tell(b'{"do":')
    assert list(post.inbox.wait(WAIT_S)) == []
    post.tell(b'"stop"}\n{"do":"bye"}\n')
    assert [request.message["do"] for request in post.receive(2)] == ["stop", "bye"]


def test_a_front_end_that_goes_away_says_bye_once(post: Post) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), post.control)
    (request,) = post.receive()
    assert (request.message, request.owner) == ({"do": "bye"}, FRONT_END)
    assert list(post.inbox.wait(0)) == []


def test_a_program_gets_its_answer(post: Post) -> None:
    with post.connect() as link:
        link.sendall(wire.encode({"do": "begin", "phase": "running"}))
        (request,) = post.receive()
        request.answer({"t": "ack", "id": 7})
        assert wire.decode(link.recv(1000)) == {"t": "ack", "id": 7, "of": 1}


def test_each_program_is_an_owner_of_its_own(post: Post) -> None:
    with post.connect() as first, post.connect() as second:
        first.sendall(wire.encode({"do": "first"}))
        second.sendall(wire.encode({"do": "second"}))
        requests = {request.message["do"]: request.owner for request in post.receive(2)}
    assert len({*requests.values(), FRONT_END, SHELL}) == 4


def test_a_program_that_ends_says_bye(post: Post) -> None:
    with post.connect() as link:
        link.sendall(wire.encode({"do": "begin"}))
        (begin,) = post.receive()
    (bye,) = post.receive()
    assert (bye.message, bye.owner) == ({"do": "bye"}, begin.owner)
    begin.answer({"t": "ack"})


@pytest.mark.parametrize(
    "line", [b"running b32\n", b"[1,2]\n", b"\xff\n", b"\n", b"[" * 100_000 + b"\n"]
)
def test_a_line_that_is_not_understood_is_answered_and_harms_nobody(
    post: Post, line: bytes
) -> None:
    with post.connect() as link:
        link.sendall(line + wire.encode({"do": "note", "text": "still here"}))
        (request,) = post.receive()
        request.answer({"t": "ack"})
        answers = link.makefile("rb")
        assert "cannot parse the request" in wire.decode(answers.readline())["error"]
        assert wire.decode(answers.readline()) == {"t": "ack", "of": 2}
    assert request.message["text"] == "still here"


def test_a_shell_writes_lines_into_a_pipe(post: Post) -> None:
    post.shell("running b32")
    post.shell("+64")
    requests = post.receive(2)
    assert [request.owner for request in requests] == [SHELL, SHELL]
    assert [request.message for request in requests] == [
        {"do": "mark", "phase": "running", "label": "b32"},
        {"do": "count", "n": 64},
    ]
    requests[0].answer({"t": "ack"})


def test_an_empty_line_from_a_shell_is_nothing(post: Post) -> None:
    post.shell("")
    post.shell("end")
    assert [request.message for request in post.receive()] == [{"do": "mark", "phase": ""}]


def test_nobody_else_may_write_marks(post: Post) -> None:
    mode = (post.directory / PIPE).stat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_program_that_reads_its_answers_late_gets_whole_ones(post: Post) -> None:
    with post.connect() as link:
        link.setblocking(True)
        link.sendall(wire.encode({"do": "count", "n": 1}) * 2000)
        for request in post.receive(2000):
            request.answer({"t": "ack", "padding": "x" * 300})
        link.settimeout(0.05)
        received = b""
        with contextlib.suppress(TimeoutError):
            while data := link.recv(65536):
                received += data
    assert received
    assert all("padding" in wire.decode(line) for line in received.split(b"\n")[:-1])


def test_a_program_that_never_reads_its_answers_does_not_stop_the_recorder(post: Post) -> None:
    def serve() -> None:
        answered = 0
        while answered < 2000:
            for request in post.inbox.wait(WAIT_S):
                request.answer({"t": "ack"})
                answered += 1

    server = threading.Thread(target=serve, daemon=True)
    with post.connect() as link:
        link.setblocking(True)
        link.sendall(wire.encode({"do": "count", "n": 1}) * 2000)
        server.start()
        server.join(2.0)
        blocked = server.is_alive()
    server.join(2.0)
    assert not blocked


def test_a_mark_before_the_commands_end_is_heard_before_its_end(post: Post) -> None:
    post.tell(wire.encode({"do": "command_end"}))
    (post.directory / PIPE).open("w").write("running b32\n")
    asked = [request.message["do"] for request in post.receive(2)]
    assert asked == ["mark", "command_end"]


def test_a_line_that_never_ends_is_refused_once_and_read_slowly(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("recorders.inbox.time.monotonic", lambda: now_s)
    monkeypatch.setattr(wire.Lines.__init__, "__defaults__", (2**12,))
    pipe = os.open(post.directory / PIPE, os.O_WRONLY | os.O_NONBLOCK)
    found: list[Request] = []
    taken = 0
    for _ in range(100):  # more than is read in a while, whoever writes it
        with contextlib.suppress(BlockingIOError):
            taken += os.write(pipe, bytes(65536))
        found += post.inbox.wait(0)
    assert [request.message["do"] for request in found] == ["unreadable"]
    assert taken <= 2 * MOST_PIPE_BYTES + 2 * PIPE_READ_BYTES
    for _ in range(100):
        now_s += 1
        assert not list(post.inbox.wait(0))
    found = []
    os.write(pipe, b"\nidle\n")
    while not found:
        now_s += 1
        found += post.inbox.wait(0)
    assert found[0].message == {"do": "mark", "phase": "idle", "label": ""}
    os.close(pipe)


def test_a_program_that_sends_too_much_rests_and_can_leave(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorders.inbox.MOST_BYTES", 1000)
    link = post.connect()
    link.sendall(wire.encode({"do": "note", "text": "x" * 2000}))
    (request,) = post.receive()
    assert len(request.message["text"]) == 2000
    link.close()
    (left,) = post.receive()
    assert left.message == {"do": "bye"}


def flooded(post: Post) -> int:
    """Fill the pipe with marks as far as it takes them; returns how many."""
    pipe = os.open(post.directory / PIPE, os.O_WRONLY | os.O_NONBLOCK)
    marks = 0
    with contextlib.suppress(BlockingIOError):
        while os.write(pipe, f"+{marks + 1:06}\n".encode()):
            marks += 1
    os.close(pipe)
    return marks


@pytest.mark.slow
def test_who_floods_the_pipe_waits_there_and_loses_nothing(post: Post) -> None:
    marks = flooded(post)
    first = list(post.inbox.wait(0))
    first += [request for _ in range(5) for request in post.inbox.wait(0)]
    assert MOST_PIPE_LINES <= len(first) <= 2 * MOST_PIPE_LINES < marks
    post.tell(wire.encode({"do": "rows"}))
    (other,) = post.inbox.wait(0)
    assert other.owner == FRONT_END
    found = [*first, *(r for r in post.receive(marks - len(first)) if r.owner == SHELL)]
    assert [request.message["n"] for request in found] == list(range(1, len(found) + 1))


def test_what_a_caller_leaves_comes_with_the_next_call(post: Post) -> None:
    flooded(post)
    numbers = [next(iter(post.inbox.wait(0))).message["n"] for _ in range(50)]
    assert numbers == list(range(1, 51))


def test_what_a_caller_leaves_comes_next_without_waiting(post: Post) -> None:
    post.tell(b'{"do":"note"}\n{"do":"count"}\n{"do":"stop"}\n')
    first = next(iter(post.inbox.wait(WAIT_S)))
    rest = list(post.inbox.wait(60))
    assert [request.message["do"] for request in (first, *rest)] == ["note", "count", "stop"]
    assert list(post.inbox.wait(0)) == []
