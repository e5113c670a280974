"""`wattui fit --against` counters, as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import json_path
from wattui.commands import fit as fit_command
from wattui.commands import predict as predict_command
from wattui.errors import INCOMPLETE, UsageError

BASE_J, INSTRUCTION_J, MISS_J = 0.5, 2e-10, 1e-7
# Instructions and misses per inference by label.
ALEXNET = {"64": (2e9, 3e6), "112": (4e9, 9e6), "224": (13e9, 18e6), "448": (50e9, 100e6)}
RESNET = {"32": (1e9, 9e6), "64": (3e9, 21e6), "128": (11e9, 60e6), "224": (34e9, 150e6)}
OF_ALEXNET = ["python", "-m", "workloads", "alexnet", "--sizes", "64,112,224,448"]
OF_RESNET = ["python", "-m", "workloads", "resnet50", "--sizes", "32,64,128,224"]
COUNTERS = "instructions,llc-misses"


def cost(counts: Sequence[float]) -> float:
    return BASE_J + INSTRUCTION_J * counts[0] + MISS_J * counts[1]


def counted(
    path: Path,
    labels: Mapping[str, Sequence[float]],
    argv: Sequence[str] = (),
    of: str = "of_machine",
    names: Sequence[str] = ("instructions", "llc_misses"),
    seconds: int = 10,
) -> str:
    """A run in which each label costs what its counters say, for 100 inferences."""
    columns = ["package0_J", "package0_W", *(f"perf_{name}" for name in names)]
    lines = [",".join((*FIXED_COLUMNS, *columns))]
    time_s, energy_j, count = 0, 0.0, 0
    sums = [0.0] * len(names)

    def row(label: str, event: str, phase: str = "running") -> None:
        cells = [f"{energy_j:.6f}", "", *(f"{each:.0f}" for each in sums)]
        fixed = f"{time_s}.000000,,{phase},{label},,{event},{count or ''}"
        lines.append(",".join([fixed, *cells]))

    row("", "note:update_period_s package0=0.001", "")
    for name in names:
        row("", f"note:{of} perf_{name}", "")
    for label, counts in labels.items():
        row(label, "begin")
        time_s, count, energy_j = time_s + seconds, count + 100, energy_j + 100 * cost(counts)
        sums = [each + 100 * n for each, n in zip(sums, counts, strict=True)]
        row(label, "end")
        time_s += 1
    path.write_text("\n".join(lines) + "\n")
    about = {"status": "finished", "command": {"argv": list(argv)}}
    json_path(path).write_text(json.dumps(about))
    return str(path)


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    alexnet = counted(tmp_path / "alexnet.csv", ALEXNET, OF_ALEXNET)
    return [alexnet, counted(tmp_path / "resnet.csv", RESNET, OF_RESNET)]


def fit(*arguments: str) -> int:
    return fit_command.main(fit_command.parser().parse_args(arguments))


def fitted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert fit(*arguments, "--json", "-") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_what_each_counter_costs_is_found(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = fitted(capsys, *runs, "--against", COUNTERS)
    assert (found["kind"], found["against"]) == ("fit", ["instructions", "llc_misses"])
    (series,) = found["series"]
    assert len(series["points"]) == 8
    assert series["points"][0]["x"] == {"instructions": 2e9, "llc_misses": 3e6}
    for weights in ("ordinary", "relative"):
        plane = series[weights]["plane"]
        assert plane["intercept"]["value"] == pytest.approx(BASE_J, rel=1e-4)
        assert plane["terms"]["instructions"]["value"] == pytest.approx(INSTRUCTION_J, rel=1e-4)
        assert plane["terms"]["llc_misses"]["value"] == pytest.approx(MISS_J, rel=1e-4)
        assert series[weights]["left_out_network"]["groups"] == ["alexnet", "resnet50"]
        assert series[weights]["left_out_network"]["mean"] < 1e-3


def test_networks_left_out_stand_beside_the_fit_from_macs_and_what_was_published(
    runs: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert fit(*runs, "--against", COUNTERS) == 0
    shown = capsys.readouterr().out
    assert "total energy per inference against instructions, llc_misses  package0" in shown
    assert " pJ " in shown
    assert " nJ " in shown
    errors = [line for line in shown.splitlines() if line.startswith(("macs", "instructions, llc"))]
    assert [line.split()[0] for line in errors] == ["instructions,"] * 2 + ["macs"] * 2
    assert "8.04 ± 5.96 % from counters" in shown
    found = fitted(capsys, *runs, "--against", COUNTERS)
    from_macs = found["from_macs"]["ordinary"]["left_out_network"]["mean"]
    assert from_macs > 0.1 > found["series"][0]["ordinary"]["left_out_network"]["mean"]


def test_time_is_a_regressor_whose_coefficient_is_a_power(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    fast = counted(tmp_path / "fast.csv", ALEXNET, OF_ALEXNET)
    slow = counted(tmp_path / "slow.csv", RESNET, OF_RESNET, seconds=20)
    assert fit(fast, slow, "--against", "seconds,instructions,llc_misses") == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("seconds"))
    assert "W" in line


def test_counters_that_change_together_are_named_and_those_that_follow_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near = {label: (a, a * (1 + 0.0001 * n)) for n, (label, (a, _)) in enumerate(ALEXNET.items())}
    csv = counted(tmp_path / "near.csv", near, names=("instructions", "cycles"))
    found = fitted(capsys, csv, "--against", "instructions,cycles")
    assert "change together" in found["series"][0]["remarks"][0]
    same = {label: (a, 2 * a) for label, (a, _) in ALEXNET.items()}
    csv = counted(tmp_path / "same.csv", same, names=("instructions", "cycles"))
    assert fit(csv, "--against", "instructions,cycles") == INCOMPLETE
    assert "not independent" in capsys.readouterr().out
    still = {label: (a, 7e6) for label, (a, _) in ALEXNET.items()}
    csv = counted(tmp_path / "still.csv", still, names=("instructions", "cycles"))
    assert fit(csv, "--against", "instructions,cycles") == INCOMPLETE
    assert "cycles is the same in all points: fix: leave it out" in capsys.readouterr().out


def test_counts_of_the_command_are_said_beside_joules_of_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = counted(tmp_path / "run.csv", ALEXNET, of="of_command")
    assert fit(csv, "--against", COUNTERS) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "whole machine's, but instructions counted the command only" in said


def test_a_fit_from_macs_that_some_points_lack_is_said_to_be_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = counted(tmp_path / "run.csv", ALEXNET | {"pool1": (5e9, 1e6)}, OF_ALEXNET)
    found = fitted(capsys, csv, "--against", COUNTERS)
    assert found["from_macs"] is None
    assert found["remarks"] == [
        "pool1: MACs are not known, so there is no fit from MACs beside this one: fix: --layers "
        "conv,depthwise,linear"
    ]


def test_runs_that_counted_different_things_are_not_fitted_together(tmp_path: Path) -> None:
    one = counted(tmp_path / "one.csv", ALEXNET, of="of_command")
    other = counted(tmp_path / "other.csv", RESNET)
    with pytest.raises(UsageError, match="counted the command in some runs, the machine in others"):
        fit(one, other, "--against", COUNTERS)


@pytest.mark.parametrize(
    ("against", "why"),
    [
        ("instrutions", "did you mean instructions"),
        ("pixel", "did you mean pixels"),
        ("pixels,instructions", "it goes alone"),
        ("simd_fp", "the runs have instructions, llc_misses"),
    ],
)
def test_a_counter_that_was_not_recorded_says_which_were(
    runs: list[str], against: str, why: str
) -> None:
    with pytest.raises(UsageError, match=f"--against {against.partition(',')[0]}: {why}"):
        fit(*runs, "--against", against)


def test_the_file_alone_gives_the_same_fit(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{name}={csv}" for name, csv in zip(("alexnet", "resnet50"), runs, strict=True)]
    before = fitted(capsys, *names, "--against", COUNTERS)
    for csv in runs:
        json_path(Path(csv)).unlink()
    assert fitted(capsys, *names, "--against", COUNTERS)["series"] == before["series"]


def predict(*arguments: str) -> int:
    return predict_command.main(predict_command.parser().parse_args(arguments))


def test_the_energy_of_a_run_is_predicted_from_what_it_counted(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "fit.json")
    assert fit(*runs, "--against", COUNTERS, "--json", path) == 0
    new = counted(tmp_path / "new.csv", {"mine": (7e9, 33e6), "huge": (900e9, 1e9)})
    capsys.readouterr()
    assert predict(new, "--fit", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    mine, huge = found["predictions"]
    assert mine["j_per_inference"] == pytest.approx(cost((7e9, 33e6)), rel=1e-3)
    assert mine["error"] == pytest.approx(0, abs=1e-3)
    assert (mine["extrapolated"], huge["extrapolated"]) == (False, True)
    assert found["left_out"]["what"] == "network"
    assert predict(new, "--fit", path) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "predicted measured (package0)" in shown
    assert "! extrapolated" in shown


def test_a_run_that_counted_something_else_is_not_predicted(
    runs: list[str], tmp_path: Path
) -> None:
    path = str(tmp_path / "fit.json")
    assert fit(*runs, "--against", COUNTERS, "--json", path) == 0
    other = counted(tmp_path / "other.csv", ALEXNET, of="of_command")
    with pytest.raises(UsageError, match="counted the machine in the fit and the command in"):
        predict(other, "--fit", path)
    without = counted(tmp_path / "without.csv", ALEXNET, names=("cycles", "branches"))
    with pytest.raises(UsageError, match="has no instructions, llc_misses per inference"):
        predict(without, "--fit", path)


@pytest.mark.parametrize("damage", ["points", "counted", "x"])
def test_a_damaged_fit_is_refused(
    runs: list[str], tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fitted(capsys, *runs, "--against", COUNTERS)
    if damage == "counted":
        found["counted"] = {"instructions": 1}
    elif damage == "points":
        found["series"][0]["points"] = []
    else:
        del found["series"][0]["points"][0]["x"]["llc_misses"]
    path = tmp_path / "fit.json"
    path.write_text(json.dumps(found))
    with pytest.raises(UsageError, match="is damaged"):
        predict(runs[0], "--fit", str(path))


def test_predict_refuses_what_nobody_knows_of_a_model_that_did_not_run(
    runs: list[str], tmp_path: Path
) -> None:
    path = str(tmp_path / "fit.json")
    assert fit(*runs, "--against", COUNTERS, "--json", path) == 0
    with pytest.raises(UsageError, match=r"against instructions, llc_misses.*--against macs"):
        predict("alexnet", "--fit", path)
