"""At a terminal: the command has it, the keyboard reaches it, and closing it loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

from .programs import hears, ignores, ready
from .running import Place, edges, python, shell, state, until, until_exists
from .terminals import INTERRUPT, QUIT, SUSPEND, Terminal, Tmux

TAPPED = ("--count-match", "never seen (\\d+)")
TAPS = pytest.mark.parametrize("tap", [(), TAPPED], ids=["plain", "tapped"])
needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


def finished(place: Place) -> bool:
    path = place.csv.with_suffix(".json")
    return path.exists() and '"status": "recording"' not in path.read_text()


def shell_line(argv: list[str | bytes]) -> str:
    return " ".join("'" + str(part).replace("'", "'\\''") + "'" for part in argv)


@TAPS
def test_a_terminal_stays_a_terminal(place: Place, tap: tuple[str, ...]) -> None:
    command = shell("for n in 0 1 2; do test -t $n && touch terminal$n; done; stty size >&2")
    with Terminal(place, place.argv("--quiet", *tap, command=command), 31, 97) as terminal:
        assert terminal.end() == 0
    assert all((place.path / f"terminal{n}").exists() for n in (0, 1, 2))
    assert b"31 97" in terminal.seen


@TAPS
def test_every_stream_has_the_size_of_the_window(place: Place, tap: tuple[str, ...]) -> None:
    command = python("import os; print(*(tuple(os.get_terminal_size(n)) for n in (0, 1, 2)))")
    with Terminal(place, place.argv("--quiet", *tap, command=command), 31, 97) as terminal:
        assert terminal.end() == 0
    assert terminal.seen == b"(97, 31) (97, 31) (97, 31)\r\n"


RESIZED = """
import os, signal, time
def told(*_):
    columns, rows = os.get_terminal_size(1)
    os.write(1, b"told %d %d\\n" % (rows, columns))
signal.signal(signal.SIGWINCH, told)
print("ready", flush=True)
end = time.monotonic() + 10
while time.monotonic() < end and not os.path.exists("enough"):
    time.sleep(0.02)
