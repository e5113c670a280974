"""Runs the person's command as it is: its own terminal, arguments, output and exit status."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import stat
import termios
import threading
import time
import tty
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recorders.processes import end_tree
from wattui.capture.signals import ENDING, FROM_KERNEL, Signal, Signals
from wattui.errors import NotStartedError

GRACE_S = 5.0
# After the command's end: the most that a pipe can hold, and how long to wait for it.
DRAIN_S, DRAIN_BYTES = 0.2, 2**21

OnOutput = Callable[[int, bytes], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command ended: its exit status as in a shell, and the first signal to end."""

    status: int
    ended_by: int | None


def find_program(name: str, environ: Mapping[str, str]) -> str:
    """The program's path as a shell would find it; raises NotStartedError."""
    places = (
        [name]
        if "/" in name
        else [
            os.path.join(directory or ".", name)
            for directory in environ.get("PATH", os.defpath).split(os.pathsep)
        ]
    )
    for path in places:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    if any(os.path.isfile(path) for path in places):
        raise NotStartedError(
            f"{name} is not executable: fix: chmod +x {name}, or name its interpreter"
        )
    raise NotStartedError(f"{name}: no such program: check the name, or give its path")


def cannot_start(name: str, error: OSError) -> NotStartedError:
    """The error for a program that the system refuses to start."""
    hint = "name its interpreter" if error.errno == errno.ENOEXEC else "check the path"
    return NotStartedError(f"{name}: {error.strerror}: {hint}")


def shell_status(code: int) -> int:
    """An exit status as a shell gives it; `code` is negative for a signal."""
    return code if code >= 0 else 128 - code


