"""Random input to the dashboard: keys, mouse, meaningless bytes, and a resized window."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .running import WATTUI, Place, state
from .terminals import DRAWN, Terminal

DASHBOARD = [*WATTUI, "--simulate", "--no-estimate", "--idle", "0", "--cooldown", "0"]
ROWS, COLUMNS = 50, 200
# Ctrl-Z is left out: nobody is there to say fg. So are ctrl+s, which would start workloads, and q.
KEYS = [
    *(bytes([code]) for code in range(0x20, 0x7F) if code != ord("q")),
    *(b" ", b"r", b"p", b"g", b"R", b"?", b",", b"d", b"l", b"c", b"m", b"w", b"n") * 2,
    *(b"\r", b"\x1b", b"\t", b"\x1b[Z", b"\x7f", b"\x10") * 4,
    *(b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[F", b"\x1b[5~", b"\x1b[6~") * 3,
    b"\x0f", b"\x15", b"\x01", b"\x05", b"\x1b[200~pasted \x1b[201~", "µ±".encode(), b"\r\r",
]  # fmt: skip
ODD = [
    b"\x1b[M\x43\x98\x3f", b"\x1b[M  ", b"\xff\xfe\x80", b"\x1b[<", b"\x1b[999999999999;1u",
    b"\x1b[<0;0;0M", b"\x1b[<35;9999;9999M", b"\x1b[48;0;0;0;0t", b"\x1b[48;40;100;0;0t",
    b"\x1b]11;rgb:0/0/0\x07", b"\x1bP1$r0m\x1b\\", b"\x00", b"\x1b[1;5A", b"\x1b[I", b"\x1b[O",
]  # fmt: skip
# Dialogs over each other are left one by one; Esc is one only when nothing follows it at once.
ESCAPES, ESCAPE_S = 10, 0.4
IDLE_SHARE, AWAKE_SHARE = 0.15, 0.9
# Some 30 keys a second: what a keyboard repeats.
PAUSE_S, MEASURED_EVERY_S = 0.06, 2.0
SIZES = [(50, 200), (35, 120), (24, 80), (16, 60), (12, 50), (24, 20), (5, 10), (1, 1), (80, 300)]


def keys_and_mouse(seed: int) -> Iterator[Callable[[Terminal], None]]:
    """What hands do next, for ever; the same for one seed."""
    hands = random.Random(seed)
    while True:
        kind = hands.random()
        if kind < 0.75:
            keys = b"".join(hands.choices(KEYS, k=hands.choice((1, 1, 1, 2, 5))))
            yield lambda terminal, keys=keys: terminal.press(keys)  # type: ignore[misc]
        elif kind < 0.92:
            at = hands.randrange(1, COLUMNS), hands.randrange(1, ROWS)
            report = mouse(hands.choice((0, 0, 32, 35, 64, 65, 68)), *at)
            yield lambda terminal, report=report: terminal.press(report)  # type: ignore[misc]
        elif kind < 0.96:
            size = hands.choice(SIZES)
            yield lambda terminal, size=size: terminal.resize(*size)  # type: ignore[misc]
        else:
            odd = hands.choice(ODD)
            yield lambda terminal, odd=odd: terminal.press(odd)  # type: ignore[misc]


def mouse(buttons: int, x: int, y: int) -> bytes:
    """A press or a move, and where a button was pressed its release nearby."""
    report = b"\x1b[<%d;%d;%dM" % (buttons, x, y)
    return report + (b"\x1b[<0;%d;%dm" % (x + buttons, y) if buttons < 64 else b"")


def play(terminal: Terminal, seed: int, seconds: float) -> bool:
    """Have hands at work for so long; False where the program has ended before.

    On a slow machine the hands are slow as well, or they would be minutes ahead of the program.
    """
    end_s, measured_s, pause_s = time.monotonic() + seconds, 0.0, PAUSE_S
    for act in keys_and_mouse(seed):
        if (now_s := time.monotonic()) > end_s or terminal.process.poll() is not None:
            break
        if now_s > measured_s + MEASURED_EVERY_S:
            measured_s, pause_s = now_s, PAUSE_S * slowness()
        act(terminal)
        time.sleep(pause_s)
    terminal.resize(ROWS, COLUMNS)
    return terminal.process.poll() is None


def slowness(work_s: float = 0.05) -> float:
    """How much longer than alone a process takes now, because others are at work."""
    began_s, used_s = time.monotonic(), time.thread_time()
    while time.thread_time() - used_s < work_s:
        pass
    return max(1.0, (time.monotonic() - began_s) / work_s)


def drag(terminal: Terminal, seconds: float) -> None:
    """Drag a window's border from 200 columns to 80 and back, 60 sizes a second."""
    widths = [*range(COLUMNS, 80, -2), *range(80, COLUMNS + 1, 2)]
    for width in widths:
        terminal.resize(ROWS, width)
        time.sleep(seconds / len(widths))


def processor_s(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share_of_a_core(pid: int, seconds: float) -> float:
    """How much of a core a process takes from now on."""
    before_s, began_s = processor_s(pid), time.monotonic()
    time.sleep(seconds)
    return (processor_s(pid) - before_s) / (time.monotonic() - began_s)


def open_dashboard(place: Place, rows: int = ROWS, columns: int = COLUMNS) -> Terminal:
    """The dashboard on a terminal, once it shows something."""
    terminal = Terminal(place, DASHBOARD, rows, columns)
    terminal.until_seen(DRAWN, 30)
    return terminal


def settle(pid: int, bound_s: float = 300.0) -> float:
    """Wait until all that was typed is done; returns the share of a core that is left.

    Where others keep the processors busy, a program with much to do has a small share as well:
    but it never sleeps.
    """
    end_s, share = time.monotonic() + bound_s, 1.0
    while time.monotonic() < end_s:
        used_s, began_s = processor_s(pid), time.monotonic()
        awake = awake_share(pid, 1.0)
        share = (processor_s(pid) - used_s) / (time.monotonic() - began_s)
        if share < IDLE_SHARE and awake < AWAKE_SHARE:
            break
    return share


def awake_share(pid: int, seconds: float, every_s: float = 0.03) -> float:
    """How much of the time a process runs or would run, if there was a processor for it."""
    end_s, states = time.monotonic() + seconds, []
    while time.monotonic() < end_s:
        states.append(state(pid))
        time.sleep(every_s)
    return states.count("R") / len(states)


def leave(terminal: Terminal) -> int:
    """Close what is open and leave, as a person would: Esc, q, and y where it asks."""
    process = terminal.process
    for _ in range(ESCAPES):
        terminal.press(b"\x1b")
        time.sleep(ESCAPE_S)
    settle(process.pid)
    terminal.press(b"qy")
    return process.wait(10)
