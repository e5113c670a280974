"""The shared folder of a fleet, `DIR/run=ID/node=BOOT_ID/`: its names, and the runs in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from recorders import runfile
from wattui.errors import UsageError, unreadable

RUN, NODE = "run=", runfile.NODE
# Of a node: its finished recording, and the copy of one that is not finished.
PART, RUN_JSON, JOURNAL = runfile.PART, runfile.RUN_JSON, runfile.JOURNAL


def restarted(run: str, times: int) -> str:
    """The name of a run that was started again so often."""
    return f"{run}-restart{times}" if times else run


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """Where the recording of one node goes: `DIR/run=RUN/node=BOOT_ID`."""

    folder: Path
    run: str
    boot_id: str

    @property
    def path(self) -> Path:
        """This node's own folder, into which no other writes."""
        return self.folder / f"{RUN}{self.run}" / f"{NODE}{self.boot_id}"

    def started_again(self, least: int) -> NodeFolder:
        """Where this node goes if its job may have been started again, at least so often: to the
        newest start in the folder, or to a new one if this node has a part in that already."""
        name = re.compile(re.escape(f"{RUN}{restarted(self.run, 1)[:-1]}") + r"(\d{1,9})")
        entries = map(name.fullmatch, (each.name for each in self.folder.glob(f"{RUN}*")))
        newest = max((int(found[1]) for found in entries if found), default=0)
        if replace(self, run=restarted(self.run, newest)).path.exists():
            newest += 1
        return replace(self, run=restarted(self.run, max(newest, least)))


def run_folders(folder: Path) -> list[Path]:
    """The runs of fleets in a folder: it, or those in it."""
    return [folder] if any(nodes_in(folder)) else sorted(_runs_in(folder))


def run_folder(folder: Path) -> Path:
    """The folder of one run: it, or the only one in it. Raises UsageError."""
    if folder.is_file():
        raise UsageError(f"{folder} is a file: fix: name the folder of --csv DIR/")
    if not folder.is_dir():
        raise unreadable(folder, FileNotFoundError())
    runs = run_folders(folder)
    if not runs:
        raise UsageError(
            f"{folder} has no recording of a fleet: fix: name the folder of --csv DIR/"
        )
    if len(runs) > 1:
        names = ", ".join(each.name for each in runs[:5]) + ", …" * (len(runs) > 5)
        raise UsageError(f"{folder} has {len(runs)} runs ({names}): fix: name one, {runs[0]}")
    return runs[0]


def newest_run(folder: Path) -> Path | None:
    """The folder of a run: it, or the newest in it; None for a node's own.

    Raises UsageError if it is neither.
    """
    if folder.name.startswith(NODE):
        return None
    if folder.name.startswith(RUN) or any(folder.glob(f"{NODE}*")):
        return folder
    if runs := sorted(folder.glob(f"{RUN}*"), key=_changed_s):
        return runs[-1]
    raise UsageError(
        f"{folder} is a folder without the recording of a fleet (run=ID/): fix: name a run file, "
        "or the folder given to --csv"
    )


def nodes_in(folder: Path) -> Iterator[Path]:
    """The folders of the nodes of a run."""
    return (each for each in folder.glob(f"{NODE}*") if each.is_dir())


def _runs_in(folder: Path) -> Iterator[Path]:
    return (each for each in folder.glob(f"{RUN}*") if each.is_dir() and any(nodes_in(each)))


def _changed_s(run: Path) -> float:
    return max((path.stat().st_mtime for path in (run, *run.glob(f"{NODE}*"))), default=0.0)
