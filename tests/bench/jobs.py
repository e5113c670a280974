"""A job of two nodes of two ranks on benches, and the joules that it must have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbench import topologies
from testbench.curves import Constant, PowerCurve, Square
from testbench.recording import BenchRecording
from testbench.sandbox import Bench
from wattui.commands.merge import merge

from .conftest import MakeBench
from .test_truth_fleet import boot, recorded

CURVES: tuple[PowerCurve, ...] = (Constant(40.0), Square(30.0, 200.0, 0.5, 0.4))
TOLERANCE = 0.001
# What each rank does: its label is that of its place on its node, its count that of its rank.
WORK = """
with wattui.phase("running", label=f"work{local_rank}"):
    time.sleep(2.0)
    wattui.count(10 + rank)
"""


def nodes(make_bench: MakeBench, folder: Path) -> list[Bench]:
    """Two benches that are machines of their own."""
    benches = []
    for number, curve in enumerate(CURVES):
        bench = make_bench(topologies.plain(curve, Constant(5.0 + number)))
        boot(bench, folder, f"boot-{number}")
        benches.append(bench)
    return benches


@dataclass(frozen=True)
class Job:
    """A job that has ended: its benches, their shared folder, and what its processes said."""

    benches: list[Bench]
    shared: Path
    said: list[str]

    def nodes(self, run: str) -> Iterator[BenchRecording]:
        """The recordings of one run."""
        for number, bench in enumerate(self.benches):
            node = self.shared / f"run={run}" / f"node=boot-{number}"
            yield recorded(bench, self.shared.parent, node, 0)


def assert_closed_form(job: Job, run: str) -> None:
    """Each node's joules, and those of both as their merged run file has them, are the true ones,
    and each rank has counted."""
    found = [*job.nodes(run)]
    merge(job.shared / f"run={run}", out := job.shared.parent / f"{run}.csv")
    merged = json.loads(out.with_suffix(".json").read_text())
    for label in ("work0", "work1"):
        for node in found:
            true_j = node.true_j("total", label)
            assert node.energy_j("total", label) == pytest.approx(true_j, rel=TOLERANCE)
        (phase,) = (each for each in merged["summary"]["phases"] if each["label"] == label)
        true_work_j = sum(node.true_block_j("total", label) for node in found)
        assert phase["energy_j"]["total"] == pytest.approx(true_work_j, rel=TOLERANCE)
    counted = {str(rank): {"inferences": 10 + rank} for rank in range(4)}
    assert merged["counted_by_rank"] == counted
    assert merged["summary"]["running"]["inferences"] == 46
    assert merged["fleet"]["absent"] == []