def run(
    program: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    signals: Signals,
    started: Callable[[int], None],
    on_output: OnOutput | None = None,
    closed: Sequence[int] = (),
    on_wake: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run a program to its end; signals to end are passed on, a second Ctrl-C kills.

    `on_output` sees a copy of what it writes (stream 1 or 2); `closed` names the standard
    streams that were closed when wattui was started; `on_wake` is called now and then, and when
    a child ends. Raises NotStartedError.
    """
    taps = Taps(on_output, closed) if on_output else None
    actions: list[tuple[int, ...]] = [(os.POSIX_SPAWN_CLOSE, stream) for stream in closed]
    actions += taps.file_actions() if taps else []
    try:
        pid = os.posix_spawn(
            program,
            list(argv),
            dict(environ),
            file_actions=actions,
            setsigmask=signals.before,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except OSError as error:
        raise cannot_start(argv[0], error) from None
    finally:
        if taps:
            taps.begin()
    # A signal that came before the command existed did not reach it, whoever sent it.
    early = signals.next(0)
    started(pid)
    outcome = _wait(pid, signals, taps, on_wake, early)
    if taps:
        taps.end(signals)
    return outcome


def _wait(
    pid: int,
    signals: Signals,
    taps: Taps | None,
    on_wake: Callable[[], None],
    early: Signal | None,
) -> Outcome:
    ended_by, interrupts, kill_at = None, 0, float("inf")
    info = early
    while True:
        on_wake()
        if info and info.si_signo == signal.SIGWINCH and taps:
            taps.resize()
            _send(pid, signal.SIGWINCH)
        if info and info.si_signo in ENDING:
            ended_by = ended_by or info.si_signo
            if not _reached_group(info) or info is early:
                _send(pid, info.si_signo)
            if info.si_signo in (signal.SIGTERM, signal.SIGHUP):
                kill_at = min(kill_at, time.monotonic() + GRACE_S)
            else:
                interrupts += 1
        if interrupts > 1 or time.monotonic() >= kill_at:
            end_tree(pid, grace_s=0)
        if (status := _reap(pid)) is not None:
            return Outcome(status, ended_by)
        info = signals.next(min(1.0, kill_at - time.monotonic()))


def _reached_group(info: Signal) -> bool:
    """True if the terminal sent it to its whole foreground group; never for a hang-up."""
    return info.si_code == FROM_KERNEL and info.si_signo != signal.SIGHUP


def _reap(pid: int) -> int | None:
    """The command's exit status if it has ended."""
    done, state = os.waitpid(pid, os.WNOHANG)
    return shell_status(os.waitstatus_to_exitcode(state)) if done else None


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


class Taps:
    """Copies of the command's output streams: a terminal stays a terminal, a pipe a pipe."""

    def __init__(self, on_output: OnOutput, closed: Sequence[int]) -> None:
        self._on_output = on_output
        self._pairs: list[tuple[int, int, tuple[int, ...], bool]] = []
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        streams = {stream: None if stream in closed else _identity(stream) for stream in (1, 2)}
        same = streams[1] is not None and streams[1] == streams[2]
        for group in ((1, 2),) if same else ((1,), (2,)):
            if streams[group[0]] is not None:
                terminal = os.isatty(group[0])
                ours, theirs = _pseudo_terminal(group[0]) if terminal else os.pipe()
                self._pairs.append((ours, theirs, group, terminal))

    def file_actions(self) -> list[tuple[int, int, int]]:
        """Connects the command's streams to the taps."""
        return [
            (os.POSIX_SPAWN_DUP2, theirs, stream)
            for _, theirs, streams, _ in self._pairs
            for stream in streams
        ]

    def begin(self) -> None:
        """Start copying."""
        for ours, theirs, streams, _ in self._pairs:
            os.close(theirs)
            thread = threading.Thread(target=self._copy, args=(ours, streams[0]), daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self, signals: Signals) -> None:
        """Copy what is left, however slowly it is read, until a signal asks to end.

        A process left behind that still holds the stream does not delay this.
        """
        self._ended.set()
        while any(thread.is_alive() for thread in self._threads):
            info = signals.next(DRAIN_S / 10)
            if info and info.si_signo in ENDING:
                break

    def resize(self) -> None:
        """Give the pseudo-terminals the size of the terminal."""
        for ours, _, streams, terminal in self._pairs:
            if terminal:
                _copy_size(streams[0], ours)

    def _copy(self, source: int, stream: int) -> None:
        waited_s, read_bytes = 0.0, 0
        while waited_s < DRAIN_S and read_bytes < DRAIN_BYTES:
            since_s = time.monotonic()
            ready, _, _ = select.select([source], [], [], DRAIN_S)
            if self._ended.is_set():
                waited_s += time.monotonic() - since_s
            if not ready:
                continue
            try:
                data = os.read(source, 65536)
            except OSError:
                break  # a pseudo-terminal ends with EIO
            if not data:
                break
            if self._ended.is_set():
                read_bytes += len(data)
            try:
                _write_all(stream, data)
            except OSError:
                break  # nobody reads our output: the command finds out at its next write
            self._on_output(stream, data)
        else:
            _leave_copying(source, stream)
        os.close(source)


def _leave_copying(source: int, stream: int) -> None:
    """Let processes the command left behind keep printing: a process copies their output."""
    with contextlib.suppress(OSError):  # without cat such a process loses its output
        os.posix_spawnp(
            "cat",
            ["cat"],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, source, 0),
                (os.POSIX_SPAWN_DUP2, stream, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
        )


def _write_all(stream: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(stream, data) :]
        except BlockingIOError:
            select.select([], [stream], [])


def _identity(stream: int) -> tuple[int, int, int] | None:
    try:
        status = os.fstat(stream)
    except OSError:
        return None
    device = status.st_rdev if stat.S_ISCHR(status.st_mode) else 0
    return (status.st_dev, status.st_ino, device)


def _pseudo_terminal(stream: int) -> tuple[int, int]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    _copy_size(stream, ours)
    return ours, theirs


def _copy_size(stream: int, terminal: int) -> None:
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(stream, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
