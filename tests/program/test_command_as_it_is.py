"""A recorded command runs as it would without wattui."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import pytest

from .running import PYTHON, Place, edges, python, shell, until, until_exists

TAPPED = ("--count-match", "never seen (\\d+)")
TAPS = pytest.mark.parametrize("tap", [(), TAPPED], ids=["plain", "tapped"])

FACTS = """
import json, os, resource, signal, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
facts = {
    "arguments": [os.fsencode(text).hex() for text in sys.argv[2:]],
    "environment": {
        part.partition(b"=")[0].decode(): part.partition(b"=")[2].hex()
        for part in open("/proc/self/environ", "rb").read().split(b"\\0") if part
    },
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
    "directory": os.getcwd(),
    "umask": status["Umask"].strip(),
    "scheduler": [os.sched_getscheduler(0), os.nice(0), sorted(os.sched_getaffinity(0))],
    "limits": [resource.getrlimit(n) for n in range(16)],
    "core": status["CoreDumping"].strip(),
}
json.dump(facts, open(sys.argv[1], "w"))
"""


def facts_of(place: Place, name: str, argv: Sequence[str | bytes], **how: Any) -> dict[str, Any]:
    result = place.run(argv, **how)
    assert result.status == 0, result.err
    facts: dict[str, Any] = json.loads((place.path / name).read_text())
    return facts


@TAPS
def test_a_command_finds_the_world_as_it_is_without_wattui(
    place: Place, tap: tuple[str, ...]
) -> None:
    arguments: list[str | bytes] = [
        "a b",
        "it's",
        '"',
        "",
        "*",
        "$HOME",
        "--",
        "--csv",
        "new\nline",
        b"\xff\xfe",
        "é",
    ]
    program: list[str | bytes] = [PYTHON, "-I", "-c", FACTS]
    plain = facts_of(place, "plain", [*program, "plain", *arguments], stdin=subprocess.DEVNULL)
    argv = place.argv("--quiet", *tap, command=[*program, "recorded", *arguments])
    recorded = facts_of(place, "recorded", argv)
    assert set(recorded["environment"]) - set(plain["environment"]) == {"WATTUI_RUN"}
    del recorded["environment"]["WATTUI_RUN"]
    assert recorded == plain


def test_the_environment_gains_nothing_where_no_locale_is_set(place: Place) -> None:
    environment = {k: v for k, v in place.environment.items() if k != "LANG"}
    plain = place.run(["env"], env=environment).out.splitlines()
    argv = place.argv("--quiet", command=["env"])
    recorded = place.run(argv, env=environment).out.splitlines()
    assert [line for line in recorded if not line.startswith(b"WATTUI_RUN=")] == plain


def test_descriptors_that_were_handed_on_reach_the_command(place: Place) -> None:
    ours, theirs = os.pipe()
    argv = place.argv("--quiet", command=python(f"import os; os.write({theirs}, b'through')"))
    place.run(argv, pass_fds=(theirs,))
    os.close(theirs)
    assert os.read(ours, 100) == b"through"
    os.close(ours)


# glibc's posix_spawn ignores its own two signals in every child, whoever calls it.
OF_THE_C_LIBRARY = 1 << 31 | 1 << 32


@TAPS
def test_signals_are_neither_blocked_nor_ignored(place: Place, tap: tuple[str, ...]) -> None:
    command = ["cat", "/proc/self/status"]
    found = place.record("--quiet", *tap, command=command).out.decode().splitlines()
    masks = {
        line.split(":")[0]: int(line.split()[1], 16)
        for line in found
        if line.startswith(("SigB", "SigC", "SigI"))
    }
    assert masks["SigBlk"] == masks["SigCgt"] == 0
    assert masks["SigIgn"] & ~OF_THE_C_LIBRARY == 0


@TAPS
def test_bytes_pass_through_untouched(place: Place, tap: tuple[str, ...]) -> None:
    given = bytes(range(256)) * 1024 + b"no end of line"
    code = (
        "import sys; data = sys.stdin.buffer.read();"
        "sys.stdout.buffer.write(data); sys.stderr.buffer.write(data[::-1])"
    )
    result = place.record("--quiet", *tap, command=python(code), given=given)
    assert result.status == 0
    assert result.out == given
    assert result.err == given[::-1]


@TAPS
def test_streams_in_one_pipe_keep_their_order(place: Place, tap: tuple[str, ...]) -> None:
    code = (
        "import os\nfor n in range(2000):\n os.write(1, b'out %d\\n' % n)\n"
        " os.write(2, b'error %d\\r' % n)"
    )
    result = place.record("--quiet", *tap, command=python(code), stderr=subprocess.STDOUT)
    assert result.out == b"".join(b"out %d\nerror %d\r" % (n, n) for n in range(2000))


@TAPS
def test_streams_into_files_arrive_whole(place: Place, tap: tuple[str, ...]) -> None:
    out, err = place.path / "out", place.path / "err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        command = shell("seq 30000; seq 20000 >&2")
        place.record("--quiet", *tap, command=command, stdout=out_file, stderr=err_file)
    assert out.read_text().split() == [str(n + 1) for n in range(30000)]
    assert err.read_text().split() == [str(n + 1) for n in range(20000)]


@TAPS
@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("ulimit -c 0; kill -SEGV $$", 139),
        ("kill -KILL $$", 137),
        ("kill -PIPE $$", 141),
    ],
)
def test_the_exit_status_is_the_commands(
    place: Place, tap: tuple[str, ...], script: str, status: int
) -> None:
    assert place.record("--quiet", *tap, command=shell(script)).status == status
    assert place.run_json()["command"]["exit_statuses"] == [status]
    assert place.run_json()["status"] == "finished"


@TAPS
def test_in_pipes_nothing_is_a_terminal(place: Place, tap: tuple[str, ...]) -> None:
    script = "for n in 0 1 2; do test -t $n && touch terminal; done; touch looked"
    place.record("--quiet", *tap, command=shell(script))
    assert (place.path / "looked").exists()
    assert not (place.path / "terminal").exists()


CLOSED = (
    "import os, json\nclosed = []\n"
    "for n in (0, 1, 2):\n try: os.fstat(n)\n except OSError: closed.append(n)\n"
    "with open('closed', 'w') as file: json.dump(closed, file)\n"
)


@TAPS
@pytest.mark.parametrize(
    ("redirection", "closed"),
    [("<&-", [0]), (">&-", [1]), ("2>&-", [2]), ("<&- >&- 2>&-", [0, 1, 2])],
)
def test_a_closed_stream_is_closed_for_the_command_and_stays_empty(
    place: Place, tap: tuple[str, ...], redirection: str, closed: list[int]
) -> None:
    # The shell's own opened descriptors must not slip into the gap, so the command looks at once.
    argv = place.argv("--simulate", *tap, command=python(CLOSED))
    result = place.run(["sh", "-c", f'exec "$@" {redirection}', "sh", *argv])
    assert result.status == 0
    assert json.loads((place.path / "closed").read_text()) == closed
    assert edges(place.rows())[-1] == ("end", "running", "")
    assert result.out == b""


@TAPS
def test_a_reader_that_leaves_early_ends_the_command_as_in_a_shell(
    place: Place, tap: tuple[str, ...]
) -> None:
    argv = place.argv("--quiet", *tap, command=["yes"])
    started = place.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert started.stdout
    assert started.stdout.readline() == b"y\n"
    started.stdout.close()
    assert started.wait(10) == 141
    assert edges(place.rows())[-1] == ("end", "running", "")


@pytest.mark.parametrize("reader", ["head -c 1 >/dev/null", ":"])
def test_a_reader_of_the_summary_that_leaves_early_changes_no_exit_status(
    place: Place, reader: str
) -> None:
    script = f'{{ "$@" 2>&3; echo $? >status; }} 3>&1 >/dev/null | {reader}'
    command = shell("sleep 0.3; exit 5")
    place.run(["sh", "-c", script, "sh", *place.argv("--simulate", command=command)])
    assert (place.path / "status").read_text() == "5\n"


def test_a_summary_that_cannot_be_written_changes_no_exit_status(place: Place) -> None:
    with open("/dev/full", "wb") as full:
        result = place.record(command=shell("exit 5"), stderr=full)
    assert result.status == 5
    assert place.run_json()["status"] == "finished"


@pytest.mark.parametrize("size", [150_000])
def test_a_tapped_command_whose_reader_is_slow_loses_no_output(place: Place, size: int) -> None:
    code = f"import os; os.write(1, b'x' * {size}); open('written', 'w').close()"
    argv = place.argv("--quiet", *TAPPED, command=python(code))
    started = place.start(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(6.5)
    out, _ = started.communicate(timeout=30)
    assert len(out) == size
    assert started.returncode == 0


def test_a_tapped_command_writes_whole_into_a_pipe_that_does_not_block(place: Place) -> None:
    ours, theirs = os.pipe()
    flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
    fcntl.fcntl(theirs, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    argv = place.argv("--quiet", *TAPPED, command=python("import os; os.write(1, b'x' * 300_000)"))
    started = place.start(argv, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    time.sleep(0.6)
    size = 0
    while data := os.read(ours, 65536):
        size += len(data)
    os.close(ours)
    assert started.wait(10) == 0
    assert size == 300_000


@TAPS
def test_a_command_that_forks_is_recorded_to_its_own_end(
    place: Place, tap: tuple[str, ...]
) -> None:
    script = "(sleep 0.2; echo child) & (sleep 0.1; echo other) & wait; echo parent; exit 4"
    result = place.record("--quiet", *tap, command=shell(script))
    assert result.status == 4
    assert result.out == b"other\nchild\nparent\n"


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("daemon", "w") as file:
            file.write(str(os.getpid()) + "\\n")
        time.sleep(60)
    os._exit(0)
os.wait()
os.write(1, b"gone to the background\\n")
"""


