"""Names of run files: suggests one, and says why one cannot be used."""

from __future__ import annotations

import os
import time
from pathlib import Path

from recorders.runfile import json_path
from wattui import outputs
from wattui.folders import working_directory


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
    if path.suffix != ".csv":  # by which recordings are found again
        return "a recording's name ends in .csv: fix: use the extension .csv"
    if reason := outputs.refusal(path) or outputs.refusal(json_path(path)):
        return reason
    if not os.access(path.absolute().parent, os.W_OK):
        return f"{path.absolute().parent} cannot be written to: name a file in another folder"
    return None
