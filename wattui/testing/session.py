"""The measurements of a test session: skipping, saving, comparing, and their table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from recorders.client import RecorderError
from recorders.drafts import replace_file
from wattui.analysis.compare import Comparison, compare
from wattui.analysis.limits import check
from wattui.analysis.pairs import leading
from wattui.analysis.results_file import NotResultsError, ResultSet, document, read_document
from wattui.analysis.sides import ComparisonKey, Side
from wattui.clean import one_line
from wattui.marks.repeating import share_of
from wattui.show.compare import ratio_text, value_text, verdict_text
from wattui.show.quantities import number, prefix_for
from wattui.testing import measure
from wattui.testing.measure import MOST_S, TARGET, Joules

FOLDER = ".joules"
_NAME = re.compile(r"[\w.+-]{1,80}")
HEAD = ("test", "per call", "time", "calls", "rounds")


class Session:
    """The results so far, by the name of the test, and those to compare with."""

    def __init__(
        self,
        folder: Path,
        save: str | None = None,
        compare_with: str | None = None,
        limit: float | None = None,
        estimate: bool = False,
    ) -> None:
        self._folder, self._save, self._limit = folder, save, limit
        self._estimate = estimate
        self._no_sensor = ""
        self._name = compare_with or ""
        self._saved = _read(folder / f"{compare_with}.json") if compare_with else None
        self._notes: list[str] = []
        self._failures: list[str] = []
        self._rows: list[Comparison] = []
        self.results: dict[str, ResultSet] = {}

    def measurer(self, test: str) -> Measurer:
        """What a test calls to measure functions."""
        return Measurer(self, test)

    def measure(self, name: str, function: Callable[[], object], target: float, s: float) -> Joules:
        """Measure a function under a name; skips the test if there is no sensor."""
        if self._no_sensor:
            pytest.skip(self._no_sensor)
        try:
            found, results = measure.measure(function, name, target, s, self._estimate)
        except RecorderError as error:
            if error.code != "require":
                raise
            self._no_sensor = f"no power sensor ({error}): fix: --joules-estimate, or wattui doctor"
            pytest.skip(self._no_sensor)
        self.results[name] = results
        if not found.met:
            known = "unknown" if found.plus_minus is None else f"{found.plus_minus:.2g} J"
            self._notes.append(f"{name}: ± is {known} after {s:g} s, {100 * target:g} % was wanted")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The results as a document of results tables."""
        return document(self.results.values())

    def take(self, found: Mapping[str, Any]) -> None:
        """Add the results of another process."""
        note = "tests ran in several processes at once: each energy includes the others' work"
        self._notes = [note, *(text for text in self._notes if text != note)]
        self.results |= {each.name: each for each in read_document(found)}

    def finish(self) -> bool:
        """Save and compare the results; returns whether one is clearly worse than the limit."""
        if not self.results:
            return False
        if self._save:
            self._folder.mkdir(exist_ok=True)
            text = json.dumps(document([self._together(self._save)]), indent=1) + "\n"
            replace_file(self._folder / f"{self._save}.json", text.encode())
        if self._saved is not None:
            self._compare(self._saved.side, self._together(f"against {self._name}").side)
        return bool(self._failures)

    def lines(self) -> Iterator[str]:
        """The table, and what to know of it."""
        figures = self._together("").side.figures.items()
        energies = [known.known.value for key, (_, known) in figures if key.figure == "total"]
        factor, prefix = prefix_for(energies)
        rows = [self._cells(name, factor, prefix) for name in self.results]
        head = (*HEAD, *((f"against {self._name}", "") if self._saved is not None else ()))
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            cells = zip(row[1:], widths[1:], strict=True)
            first = row[0].ljust(widths[0])
            yield "  ".join([first, *(cell.rjust(width) for cell, width in cells)]).rstrip()
        yield from map(one_line, (*self._notes, *self._failures))

    def _cells(self, name: str, factor: float, prefix: str) -> tuple[str, ...]:
        results = self.results[name]
        own = {(row.domain, row.figure): row for row in results.rows if row.level == "label"}
        origin, energy = results.side.figures[ComparisonKey(name, results.headline or "", "total")]
        word = "" if origin == "measured" else f" ({origin})"
        seconds = 1 / own["", "inferences_per_s"].known.value
        time_factor, time_prefix = prefix_for([seconds])
        cells = (
            one_line(name) + word,
            f"{value_text(energy.known, factor)} {prefix}J",
            f"{number(seconds / time_factor, 3)} {time_prefix}s",
            f"{own['', 'inferences'].known.value:,.0f}",
            str(len(energy.samples) or 1),
        )
        return cells if self._saved is None else (*cells, *self._against(name))

    def _against(self, name: str) -> tuple[str, str]:
        row = next((row for row in self._rows if row.label == name), None)
        if row is None:
            return "–", "new"
        return ratio_text(row.ratio, row.ratio_interval).plain, verdict_text(row)

    def _together(self, name: str) -> ResultSet:
        """All results as those of one run, whose labels are the tests."""
        headlines = {each.headline for each in self.results.values()}
        rows = [row for each in self.results.values() for row in each.rows]
        return ResultSet(name, headlines.pop() if len(headlines) == 1 else None, rows)

    def _compare(self, before: Side, now: Side) -> None:
        if before.headline is None or before.headline != now.headline:
            kinds = " and ".join(str(side.headline or "several") for side in (before, now))
            self._notes.append(f"not compared with {self._name}: the channels are {kinds}")
            return
        found = compare(before, now, [(before.headline, now.headline)])
        self._rows = leading([row for row in found if row.label])
        if self._limit is not None:
            findings = check(before, now, self._rows, self._limit)
            worse = [each for each in findings if each.kind == "regression"]
            self._failures += [f"FAILED {each.text}" for each in worse]


