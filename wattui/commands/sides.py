"""Turns the arguments of `wattui compare` into sides: runs, groups of runs, exported results."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wattui.analysis.results_file import NotResultsError, ResultSet, read_document
from wattui.analysis.sides import Side, side
from wattui.commands.inputs import expand, named
from wattui.errors import UsageError, unreadable
from wattui.runs.naming import load_named
from wattui.runs.recorded import Run
from wattui.show.result_sets import figures_of


@dataclass(frozen=True, slots=True)
class SideFiles:
    """A side and the recordings it is made of (none if it was published)."""

    side: Side
    runs: tuple[Run, ...] = ()


def sides_given(texts: Sequence[str]) -> list[SideFiles]:
    """The sides in command-line order. Raises UsageError."""
    found: list[SideFiles] = []
    for text in texts:
        name, pattern = named(text)
        if pattern.endswith(".json"):
            found += _exported(Path(pattern), name)
            continue
        runs = list(map(load_named, expand([pattern])))
        if name or len(texts) > 1 or len(runs) == 1:
            found.append(group_of(name or _shared_name(pattern, runs), runs))
        else:
            found += [group_of(str(run.csv), [run]) for run in runs]
    return _distinct(found)


def given_twice(texts: Sequence[str]) -> Iterator[str]:
    """Remarks on files given more than once, under whatever names. Raises UsageError."""
    files = [path for text in texts for path in expand([named(text)[1]])]
    known = Counter(map(os.path.realpath, files))
    for path in files:
        if known.pop(os.path.realpath(path), 0) > 1:
            yield f"{path} is given more than once: it is compared with itself"


def _exported(path: Path, name: str) -> list[SideFiles]:
    """The runs of a results table written by `wattui export`."""
    try:
        sets = _results(path)
    except OSError as error:
        raise unreadable(path, error) from None
    except NotResultsError as error:
        raise UsageError(
            f"{path}: {error}: fix: use a run.csv, or a file that wattui export wrote"
        ) from None
    if name and len(sets) == 1:
        sets = [replace(sets[0], name=name)]
    return [SideFiles(each.side) for each in sets]


def _results(path: Path) -> list[ResultSet]:
    """Raises NotResultsError, or OSError."""
    text = path.read_bytes()
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NotResultsError("it is not JSON") from None
    return read_document(found)


def _no_number(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have. Raises ValueError."""
    raise ValueError(name)


def group_of(name: str, runs: Sequence[Run]) -> SideFiles:
    """Runs as samples of one thing, under a name."""
    results = (figures_of(run, name) for run in runs)
    return SideFiles(side(name, [(each.headline, each.rows) for each in results]), tuple(runs))


def _shared_name(pattern: str, runs: Sequence[Run]) -> str:
    return runs[0].csv.stem if len(runs) == 1 else pattern


def _distinct(found: Sequence[SideFiles]) -> list[SideFiles]:
    """Sides with distinct names: file names if two would be called the same."""
    names = [each.side.name for each in found]
    used: dict[str, int] = {}
    renamed = []
    for each in found:
        name = each.side.name
        if names.count(name) > 1 and each.runs:
            name = str(each.runs[0].csv)
        used[name] = used.get(name, 0) + 1
        if used[name] > 1:
            name = f"{name} ({used[name]})"
        renamed.append(replace(each, side=replace(each.side, name=name)))
    return renamed
