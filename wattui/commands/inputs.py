"""Expands files, folders and patterns on a command line to run files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from recorders.runfile import journal_path
from wattui.errors import UsageError, unreadable
from wattui.fleet.folder import run_folders
from wattui.runs.recognise import is_copy, is_run_file
from wattui.runs.recorded import find_runs, natural

_MAGIC = re.compile(r"[*?[]")


def expand(patterns: Sequence[str]) -> list[Path]:
    """The run files named by files, folders and patterns (`**` too), each once.

    A name that exists is never taken for a pattern, whatever brackets it has. Those of a folder or
    a pattern are in natural order: run2 before run10. Raises UsageError if one of them matches
    nothing.
    """
    once: dict[str, Path] = {}
    for pattern in patterns:
        for path in _expanded(pattern):
            once.setdefault(os.path.realpath(path), path)
    return list(once.values())


def fleets(pattern: str) -> list[Path]:
    """The folders of runs over several nodes that are named by a folder or a pattern."""
    path = Path(pattern)
    if os.path.isdir(path):
        return run_folders(path)
    if not _MAGIC.search(pattern) or os.path.lexists(path):
        return []
    folders = sorted(filter(os.path.isdir, _matches(path)), key=natural)
    return [run for folder in folders for run in run_folders(folder)]


def of_several_nodes(folder: str) -> UsageError:
    """The error of a command that reads run files, for a folder of the nodes of a run."""
    return UsageError(
        f"{folder}: this is a recording of several nodes: fix: wattui merge {quote(folder)} "
        "-o run.csv"
    )


def names_of(csvs: Sequence[Path]) -> list[str]:
    """Stems of the files, or as much of their paths as tells them apart."""
    stems = [csv.stem for csv in csvs]
    paths = [str(csv.with_suffix("")) for csv in csvs]
    return [
        stem if stems.count(stem) == 1 else path if paths.count(path) == 1 else str(csv)
        for stem, path, csv in zip(stems, paths, csvs, strict=True)
    ]


def named(text: str) -> tuple[str, str]:
    """The parts of NAME=PATTERN; the name is empty if there is none, or if a file is called so."""
    name, equals, pattern = text.partition("=")
    return (name, pattern) if equals and not os.path.lexists(text) else ("", text)


def _expanded(pattern: str) -> list[Path]:
    path = Path(pattern)
    if os.path.isdir(path):
        found = find_runs(path)
        if not found and fleets(pattern):
            raise of_several_nodes(pattern)
        if not found:
            raise UsageError(f"{pattern}: this folder contains no run file: check the name")
    elif os.path.lexists(path):
        return [path]
    elif _MAGIC.search(pattern):
        files = filter(os.path.isfile, _matches(path))
        found = [file for file in files if is_run_file(file) and not is_copy(file)]
        if not found:
            raise UsageError(f"{pattern}: no run file matches: check the pattern")
    elif is_run_file(journal := journal_path(path)):
        raise UsageError(
            f"{pattern}: no such file, but {journal.name} has this run: fix: wattui export "
            f"{quote(str(journal))} {quote(pattern)}"
        )
    else:
        raise unreadable(pattern, FileNotFoundError())
    return sorted(found, key=natural)


def _matches(pattern: Path) -> Iterator[Path]:
    """Names that match; hidden ones only if the pattern names them, as in a shell.

    Raises UsageError if ** is part of a name.
    """
    parts = list(pattern.parts)
    root = Path(parts.pop(0)) if pattern.is_absolute() else Path()
    while os.path.isdir(root / parts[0]):
        root /= parts.pop(0)
    if parts[-1] == "**":
        parts.append("*")
    # Python up to 3.12 refuses such a part; later versions treat it as a single *.
    if any("**" in part and part != "**" for part in parts):
        raise UsageError(f"{pattern}: ** must be a whole path component, as in runs/**/*.csv")
    hidden = any(part.startswith(".") for part in parts)
    for path in root.glob("/".join(parts)):
        if hidden or not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path
