"""Starts the program as a user would, waits with a time limit, and finds what it left behind."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import wattui

PACKAGES = str(Path(wattui.__file__).parents[1])
PYTHON = sys.executable
WATTUI = [PYTHON, "-P", "-m", "wattui"]
MARK = "WATTUI_TEST_PLACE"
BOUND_S = 30.0

T = TypeVar("T")
Row = dict[str, str]


@dataclass(frozen=True)
class Result:
    """How a program ended and what it wrote."""

    status: int
    out: bytes
    err: bytes

    @property
    def lines(self) -> list[str]:
        """Lines on stderr."""
        return self.err.decode(errors="replace").splitlines()


@dataclass
class Place:
    """A directory of its own, an environment that marks every process, and what runs in it."""

    path: Path
    temporary: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def csv(self) -> Path:
        return self.path / "run.csv"

    @property
    def environment(self) -> dict[str, str]:
        """A plain environment; processes that inherit it can be found by its mark."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "PYTHONPATH": PACKAGES,
            "TMPDIR": str(self.temporary),
            "WATTUI_CONFIG": str(self.path / "config.toml"),
            MARK: str(self.path),
        }

    def argv(self, *options: str, command: Sequence[str | bytes] = ("true",)) -> list[str | bytes]:
        """A command line that records `command` into `csv`; no baseline unless one is given."""
        baseline = [] if "--idle" in options else ["--idle", "0"]
        own = ["--headless", "--csv", str(self.csv), *baseline, *options]
        return [*WATTUI, *own, "--", *command]

    def start(
        self, argv: Sequence[str | bytes], env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a program that is ended with the test at the latest."""
        options.setdefault("stdin", subprocess.DEVNULL)
        started = subprocess.Popen(
            argv, env=self.environment if env is None else dict(env), cwd=self.path, **options
        )
        self.running.append(started)
        return started

    def run(
        self,
        argv: Sequence[str | bytes],
        *,
        given: bytes | None = None,
        bound_s: float = BOUND_S,
        **options: Any,
    ) -> Result:
        """Run a program to its end; its output is captured, and no traceback may be in it."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        if given is not None:
            options["stdin"] = subprocess.PIPE
        started = self.start(argv, **options)
        out, err = started.communicate(given, timeout=bound_s)
        result = Result(started.returncode, out or b"", err or b"")
        assert "Traceback" not in result.err.decode(errors="replace"), result.err.decode()
        return result

    def record(
        self, *options: str, command: Sequence[str | bytes] = ("true",), **how: Any
    ) -> Result:
        """Record `command` to its end, with a quick known power curve."""
        return self.run(self.argv("--simulate", *options, command=command), **how)

    def rows(self) -> list[Row]:
        """The run file, of which every row must be whole."""
        return read_rows(self.csv)

    def run_json(self) -> dict[str, Any]:
        return read_json(self.csv.with_suffix(".json"))

    def processes(self) -> list[int]:
        """Processes that carry this place's mark, zombies aside."""
        return [pid for pid in _pids() if _is_marked(pid, str(self.path))]

    def recorder_of(self, front_end: int) -> int:
        """The recorder process of a wattui that is starting or running."""
        return until(lambda: _recorder_child(front_end), "a recorder process")

    def end_all(self, bound_s: float = BOUND_S) -> list[str]:
        """Kill what is left after that time, and say what it was."""
        with contextlib.suppress(TimeoutError):
            until(lambda: not self._others(), "no process left", bound_s=bound_s)
        left = self._others()
        told = [f"{pid}: {command_line(pid)}" for pid in left]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return told

    def close(self) -> None:
        """End the programs that the test itself has started."""
        for started in self.running:
            if started.poll() is None:
                started.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(5)
            for pipe in (started.stdin, started.stdout, started.stderr):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _others(self) -> list[int]:
        return [pid for pid in self.processes() if pid != os.getpid()]


def until(
    found: Callable[[], T | None], what: str, bound_s: float = BOUND_S, every_s: float = 0.01
) -> T:
    """Wait until `found` gives something true; raises TimeoutError."""
    deadline = time.monotonic() + bound_s
    while not (value := found()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {bound_s:g} s: {what}")
        time.sleep(every_s)
    return value


def until_exists(path: Path, bound_s: float = BOUND_S) -> None:
    """Wait for a file that a command makes."""
    until(path.exists, str(path), bound_s)


def read_rows(path: Path) -> list[Row]:
    """Rows of a run file; every row must be whole, and the last one must end its line."""
    text = path.read_text()
    assert text.endswith("\n"), text[-200:]
    header, *cells = csv.reader(io.StringIO(text))
    for line in cells:
        assert len(line) == len(header), line
    return [dict(zip(header, line, strict=True)) for line in cells]


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def edges(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Event, phase and label of every phase edge, in order."""
    return [
        (row["event"], row["phase"], row["label"])
        for row in rows
        if row["event"] in ("begin", "end")
    ]


def events(rows: Sequence[Row], head: str) -> list[str]:
    """Events that begin with `head`, without it."""
    return [row["event"].removeprefix(head) for row in rows if row["event"].startswith(head)]


def last_count(rows: Sequence[Row]) -> str:
    return rows[-1]["inferences"]


def python(code: str, *arguments: str) -> list[str]:
    """A command line that runs a piece of Python, started quickly."""
    return [PYTHON, "-P", "-c", code, *arguments]


def shell(script: str, *arguments: str) -> list[str]:
    return ["sh", "-c", script, "sh", *arguments]


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def state(pid: int) -> str:
    """The process's state letter, Z for a zombie, "" when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def parent(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _pids() -> Iterator[int]:
    yield from (int(name) for name in os.listdir("/proc") if name.isdigit())


def _is_marked(pid: int, mark: str) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={mark}\0".encode() in environ and state(pid) not in ("Z", "X", "")


def _recorder_child(front_end: int) -> int | None:
    for pid in _pids():
        if parent(pid) == front_end and " recorders " in command_line(pid):
            return pid
    return None