class Measurer:
    """The fixture `joules` of one test."""

    def __init__(self, session: Session, test: str) -> None:
        self._session, self._test = session, test
        self._used: set[str] = set()

    def __call__(
        self,
        function: Callable[[], object],
        target: str | float = TARGET,
        seconds: float = MOST_S,
        name: str = "",
    ) -> Joules:
        """Call a function until the ± of its energy is below `target`, for `seconds` at most.

        `name` tells several measurements of one test apart. Raises ValueError for a target that is
        no share, and for a name that was used before.
        """
        label = f"{self._test} {name}".strip()
        if label in self._used:
            raise ValueError(f"{label} was measured before: fix: joules(…, name='…')")
        self._used.add(label)
        return self._session.measure(label, function, share_of(target), seconds)


def session_of(config: pytest.Config) -> Session:
    """The session that the options ask for. Raises pytest.UsageError."""
    save, before, limit = (
        config.getoption(f"joules_{name}") for name in ("save", "compare", "max_regression")
    )
    for option, name in (("save", save), ("compare", before)):
        if name is not None and not _NAME.fullmatch(name):
            raise pytest.UsageError(f"--joules-{option} {name}: fix: use letters, digits, . + - _")
    if limit is not None and before is None:
        raise pytest.UsageError("--joules-max-regression needs --joules-compare NAME")
    try:
        share = None if limit is None else share_of(limit)
        folder = config.rootpath / FOLDER
        return Session(folder, save, before, share, config.getoption("joules_estimate"))
    except (ValueError, NotResultsError) as error:
        raise pytest.UsageError(f"--joules-max-regression {error}") from None


def _read(path: Path) -> ResultSet:
    """Saved results. Raises pytest.UsageError."""
    try:
        (found,) = read_document(json.loads(path.read_bytes()))
    except OSError as error:
        name = path.stem
        raise pytest.UsageError(
            f"--joules-compare {name}: {path}: {error.strerror}: fix: --joules-save {name} first"
        ) from None
    except ValueError as error:
        raise pytest.UsageError(f"{path}: {error}: fix: remove it and save again") from None
    return found
