"""`wattui history`: a figure over commits, and the steps that are clear."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from recorders.summary.figures import Value
from tests.support.made_runs import IDLE, TOKENS, Part, finished
from wattui.analysis.history import HistoryRun, histories, steps
from wattui.analysis.results import ResultRow
from wattui.commands import history
from wattui.errors import UsageError

DAY_NS = 86_400 * 10**9
NOISE_W = (0.3, -0.4, 0.1, -0.2, 0.2)


def record(folder: Path, commit: str, day: int, watts: float, label: str = "b1") -> Path:
    """A run of five repeats, 0.6 % apart."""
    parts = [Part("running", 4, watts + n, label, 100, i) for i, n in enumerate(NOISE_W, 1)]
    about: dict[str, Any] = {"clock": {"start_utc_ns": 1_700_000_000 * 10**9 + day * DAY_NS}}
    if commit:
        about["command"] = {"argv": ["x"], "commit": {"id": commit * 10, "changed": False}}
    return finished(folder / f"run{day}.csv", [IDLE, *parts], **about).csv


def run(*arguments: Any) -> int:
    return history.main(history.parser().parse_args([str(a) for a in arguments]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The third commit uses 10 % more, in whatever order the files are."""
    for commit, day, watts in (("c", 3, 55.0), ("a", 1, 50.0), ("d", 4, 55.1), ("b", 2, 50.1)):
        record(tmp_path, commit, day, watts)
    return tmp_path