@TAPS
def test_a_daemon_that_holds_the_output_open_neither_hangs_wattui_nor_is_ended(
    place: Place, tap: tuple[str, ...]
) -> None:
    argv = place.argv("--quiet", *tap, command=python(DAEMON))
    started = place.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert started.wait(8) == 0
        daemon = place.path / "daemon"
        until(lambda: daemon.exists() and daemon.read_text().endswith("\n"), "the daemon's number")
        pid = int(daemon.read_text())
        assert pid in place.processes()
        assert started.stdout
        assert os.read(started.stdout.fileno(), 100) == b"gone to the background\n"
    finally:
        if (place.path / "daemon").exists():
            os.kill(int((place.path / "daemon").read_text()), 9)


CHATTY = DAEMON.replace("time.sleep(60)", "while True: os.write(1, b'.'); time.sleep(0.02)")


def test_a_daemon_that_goes_on_writing_does_not_hang_wattui(place: Place) -> None:
    argv = place.argv("--quiet", *TAPPED, command=python(CHATTY))
    started = place.start(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert started.wait(30) == 0
    place.end_all(bound_s=0)


def test_a_command_with_bytes_that_are_no_text_is_summarised(place: Place) -> None:
    command: list[str | bytes] = [*shell("exit 3"), b"\xff\xfe"]
    result = place.record(command=command)
    assert result.status == 3
    assert "while running" in result.err.decode()


def test_a_program_is_looked_up_as_a_shell_does(place: Place) -> None:
    (place.path / "bin").mkdir()
    program = place.path / "bin" / "infer"
    program.write_text('#!/bin/sh\necho "$0"\n')
    program.chmod(0o755)
    environment = place.environment | {"PATH": f"{place.path}/bin:{place.environment['PATH']}"}
    result = place.run(place.argv("--quiet", command=["infer"]), env=environment)
    assert result.out.decode().strip() == str(program)
    assert place.run(place.argv("--quiet", "--force", command=["bin/infer"])).out == b"bin/infer\n"


def test_a_thousand_matched_lines_a_moment_before_the_end_are_all_counted(place: Place) -> None:
    command = python("for n in range(20000): print('batch of 3')")
    result = place.record("--quiet", "--count-match", "batch of (\\d+)", command=command)
    assert result.out == b"batch of 3\n" * 20000
    assert place.rows()[-1]["inferences"] == "60000"


@TAPS
def test_stdin_that_stays_open_does_not_hold_up_the_end(place: Place, tap: tuple[str, ...]) -> None:
    started = place.start(
        place.argv("--quiet", *tap, command=shell("read line; echo $line; exit 3")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdin
    assert started.stdout
    started.stdin.write(b"one\n")
    started.stdin.flush()
    assert started.wait(10) == 3
    assert started.stdout.read() == b"one\n"


def test_the_command_sees_the_end_of_stdin_when_it_comes(place: Place) -> None:
    result = place.record("--quiet", command=["wc", "-c"], given=b"x" * 100_000)
    assert result.out.strip() == b"100000"


def test_wattui_is_there_only_while_the_command_is(place: Place) -> None:
    argv = place.argv("--quiet", command=shell("touch begun; sleep 0.5"))
    started = place.start(argv)
    until_exists(place.path / "begun")
    begun = time.monotonic()
    assert started.wait(10) == 0
    assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize("options", [[], ["--count-match", "x"]])
def test_what_a_command_leaves_behind_may_go_on_printing(place: Place, options: list[str]) -> None:
    script = "(sleep 1; echo xlate; echo > alive) & echo x; exit 3"
    found = place.record(*options, "--quiet", command=["sh", "-c", script])
    assert (found.status, found.out) == (3, b"x\nxlate\n")
    assert (place.path / "alive").exists()


def test_a_pattern_that_takes_for_ever_does_not_hold_up_the_command(place: Place) -> None:
    script = f"echo {'a' * 40}b; echo done; exit 3"
    begun_s = time.monotonic()
    found = place.record("--quiet", "--count-match", "(a+)+$", command=["sh", "-c", script])
    assert (found.status, found.out) == (3, b"a" * 40 + b"b\ndone\n")
    assert time.monotonic() - begun_s < 25
    assert "a pattern took over 10 s" in found.err.decode()
