"""A real torchrun of two nodes on one machine, each with a power curve of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from testbench.recording import surroundings
from wattui.commands.merge import merge

from .conftest import MakeBench
from .jobs import WORK, Job, assert_closed_form, nodes

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_torch, pytest.mark.quiet]

BOUND_S = 90.0
JOIN = """
import os, pathlib, time, wattui
import torch, torch.distributed as dist
dist.init_process_group("gloo")
rank, local_rank = dist.get_rank(), os.environ["LOCAL_RANK"]
"""
REDUCE = """
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
        time.sleep(1.0)  # the others have left the barrier
        again.touch()
        raise SystemExit(7)
    time.sleep(60.0)
"""
# Of one store for all starts, the ranks would read the addresses of the first.
OWN_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "OMP_NUM_THREADS": "1"}


def torchrun(make_bench: MakeBench, folder: Path, source: str, *options: str) -> Job:
    """Run on two nodes of two ranks to the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=2"]
    meeting = ["--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--rdzv-id=job"]
    wattui = [sys.executable, "-m", "wattui", "--headless", "--csv", f"{folder}/shared/"]
    record = [*wattui, "--idle", "0", "--rate", "20", "--", sys.executable, "-c", source]
    benches = nodes(make_bench, folder)
    started = [
        bench.popen(
            [*agent, *meeting, *options, "--no-python", *record],
            env=surroundings(bench, folder) | OWN_STORE,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for bench in benches
    ]
    said = [each.communicate(timeout=BOUND_S)[1] for each in started]
    assert [each.returncode for each in started] == [0, 0], said
    return Job(benches, folder / "shared", said)


def test_two_nodes_have_the_joules_of_the_closed_form(make_bench: MakeBench, tmp_path: Path):
    job = torchrun(make_bench, tmp_path, JOIN + WORK + REDUCE)
    assert_closed_form(job, "torchrun-job")


def test_a_rank_that_fails_is_started_again(make_bench: MakeBench, tmp_path: Path):
    """Torchrun starts all ranks again, though only one node counts the failure."""
    job = torchrun(make_bench, tmp_path, JOIN + FAILS + WORK + REDUCE, "--max-restarts=1")
    first, second = job.nodes("torchrun-job")
    assert [node.run["counted_by_rank"] for node in (first, second)] == [
        {"0": {"inferences": 1}, "1": {"inferences": 1}},
        {"2": {"inferences": 1}, "3": {"inferences": 1}},
    ]
    merge(job.shared / "run=torchrun-job", out := tmp_path / "failed.csv")
    flags = json.loads(out.with_suffix(".json").read_text())["summary"]["flags"]
    assert "failed_command" in {flag["name"] for flag in flags}
    assert "rank 3 ended with exit status 7" in job.said[1]
    for said in job.said:
        assert "torchrun started the job again: recording it into" in said
    assert sorted(path.name for path in job.shared.iterdir()) == [
        "run=torchrun-job",
        "run=torchrun-job-restart1",
    ]
    assert_closed_form(job, "torchrun-job-restart1")
