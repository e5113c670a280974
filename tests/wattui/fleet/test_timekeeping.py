"""Nodes that compare their clocks over real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from wattui.fleet import timekeeping
from wattui.fleet.clock import Line, Offset
from wattui.fleet.kernel_clock import read_tracking
from wattui.fleet.timekeeping import (
    Me,
    Timekeeper,
    TimeServer,
    compare,
    is_near,
    usual_port,
)

HERE = ("127.0.0.1",)
AHEAD_S = 5000
SERVER = f"""
from wattui.fleet.timekeeping import Me, TimeServer
server = TimeServer(Me("run", "B", "b", "1"), {HERE!r})
print(server.port, flush=True)
input()
"""


def me(boot_id: str, version: str = "1") -> Me:
    return Me("run", boot_id, boot_id.lower(), version)


@contextmanager
def kept(boot_id: str, first: Timekeeper | None, version: str = "1") -> Iterator[Timekeeper]:
    """A node's timekeeper; without a first node, it is that one."""
    keeper = Timekeeper(me(boot_id, version), False, None, HERE)
    keeper.learn((first or keeper).address, first is None)
    try:
        yield keeper
    finally:
        keeper.end()
        keeper.close()


@contextmanager
def slowed(port: int, there_s: float, back_s: float) -> Iterator[int]:
    """A relay whose two ways take differently long; the port at which it listens."""
    listener = socket.create_server((HERE[0], 0))

    def pass_on(source: socket.socket, target: socket.socket, delay_s: float) -> None:
        with suppress(OSError):  # the other way was closed first
            while data := source.recv(4096):
                time.sleep(delay_s)
                target.sendall(data)
        target.close()

    def relay() -> None:
        near, _ = listener.accept()
        far = socket.create_connection((HERE[0], port))
        threading.Thread(target=pass_on, args=(far, near, back_s), daemon=True).start()
        pass_on(near, far, there_s)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()


def test_the_first_node_is_the_reference_of_the_others():
    with kept("A", None) as first, kept("B", first) as second:
        assert first.refusal() is second.refusal() is None
        second.end()
        assert first.facts()["is_reference"] is True
        found = second.facts()
        assert found["reference"] == {"boot_id": "A", "host": "a", "address": HERE[0]}
        start, end = found["offsets"]  # at the start and at the end
        assert start["at_ns"] < end["at_ns"]
        for each in (start, end):
            assert abs(each["offset_ns"]) <= each["error_ns"]


def test_an_asymmetric_path_and_another_clock_stay_within_half_the_round_trip():
    """The server's clock is exactly so far ahead, as it is in a time namespace."""
    ways = ["unshare", "-T", "--monotonic", str(AHEAD_S), "--fork", "true"]
    if subprocess.run(ways, capture_output=True, check=False).returncode:
        pytest.skip("a clock that is ahead needs root and time namespaces")
    argv = [*ways[:-1], sys.executable, "-c", SERVER]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with slowed(port, there_s=0.02, back_s=0.002) as slow:
            found = compare("run", HERE[0], slow, exchanges=3)
        server.communicate("\n")
    error_ns = found.offset.offset_ns - AHEAD_S * 1e9
    assert abs(error_ns) <= found.offset.error_ns
    assert error_ns > 5e6  # half the asymmetry: the bound is not an idle one
    assert abs(found.wall_offset_ns) < 1e9  # both have the same wall clock


def test_versions_that_differ_are_refused():
    with kept("A", None) as first, kept("B", first, version="2") as second:
        assert first.refusal() is None
        assert second.refusal() == (
            "b has wattui 2, and a 1: fix: install one version on every node"
        )


def test_clocks_an_hour_apart_are_refused(monkeypatch: pytest.MonkeyPatch):
    with kept("A", None) as first:
        assert first.refusal() is None
        now_ns = time.time_ns
        asked: list[int] = []

        def time_ns() -> int:
            """The wall clock as the second node has it; the server asks first."""
            asked.append(0)
            return now_ns() + (4000 * 10**9 if len(asked) % 2 == 0 else 0)

        monkeypatch.setattr(timekeeping.time, "time_ns", time_ns)
        with kept("B", first) as second:
            assert second.refusal() == (
                "the clock of b is 4,000 s ahead of that of a: fix: set it (chronyc makestep)"
            )


def test_a_first_node_that_does_not_answer_is_said():
    second = Timekeeper(me("B"), False, None, HERE)
    second.learn({"boot_id": "A", "addresses": [*HERE], "port": 1}, False)
    assert second.refusal() is None
    assert second.facts()["unknown"] == "no address of the first node answers"
    second.close()


def test_the_launcher_s_first_host_is_found_without_the_folder(monkeypatch: pytest.MonkeyPatch):
    """The folder does not answer."""
    monkeypatch.setattr(timekeeping, "LEARN_S", 0.05)
    # The port follows from the name, so no other test may have it.
    one, other = (replace(me(boot_id), run=f"alone {os.getpid()}") for boot_id in "AB")
    first = Timekeeper(one, True, "localhost", HERE)
    assert first.refusal() is None
    assert first.facts()["is_reference"] is True
    second = Timekeeper(other, False, "localhost", HERE)
    assert second.refusal() is None
    assert second.facts()["reference"]["boot_id"] == "A"
    for each in (second, first):
        each.end()
        each.close()


def test_another_job_s_server_is_not_taken_for_ours():
    server = TimeServer(me("A"), HERE)
    with pytest.raises(OSError, match="another program"):
        compare("other run", HERE[0], server.port)
    server.close()


def test_a_port_that_is_taken_is_no_obstacle():
    with socket.create_server((HERE[0], usual_port("taken"))):
        server = TimeServer(Me("taken", "A", "a", "1"), HERE)
        assert server.port != usual_port("taken")
        assert compare("taken", HERE[0], server.port).me.host == "a"
        server.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd00::2"])
def test_loopback_and_private_addresses_are_near(address: str):
    assert is_near(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "0.0.0.0", "fe80::1%eth0", "node1"])
def test_others_are_not(address: str):
    assert not is_near(address)


def test_what_chrony_says_of_itself():
    text = (
        "C0A80001,192.168.0.1,3,1796000000.1,0.000012,-0.000001,0.000034,1.2,0.0,0.1,0.01,0.002,"
        "64.2,Normal\n"
    )
    assert read_tracking(text) == {
        "system_time_s": 0.000012,
        "rms_offset_s": 0.000034,
        "leap_status": "Normal",
    }
    with pytest.raises(ValueError, match="not the output"):
        read_tracking("506 Cannot talk to daemon")


def test_facts_that_are_asked_for_all_the_time_are_worked_out_at_a_comparison_only(
    monkeypatch: pytest.MonkeyPatch,
):
    """A day has 1,440 offsets: a line through them ten times a second cost a tenth of a core."""
    worked_out: list[int] = []
    through = timekeeping.line

    def counted(offsets: Sequence[Offset]) -> Line | None:
        worked_out.append(len(offsets))
        return through(offsets)

    monkeypatch.setattr(timekeeping, "line", counted)
    with kept("A", None) as first, kept("B", first) as second:
        assert second.refusal() is None
        facts = [second.facts() for _ in range(20)]
        assert len(facts[0]["offsets"]) == 1
    assert worked_out == [1, 2]