def test_commits_are_in_the_order_of_time_with_the_one_step(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["histories"]
    assert [point["commit"][0] for point in found["points"]] == ["a", "b", "c", "d"]
    assert [point["value"] for point in found["points"]] == pytest.approx([2, 2.004, 2.2, 2.204])
    assert all(point["plus_minus"] > 0 for point in found["points"])
    ratios = [point["step_ratio"] for point in found["points"]]
    # Against the level of both commits before it.
    assert ratios == [None, None, pytest.approx(2.2 / 2.002), None]
    assert (found["label"], found["domain"], found["figure"]) == ("b1", "total", "total")


def test_the_step_is_named_with_its_interval(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--width", 120) == 0
    out = capsys.readouterr().out
    (line,) = [
        line for line in out.splitlines() if line.startswith("cccccccccc  b1: total +9.89 %")
    ]
    assert " … " in line
    assert ", p " in line
    assert "2023-11-15 22:13" in out


def test_a_step_from_a_level_below_zero_has_no_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The idle machine draws 10 W: the first commit is below it, the second above."""
    for day, (commit, watts) in enumerate((("a", 9.0), ("b", 12.0))):
        record(tmp_path, commit, day, watts)
    assert run(tmp_path, "--figure", "dynamic", "--width", 120, "-o", tmp_path / "h.svg") == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("bbbbbbbbbb  b1: dynamic ")]
    assert line.startswith(("bbbbbbbbbb  b1: dynamic p = 0", "bbbbbbbbbb  b1: dynamic p < 0"))
    assert "0 %" not in (tmp_path / "h.svg").read_text()


def test_chance_is_no_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day, (commit, watts) in enumerate((("a", 50.0), ("b", 50.2), ("c", 49.9), ("d", 50.1))):
        record(tmp_path, commit, day, watts)
    assert run(tmp_path) == 0
    assert "no clear step" in capsys.readouterr().out


def test_runs_of_one_commit_are_its_samples(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder, "a", 5, 52.0)
    run(folder, "--json")
    (found,) = json.loads(capsys.readouterr().out)["histories"]
    assert [point["runs"] for point in found["points"]] == [2, 1, 1, 1]
    assert found["points"][0]["value"] == pytest.approx(2.04)


def test_a_run_without_a_commit_is_called_by_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, "", 1, 50.0)
    record(tmp_path, "", 2, 60.0)
    run(tmp_path)
    told = capsys.readouterr()
    assert "run2  b1: total +20 %" in told.out
    assert "2 of 2 runs have no commit" in told.err


def test_files_of_one_name_in_two_folders_are_two_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, name in enumerate(("x", "y")):
        (tmp_path / name).mkdir()
        record(tmp_path / name, "", day, 50.0).rename(tmp_path / name / "run.csv")
        (tmp_path / name / f"run{day}.json").rename(tmp_path / name / "run.json")
    run(tmp_path, "--json")
    (found,) = json.loads(capsys.readouterr().out)["histories"]
    assert [Path(point["commit"]).parts[-2:] for point in found["points"]] == [
        ("x", "run"), ("y", "run"),
    ]  # fmt: skip


def test_runs_that_are_no_samples_of_it_are_named_and_not_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder, "a", 5, 90.0, "b8")
    finished(folder / "old.csv", [IDLE, Part("running", 4, 9.0)])
    run(folder, "--label", "b1", "--json")
    told = capsys.readouterr()
    (found,) = json.loads(told.out)["histories"]
    assert [point["runs"] for point in found["points"]] == [1, 1, 1, 1]
    assert "no total of channel total under these labels: old, run5\n" in told.err


def test_a_benchmark_that_failed_is_no_point(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = record(folder, "e", 6, 5.0)
    rows = failed.read_text().splitlines()
    ended = "100,,,,,note:command ended with exit 1"
    cells = "," * (rows[0].count(",") - ended.count(","))
    failed.write_text("\n".join([*rows, ended + cells]) + "\n")
    run(folder, "--json")
    told = capsys.readouterr()
    (found,) = json.loads(told.out)["histories"]
    assert len(found["points"]) == 4
    assert f"left out: {failed} is of a command that FAILED" in told.err


def test_the_newest_run_says_which_channel_is_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [IDLE, Part("running", 4, 50.0, "b1", 100)]
    finished(tmp_path / "a.csv", parts, clock={"start_utc_ns": 2 * DAY_NS})
    finished(tmp_path / "b.csv", parts, ["est_cpu"], clock={"start_utc_ns": DAY_NS})
    run(tmp_path, "--json")
    told = capsys.readouterr()
    (found,) = json.loads(told.out)["histories"]
    assert (found["domain"], [point["commit"] for point in found["points"]]) == ("total", ["a"])
    assert "no total of channel total under these labels: b\n" in told.err


@pytest.mark.needs_report
@pytest.mark.parametrize("suffix", ["html", "md", "svg"])
def test_a_page_shows_the_step(folder: Path, tmp_path: Path, suffix: str) -> None:
    assert run(folder, "-o", tmp_path / f"h.{suffix}") == 0
    text = (tmp_path / f"h.{suffix}").read_text()
    drawn = (tmp_path / "h-figures/1-history.svg").read_text() if suffix == "md" else text
    assert ">+9.89 %<" in drawn
    if suffix != "svg":
        assert "+9.89 % (" in text
        assert text.count("+9.89 % (") == 2, "the step and its row"
    with pytest.raises(UsageError, match="exists"):
        run(folder, "-o", tmp_path / f"h.{suffix}")


def test_what_no_run_has_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"--label b9: no run has that"):
        run(folder, "--label", "b9")
    with pytest.raises(UsageError, match=r"--domain gpu0: no run has that"):
        run(folder, "--domain", "gpu0")


def made(commit: str, day: int, samples: tuple[float, ...]) -> HistoryRun:
    mean = sum(samples) / len(samples)
    known = Value(mean, 1e-6, 1e-6, 0.0)
    rows = [
        ResultRow("label", "running", "b1", None, None, "total", "measured",
                  "total_j_per_inference", known, samples),
        *(
            ResultRow("repeat", "running", "b1", n, None, "total", "measured",
                      "total_j_per_inference", Value(each, 1e-6, 1e-6, 0.0))
            for n, each in enumerate(samples, 1)
        ),
    ]  # fmt: skip
    return HistoryRun(commit, day, "total", rows)


def test_chance_names_a_step_in_one_history_in_twenty_at_most() -> None:
    chance, named, found = random.Random(7), 0, 0
    for trial in range(60):
        runs = [
            made(f"c{n}", n, tuple(chance.gauss(1.0, 0.01) for _ in range(5))) for n in range(12)
        ]
        named += any(True for _ in steps(histories(runs)))
        if trial < 20:
            runs[6:] = [
                made(f"c{n}", n, tuple(chance.gauss(1.05, 0.01) for _ in range(5)))
                for n in range(6, 12)
            ]
            found += [point.commit for _, point, _ in steps(histories(runs))] == ["c6"]
    assert named <= 8, "3 expected, 9 at a chance of 0.3 %"
    assert found >= 17


def test_a_history_of_tokens_is_per_token_or_per_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, watts in ((1, 50.0), (2, 60.0)):
        parts = [TOKENS._replace(watts=watts + n, repeat=i) for i, n in enumerate(NOISE_W, 1)]
        about = {"clock": {"start_utc_ns": 1_700_000_000 * 10**9 + day * DAY_NS}}
        finished(tmp_path / f"run{day}.csv", [IDLE, *parts], **about)
    assert run(tmp_path, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["histories"]
    assert found["unit"] == "J/output token"
    assert [point["value"] for point in found["points"]] == pytest.approx([2.0, 2.4])
    assert run(tmp_path, "--per", "requests") == 0
    assert "energy per request, all energy used while running" in capsys.readouterr().out
    with pytest.raises(UsageError, match="nothing here counted images"):
        run(tmp_path, "--per", "images")


def test_a_history_per_token_leaves_out_runs_that_counted_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, part in ((1, TOKENS._replace(count=50, counts={})), (2, TOKENS), (3, TOKENS)):
        about = {"clock": {"start_utc_ns": 1_700_000_000 * 10**9 + day * DAY_NS}}
        finished(tmp_path / f"run{day}.csv", [IDLE, part], **about)
    assert run(tmp_path, "--per", "tokens_out", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["histories"]
    assert [point["value"] for point in found["points"]] == pytest.approx([2.0, 2.0])
