"""Input from a terminal, and its behaviour."""

from __future__ import annotations

import os
import pty
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.tui.terminal.driver import TerminalWriter, TypedBytes, laid_out


@given(st.lists(st.binary(max_size=12)))
def test_no_bytes_raise_and_plain_text_is_kept(parts: list[bytes]) -> None:
    typed = TypedBytes()
    for part in parts:
        typed.decode(part)
    assert TypedBytes().decode("aµ±".encode()) == "aµ±"


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"\x1b[M\x43\x98\x3f", "\x1b[<35;120;31M"),
        (b"\x1b[M !!", "\x1b[<0;1;1M"),
        (b"\x1b[M#!!", "\x1b[<0;1;1m"),
        (b"\x1b[M`!!", "\x1b[<64;1;1M"),
    ],
)
def test_old_mouse_reports_are_understood_however_they_are_cut(report: bytes, said: str) -> None:
    for place in range(3, len(report) + 1):
        typed = TypedBytes()
        assert typed.decode(b"a" + report[:place]) + typed.decode(report[place:] + b"b") == (
            f"a{said}b"
        )


@pytest.mark.parametrize(
    ("told", "size"), [((0, 0), (80, 24)), ((1, 1), (20, 6)), ((200, 50), (200, 50))]
)
def test_a_size_that_can_be_read_is_drawn_for(told: tuple[int, int], size: tuple[int, int]) -> None:
    assert laid_out(*told) == size


def test_a_terminal_that_reads_nothing_is_waited_for_once_and_drawn_whole_later() -> None:
    ours, theirs = pty.openpty()
    back = threading.Event()
    with os.fdopen(theirs, "w") as file:
        outlet = TerminalWriter(file, back.set, patience_s=0.2)
        began_s = time.monotonic()
        for _ in range(50):
            outlet.write("x" * 100_000)
        assert time.monotonic() - began_s < 5.0
        assert not back.is_set()
        os.read(ours, 65536)
        while not back.is_set():
            os.read(ours, 65536)
            outlet.write("y")
    os.close(ours)


def test_a_terminal_that_is_gone_raises_nothing() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as file:
        outlet = TerminalWriter(file, lambda: None)
        os.close(ours)
        outlet.write("x")
        outlet.write("y")
