"""Files that are runs, and what is read from them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorders.runfile import json_path
from tests.support.made_runs import B1, B8, IDLE, aged, finished, json_of, written
from wattui.runs import recorded
from wattui.runs.recorded import find_runs, load_run, read_budgets, read_traces_and_budgets
from wattui.runs.run_file import NotARunFileError
from wattui.runs.run_json import RunJson
from wattui.runs.traces import read_traces


def test_run_files_are_found_by_their_columns_the_newest_first(folder: Path) -> None:
    names = [str(path.relative_to(folder)) for path in find_runs(folder)]
    assert names == ["quick.csv", "slow.csv", "sub/old.csv"]


def test_folders_are_looked_into_two_levels_deep(tmp_path: Path) -> None:
    for depth in range(5):
        place = tmp_path.joinpath(*"abcd"[:depth])
        place.mkdir(exist_ok=True)
        written(place / "run.csv", [B1])
    (tmp_path / ".hidden").mkdir()
    written(tmp_path / ".hidden" / "run.csv", [B1])
    (tmp_path / "round").symlink_to(tmp_path)
    depths = sorted(len(path.relative_to(tmp_path).parts) for path in find_runs(tmp_path))
    assert depths == [1, 2, 3]


def test_of_too_many_files_the_newest_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "MOST_FILES", 3)
    for number in range(6):
        aged(written(tmp_path / f"{number}.csv", [B1]), 100 - 10 * number)
    assert [path.name for path in find_runs(tmp_path)] == ["5.csv", "4.csv", "3.csv"]


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert find_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        '{"summary": null}',
        '{"summary": {}}',
        '{"summary": {"version": 0}}',
        '{"summary": {"version": 1, "headline": null}}',
        '{"command": 7, "host": [], "status": {}, "sampling": "x", "summary": 1}',
        "[" * 100_000,
    ],
)
def test_a_missing_or_broken_json_is_recomputed_from_the_csv(
    tmp_path: Path, text: str | None
) -> None:
    whole = finished(tmp_path / "run.csv", [IDLE, B1])
    json_path(whole.csv).unlink()
    if text is not None:
        json_path(whole.csv).write_text(text)
    again = load_run(whole.csv)
    assert again.summary == whole.summary
    assert again.about == RunJson()


def test_figures_of_an_earlier_version_are_recomputed_silently(tmp_path: Path) -> None:
    """Their ± was a standard error, or left the baseline out."""
    whole = finished(tmp_path / "run.csv", [IDLE, B1])
    path = json_path(whole.csv)
    found = json.loads(path.read_text())
    found["summary"]["version"] = 1
    found["summary"]["running"]["domains"]["total"]["total_j_per_inference"]["plus_minus"] = 9.0
    path.write_text(json.dumps(found))
    again = load_run(whole.csv)
    assert again.summary == whole.summary
    assert again.remarks == []


def test_what_the_recorder_wrote_of_this_csv_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, B1])
    monkeypatch.setattr(recorded, "summarise", None)  # nothing is made again
    found = load_run(run.csv)
    assert found.summary.to_dict() == json_of(run)["summary"]
    assert found.remarks == []


def test_a_csv_without_a_fingerprint_is_not_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, B1])
    json_path(run.csv).unlink()
    monkeypatch.setattr(recorded, "is_same", None)
    assert load_run(run.csv).summary == run.summary


def test_a_csv_that_has_changed_since_has_its_own_figures_and_says_so(tmp_path: Path) -> None:
    """b8 is cut off: 200 J and 100 inferences are left."""
    run = finished(tmp_path / "run.csv", [IDLE, B1, B8])
    lines = run.csv.read_text().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if ",b8," in line)
    run.csv.write_text("".join(lines[:first]))
    found = load_run(run.csv)
    assert found.summary.quoted.running_j.value == 200
    assert found.summary.running.inferences == 100
    assert found.remarks == [
        f"{run.csv} has changed since it was recorded: its figures are recomputed"
    ]


def test_another_label_of_the_same_length_is_a_change(tmp_path: Path) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, B1])
    run.csv.write_text(run.csv.read_text().replace(",b1,", ",b2,"))
    assert [group.label for group in load_run(run.csv).summary.labels] == ["b2"]


def test_a_summary_that_is_not_tied_to_the_csv_is_not_taken(tmp_path: Path) -> None:
    """As older versions wrote it, whose arithmetic may have been another."""
    run = finished(tmp_path / "run.csv", [IDLE, B1])
    old = {key: value for key, value in json_of(run).items() if key != "csv"}
    old["summary"]["headline"] = None
    json_path(run.csv).write_text(json.dumps(old))
    found = load_run(run.csv)
    assert (found.summary, found.remarks) == (run.summary, [])


def test_a_file_that_is_no_run_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n")
    with pytest.raises(NotARunFileError):
        load_run(path)


@given(st.sampled_from(["digit", "cut", "append"]), st.floats(0, 1), st.integers(0, 9))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_csv_says_the_same_beside_its_run_json_as_alone(
    tmp_path: Path, how: str, share: float, digit: int
) -> None:
    """Even if its length and its time of change are as before."""
    run = finished(tmp_path / "run.csv", [IDLE, B1, B8])
    data, status = bytearray(run.csv.read_bytes()), run.csv.stat()
    place = data.index(b"\n") + 1 + int(share * (len(data) - data.index(b"\n") - 2))
    if how == "digit":
        data[place : place + 1] = str(digit).encode()
    elif how == "cut":
        del data[place:]
    else:
        data += data[place:]
    run.csv.write_bytes(data)
    os.utime(run.csv, ns=(status.st_atime_ns, status.st_mtime_ns))
    alone = tmp_path / "alone" / "run.csv"
    alone.parent.mkdir(exist_ok=True)
    alone.write_bytes(data)
    assert load_run(run.csv).summary == load_run(alone).summary


def test_curves_and_budgets_from_one_reading_are_those_of_two() -> None:
    csv = Path(__file__).parents[2] / "figures/recorded/bench.csv"
    labels = [group.label for group in load_run(csv).summary.labels]
    traces, budgets = read_traces_and_budgets(csv, labels, "total", "inferences")
    assert budgets == read_budgets(csv, labels, "total", "inferences") != []
    assert traces == read_traces(csv)
