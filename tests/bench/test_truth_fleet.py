"""Three nodes on one machine: the joules of each, and of all, are those of the closed form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from testbench import topologies
from testbench.curves import Constant, PowerCurve, Sine, Square
from testbench.recording import BenchPhase, BenchRecording, program, surroundings
from testbench.sandbox import Bench
from wattui.commands.merge import merge
from wattui.runs.convert import write_csv
from wattui.tui.state.fleet import Fleet

from .conftest import MakeBench

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]

LONG_S = 2.0
TOLERANCE = 0.001
CURVES: tuple[PowerCurve, ...] = (
    Constant(40.0),
    Sine(120.0, 60.0, 0.7),
    Square(30.0, 200.0, 0.5, 0.4),
)
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOUND_S = 40.0
LATE = ("sh", "-c", 'sleep 1; exec "$@"', "sh")
AHEAD_S = 5000
AHEAD = ("unshare", "--time", f"--monotonic={AHEAD_S}", f"--boottime={AHEAD_S}", "--fork")


def slurm(node: int, nodes: int) -> dict[str, str]:
    """The variables of srun --ntasks-per-node=1."""
    return {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": str(node),
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": str(node),
        "SLURM_STEP_NUM_TASKS": str(nodes),
        "SLURM_STEP_TASKS_PER_NODE": f"1(x{nodes})",
        "SLURM_STEP_NODELIST": f"n[0-{nodes - 1}]",
    }


def boot(bench: Bench, folder: Path, boot_id: str) -> None:
    """Give a bench a boot of its own, as another machine has."""
    file = folder / boot_id
    file.write_text(f"{boot_id}\n")
    bench.run(["mount", "--bind", str(file), BOOT_ID], check=True)


def recorded(bench: Bench, folder: Path, node: Path, ahead_s: int) -> BenchRecording:
    """What a node has published, as a run file; its clock is ahead of the bench's."""
    csv = folder / f"{node.name}.csv"
    write_csv(node / "part.parquet", csv)
    run = json.loads((node / "run.json").read_text())
    run["clock"]["start_monotonic_ns"] -= ahead_s * 10**9
    csv.with_suffix(".json").write_text(json.dumps(run))
    return BenchRecording(bench, csv)


def work_j(shared: Path, out: Path) -> float:
    """The joules of the whole, as its merged run file has them."""
    merge(shared, out)
    phases = json.loads(out.with_suffix(".json").read_text())["summary"]["phases"]
    (work,) = (phase for phase in phases if phase["label"] == "work")
    total_j: float = work["energy_j"]["total"]
    return total_j


def test_the_sum_of_three_nodes_is_that_of_the_closed_form(make_bench: MakeBench, tmp_path: Path):
    """All share one kernel, host name and /tmp; only their boot_id tells them apart. The last one
    joins when the others have begun, and its clock is far ahead."""
    shared = tmp_path / "shared"
    has_namespaces = subprocess.run([*AHEAD, "true"], capture_output=True, check=False)
    ahead = () if has_namespaces.returncode else AHEAD
    source = program(BenchPhase("work", 0.0, LONG_S)) + "wattui.count(7)"
    argv = [sys.executable, "-m", "wattui", "--headless", "--csv", f"{shared}/", "--idle", "0"]
    benches, started = [], []
    for number, curve in enumerate(CURVES):
        bench = make_bench(topologies.plain(curve, Constant(5.0 + number)))
        boot(bench, tmp_path, f"boot-{number}")
        benches.append(bench)
        late = [*LATE, *ahead] if number == len(CURVES) - 1 else []
        started.append(
            bench.popen(
                [*late, *argv, "--rate", "20", "--", sys.executable, "-c", source],
                env=surroundings(bench, tmp_path) | slurm(number, len(CURVES)),
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    for each in started:
        _, said = each.communicate(timeout=BOUND_S)
        assert each.returncode == 0, said
    nodes = [shared / "run=slurm-7.0" / f"node=boot-{number}" for number in range(len(CURVES))]
    ahead_s = [0, 0, AHEAD_S if ahead else 0]
    given = zip(benches, nodes, ahead_s, strict=True)
    found = [recorded(bench, tmp_path, node, seconds) for bench, node, seconds in given]
    for recording in found:
        true_j = recording.true_j("total", "work")
        assert recording.energy_j("total", "work") == pytest.approx(true_j, rel=TOLERANCE)
    total_j = sum(recording.energy_j("total", "work") for recording in found)
    true_total_j = sum(recording.true_j("total", "work") for recording in found)
    assert total_j == pytest.approx(true_total_j, rel=TOLERANCE)
    clocks = [recording.run["fleet"]["clock"] for recording in found]
    assert sorted(clock["is_reference"] for clock in clocks) == [False, False, True]
    for clock, node_ahead_s in zip(clocks, ahead_s, strict=True):
        for offset in clock.get("offsets", ()):
            assert abs(offset["offset_ns"] + node_ahead_s * 1e9) <= offset["error_ns"]
    true_work_j = sum(recording.true_block_j("total", "work") for recording in found)
    merged_j = work_j(shared, tmp_path / "merged.csv")
    assert merged_j == pytest.approx(true_work_j, rel=TOLERANCE)
    run = json.loads((tmp_path / "merged.json").read_text())
    assert run["counted_by_rank"] == {str(rank): {"inferences": 7} for rank in range(len(nodes))}
    now = Fleet(shared / "run=slurm-7.0").look()
    assert now.states == f"{len(nodes)} finished"
    assert now.counts == {"inferences": 7 * len(nodes)}
    assert now.energy_j is not None
    last_j = [
        max(float(row["total_J"]) for row in recording.rows if row["total_J"])
        for recording in found
    ]
    assert now.energy_j.value == pytest.approx(sum(last_j))
    # Half a second of clock error moves pictures, never joules.
    for node in nodes:
        run = json.loads((node / "run.json").read_text())
        if line := run["fleet"]["clock"].get("line"):
            line["offset_ns"] += 5e8
            (node / "run.json").write_text(json.dumps(run))
    assert work_j(shared, tmp_path / "wrong.csv") == merged_j
