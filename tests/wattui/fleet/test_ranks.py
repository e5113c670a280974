"""The rank of a process from the environment of each launcher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattui.fleet.ranks import Rank, RankError, first_host, read_rank, tasks_on_node

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "0",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "8",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "1",
}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "PMIX_NAMESPACE": "prterun-n1-712@1",
    "PMIX_RANK": "3",
}
# As mpiexec of MPICH 5.0.2 sets it.
MPICH = {
    "PMI_RANK": "1",
    "PMI_SIZE": "4",
    "PMI_FD": "11",
    "PMI_HOSTNAME": "n1",
    "MPI_LOCALRANKID": "1",
    "MPI_LOCALNRANKS": "4",
}
BATCH_SCRIPT = {
    "SLURM_JOB_ID": "77",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NTASKS": "8",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_TASKS_PER_NODE": "4(x2)",
    "SLURM_JOB_NODELIST": "gpu[01-02]",
}
SLURM = BATCH_SCRIPT | {
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}
KUBERNETES = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "JOB_COMPLETION_INDEX": "2",
    "HOSTNAME": "train-2",
}


def test_torchrun():
    """Its default run id is the same for every job, so the rendezvous tells jobs apart."""
    assert read_rank(TORCHRUN) == Rank(
        "torchrun", "10.0.0.1-29500", 5, 8, 1, 4, node_rank=1, first_host="10.0.0.1"
    )


def test_workers_that_torchrun_may_start_again_have_one_name():
    """Each node counts its own failures only: those of one start have different counts."""
    may = TORCHRUN | {"TORCHELASTIC_RUN_ID": "a", "TORCHELASTIC_MAX_RESTARTS": "3"}
    once, again = read_rank(may), read_rank(may | {"TORCHELASTIC_RESTART_COUNT": "2"})
    assert (once.run, once.restarts) == ("torchrun-a", 0)
    assert (again.run, again.restarts) == ("torchrun-a", 2)


def test_a_job_that_slurm_has_requeued_is_another_run():
    assert read_rank(SLURM | {"SLURM_RESTART_COUNT": "1"}).run == "slurm-77.0-restart1"


def test_open_mpi():
    found = read_rank(OPEN_MPI)
    assert found == Rank("openmpi", "prterun-n1-712@1", 3, 4, 1, 2)
    assert found.run == "openmpi-prterun-n1-712-1"


def test_mpich_names_no_job():
    assert read_rank(MPICH) == Rank("mpich", None, 1, 4, 1, 4)
    assert read_rank(MPICH).run == "mpich"


def test_slurm():
    assert read_rank(SLURM) == Rank("slurm", "77.0", 5, 8, 1, 4, node_rank=1, first_host="gpu01")


def test_slurm_s_list_of_equal_nodes_where_one_number_is_expected():
    """SLURM_NTASKS_PER_NODE can be "4(x2)"."""
    given = {k: v for k, v in SLURM.items() if k != "SLURM_TASKS_PER_NODE"}
    assert read_rank(given | {"SLURM_NTASKS_PER_NODE": "4(x2)"}).local_size == 4


def test_a_batch_script_is_no_step_of_eight_tasks():
    """SLURM_PROCID is set there, but one process runs."""
    assert read_rank(BATCH_SCRIPT) == Rank(world_size=1, local_size=1)


@pytest.mark.parametrize("inner", [OPEN_MPI, MPICH, TORCHRUN])
def test_the_innermost_launcher_counts(inner: dict[str, str]):
    """mpiexec starts one proxy on each node with srun: Slurm's numbers are those of the proxies."""
    assert read_rank(SLURM | inner) == read_rank(inner)


def test_a_slurm_step_says_more_than_its_process_manager():
    assert read_rank(SLURM | {"PMI_RANK": "5", "PMI_SIZE": "8"}) == read_rank(SLURM)
    assert read_rank(SLURM | {"PMIX_RANK": "5"}) == read_rank(SLURM)


def test_kubernetes_indexed_job():
    assert read_rank(KUBERNETES) == Rank("kubernetes", "train", 2)


def test_bare_variables_of_other_trainers():
    found = read_rank({"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "n0"})
    assert (found.launcher, found.rank, found.world_size, found.local_size) == ("env", 1, 2, None)
    assert found.run == "n0"


def test_nothing_set_is_one_node():
    assert read_rank({"PATH": "/bin", "RANK": "3"}) == Rank(world_size=1, local_size=1)
    assert read_rank({}).run == "job"


def test_the_job_can_be_named_by_hand():
    assert read_rank(MPICH | {"WATTUI_JOB": "../a b"}).run == "mpich-..-a-b"
    assert read_rank({"WATTUI_JOB": ".hidden"}).run == "hidden"


def test_a_value_that_is_no_number_is_named():
    with pytest.raises(RankError, match="PMI_RANK=-1: not a whole number"):
        read_rank(MPICH | {"PMI_RANK": "-1"})


@pytest.mark.parametrize(
    ("text", "node", "tasks"),
    [
        ("4(x2)", 0, 4),
        ("4(x2)", 1, 4),
        ("4(x2),3", 2, 3),
        ("2,1(x3),5", 4, 5),
        ("7", 0, 7),
        ("4(x2)", 2, None),
        ("four", 0, None),
        ("", 0, None),
    ],
)
def test_tasks_on_a_node(text: str, node: int, tasks: int | None):
    assert tasks_on_node(text, node) == tasks


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("gpu[01-04,07],login", "gpu01"),
        ("a,b", "a"),
        ("rack[3,5]-n[2-4]", "rack3-n2"),
        ("n1", "n1"),
        ("", None),
    ],
)
def test_first_host_of_a_list(nodes: str, host: str | None):
    assert first_host(nodes) == host


@pytest.mark.parametrize(
    ("launcher", "nodes", "first_host"),
    [
        ("torchrun-2.13.0", [(0, 2), (0, 2), (1, 2), (1, 2)], "localhost"),
        ("slurm-22.05.8", [(0, 3), (0, 3), (0, 3), (1, 1)], "n0"),
        ("openmpi-4.1.4", [(None, 4)] * 4, None),
        ("openmpi-5.0.11", [(None, 4)] * 4, None),
        ("mpich-5.0.2", [(None, 4)] * 4, None),
    ],
)
def test_what_launchers_set(
    launcher: str, nodes: list[tuple[int | None, int]], first_host: str | None
):
    """Four ranks as these versions started them; the first two were asked for two nodes."""
    given = json.loads((Path(__file__).parent / "launchers" / f"{launcher}.json").read_text())
    ranks = [read_rank(environ) for environ in given]
    assert [rank.rank for rank in ranks] == [0, 1, 2, 3]
    assert {rank.world_size for rank in ranks} == {4}
    assert [(rank.node_rank, rank.local_size) for rank in ranks] == nodes
    assert {rank.first_host for rank in ranks} == {first_host}
    (run,) = {rank.run for rank in ranks}
    assert run.startswith(launcher.partition("-")[0])
