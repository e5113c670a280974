"""Run unmodified programs on a machine whose joules are known.

with Bench(topologies.plain(), FakeNvml((Gpu(Constant(200.0)),))) as bench:
    bench.run([sys.executable, "measure.py"])
    bench.true_j("package0", begin_ns, end_ns)
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from testbench import fakenvml
from testbench.boards import NO_BOARD, Board
from testbench.curves import PowerCurve, Steps
from testbench.fakenvml import FakeNvml
from testbench.server import ServeOptions
from testbench.zones import BenchZone, Topology

CALLS_FILE = "nvml-calls"


class UnavailableError(RuntimeError):
    """This machine cannot run the bench; the text says why."""


class Bench:
    """A private mount namespace with the topology's powercap tree, the sensors of a board, and
    optionally a fake NVML.

    Curves and faults run on `t0_ns` (CLOCK_MONOTONIC, ns), taken when the server is up and passed
    to every program as BENCH_T0_NS. On exit all programs still in the namespace are killed, and
    nothing is left behind.
    """

    def __init__(
        self,
        topology: Topology | Iterable[BenchZone] = (),
        nvml: FakeNvml | None = None,
        board: Board = NO_BOARD,
    ) -> None:
        self.topology = (
            topology if isinstance(topology, Topology) else Topology("zones", tuple(topology))
        )
        self.nvml, self.board = nvml, board
        self.t0_ns = 0
        self.lead_s = 0.0
        self._started: list[subprocess.Popen[str]] = []
        self._curves = _curves(self.topology, nvml) | dict(board.curves)

    def __enter__(self) -> Self:
        if self.nvml:
            fakenvml.library_directory()
        self._begin(0.0)
        return self

    def begin_again(self, lead_s: float) -> None:
        """End all programs, and restart with time 0 lead_s after the server is up."""
        self._stop()
        self._begin(lead_s)

    @property
    def served(self) -> Topology:
        """The topology as it is shown: present for lead_s before time 0."""
        return self.topology.up_before(self.lead_s) if self.lead_s else self.topology

    def _begin(self, lead_s: float) -> None:
        self.lead_s = lead_s
        self.workspace = Path(tempfile.mkdtemp(prefix="bench-"))
        self.workspace.chmod(0o755)
        self._server = _start_server()
        try:
            self._await("awake")
            self.t0_ns = time.monotonic_ns() + int(lead_s * 1e9)
            served = self.served, str(self.workspace), self.t0_ns, self.board
            self._hand_over(ServeOptions(*served))
            if self.nvml:
                self._write_nvml(self.nvml.up_before(lead_s) if lead_s else self.nvml)
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = 60.0,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        uid: int | None = None,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the bench to its end, its output captured as text unless told otherwise.

        Raises subprocess.TimeoutExpired. `env` is added to this process's; uid is also the gid.
        """
        if not {"stdout", "stderr", "capture_output"} & options.keys():
            options["capture_output"] = True
        return subprocess.run(
            self.wrapped(argv, cwd=cwd, uid=uid),
            env=self.environment(env),
            timeout=timeout and timeout + self.lead_s,
            check=check,
            text=True,
            **options,
        )

    def popen(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        uid: int | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start a program on the bench; its pid is the program's own, for tests that send signals.

        If it still runs on exit, it is killed and waited for.
        """
        started = subprocess.Popen(
            self.wrapped(argv, cwd=cwd, uid=uid), env=self.environment(env), text=True, **options
        )
        self._started.append(started)
        return started

    def wrapped(
        self, argv: Sequence[str], *, cwd: str | Path | None = None, uid: int | None = None
    ) -> list[str]:
        """The command line that becomes `argv` inside the bench, by exec and with the same pid."""
        user = [] if uid is None else [f"--setgid={uid}", f"--setuid={uid}"]
        namespace = f"--mount=/proc/{self._server.pid}/ns/mnt"
        return ["nsenter", namespace, f"--wdns={cwd or Path.cwd()}", *user, "--", *map(str, argv)]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """This process's environment with `env` and the bench's variables."""
        merged = {**os.environ, **(env or {}), "BENCH_T0_NS": str(self.t0_ns)}
        if self.nvml:
            search = [str(fakenvml.library_directory()), merged.get("LD_LIBRARY_PATH", "")]
            merged["LD_LIBRARY_PATH"] = ":".join(filter(None, search))
            merged["FAKE_NVML_CONFIG"] = str(self.workspace / "nvml.txt")
        return merged

    def true_j(self, domain: str, begin_ns: int, end_ns: int) -> float:
        """Joules of a domain (package0, dram1, psys, gpu0) between two CLOCK_MONOTONIC times."""
        curve = self._curves[domain]
        return curve.energy_j(self.seconds(end_ns)) - curve.energy_j(self.seconds(begin_ns))

    def true_total_j(self, begin_ns: int, end_ns: int, gpus: Iterable[int] = ()) -> float:
        """Joules of packages, DRAM and the named GPUs, each counter once."""
        domains = [*self.topology.counted, *(f"gpu{index}" for index in gpus)]
        return sum(self.true_j(domain, begin_ns, end_ns) for domain in domains)

    @property
    def timed_s(self) -> list[float]:
        """Times at which later faults begin and at which power steps."""
        rapl = [fault.start_s for zone in self.topology.zones for fault in zone.faults]
        gpus = self.nvml.gpus if self.nvml else ()
        others = [fault.begin_s for gpu in gpus for fault in gpu.faults]
        steps = [s for c in self._curves.values() if isinstance(c, Steps) for s in c.starts_s]
        return [s for s in [*rapl, *others, *steps, *(gpu.lost_s for gpu in gpus)] if s > 0]

    def seconds(self, at_ns: int) -> float:
        """The bench's time, which curves and faults run on, at a CLOCK_MONOTONIC time."""
        return (at_ns - self.t0_ns) / 1e9

    def nvml_calls(self) -> list[tuple[int, str, str]]:
        """Calls so far that named a GPU: CLOCK_MONOTONIC ns, UUID, function."""
        lines = (self.workspace / CALLS_FILE).read_text().splitlines()
        split = (line.split() for line in lines)
        return [(int(at_ns), uuid, function) for at_ns, uuid, function in split]

    def running(self) -> list[int]:
        """Process ids on the bench now, however they were started; the server is not among them."""
        own = _namespace(self._server.pid)
        pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        return [p for p in pids if own and p != self._server.pid and _namespace(p) == own]

    def _hand_over(self, order: ServeOptions) -> None:
        orders, _ = _pipes(self._server)
        with suppress(BrokenPipeError):
            orders.write(pickle.dumps(order))
            orders.flush()
        self._await("ready")

    def _await(self, word: str) -> None:
        answer = _pipes(self._server)[1].readline().decode().strip()
        if answer != word:
            raise UnavailableError(f"the bench did not start: {answer or 'its server died'}")

    def _write_nvml(self, nvml: FakeNvml) -> None:
        calls = self.workspace / CALLS_FILE
        calls.touch()
        calls.chmod(0o666)
        config = nvml.config(self.t0_ns, calls).encode(errors="surrogateescape")
        (self.workspace / "nvml.txt").write_bytes(config)

    def _stop(self) -> None:
        for started in self._started:
            started.kill()
            started.wait()
        while programs := self.running():
            for pid in programs:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        for pipe in _pipes(self._server):
            pipe.close()
        self._server.wait()
        shutil.rmtree(self.workspace, ignore_errors=True)


def _curves(topology: Topology, nvml: FakeNvml | None) -> dict[str, PowerCurve]:
    gpus = {f"gpu{i}": gpu.curve for i, gpu in enumerate(nvml.gpus if nvml else ())}
    return topology.curves | gpus


def _start_server() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-m", "testbench.server"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _pipes(server: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert server.stdin is not None
    assert server.stdout is not None
    return server.stdin, server.stdout


def _namespace(pid: int) -> str:
    """The identity of a process's mount namespace, empty if it is gone or a zombie."""
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return ""


@cache
def unavailable_reason() -> str | None:
    """Why this machine cannot run the bench; None if it can. Tried once per process."""
    if os.geteuid() != 0:
        return "the bench needs root"
    if not Path("/dev/fuse").exists():
        return "the bench needs /dev/fuse"
    if not shutil.which("nsenter"):
        return "the bench needs nsenter (util-linux)"
    try:
        with Bench():
            return None
    except UnavailableError as error:
        return str(error)


def nvml_unavailable_reason() -> str | None:
    """Why the fake NVML cannot be used; None if it can."""
    return None if fakenvml.compiler() else "the fake NVML needs a C compiler"


def available() -> bool:
    """Whether this machine can run the bench."""
    return unavailable_reason() is None
