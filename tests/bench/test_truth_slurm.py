"""A real srun on two nodes on one machine, each with a power curve of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbench.recording import surroundings
from testbench.sandbox import Bench

from . import slurm
from .conftest import MakeBench
from .jobs import WORK, Job, assert_closed_form, nodes
from .slurm import Slurm

pytestmark = [
    pytest.mark.needs_bench,
    pytest.mark.quiet,
    pytest.mark.skipif(slurm.missing() is not None, reason=f"{slurm.missing()}"),
]

BOUND_S = 60.0
HEAD = """
import os, sys, time, wattui
rank, local_rank = int(os.environ["SLURM_PROCID"]), os.environ["SLURM_LOCALID"]
"""


@pytest.fixture
def cluster(make_bench: MakeBench, tmp_path: Path) -> Iterator[tuple[Slurm, list[Bench]]]:
    benches = nodes(make_bench, tmp_path)
    folder = tmp_path / "slurm"
    folder.mkdir()
    made = Slurm(benches, folder)
    try:
        yield made, benches
    finally:
        made.close()


def srun(
    cluster: tuple[Slurm, list[Bench]], folder: Path, source: str, *options: str
) -> tuple[Job, int]:
    """Run on two nodes of two ranks to the end; the job, and the exit status of srun."""
    made, benches = cluster
    wattui = [sys.executable, "-m", "wattui", "--headless", "--csv", f"{folder}/shared/"]
    record = [*wattui, "--idle", "0", "--rate", "20", "--", sys.executable, "-c", source]
    done = subprocess.run(
        ["srun", "-N2", "--ntasks-per-node=2", *options, *record],
        env=made.environ | surroundings(benches[0], folder),
        cwd=folder,
        timeout=BOUND_S,
        capture_output=True,
        text=True,
        check=False,
    )
    return Job(benches, folder / "shared", [done.stderr]), done.returncode


def test_two_nodes_have_the_joules_of_the_closed_form(
    cluster: tuple[Slurm, list[Bench]], tmp_path: Path
):
    job, status = srun(cluster, tmp_path, HEAD + WORK)
    assert status == 0, job.said
    assert_closed_form(job, "slurm-1.0")
    fleets = [node.run["fleet"] for node in job.nodes("slurm-1.0")]
    places = [{"boot_id": f"boot-{number}", "rank": number} for number in range(2)]
    assert [fleet["node"] for fleet in fleets] == places
    assert sorted(fleet["clock"]["is_reference"] for fleet in fleets) == [False, True]


def test_two_jobs_into_one_folder_are_two_runs(cluster: tuple[Slurm, list[Bench]], tmp_path: Path):
    """The second one has a rank that fails: srun has its status, and the others are recorded."""
    fails = "if rank == 3: sys.exit(7)\n"
    assert srun(cluster, tmp_path, HEAD + WORK)[1] == 0
    job, status = srun(cluster, tmp_path, HEAD + fails + WORK)
    assert status == 7
    assert "rank 3 ended with exit status 7" in job.said[0]
    assert_closed_form(job, "slurm-1.0")
    counted = [node.run["counted_by_rank"] for node in job.nodes("slurm-2.0")]
    assert counted == [
        {"0": {"inferences": 10}, "1": {"inferences": 11}},
        {"2": {"inferences": 12}},
    ]
