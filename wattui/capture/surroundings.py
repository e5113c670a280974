"""Facts about the surroundings of a command, for run.json: folder, commit, thread limits."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from wattui.folders import working_directory

# Variables by which libraries choose their number of threads.
THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
MOST_TEXT = 80
# A repository may be large; its commit is not worth waiting for.
GIT_S = 2.0


def surroundings(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The entry `command` of run.json before there is a command."""
    folder = working_directory()
    limits = {name: environ[name][:MOST_TEXT] for name in THREAD_LIMITS if environ.get(name)}
    commit = None if folder is None else commit_of(folder)
    found = {"cwd": folder, "commit": commit, "environment": limits}
    return {name: part for name, part in found.items() if part or name == "cwd"}


def commit_of(folder: str) -> dict[str, Any] | None:
    """The commit that a folder is at, and whether tracked files differ from it; None if unknown."""
    if not (git := shutil.which("git")):
        return None
    asked = ["status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        ended = subprocess.run(
            # Neither a file monitor nor a lock: the repository is only read.
            [git, "-C", folder, "--no-optional-locks", "-c", "core.fsmonitor=false", *asked],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = ended.stdout.decode(errors="replace").splitlines()
    names = [line.removeprefix("# branch.oid ") for line in lines if "# branch.oid " in line]
    if not names or names[0].startswith("("):
        return None
    return {"id": names[0], "changed": any(not line.startswith("#") for line in lines)}
