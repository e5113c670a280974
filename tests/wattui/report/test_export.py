"""Exported results are the figures of the summary, and never take the place of a file."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.support.made_runs import B1, B8, B64, IDLE, TOKENS, Part, finished
from wattui.analysis.published.results import RESULTS, published_results
from wattui.analysis.results import COLUMNS, as_per, counted_in_rows, is_figure
from wattui.analysis.results_file import document, read_document
from wattui.outputs import OutputError
from wattui.report.export import FORMATS, export, refusal
from wattui.runs.recorded import Run
from wattui.show.remedies import REMEDIES

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return finished(tmp_path / "kws.csv", [IDLE, B1, B8, B64])


def csv_rows(path: Path, **where: str) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def test_csv_has_a_row_for_each_figure(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kws-results.csv"
    export(run, path)
    assert tuple(csv_rows(path)[0]) == COLUMNS
    b1 = {row["figure"]: row for row in csv_rows(path, level="label", label="b1", domain="total")}
    assert float(b1["total_j_per_inference"]["value"]) == pytest.approx(2.0)
    assert float(b1["dynamic_j_per_inference"]["value"]) == pytest.approx(1.6)
    assert float(b1["total_j_per_inference"]["plus_minus"]) > 0
    assert float(b1["power_w"]["value"]) == pytest.approx(50)
    assert b1["power_w"]["origin"] == "measured"
    assert "marginal_j_per_inference" not in b1, "nothing was armed: unknown is not 0"
    assert b1["total_j_per_inference"]["samples"] == "", "it ran once"


def test_csv_has_the_repeats(tmp_path: Path) -> None:
    parts = [IDLE, *(B1._replace(repeat=n, watts=40.0 + 10 * n) for n in (1, 2, 3))]
    path = tmp_path / "results.csv"
    export(finished(tmp_path / "kws.csv", parts), path)
    each = csv_rows(path, level="repeat", label="b1", domain="total", figure="power_w")
    assert {row["repeat"]: float(row["value"]) for row in each} == {"1": 50, "2": 60, "3": 70}
    (whole,) = csv_rows(path, level="label", domain="total", figure="power_w")
    assert (whole["samples"], float(whole["mean"]), float(whole["sd"])) == ("3", 60, 10)


def test_json_is_as_its_schema_says(run: Run, tmp_path: Path) -> None:
    """The schema is for other programs: whatever is exported has to keep to it."""
    path = tmp_path / "kws-results.json"
    export(run, path)
    found = json.loads(path.read_text())
    schema = json.loads((DOCS / "results.schema.json").read_text())
    jsonschema.validate(found, schema)
    assert set(schema["$defs"]["row"]["properties"]) == {*COLUMNS, "values"}
    usual, of_counts = schema["$defs"]["row"]["properties"]["figure"]["anyOf"]
    assert all(map(is_figure, usual["enum"]))
    assert {row["figure"] for row in found["rows"]} <= set(usual["enum"])
    assert re.search(of_counts["pattern"], "dynamic_j_per_tokens_out")
    assert found["runs"][0]["command"] == ["python", "infer.py"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found | {"version": 2}, schema)


@pytest.mark.parametrize("name", RESULTS)
def test_published_results_keep_to_the_same_schema(name: str) -> None:
    source, sets = published_results(name)
    found = document(sets, source)
    jsonschema.validate(found, json.loads((DOCS / "results.schema.json").read_text()))
    assert read_document(found) == sets


def test_markdown_has_headline_figures_flags_and_machine(tmp_path: Path) -> None:
    path = tmp_path / "kws-results.md"
    export(finished(tmp_path / "kws.csv", [B1, B8._replace(label="a|b")]), path)
    text = path.read_text()
    assert "**best  2.00000 ± 0.00050 J per inference  b1**" in text
    assert "**worst 4.00000 ± 0.00040 J per inference  a\\|b**" in text
    assert "3.000" not in text  # their mixture
    assert "`python infer.py`" in text
    assert "| b1 | – | – | 50.00 |" in text
    assert "**no_idle**" in text
    assert "Made-up 9000" in text
    assert "modprobe k10temp" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in tables} == {9}


def test_estimates_are_called_so_in_markdown(tmp_path: Path) -> None:
    path = tmp_path / "results.md"
    export(finished(tmp_path / "kws.csv", [IDLE, B1], ["est_cpu"]), path)
    assert "ESTIMATED" in path.read_text()
    assert "| est_cpu (estimated) |" in path.read_text()


def test_svg_is_a_picture_with_bars_and_figures(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kws-results.svg"
    export(run, path)
    text = path.read_text()
    ElementTree.fromstring(text)
    assert "██" in text
    assert "b64" in text


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("parts", [[], [IDLE], [B1._replace(count=0)]])
def test_every_form_can_be_made_of_a_run_with_little_in_it(
    suffix: str, parts: list[Part], tmp_path: Path
) -> None:
    path = tmp_path / f"results{suffix}"
    export(finished(tmp_path / "kws.csv", parts), path)
    assert path.stat().st_size


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_exists_stays_as_it_is(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        export(run, path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["kws.csv", "kws.json", "sub/../kws.json", "link/kws.json"])
def test_the_recording_and_its_json_are_never_taken(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "kws.json").unlink()
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    before = run.csv.read_bytes()
    with pytest.raises(OutputError, match="recording itself"):
        export(run, tmp_path / name)
    assert run.csv.read_bytes() == before
    assert not (tmp_path / "kws.json").exists()


def test_the_json_of_another_recording_is_not_taken(run: Run, tmp_path: Path) -> None:
    finished(tmp_path / "other.csv", [IDLE, B1])
    (tmp_path / "other.json").unlink()
    with pytest.raises(OutputError, match="belongs to the recording"):
        export(run, tmp_path / "other.json")


def test_csv_and_json_may_have_the_same_name(run: Run, tmp_path: Path) -> None:
    for suffix in (".csv", ".json"):
        export(run, tmp_path / f"kws-results{suffix}")
    with (tmp_path / "kws-results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(json.loads((tmp_path / "kws-results.json").read_text())["rows"]) > 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("results.txt", "one of the extensions"),
        ("results", "one of the extensions"),
        ("no/x.md", "no such folder"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(
    run: Run, tmp_path: Path, name: str, reason: str
) -> None:
    said = refusal(run, tmp_path / name)
    assert said is not None
    assert reason in said
    assert "\n" not in said
    with pytest.raises(OutputError, match=reason):
        export(run, tmp_path / name)


def test_a_full_disk_leaves_no_half_of_a_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "results.md"
    monkeypatch.setattr("wattui.outputs.write_draft", full)
    with pytest.raises(OutputError, match="No space left"):
        export(run, path)
    assert not path.exists()


def test_flags_in_the_documentation_have_a_remedy_here_or_in_their_own_text() -> None:
    told = {"no_idle", "no_count", "no_power", "counted_command"}
    table = (DOCS / "run-file.md").read_text().partition("## Flags")[2]
    names = {
        name.strip()
        for line in table.splitlines()
        if line.startswith("| ") and not line.startswith("| flag")
        for name in line.split("|")[1].split(",")
    }
    assert len(names) > 10
    assert names == REMEDIES.keys() | told


def test_exporting_loads_no_screen() -> None:
    code = "import sys, wattui.report.export; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_of_tokens_has_them_in_its_table_and_is_compared_per_token(tmp_path: Path) -> None:
    run = finished(tmp_path / "llm.csv", [IDLE, TOKENS])
    export(run, tmp_path / "results.json")
    found = json.loads((tmp_path / "results.json").read_text())
    jsonschema.validate(found, json.loads((DOCS / "results.schema.json").read_text()))
    values = {
        row["figure"]: (row["value"], row["unit"])
        for row in found["rows"]
        if row["level"] == "run" and row["domain"] in ("", "total")
    }
    assert values["count_tokens_out"] == (100.0, "1")
    assert values["count_tokens_out_per_s"] == (25.0, "1/s")
    assert values["dynamic_j_per_tokens_out"] == (pytest.approx(1.6), "J")
    assert values["total_j_per_requests"] == (pytest.approx(20.0), "J")
    assert "inferences" not in values
    (again,) = read_document(found)
    rows = as_per(again.rows, "tokens_out")
    assert counted_in_rows(again.rows) == ["requests", "tokens_out"]
    assert next(r.known.value for r in rows if r.figure == "total_j_per_inference") == 2.0
