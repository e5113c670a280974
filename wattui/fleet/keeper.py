"""Keeps the recorder of one node, on that node, for a driver elsewhere."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wattui.fleet.ranks import JOB_VARIABLE
from wattui.marks import ENVIRONMENT
from wattui.version import __version__

# Variables of the launcher that started the node's own processes: this job has its own.
_LAUNCHERS = ("TORCHELASTIC_", "OMPI_", "PMIX_", "PMI_", "MPI_", "SLURM_", "GROUP_", "LOCAL_")
END_S = 60.0
MOST_SAID = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """A node's place in a recording: `rank` of `size`, and the first node's address."""

    job: str
    rank: int
    size: int
    first: str


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a node now. `status` is its recorder's exit status once it has ended, and
    `said` its last words; `is_ready`: others can mark and count."""

    is_ready: bool
    status: int | None
    said: str


class Keeper:
    """The recorder of one node. `link` is the path under which the node's programs find it."""

    def __init__(self, link: str) -> None:
        self._link = Path(link)
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  open while it records

    def version(self) -> str:
        """The version of wattui on this node."""
        return __version__

    def start(self, csv: str, options: Sequence[str], place: Place) -> None:
        """Start recording. Raises OSError."""
        head = [sys.executable, "-m", "wattui", "--headless", "--csv", csv, *options]
        hold = [sys.executable, "-m", "wattui.fleet.hold", str(self._link)]
        self._process = subprocess.Popen(
            [*head, "--", *hold],
            stdin=subprocess.PIPE,
            stdout=self._said,
            stderr=self._said,
            env=environment(os.environ, place),
            start_new_session=True,
        )

    def look(self) -> Look:
        """What is known of this node now."""
        process = self._process
        status = process.poll() if process else None
        is_ready = status is None and self._link.is_dir()
        return Look(is_ready, status, self._words())

    def end(self) -> Look:
        """End the recording, and wait until it is stored."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.terminate()
        found = self.look()
        self._link.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._link.parent.rmdir()
        return found

    def _words(self) -> str:
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - MOST_SAID))
        return self._said.read().decode(errors="replace")


def environment(environ: Mapping[str, str], place: Place) -> dict[str, str]:
    """The environment of a node's recorder: in the job of the driver, and with all GPUs, which an
    engine may hide from a process that asked for none."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(_LAUNCHERS) and name not in (ENVIRONMENT, "CUDA_VISIBLE_DEVICES")
    }
    return kept | {
        JOB_VARIABLE: place.job,
        "RANK": str(place.rank),
        "NODE_RANK": str(place.rank),
        "WORLD_SIZE": str(place.size),
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": place.first,
    }
