"""Damaged recordings and exported results are reported, compared or refused."""

from __future__ import annotations

import contextlib
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.runfile import json_path
from tests.support.damage_report import broken_csv, broken_json
from tests.support.examples import examples
from tests.support.made_runs import B8, IDLE, Part, finished, json_of
from wattui.commands import compare as compare_command
from wattui.commands import export as export_command
from wattui.commands import report as report_command
from wattui.errors import INCOMPLETE, REGRESSED, UsageError, WattuiError
from wattui.report import pictures as figures
from wattui.report import size_figures
from wattui.report.facts import facts_of
from wattui.runs.run_json import RunJson, read_run_json
from wattui.runs.traces import read_traces
from wattui.show import summary as tables

pytestmark = pytest.mark.needs_report

PARTS = [
    IDLE,
    Part("armed", 4, 15.0, "16"),
    *(Part("running", s, 50.0 + n, str(8 * s), 100, n) for n in (1, 2) for s in (2, 4, 6)),
    B8._replace(seconds=2),
]
NOT_A_FIGURE = re.compile(r"(?<![\w/.-])-?(nan|inf|infinity)(?![\w/.-])", re.IGNORECASE)
EMPTY = '<svg viewBox="0 0 1 1"></svg>'
ABOUT = ("summary", "missing", "sampling", "sources", "host", "versions", "command", "clock")


class Whole:
    """A recording and its exported results."""

    def __init__(self, folder: Path) -> None:
        run = finished(folder / "whole.csv", PARTS, ["package0", "gpu0"])
        self.csv, self.text, self.run = run.csv, run.csv.read_text(), json_of(run)
        out = folder / "whole-results.json"
        export_command.main(export_command.parser().parse_args([str(run.csv), str(out)]))
        self.results = json.loads(out.read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Nothing is drawn: it takes half a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (figures, size_figures):
            patch.setattr(module, "drawn", lambda _: lambda _: EMPTY)
        yield


def said(command: Any, *arguments: str) -> str:
    """What a command says and prints; refusals are lines."""
    out, err, refusal = io.StringIO(), io.StringIO(), "refused"
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = command.main(command.parser().parse_args(list(arguments)))
            assert status in (0, INCOMPLETE, REGRESSED)
        except WattuiError as error:
            refusal = str(error)
    assert len(refusal.splitlines()) == 1
    return "\n".join((out.getvalue(), err.getvalue(), refusal))


def compared(whole: Whole, given: Path) -> Iterator[str]:
    yield said(compare_command, str(whole.csv), str(given))
    yield said(compare_command, str(given), str(whole.csv), "--json", "--max-regression", "5%")
    yield said(compare_command, str(given), "--published", "kws", "--figure", "all")


def reported(folder: Path, csv: Path) -> Iterator[str]:
    for suffix in (".md", ".html"):
        out = folder / f"out{suffix}"
        before = sorted(folder.iterdir())
        yield said(report_command, str(csv), "-o", str(out))
        if not out.exists():
            assert sorted(folder.iterdir()) == before
        elif suffix == ".md":
            yield out.read_text()
        else:
            text = out.read_text()
            assert text.endswith("</html>\n")
            yield html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL))


def check(texts: Iterator[str]) -> None:
    for text in texts:
        found = NOT_A_FIGURE.search(text)
        assert not found, text[max(0, found.start() - 80) : found.end() + 40]


