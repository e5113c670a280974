"""A real Ray cluster of three nodes on one machine, each with a power curve of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from testbench import topologies
from testbench.curves import Constant, PowerCurve, Sine
from testbench.recording import BenchRecording, surroundings
from testbench.sandbox import Bench

from .conftest import MakeBench
from .test_truth_fleet import boot, recorded

pytestmark = [
    pytest.mark.needs_bench,
    pytest.mark.quiet,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: wattui[fleet]"),
]

CURVES: tuple[PowerCurve, ...] = (Constant(40.0), Sine(120.0, 60.0, 0.7), Constant(75.0))
JOB = """
import ray, time, wattui
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as There
ray.init(log_to_driver=False, logging_level="ERROR")
@ray.remote(num_cpus=0)
def work(n):
    with wattui.phase("running", label="work"):
        time.sleep({seconds})
        wattui.count(n)
    return wattui.recording()
nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
tasks = [work.options(scheduling_strategy=There(node, soft=False)) for node in nodes]
print(ray.get([task.remote(n) for n, task in enumerate(tasks, 1)]), flush=True)
"""
# A node that is killed leaves its files there.
OWN = ("TMPDIR", "XDG_RUNTIME_DIR")
RAY = {"RAY_TMPDIR": "/tmp"}  # the paths of its sockets must be short
STARTED = "Ray runtime started"
START_S, BOUND_S = 60.0, 120.0
USUAL = ("--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats", "--block")


class Cluster:
    """Nodes of a cluster, each on a bench."""

    def __init__(self, make_bench: MakeBench, folder: Path) -> None:
        self.folder = folder
        self.benches: list[Bench] = []
        self.rays: list[subprocess.Popen[str]] = []
        with socket.socket() as free:
            free.bind(("", 0))
            self.port = free.getsockname()[1]
        self._make_bench = make_bench

    def add(self, curve: PowerCurve) -> None:
        """Start a node and wait until it has joined."""
        number = len(self.benches)
        bench = self._make_bench(topologies.plain(curve, Constant(5.0 + number)))
        boot(bench, self.folder, f"boot-{number}")
        own = self.folder / f"own-{number}"
        own.mkdir()
        shown = Path(f"/tmp/wattui-{os.getuid()}-{self.folder.name}")
        shown.mkdir(mode=0o700, exist_ok=True)
        bench.run(["mount", "--bind", str(own), str(shown)], check=True)
        ray = str(Path(sys.executable).with_name("ray"))
        head = ["--head", f"--port={self.port}", "--include-dashboard=false"]
        where = [f"--address=127.0.0.1:{self.port}"] if number else head
        log = self.folder / f"ray-{number}.log"
        with log.open("w") as said:
            self.rays.append(
                bench.popen(
                    [ray, "start", *where, *USUAL],
                    env=surroundings(bench, self.folder) | dict.fromkeys(OWN, str(own)) | RAY,
                    cwd=self.folder,
                    stdout=said,
                    stderr=said,
                )
            )
        self.benches.append(bench)
        until_s = time.monotonic() + START_S
        while STARTED not in log.read_text():
            assert time.monotonic() < until_s, log.read_text()
            time.sleep(0.1)

    def record(self, job: str, *options: str) -> subprocess.Popen[str]:
        """Start `wattui fleet` on the first node."""
        wattui = [sys.executable, "-m", "wattui", "fleet", "--ray", f"127.0.0.1:{self.port}"]
        own = ["--csv", f"{self.folder}/shared/", "--name", self.folder.name, "--idle", "0.5"]
        return self.benches[0].popen(
            [*wattui, *own, "--rate", "20", *options, "--", sys.executable, "-c", job],
            env=surroundings(self.benches[0], self.folder),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def recordings(self, numbers: Sequence[int]) -> Iterator[BenchRecording]:
        """What these nodes have published."""
        for number in numbers:
            (node,) = self.folder.glob(f"shared/run=*/node=boot-{number}")
            yield recorded(self.benches[number], self.folder, node, 0)

    def close(self) -> None:
        """End the nodes, the head last."""
        for ray in reversed(self.rays):
            ray.send_signal(signal.SIGTERM)
            ray.wait(START_S)
        Path(f"/tmp/wattui-{os.getuid()}-{self.folder.name}").rmdir()


@pytest.fixture
def cluster(make_bench: MakeBench, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(make_bench, tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_tasks_on_three_nodes_have_the_joules_of_the_closed_form(cluster: Cluster):
    """Each task finds the recorder of its own node, marks and counts there."""
    for curve in CURVES:
        cluster.add(curve)
    job = cluster.record(JOB.format(seconds=2.0))
    out, err = job.communicate(timeout=BOUND_S)
    assert job.returncode == 0, err
    assert out == "[True, True, True]\n"
    found = [*cluster.recordings(range(3))]
    assert sum(each.run["summary"]["running"]["inferences"] for each in found) == 6
    total_j = sum(each.energy_j("total", "work") for each in found)
    assert total_j == pytest.approx(sum(e.true_j("total", "work") for e in found), rel=0.001)


STEPS = """
import pathlib, time, ray, wattui
ray.init(log_to_driver=False, logging_level="ERROR")
while not pathlib.Path({stop!r}).exists():
    with wattui.phase("running", label="step"):
        time.sleep(0.5)
        wattui.count()
"""


def test_a_node_that_is_killed_keeps_what_it_had_and_a_late_one_is_recorded(cluster: Cluster):
    for curve in CURVES[:2]:
        cluster.add(curve)
    stop = cluster.folder / "stop"
    job = cluster.record(STEPS.format(stop=str(stop)))
    lost = cluster.folder / "shared" / f"run={cluster.folder.name}" / "node=boot-1"
    _until(lambda: _last_s(lost / "journal.csv") > 1.5)
    for pid in cluster.benches[1].running():
        os.kill(pid, signal.SIGKILL)
    killed = datetime.now(UTC)
    cluster.add(CURVES[2])
    late = lost.with_name("node=boot-2") / "journal.csv"
    _until(lambda: _last_s(late) > 1.0)
    stop.touch()
    _, err = job.communicate(timeout=BOUND_S)
    assert job.returncode == 1, err
    assert "is lost" in err
    assert "joined late: recording it from now on" in err
    for recording in cluster.recordings([0, 2]):
        assert recording.run["status"] == "finished"
    assert not (lost / "part.parquet").exists()
    last = (lost / "journal.csv").read_text().splitlines()[-1].split(",")[1]
    assert (killed - datetime.fromisoformat(last)).total_seconds() < 1.5


def _last_s(csv: Path) -> float:
    """The time of the last row, seconds; 0 where there is none."""
    lines = csv.read_text().splitlines() if csv.exists() else []
    return float(lines[-1].partition(",")[0]) if len(lines) > 1 else 0.0


def _until(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + BOUND_S
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.05)
