"""Commands report a damaged run file or run.json in plain lines, and never print NaN."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.runfile import json_path
from recorders.summary.figures import Summary
from tests.support.examples import examples
from tests.support.made_runs import B8, IDLE, MACHINE, Part, finished, json_of
from wattui.cli import main
from wattui.runs.recorded import load_run
from wattui.runs.run_file import NotARunFileError
from wattui.runs.traces import read_traces

PARTS = [
    IDLE,
    Part("armed", 4, 15.0, "b1"),
    Part("running", 4, 50.0, "b1", 100, 1),
    Part("running", 4, 51.0, "b1", 100, 2),
    B8._replace(seconds=4),
    Part("running", 1, 0.0, "", 0),
]
NOT_A_FIGURE = re.compile(r"(?<![\w/])-?(nan|inf|infinity)(?![\w/])", re.IGNORECASE)
NUMBERS = st.sampled_from(
    ["", "nan", "inf", "-inf", "1e300", "-1e308", "-5", "0", "1e-300", "x", "1_0", "9" * 30, "7.5"]
)
TEXTS = st.sampled_from(["", "running", "idle", "begin", "end", "gap:package0", "mine", '"', "b8"])
JUNK = st.sampled_from([None, [], {}, "x", -1, 1e308, True, [1], {"a": None}])
TEXT_COLUMNS = (1, 2, 3, 5)


@st.composite
def damaged(draw: st.DrawFn, whole: str) -> bytes:
    """The text of a run file after a few accidents."""
    lines = whole.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        accident = draw(st.sampled_from(["cell", "cell", "drop", "twice", "swap", "insert"]))
        if accident == "cell":
            cells = lines[place].split(",")
            column = draw(st.integers(0, len(cells) - 1))
            cells[column] = draw(TEXTS if column in TEXT_COLUMNS else NUMBERS)
            lines[place] = ",".join(cells)
        elif accident == "drop" and len(lines) > 1:
            del lines[place]
        elif accident == "twice":
            lines += lines[place:]
        elif accident == "swap":
            lines[place], lines[-1] = lines[-1], lines[place]
        else:
            lines.insert(place, draw(st.sampled_from([lines[0], "", ",,,", "\x00", "x" * 99])))
    text = ("\n".join(lines) + "\n").encode()
    text = text[: draw(st.one_of(st.none(), st.integers(0, len(text))))]
    return text + draw(st.sampled_from([b"", b"", b"\xff\xfe\n", b'"']))


@st.composite
def mangled(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """A run.json in which one value, however deep, is another."""
    found = copy.deepcopy(whole)
    place: Any = found if draw(st.integers(0, 3)) == 0 else found["summary"]
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], (dict, list)) and place[key] and draw(st.integers(0, 4)):
            place = place[key]
        elif draw(st.booleans()) and isinstance(place, dict):
            del place[key]
            return found
        else:
            place[key] = draw(JUNK)
            return found


def said(*arguments: str) -> str:
    """Run a command, which must end in order; what it said and printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    assert status in (0, 1, 2), arguments
    assert "bug in wattui" not in err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert status == 0 or err.getvalue() or arguments[0] == "fit"
    return out.getvalue() + err.getvalue()