"""


@TAPS
def test_a_window_that_changes_is_told_and_seen(place: Place, tap: tuple[str, ...]) -> None:
    argv = place.argv("--quiet", *tap, command=python(RESIZED))
    with Terminal(place, argv, 24, 80) as terminal:
        terminal.until_seen(b"ready")
        for rows in range(30, 40):
            terminal.resize(rows, 132)
            terminal.until_seen(b"told %d 132" % rows)
        (place.path / "enough").touch()
        assert terminal.end() == 0


@TAPS
def test_a_progress_bar_arrives_byte_for_byte(place: Place, tap: tuple[str, ...]) -> None:
    code = (
        "import os\n"
        "for n in range(300):\n"
        " os.write(1, b'\\r\\x1b[32m%3d %%\\x1b[0m' % n)\n"
        " os.write(2, b'warning %d\\n' % n)\n"
    )
    argv = place.argv("--quiet", *tap, command=python(code))
    with Terminal(place, argv) as terminal:
        assert terminal.end() == 0
    expected = b"".join(b"\r\x1b[32m%3d %%\x1b[0mwarning %d\r\n" % (n, n) for n in range(300))
    assert terminal.seen == expected


def test_a_progress_bar_is_counted_as_it_runs(place: Place) -> None:
    code = (
        "for n in range(1, 5): print(f'\\r\\x1b[1m{n}/4\\x1b[0m', end='', flush=True)\n"
        "print('\\ndone')"
    )
    argv = place.argv("--quiet", "--count-match", "(?P<total>\\d+)/4", command=python(code))
    with Terminal(place, argv) as terminal:
        assert terminal.end() == 0
    assert place.rows()[-1]["inferences"] == "4"


@TAPS
def test_the_command_reads_what_is_typed(place: Place, tap: tuple[str, ...]) -> None:
    command = shell('echo ready; read line; echo "got $line"; exit 3')
    with Terminal(place, place.argv("--quiet", *tap, command=command)) as terminal:
        terminal.until_seen(b"ready")
        terminal.press(b"hello\n")
        assert terminal.end() == 3
    assert b"got hello" in terminal.seen


@TAPS
def test_one_interrupt_reaches_the_command_exactly_once(place: Place, tap: tuple[str, ...]) -> None:
    argv = place.argv(*tap, command=hears(signal.SIGINT))
    with Terminal(place, argv) as terminal:
        until_exists(ready(place.path))
        terminal.press(INTERRUPT)
        assert terminal.end() == 5
    assert (place.path / "heard").read_text() == "2"
    assert edges(place.rows())[-1] == ("end", "running", "")
    assert place.run_json()["command"]["exit_statuses"] == [5]
    assert b"while running" in terminal.seen


@TAPS
def test_two_interrupts_kill_a_command_that_ignores_them(
    place: Place, tap: tuple[str, ...]
) -> None:
    argv = place.argv("--quiet", *tap, command=ignores(signal.SIGINT))
    with Terminal(place, argv) as terminal:
        until_exists(ready(place.path))
        terminal.press(INTERRUPT)
        time.sleep(0.6)
        assert terminal.process.poll() is None
        terminal.press(INTERRUPT)
        assert terminal.end() == 137
    assert edges(place.rows())[-1] == ("end", "running", "")


def test_two_interrupts_leave_no_child_of_the_command(place: Place) -> None:
    script = "trap '' INT; sleep 100 & touch begun; sleep 101; wait"
    with Terminal(place, place.argv("--quiet", command=shell(script))) as terminal:
        until_exists(place.path / "begun")
        terminal.press(INTERRUPT)
        time.sleep(0.6)
        terminal.press(INTERRUPT)
        assert terminal.end() == 137
        until(lambda: not place.processes(), "no process left")


def test_quit_from_the_keyboard_reaches_the_command_once(place: Place) -> None:
    with Terminal(place, place.argv("--quiet", command=hears(signal.SIGQUIT))) as terminal:
        until_exists(ready(place.path))
        terminal.press(QUIT)
        assert terminal.end() == 5
    assert (place.path / "heard").read_text() == "3"


def test_an_interrupt_before_the_command_is_started_is_not_lost(place: Place) -> None:
    command = shell("touch started; sleep 20")
    with Terminal(place, place.argv("--quiet", command=command)) as terminal:
        place.recorder_of(terminal.process.pid)
        terminal.press(INTERRUPT)
        assert terminal.end(8) == 130


def test_an_interrupt_in_the_baseline_runs_nothing(place: Place) -> None:
    argv = place.argv("--simulate", "--idle", "20", command=shell("touch started"))
    with Terminal(place, argv) as terminal:
        terminal.until_seen(b"idle baseline")
        terminal.press(INTERRUPT)
        assert terminal.end(5) == 130
    assert not (place.path / "started").exists()
    assert edges(place.rows()) == [("begin", "idle", ""), ("end", "idle", "")]


def test_the_baseline_shows_a_bar_and_the_watts(place: Place) -> None:
    argv = place.argv("--simulate", "--no-estimate", "--idle", "0.6")
    with Terminal(place, argv) as terminal:
        assert terminal.end() == 0
    assert b"idle baseline" in terminal.seen
    assert b"sim_cpu" in terminal.seen
    assert b" W" in terminal.seen


@TAPS
def test_suspended_and_brought_back_the_recording_goes_on(
    place: Place, tap: tuple[str, ...]
) -> None:
    # Reading is built in: a shell that starts programs is not stopped before they are there.
    os.mkfifo(place.path / "end")
    command = shell("echo $$ >number; read line <end; echo over; exit 6")
    bash = ["env", "PS1=> ", "HISTFILE=", "bash", "--norc", "--noprofile", "-i"]
    with Terminal(place, bash) as terminal:
        terminal.until_seen(b"> ")
        line = shell_line(place.argv("--quiet", *tap, command=command))
        (place.path / "line").write_text(line + "; echo status=$?\n")
        terminal.press(b". ./line\n")
        number = place.path / "number"
        until(lambda: number.exists() and number.read_text().endswith("\n"), "the command")
        terminal.press(SUSPEND)
        terminal.until_seen(b"topped")
        until(lambda: state(int(number.read_text())) == "T", "a stopped command")
        until(lambda: place.csv.exists() and len(place.csv.read_text()) > 0, "rows")
        time.sleep(0.3)
        terminal.press(b"fg; echo brought back=$?\n")
        (place.path / "end").write_text("\n")
        terminal.until_seen(b"back=6")
        terminal.press(b"exit\n")
        terminal.end()
    assert b"over" in terminal.seen
    assert edges(place.rows()) == [("begin", "running", ""), ("end", "running", "")]


@TAPS
def test_a_terminal_that_is_closed_is_told_to_the_command_and_the_file_finished(
    place: Place, tap: tuple[str, ...]
) -> None:
    argv = place.argv(*tap, command=hears(signal.SIGHUP))
    with Terminal(place, argv) as terminal:
        until_exists(ready(place.path))
        terminal.hang_up()
        assert terminal.process.wait(10) == 5
    assert (place.path / "heard").read_text() == "1"
    assert edges(place.rows())[-1] == ("end", "running", "")
    assert place.run_json()["status"] == "finished"


def test_a_terminal_that_is_closed_in_the_baseline_runs_nothing(place: Place) -> None:
    argv = place.argv("--idle", "20", command=shell("touch started"))
    with Terminal(place, argv) as terminal:
        terminal.until_seen(b"idle baseline")
        terminal.hang_up()
        assert terminal.process.wait(10) == 129
    assert not (place.path / "started").exists()
    assert edges(place.rows()) == [("begin", "idle", ""), ("end", "idle", "")]
    until(lambda: finished(place), "run.json")


@needs_tmux
def test_in_tmux_an_interrupt_ends_the_command_and_shows_the_summary(place: Place) -> None:
    line = shell_line(place.argv("--simulate", command=hears(signal.SIGINT)))
    (place.path / "line").write_text(line + '; echo "status $?"\n')
    with Tmux(place, rows=60) as tmux:  # a busy machine's summary has more lines
        tmux.type(f"cd {place.path}; . ./line")
        until_exists(ready(place.path))
        tmux.press("C-c")
        tmux.until_shown("status 5")
        assert "while running" in tmux.screen()
    assert (place.path / "heard").read_text() == "2"
    assert edges(place.rows())[-1] == ("end", "running", "")


@needs_tmux
@TAPS
def test_in_tmux_a_killed_session_leaves_a_whole_file_and_no_process(
    place: Place, tap: tuple[str, ...]
) -> None:
    script = "touch begun; sleep 30"
    (place.path / "line").write_text(shell_line(place.argv(*tap, command=shell(script))) + "\n")
    with Tmux(place) as tmux:
        tmux.type(f"cd {place.path}; . ./line")
        until_exists(place.path / "begun")
        tmux.kill_session()
        until(lambda: finished(place), "a finished run.json")
        until(lambda: not place.processes(), "no process left")
    assert edges(place.rows())[-1] == ("end", "running", "")