@pytest.mark.usefixtures("undrawn")
@examples(40)
@given(st.data())
def test_a_damaged_run_file(whole: Whole, data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        csv = Path(name, "run.csv")
        csv.write_bytes(data.draw(broken_csv(whole.text)))
        check(compared(whole, csv))
        check(reported(Path(name), csv))


@pytest.mark.usefixtures("undrawn")
@examples(30)
@given(st.data())
def test_a_damaged_run_json(whole: Whole, data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        csv = Path(name, "run.csv")
        csv.write_text(whole.text)
        json_path(csv).write_text(json.dumps(data.draw(broken_json(whole.run, ABOUT))))
        check(compared(whole, csv))
        check(reported(Path(name), csv))


@pytest.mark.parametrize("count", [0, None])
@pytest.mark.parametrize("part", ["labels", "repeats"])
def test_damage_to_a_run_json_that_was_found_once(
    whole: Whole, tmp_path: Path, part: str, count: int | None
) -> None:
    csv = tmp_path / "run.csv"
    csv.write_text(whole.text)
    found = json.loads(json.dumps(whole.run))
    found["summary"][part][0]["inferences"] = count
    json_path(csv).write_text(json.dumps(found))
    check(compared(whole, csv))
    check(reported(tmp_path, csv))


@examples(40)
@given(st.data())
def test_damaged_results(whole: Whole, data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        path = Path(name, "results.json")
        found = data.draw(broken_json(whole.results, ("rows", "runs")))
        text = json.dumps(found).encode()
        path.write_bytes(text[: data.draw(st.sampled_from([None, None, None, -1, 40]))])
        check(compared(whole, path))


@pytest.mark.parametrize("odd", ["inf", "1e300", "-inf", "nan"])
def test_a_reading_beyond_measure_is_not_drawn(tmp_path: Path, odd: str) -> None:
    csv = finished(tmp_path / "run.csv", PARTS).csv
    lines = csv.read_text().splitlines()
    lines[5] = f"{lines[5].rpartition(',')[0]},{odd}"
    csv.write_text("\n".join([*lines, f"{odd}{',' * lines[0].count(',')}"]) + "\n")
    shown = read_traces(csv)
    assert max(shown.traces["total_W"].high) <= 52.0
    assert len(shown.traces["total_W"].mean) > 20, "a time beyond measure is no width of bins"
    check(reported(tmp_path, csv))


@pytest.mark.parametrize("odd", ["NaN", "x", "20", "9999-99-99T00:00:00"])
def test_what_is_no_date_is_left_out(whole: Whole, odd: str) -> None:
    facts = dict(facts_of(RunJson(), "run.csv", odd).facts)
    assert "recorded" not in facts
    assert dict(facts_of(RunJson(), "r.csv", "2026-01-02T03:04:05.6").facts)["recorded"] == (
        "2026-01-02 03:04:05 UTC"
    )


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("value", "NaN"), ("value", "Infinity"), ("value", "1e300"), ("value", "true"),
        ("plus_minus", "-1"), ("repeat", "1e300"), ("values", "[NaN]"), ("values", '["7"]'),
    ],
)  # fmt: skip
def test_results_with_what_is_no_figure_are_refused(
    whole: Whole, tmp_path: Path, key: str, odd: str
) -> None:
    results = json.loads(json.dumps(whole.results))
    results["rows"][0][key] = "ODD"
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results).replace('"ODD"', odd))
    with pytest.raises(UsageError, match=r"results\.json: it is (damaged|not JSON)"):
        compare_command.main(compare_command.parser().parse_args([str(whole.csv), str(path)]))


ODD_PARTS: list[dict[str, Any]] = [
    {"missing": [3, {"source": "x"}, {"source": "hwmon", "reason": "no sensor", "remedy": None}]},
    {"missing": {"a": 1}},
    {"sampling": {"rate_asked_hz": 10}},
    {"sampling": {"rate_asked_hz": 10.0, "rate_achieved_hz": None, "lateness_ms": None,
                  "own_cpu_pct_of_core": None}, "sources": [4, {"name": "x"}]},
    {"sources": [{"name": "x", "reader": "y", "channels": [7]}], "sampling": 5},
    {"host": ["bench"], "versions": 4},
    {"host": {"name": float("inf"), "processor": [], "logical_cpus": None, "system": "Linux"}},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_PARTS)
def test_what_is_odd_of_machine_and_method_stays_unsaid(whole: Whole, odd: dict[str, Any]) -> None:
    run, _ = read_run_json({**whole.run, **odd})
    machine = tables.machine_line(run).plain
    text = "\n".join([machine, *(part.plain for part in tables.method_parts(run))])
    assert not re.search(r"None|inf\b|\[|\{", text)
    assert ("no sensor" in text) == ("missing" not in odd)
    assert ("10 Hz" in text) == (not odd.get("sampling") or "lateness_ms" in str(odd))


def test_an_export_of_a_run_with_odd_parts_is_written(whole: Whole, tmp_path: Path) -> None:
    csv = tmp_path / "run.csv"
    csv.write_text(whole.text)
    for number, odd in enumerate(ODD_PARTS):
        json_path(csv).write_text(json.dumps({**whole.run, **odd}))
        out = tmp_path / f"out{number}.md"
        said(export_command, str(csv), str(out))
        assert "per inference" in out.read_text()
