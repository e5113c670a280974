"""`wattui ci` on runs of known powers: what is judged, the comment, exit statuses."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.made_runs import IDLE, Part, finished, written
from wattui.capture import headless
from wattui.cli import main
from wattui.errors import REGRESSED, USAGE
from wattui.runs.notes import state

Recording = Callable[..., list[argparse.Namespace]]
STEADY = (0.99, 1.0, 1.01)


def parts(
    watts: float, labels: Sequence[str] = ("",), factors: Sequence[float] = STEADY
) -> list[Part]:
    """Repeats of 100 inferences in 10 s at these powers, each label in turn."""
    return [
        Part("running", 10, watts * factor, label, 100, repeat)
        for repeat, factor in enumerate(factors, 1)
        for label in (labels if repeat % 2 else labels[::-1])
    ]


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Makes `wattui ci` find these phases in its recording; gives what it asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def record(
        phases: Sequence[Part], channel: str = "package0", status: int = 0
    ) -> list[argparse.Namespace]:
        asked = []

        def recorded(options: argparse.Namespace, argv: list[str]) -> int:
            asked.append(options)
            given = options.ab and ["--ab", *options.ab]
            finished(Path(options.csv), [IDLE, *phases], [channel], command={"argv": given or argv})
            return status

        monkeypatch.setattr(headless, "main", recorded)
        return asked

    return record


def test_energy_that_rose_fails_the_check_and_is_commented_on(
    recording: Recording, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(Path("main.csv"), [IDLE, *parts(50)])
    recording(parts(60))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    Path("step.md").write_text("before\n")
    assert main(["ci", "--baseline", "main.csv", "--csv", "n.csv", "--", "bench"]) == REGRESSED
    said = capsys.readouterr().out
    assert said.startswith("### Energy check: clearly worse by more than 5 %\n")
    assert "| total, J/inference | 5.00 ± 0.12 | 6.00 ± 0.15 | 1.200" in said
    assert "**Judged by total**" in said
    assert Path("step.md").read_text() == "before\n" + said


@pytest.mark.parametrize("watts", [40, 50, 51])
def test_energy_that_fell_or_rose_within_the_limit_passes(
    recording: Recording, watts: float, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(Path("main.csv"), [IDLE, *parts(50)])
    recording(parts(watts))
    assert main(["ci", "--baseline", "main.csv", "--", "bench"]) == 0
    assert "### Energy check: not clearly worse by more than 5 %\n" in capsys.readouterr().out


def test_several_baselines_are_samples_of_one_thing(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("runs").mkdir()
    for n, watts in enumerate((45, 50, 55)):
        finished(Path(f"runs/{n}.csv"), [IDLE, *parts(watts)])
    recording(parts(60))
    assert main(["ci", "--baseline", "runs/*.csv", "--", "bench"]) == 0
    said = capsys.readouterr().out
    assert "| total, J/inference | 5.0 ± 1.2 | 6.00 ± 0.15 |" in said
    assert "not clearly more than 5 %" in said


def test_a_count_stated_for_the_baseline_is_that_of_its_time_too(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    """10 s of 100 inferences on both sides, though the baseline counted none itself."""
    for n, watts in enumerate((49.5, 50, 50.5)):
        run = finished(Path(f"main{n}.csv"), [IDLE, Part("running", 10, watts)])
        state(run.csv, 100)
    recording(parts(50))
    assert main(["ci", "--baseline", "main*.csv", "--", "bench"]) == 0
    said = capsys.readouterr().out
    assert "| total, J/inference | 5.00 ± 0.12 | 5.00 ± 0.12 | 1.000" in said
    assert "| time, ms | 100.0 | 100.0 | 1.000 " in said


def test_two_commands_in_turn_are_compared_pair_by_pair(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    phases = [
        part._replace(watts=part.watts * (1.2 if part.label == "change" else 1.0))
        for part in parts(50, ("baseline", "change"), (1.0, 1.1, 1.2, 1.31))
    ]
    asked = recording(phases)
    assert main(["ci", "--against", "old --x", "--", "new", "a b"]) == REGRESSED
    assert asked[0].ab == ["old --x", "new 'a b'"]
    assert asked[0].ab_labels == ["baseline", "change"]
    assert asked[0].repeats == 6
    said = capsys.readouterr().out
    assert "1.200 (1.200 … 1.200)" in said
    assert said.splitlines()[-1].startswith("old --x and new 'a b' in turn · ")


def test_an_estimate_is_named_and_never_judged(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(Path("main.csv"), [IDLE, *parts(50)], ["est_cpu"])
    asked = recording(parts(90), "est_cpu")
    assert main(["ci", "--baseline", "main.csv", "--", "bench"]) == 0
    said = capsys.readouterr().out
    assert asked[0].counters == ("instructions", "task_clock")
    assert "| total, J/inference (estimated) |" in said
    assert "**Judged by time**" in said
    assert "no power sensor" in said


@pytest.mark.parametrize(
    ("factors", "label", "why"),
    [(STEADY, "b8", "no figure in common"), ((1.0,), "b1", "only one run on a side")],
)
def test_what_cannot_be_judged_is_said_in_the_heading(
    recording: Recording,
    factors: Sequence[float],
    label: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    finished(Path("main.csv"), [IDLE, *parts(50, (label,), factors)])
    recording(parts(90, ("b1",), factors))
    assert main(["ci", "--baseline", "main.csv", "--", "bench"]) == 0
    assert why in capsys.readouterr().out.splitlines()[0]


def test_an_estimate_is_not_compared_with_a_measurement(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(Path("main.csv"), [IDLE, *parts(50)])
    recording(parts(90), "est_cpu")
    assert main(["ci", "--baseline", "main.csv", "--", "bench"]) == 0
    said = capsys.readouterr().out
    assert "| total" not in said
    assert "different kinds of figure" in said


def test_without_a_baseline_it_records_one_and_says_so(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    recording(parts(50))
    assert main(["ci", "--baseline", "runs/*.csv", "--csv", "a.csv", "--", "bench"]) == 0
    said = capsys.readouterr().out
    assert "### Energy check: recorded, with no baseline to judge by" in said
    assert "no run file matches" in said
    assert "5.00 ± 0.12 J per inference" in said


def test_a_baseline_of_a_benchmark_that_failed_is_left_out(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended early: whatever works is worse."""
    failed = written(Path("main.csv"), [Part("running", 1, 50, count=100, repeat=1)])
    rows = failed.read_text().splitlines()
    ended = f"1.5,,,,,note:command ended with exit 1 in repeat 1{',' * (rows[0].count(',') - 5)}"
    failed.write_text("\n".join([*rows, ended]) + "\n")
    recording(parts(50))
    assert main(["ci", "--baseline", "main.csv", "--csv", "n.csv", "--", "bench"]) == 0
    said = capsys.readouterr().out
    assert "### Energy check: recorded, with no baseline to judge by" in said
    assert "left out of the baseline: main.csv is of a command that FAILED" in said


def test_a_benchmark_that_fails_fails_the_check_with_its_own_status(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    recording(parts(50), status=7)
    assert main(["ci", "--", "bench"]) == 7
    assert "ended with status 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "no benchmark to record"),
        (["--ab", "a", "b", "--", "c"], "--against"),
        (["--against", "a", "--baseline", "b", "--", "c"], "give one of them"),
        (["--against", "a", "--label", "x", "--", "c"], "--against labels both commands itself"),
        (["--against", "", "--", "c"], "--against has an empty command"),
        (["--against", "'a", "--", "c"], '--against "\'a": no closing quotation'),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ci", *arguments]) == USAGE
    assert why in capsys.readouterr().err
