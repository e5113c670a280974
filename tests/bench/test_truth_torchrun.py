"""A real torchrun of two nodes on one machine, each with a power curve of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbench import topologies
from testbench.curves import Constant, PowerCurve, Square
from testbench.recording import BenchRecording, surroundings
from testbench.sandbox import Bench
from wattui.commands.merge import merge

from .conftest import MakeBench
from .test_truth_fleet import boot, recorded

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_torch, pytest.mark.quiet]

CURVES: tuple[PowerCurve, ...] = (Constant(40.0), Square(30.0, 200.0, 0.5, 0.4))
TOLERANCE = 0.001
BOUND_S = 90.0
TRAIN = """
import os, pathlib, time, wattui
import torch, torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
{before}
with wattui.phase("running", label=f"work{{os.environ['LOCAL_RANK']}}"):
    time.sleep(2.0)
    wattui.count(10 + rank)
    steps = torch.tensor([10.0 + rank])
    dist.all_reduce(steps)
assert steps.item() == 46
"""
# The third rank fails once, and the others wait for it until torchrun ends them.
FAILS = """
again = pathlib.Path("again")
if not again.exists():
    wattui.count(1)
    dist.barrier()
    if rank == 3:
        again.touch()
        raise SystemExit(7)
    time.sleep(60.0)
"""
# Of one store for all starts, the ranks would read the addresses of the first.
OWN_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Job:
    """A job that has ended: its benches, their shared folder, and what each agent and its ranks
    said."""

    benches: list[Bench]
    shared: Path
    said: list[str]

    def nodes(self, run: str) -> Iterator[BenchRecording]:
        """The recordings of one start."""
        for number, bench in enumerate(self.benches):
            node = self.shared / f"run={run}" / f"node=boot-{number}"
            yield recorded(bench, self.shared.parent, node, 0)


def torchrun(make_bench: MakeBench, folder: Path, source: str, *options: str) -> Job:
    """Run on two nodes of two ranks to the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=2"]
    meeting = ["--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--rdzv-id=job"]
    wattui = [sys.executable, "-m", "wattui", "--headless", "--csv", f"{folder}/shared/"]
    record = [*wattui, "--idle", "0", "--rate", "20", "--", sys.executable, "-c", source]
    benches, started = [], []
    for number, curve in enumerate(CURVES):
        bench = make_bench(topologies.plain(curve, Constant(5.0 + number)))
        boot(bench, folder, f"boot-{number}")
        benches.append(bench)
        started.append(
            bench.popen(
                [*agent, *meeting, *options, "--no-python", *record],
                env=surroundings(bench, folder) | OWN_STORE,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    said = [each.communicate(timeout=BOUND_S)[1] for each in started]
    assert [each.returncode for each in started] == [0, 0], said
    return Job(benches, folder / "shared", said)


def assert_closed_form(job: Job, run: str) -> None:
    """Each node's joules, and those of both as their merged run file has them, are the true ones,
    and each rank has counted."""
    nodes = [*job.nodes(run)]
    merge(job.shared / f"run={run}", out := job.shared.parent / f"{run}.csv")
    merged = json.loads(out.with_suffix(".json").read_text())
    for label in ("work0", "work1"):
        for node in nodes:
            true_j = node.true_j("total", label)
            assert node.energy_j("total", label) == pytest.approx(true_j, rel=TOLERANCE)
        (phase,) = (each for each in merged["summary"]["phases"] if each["label"] == label)
        true_work_j = sum(node.true_block_j("total", label) for node in nodes)
        assert phase["energy_j"]["total"] == pytest.approx(true_work_j, rel=TOLERANCE)
    counted = {str(rank): {"inferences": 10 + rank} for rank in range(4)}
    assert merged["counted_by_rank"] == counted
    assert merged["summary"]["running"]["inferences"] == 46
    assert merged["fleet"]["absent"] == []


def test_two_nodes_have_the_joules_of_the_closed_form(make_bench: MakeBench, tmp_path: Path):
    job = torchrun(make_bench, tmp_path, TRAIN.format(before=""))
    assert_closed_form(job, "torchrun-job")


def test_a_rank_that_fails_is_started_again(make_bench: MakeBench, tmp_path: Path):
    """Torchrun starts all ranks again, though only one node counts the failure."""
    job = torchrun(make_bench, tmp_path, TRAIN.format(before=FAILS), "--max-restarts=1")
    first, second = job.nodes("torchrun-job")
    assert [node.run["counted_by_rank"] for node in (first, second)] == [
        {"0": {"inferences": 1}, "1": {"inferences": 1}},
        {"2": {"inferences": 1}, "3": {"inferences": 1}},
    ]
    assert "rank 3 ended with exit status 7" in job.said[1]
    for said in job.said:
        assert "torchrun started the job again: recording it into" in said
    assert sorted(path.name for path in job.shared.iterdir()) == [
        "run=torchrun-job",
        "run=torchrun-job-restart1",
    ]
    assert_closed_form(job, "torchrun-job-restart1")