def check(folder: Path, csv: Path) -> None:
    with contextlib.suppress(NotARunFileError):
        summary = load_run(csv).summary
        assert Summary.from_dict(summary.to_dict()) == summary
    texts = [
        said("summary", str(csv)),
        said("summary", str(csv), "--json"),
        said("fit", str(csv), "--against", "batch"),
    ]
    for end in ("md", "csv", "json"):
        out = folder / f"out.{end}"
        texts.append(said("export", str(csv), str(out)))
        if out.exists():
            texts.append(out.read_text())
            out.unlink()
    said("export", str(csv), str(folder / "out.parquet"))
    (folder / "out.parquet").unlink(missing_ok=True)
    for text in texts:
        assert not NOT_A_FIGURE.search(text), NOT_A_FIGURE.search(text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """The text and run.json of a recording."""
    run = finished(tmp_path_factory.mktemp("run") / "run.csv", PARTS)
    return run.csv.read_text(), json_of(run)


@pytest.mark.slow
@examples(60)
@given(st.data())
def test_a_damaged_csv(whole: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        csv = Path(name, "run.csv")
        csv.write_bytes(data.draw(damaged(whole[0])))
        check(Path(name), csv)


@pytest.mark.slow
@examples(40)
@given(st.data())
def test_a_mangled_run_json(whole: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        csv = Path(name, "run.csv")
        csv.write_text(whole[0])
        json_path(csv).write_text(json.dumps(data.draw(mangled(whole[1]))))
        check(Path(name), csv)


def test_a_summary_with_a_wrong_part_is_recomputed_with_a_remark(tmp_path: Path) -> None:
    run = finished(tmp_path / "run.csv", PARTS)
    whole = json_of(run)
    for path, value in (
        (("running", "domains", "package0"), []),
        (("running", "domains", "package0", "running_j", "value"), "7"),
        (("phases", 0, "energy_j"), None),
        (("headline",), "gpu7"),
        (("labels", 0, "domains"), {}),
    ):
        found: Any = copy.deepcopy(whole)
        place = found["summary"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        json_path(run.csv).write_text(json.dumps(found))
        again = load_run(run.csv)
        assert again.summary == run.summary
        (remark,) = again.remarks
        assert "its summary is incomplete: recomputed" in remark
        assert again.about.host["name"] == MACHINE["host"]["name"]


def test_a_last_line_without_its_end_is_read_where_it_is_whole(tmp_path: Path) -> None:
    run = finished(tmp_path / "run.csv", PARTS)
    text = run.csv.read_text().rstrip("\n")
    json_path(run.csv).unlink()
    run.csv.write_text(text)
    found = load_run(run.csv)
    assert found.summary == run.summary
    (remark,) = found.remarks
    assert "the last line has no line end: its last cell may be cut short" in remark
    assert read_traces(run.csv).end_s == float(text.splitlines()[-1].split(",")[0])
    for cut in (text.rpartition(",")[0], text[:-1], text[:-2]):
        run.csv.write_text(cut)
        (remark,) = load_run(run.csv).remarks
        assert "the last line was cut off: left out" in remark


ODD_FIGURES = [0, None, -1, True, "5", 1e300, 1e-300, 1 << 70, float("nan"), float("inf")]


@pytest.mark.parametrize("odd", ODD_FIGURES, ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        ("running", "inferences"),
        ("running", "seconds"),
        ("labels", 0, "inferences"),
        ("labels", 0, "seconds"),
        ("repeats", 0, "inferences"),
        ("running", "domains", "total", "total_j_per_inference", "value"),
        ("phases", 1, "inferences"),
        ("phases", 1, "end_s"),
    ],
)
def test_a_figure_that_cannot_be_is_a_word_and_no_fault(
    tmp_path: Path, path: tuple[Any, ...], odd: Any
) -> None:
    parts = [IDLE, *(Part("running", 4, 50.0, "b1", 100, n) for n in (1, 2))]
    run = finished(tmp_path / "run.csv", parts)
    whole = json_of(run)
    place: Any = whole["summary"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    json_path(run.csv).write_text(json.dumps(whole))
    finished(tmp_path / "good.csv", parts)
    for arguments in (
        ("compare", str(tmp_path / "good.csv"), str(run.csv), "--figure", "all"),
        ("compare", str(run.csv), str(tmp_path / "good.csv"), "--figure", "all", "--json"),
        ("summary", str(run.csv)),
    ):
        text = said(*arguments)
        assert not NOT_A_FIGURE.search(text), NOT_A_FIGURE.search(text)
    if path[-1] == "inferences" and path[0] != "phases" and odd in (0, None, -1):
        again = load_run(run.csv)
        assert "its summary is incomplete: recomputed" in again.remarks[0]
        assert again.summary.running.inferences == 200


def test_what_the_recorder_wrote_needs_no_remark(tmp_path: Path) -> None:
    assert load_run(finished(tmp_path / "run.csv", PARTS).csv).remarks == []
