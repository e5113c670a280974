"""A figure over the commits of a project: its level, and the steps in it that are clear. Pure.

The runs of a commit are samples of it. Each commit is compared with the level before it: all runs
since the last step, of the last commits. A step is named where that difference is clear among all
comparisons made (Bonferroni), so a project without a change names one in 20 histories, whatever
their length. A level that drifts slowly has no step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recorders.counts import INFERENCES
from recorders.summary.stats import grouped
from wattui.analysis.compare import ALPHA, Comparison, compare
from wattui.analysis.results import ResultRow
from wattui.analysis.sides import FIGURES, LEADING, Sampled, Side, of_label, side, unit_of

# A level is made of the runs of no more commits than this.
MOST_COMMITS = 10


@dataclass(frozen=True, slots=True)
class HistoryRun:
    """A run as a point in time: its commit (or its file, if that is not known), when it began, its
    headline channel, and its results."""

    commit: str
    start_utc_ns: int | None
    headline: str | None
    rows: Sequence[ResultRow]


@dataclass(frozen=True, slots=True)
class Point:
    """A commit with its figure, how many runs that is from, and the clear step to it from the level
    before, if there is one."""

    commit: str
    start_utc_ns: int | None
    runs: int
    known: Sampled
    step: Comparison | None


@dataclass(frozen=True, slots=True)
class History:
    """One label's figure over the commits, the oldest first; `per` is the count in the place of
    inferences."""

    label: str
    domain: str
    figure: str
    unit: str
    origin: str
    points: tuple[Point, ...]
    per: str = INFERENCES


@dataclass(frozen=True, slots=True)
class _Commit:
    name: str
    runs: tuple[HistoryRun, ...]


def histories(
    runs: Sequence[HistoryRun],
    figure: str | None = None,
    domain: str | None = None,
    label: str | None = None,
    alpha: float = ALPHA,
    per: str = INFERENCES,
) -> list[History]:
    """A history for each label, of the headline channel of the newest run unless one is given;
    `per` is the count that is in the place of inferences in these runs."""
    commits = _commits(runs)
    domain = domain or next((r.headline for r in reversed(_by_time(runs)) if r.headline), None)
    if domain is None:
        return []
    found = figure or _leading(runs, domain)
    labels = dict.fromkeys(
        row.label for run in runs for row in run.rows if _is_of(row, found, domain)
    )
    if len(labels) > 1:
        labels.pop("", None)
    wanted = [each for each in labels if label in (None, each)]
    tests = max(1, (len(commits) - 1) * len(wanted))
    made = (_history(commits, each, found, domain, alpha / tests, per) for each in wanted)
    return [each for each in made if each.points]


def _by_time(runs: Sequence[HistoryRun]) -> list[HistoryRun]:
    return sorted(runs, key=lambda run: run.start_utc_ns or 0)


def _commits(runs: Sequence[HistoryRun]) -> list[_Commit]:
    """Commits in the order in which they were first recorded; those of an unknown time first."""
    by_name = grouped(_by_time(runs), lambda run: run.commit)
    return [_Commit(name, tuple(own)) for name, own in by_name.items()]


def _leading(runs: Sequence[HistoryRun], domain: str) -> str:
    known = (
        name for name in LEADING if any(_is_of(r, name, domain) for run in runs for r in run.rows)
    )
    return next(known, LEADING[0])


def has(run: HistoryRun, label: str, figure: str, domain: str) -> bool:
    """Whether a run is a sample of this history."""
    return any(row.label == label and _is_of(row, figure, domain) for row in run.rows)


def _is_of(row: ResultRow, figure: str, domain: str) -> bool:
    is_whole = row.level in ("run", "label")
    column = FIGURES[figure].column
    return is_whole and row.figure == column and row.domain in (domain, "")


def _history(
    commits: Sequence[_Commit], label: str, figure: str, domain: str, alpha: float, per: str
) -> History:
    points: list[Point] = []
    level: list[_Commit] = []
    origins: dict[str, None] = {}
    for each in commits:
        commit = _Commit(each.name, tuple(r for r in each.runs if has(r, label, figure, domain)))
        if not commit.runs:
            continue
        own = _side([commit], label)
        origin, known = next(
            sampled for key, sampled in own.figures.items() if _is_key(key, figure, domain)
        )
        step = None
        if level:
            rows = compare(_side(level, label), own, [(domain, domain)], alpha=alpha)
            row = next((row for row in rows if row.figure == figure), None)
            step = row if row is not None and row.verdict == "clear" else None
        level = [commit] if step else [*level, commit][-MOST_COMMITS:]
        origins[origin] = None
        start_utc_ns = commit.runs[0].start_utc_ns
        points.append(Point(commit.name, start_utc_ns, len(commit.runs), known, step))
    unit = unit_of(figure, per)
    return History(label, domain, figure, unit, " and ".join(origins), tuple(points), per)


def _is_key(key: tuple[str, str, str], figure: str, domain: str) -> bool:
    return key[2] == figure and key[1] in (domain, "")


def _side(commits: Sequence[_Commit], label: str) -> Side:
    """The runs of commits as samples of one thing."""
    runs = [run for commit in commits for run in commit.runs]
    found = side(commits[0].name, [(run.headline, _of_label(run, label)) for run in runs])
    return of_label(found, label)


def _of_label(run: HistoryRun, label: str) -> list[ResultRow]:
    return [row for row in run.rows if row.label == label]


def steps(found: Sequence[History]) -> Iterator[tuple[History, Point, Comparison]]:
    """The clear steps, label by label."""
    for history in found:
        for point in history.points:
            if point.step is not None:
                yield history, point, point.step
