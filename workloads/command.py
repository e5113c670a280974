"""Any command as a workload, unchanged: its time is the running phase."""

from __future__ import annotations

import shlex
import subprocess
from functools import partial

from workloads.engine import Engine, Work
from workloads.errors import UsageError, WorkloadError
from workloads.plan import Bind, Cell, ModelCells, Plan
from workloads.workload import Option, Values, Workload


def _plan(values: Values) -> Plan:
    argv = values["argv"]
    if not argv:
        raise UsageError("no command: fix: put it after --, as in `command -- python infer.py`")
    label = values["label"] or shlex.join(argv)
    cell = Cell(label, values["inferences"], None, None, 0, values["inferences"])
    return Plan(shlex.join(argv), (ModelCells(label, (cell,), partial(_load, argv)),))


def _load(argv: list[str], engine: Engine) -> Bind:
    return lambda cell: Work(lambda: _run(argv))


def _run(argv: list[str]) -> None:
    """Run to its end; raises WorkloadError if it cannot start or fails."""
    try:
        status = subprocess.run(argv, check=False).returncode
    except OSError as error:
        raise WorkloadError(f"{argv[0]}: {error.strerror}") from None
    if status:
        raise WorkloadError(f"{argv[0]}: ended with status {status}")


COMMAND = Workload(
    "command",
    "any other command, after --",
    (
        Option("argv", "text", (), "the command", positional=True),
        Option("inferences", "whole", 0, "inferences per run", metavar="N"),
        Option("label", "text", None, "label (default: the command)"),
    ),
    _plan,
    settings={"armed": 0.0, "warmup": 0.0},
    on_engine=False,
)
