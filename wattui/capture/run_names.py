"""Names of run files: suggests one, and says why one cannot be used."""

from __future__ import annotations

import os
import time
from pathlib import Path

from recorders.runfile import journal_path, json_path
from wattui import outputs
from wattui.folders import working_directory
from wattui.runs.run_file import SUFFIXES


def suggested(stem: str = "wattui") -> Path:
    """A new name with the date and time."""
    return Path(time.strftime(f"{stem}-%Y%m%d-%H%M%S.csv"))


def refusal(text: str) -> str | None:
    """Why a run file of this name cannot be written; None if it can, or if no name is given."""
    path = Path(text.strip())
    if not text.strip():
        return None
    if not path.name:
        return f"{path} is a folder: fix: name a file in it"
    if not path.is_absolute() and working_directory() is None:
        return "the working directory is gone: fix: use an absolute path"
    if path.suffix not in SUFFIXES:  # by which recordings are found again
        ends = " or ".join(SUFFIXES)
        return f"a recording's name ends in {ends}: fix: use the extension .csv"
    for file in (path, journal_path(path), json_path(path)):
        if reason := outputs.refusal(file):
            return reason
    if not os.access(path.absolute().parent, os.W_OK):
        return f"{path.absolute().parent} cannot be written to: name a file in another folder"
    return None
