"""The place of this process in a job of many processes, from the environment that its launcher set.

Known are torchrun, Open MPI, MPICH and Intel MPI, Slurm, PMIx, Kubernetes indexed jobs, and the
bare RANK and WORLD_SIZE of other trainers. The innermost launcher counts: mpirun inside a Slurm job
sets its own variables beside those of Slurm. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from wattui.fleet.folder import restarted

# Names the job where no launcher does, or in another way.
JOB_VARIABLE = "WATTUI_JOB"
MOST_NAME = 80
# What is no launcher's own, but set for trainers in general.
BARE = "env"
# A step's tasks per node, as in 4(x2),3: four on each of two nodes, three on the next.
_TASKS = re.compile(r"(\d+)(?:\(x(\d+)\))?")
_BRACKET = re.compile(r"\[([^\],-]*)[^\]]*\]")

Environ = Mapping[str, str]


class RankError(ValueError):
    """A launcher's variable has no valid value; the text names it."""


@dataclass(frozen=True, slots=True)
class Rank:
    """Where a process is in its job. None: the launcher does not say.

    `launcher` is empty if there is none: the process is alone. `node_rank` numbers the launcher's
    nodes, of which one machine may have several. `first_host` is a name or address of the first.
    `restarts`: the launcher may start the ranks again under the same name, and has done so at least
    this often.
    """

    launcher: str = ""
    job: str | None = None
    rank: int = 0
    world_size: int | None = None
    local_rank: int | None = None
    local_size: int | None = None
    node_rank: int | None = None
    first_host: str | None = None
    restarts: int | None = None

    @property
    def run(self) -> str:
        """The name of the job's recording, the same on every rank and fit for a file name."""
        launcher = "" if self.launcher == BARE else self.launcher
        parts = [part for part in (launcher, self.job) if part]
        name = re.sub(r"[^\w.-]+", "-", "-".join(parts) or "job", flags=re.ASCII)
        return name[:MOST_NAME].lstrip(".") or "job"

    @property
    def ends_with_first_failure(self) -> bool:
        """Whether the launcher ends all ranks once it sees that one has failed."""
        return self.launcher in ("torchrun", "openmpi", "mpich")


def read_rank(environ: Environ) -> Rank:
    """The rank that the innermost launcher gives. Raises RankError for a value that is none."""
    for is_set, read in LAUNCHERS:
        if is_set(environ):
            return read(environ)
    return Rank(job=environ.get(JOB_VARIABLE) or None, world_size=1, local_size=1)


def tasks_on_node(text: str, node: int) -> int | None:
    """The tasks on a node, from Slurm's list of them; None if it has no such node."""
    for part in text.split(","):
        if not (found := _TASKS.fullmatch(part.strip())):
            return None
        if node < (times := int(found[2] or 1)):
            return int(found[1])
        node -= times
    return None


def first_host(nodes: str) -> str | None:
    """The first of Slurm's list of hosts, as in gpu[01-04,07],login: gpu01."""
    head = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    return _BRACKET.sub(r"\1", head[0]) if head else None


def _torchrun(environ: Environ) -> Rank:
    job = environ.get("TORCHELASTIC_RUN_ID", "")
    if job in ("", "none"):  # its default, the same for every job
        job = _master(environ)
    found = _of_trainer(environ, "torchrun", job, "GROUP_RANK")
    # Each node counts its own failures, though all are started again: none knows the number.
    restarts = _whole(environ, "TORCHELASTIC_RESTART_COUNT") or 0
    may = restarts or _whole(environ, "TORCHELASTIC_MAX_RESTARTS")
    return replace(found, restarts=restarts) if may else found


def _open_mpi(environ: Environ) -> Rank:
    return _rank(
        environ,
        "openmpi",
        environ.get("PMIX_NAMESPACE") or environ.get("OMPI_MCA_ess_base_jobid", ""),
        "OMPI_COMM_WORLD_RANK",
        ("OMPI_COMM_WORLD_SIZE",),
        "OMPI_COMM_WORLD_LOCAL_RANK",
        ("OMPI_COMM_WORLD_LOCAL_SIZE",),
    )


def _mpich(environ: Environ) -> Rank:
    return _rank(
        environ,
        "mpich",
        environ.get("PMI_JOBID", ""),
        "PMI_RANK",
        ("PMI_SIZE",),
        "MPI_LOCALRANKID",
        ("MPI_LOCALNRANKS",),
    )


