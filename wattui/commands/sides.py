"""Turns the arguments of `wattui compare` into sides: runs, groups of runs, exported results."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from recorders.summary.per import counted_names
from wattui.analysis.results import as_per, counted_in_rows
from wattui.analysis.results_file import NotResultsError, ResultSet, read_document
from wattui.analysis.sides import Side, side
from wattui.commands.inputs import expand, named
from wattui.errors import UsageError, unreadable
from wattui.runs.naming import chosen_per, load_all_named, per_of
from wattui.runs.recorded import Run
from wattui.show.result_sets import figures_of


@dataclass(frozen=True, slots=True)
class SideFiles:
    """A side and the recordings it is made of (none if it was published)."""

    side: Side
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class _Given:
    """What a side is made of, before it is known what its energies are stated per."""

    name: str
    runs: Sequence[Run]
    exported: ResultSet | None = None

    @property
    def counted(self) -> list[list[str]]:
        """What each of its runs counted."""
        if self.exported:
            return [counted_in_rows(self.exported.rows)]
        return [counted_names(run.summary.running) for run in self.runs]

    def by(self, per: str) -> SideFiles:
        """The side with this count in the place of inferences. Raises UsageError."""
        if not self.exported:
            return group_of(self.name, self.runs, per)
        rows = as_per(self.exported.rows, per)
        return SideFiles(replace(self.exported, rows=rows, per=per).side)


def sides_given(texts: Sequence[str], per: str | None = None) -> tuple[list[SideFiles], str]:
    """The sides in command-line order, and the count that is in the place of inferences: by default
    the usual one that all have. Raises UsageError."""
    found: list[_Given] = []
    sides = [named(text) for text in texts]
    files = {pattern: expand([pattern]) for _, pattern in sides if not _is_exported(pattern)}
    csvs = list(dict.fromkeys(chain(*files.values())))
    loaded = dict(zip(csvs, load_all_named(csvs), strict=True))
    for name, pattern in sides:
        if _is_exported(pattern):
            found += _exported(Path(pattern), name)
            continue
        runs = [loaded[csv] for csv in files[pattern]]
        if name or len(texts) > 1 or len(runs) == 1:
            found.append(_Given(name or _shared_name(pattern, runs), runs))
        else:
            found += [_Given(str(run.csv), [run]) for run in runs]
    per = chosen_per([names for each in found for names in each.counted], per)
    return _distinct([each.by(per) for each in found]), per


def given_twice(texts: Sequence[str]) -> Iterator[str]:
    """Remarks on files given more than once, under whatever names. Raises UsageError."""
    files = [path for text in texts for path in expand([named(text)[1]])]
    known = Counter(map(os.path.realpath, files))
    for path in files:
        if known.pop(os.path.realpath(path), 0) > 1:
            yield f"{path} is given more than once: it is compared with itself"


def _is_exported(pattern: str) -> bool:
    return pattern.endswith(".json")


def _exported(path: Path, name: str) -> list[_Given]:
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
    return [_Given(each.name, (), each) for each in sets]


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


def group_of(name: str, runs: Sequence[Run], per: str | None = None) -> SideFiles:
    """Runs as samples of one thing, under a name, per the count that is in the place of inferences,
    by default the usual one that all have."""
    per = per or per_of(runs)
    results = (figures_of(run, name, per) for run in runs)
    return SideFiles(side(name, [(each.headline, each.rows) for each in results], per), tuple(runs))


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