def _slurm(environ: Environ) -> Rank:
    node = _whole(environ, "SLURM_NODEID")
    lists = ("SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE", "SLURM_NTASKS_PER_NODE")
    text = next((environ[name] for name in lists if environ.get(name)), "")
    only = None if "," in text or "(" in text else tasks_on_node(text, 0)
    hosts = environ.get("SLURM_STEP_NODELIST") or environ.get("SLURM_JOB_NODELIST", "")
    job = ".".join(filter(None, map(environ.get, ("SLURM_JOB_ID", "SLURM_STEP_ID"))))
    requeued = _whole(environ, "SLURM_RESTART_COUNT")
    return _rank(
        environ,
        "slurm",
        restarted(job, requeued) if requeued else job,
        "SLURM_PROCID",
        ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS"),
        "SLURM_LOCALID",
        (),
        local_size=only if only is not None or node is None else tasks_on_node(text, node),
        node_rank=node,
        first_host=first_host(hosts),
    )


def _pmix(environ: Environ) -> Rank:
    job = environ.get("PMIX_NAMESPACE", "")
    return _rank(environ, "pmix", job, "PMIX_RANK", ("PMIX_SIZE",), "PMIX_LOCAL_RANK", ())


def _kubernetes(environ: Environ) -> Rank:
    index = environ["JOB_COMPLETION_INDEX"]
    name = environ.get("HOSTNAME", "").partition(f"-{index}")[0]
    return _rank(environ, "kubernetes", name, "JOB_COMPLETION_INDEX", (), "", ())


def _bare(environ: Environ) -> Rank:
    return _of_trainer(environ, BARE, _master(environ), "NODE_RANK")


def _has(*names: str) -> Callable[[Environ], bool]:
    return lambda environ: all(environ.get(name) for name in names)


# The innermost first. mpiexec starts its proxies with srun inside a Slurm job, and torchrun may be
# started by either; a Slurm step may set PMI_RANK or PMIX_RANK, too, but says more itself. A batch
# script has SLURM_PROCID, but is not a step.
LAUNCHERS: tuple[tuple[Callable[[Environ], bool], Callable[[Environ], Rank]], ...] = (
    (_has("TORCHELASTIC_RUN_ID", "RANK"), _torchrun),
    (_has("OMPI_COMM_WORLD_RANK"), _open_mpi),
    (_has("PMI_RANK", "MPI_LOCALRANKID"), _mpich),
    (_has("SLURM_STEP_ID", "SLURM_PROCID"), _slurm),
    (_has("PMIX_RANK"), _pmix),
    (_has("PMI_RANK"), _mpich),
    (_has("RANK", "WORLD_SIZE"), _bare),
    (_has("JOB_COMPLETION_INDEX"), _kubernetes),
)


def _rank(
    environ: Environ,
    launcher: str,
    job: str,
    rank: str,
    sizes: tuple[str, ...],
    local_rank: str,
    local_sizes: tuple[str, ...],
    local_size: int | None = None,
    node_rank: int | None = None,
    first_host: str | None = None,
) -> Rank:
    """A rank from the names of a launcher's variables; of several, the first that is set."""
    return Rank(
        launcher,
        environ.get(JOB_VARIABLE) or job or None,
        _whole(environ, rank) or 0,
        _first(environ, sizes),
        _whole(environ, local_rank),
        _first(environ, local_sizes) if local_sizes else local_size,
        node_rank,
        first_host,
    )


def _of_trainer(environ: Environ, launcher: str, job: str, node_rank: str) -> Rank:
    """A rank from the variables that torch.distributed and other trainers read."""
    return _rank(
        environ,
        launcher,
        job,
        "RANK",
        ("WORLD_SIZE",),
        "LOCAL_RANK",
        ("LOCAL_WORLD_SIZE",),
        node_rank=_whole(environ, node_rank),
        first_host=environ.get("MASTER_ADDR"),
    )


def _master(environ: Environ) -> str:
    """The address and port of the first rank, which are a job's own."""
    return "-".join(filter(None, map(environ.get, ("MASTER_ADDR", "MASTER_PORT"))))


def _first(environ: Environ, names: tuple[str, ...]) -> int | None:
    found = (_whole(environ, name) for name in names)
    return next((value for value in found if value is not None), None)


def _whole(environ: Environ, name: str) -> int | None:
    text = environ.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise RankError(f"{name}={text}: not a whole number")
    return int(text)
