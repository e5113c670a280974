"""Nothing is overwritten, everything is told, and the dashboard and summary take what was made."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.imported_logs import (
    START,
    imported,
    metadata,
    nvidia_smi,
    one_import,
    remarks,
    run_of,
    running,
)
from wattui.commands import summary as show
from wattui.errors import UsageError
from wattui.runs.recorded import find_runs, load_run
from wattui.tui.state.playback import Playback


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(nvidia_smi(60, lambda _: 50.0))
    return path


def test_existing_files_stay_without_force(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    for name in ("out.csv", "out.json"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(
            UsageError, match=f"{name} exists: fix: use another --out, or add --force"
        ):
            imported(log, "--out", out)
        assert (tmp_path / name).read_text() == "mine"
        assert imported(log, "--out", out, "--force") == 0
        assert running(run_of(out), "gpu0")["running_w"] == pytest.approx(50)
        for made in ("out.csv", "out.json"):
            (tmp_path / made).unlink()


def test_of_several_files_none_is_written_where_one_exists(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(nvidia_smi(90, lambda _: 50.0))
        (tmp_path / f"{name}.json").write_text(metadata(15, 75, 10))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b.json").write_text("mine")
    with pytest.raises(UsageError, match=r"b\.json exists"):
        imported(tmp_path, "--out", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.json"]


def test_what_is_imported_is_never_replaced(log: Path, tmp_path: Path) -> None:
    before = log.read_text()
    with pytest.raises(UsageError, match="is the file to import"):
        imported(log, "--out", log, "--force")
    log.with_suffix(".json").write_text(metadata(15, 45, 10))
    with pytest.raises(UsageError, match="is the file to import"):
        imported(tmp_path, "--out", tmp_path, "--force")
    assert log.read_text() == before


def test_what_cannot_be_written_is_one_line(log: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        imported(log, "--out", tmp_path / "file/out.csv")


def test_the_remarks_are_on_stderr_in_run_json_and_in_the_csv(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text(log.read_text() + "never, 5 W\n")
    assert imported(log, "--out", tmp_path / "out.csv") == 0
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'out.csv'}\n"
    run = run_of(tmp_path / "out.csv")
    assert run["import"]["source"] == str(log)
    assert run["import"]["reader"] == "nvidia-smi"
    noted = [
        line.split("note:import ")[1].split('"')[0].rsplit(",,,", 1)[0].rstrip(",")
        for line in (tmp_path / "out.csv").read_text().splitlines()
        if "note:import " in line
    ]
    assert noted == run["import"]["remarks"]
    assert "left out, no time: 1 row (line 303)" in noted
    for remark in run["import"]["remarks"]:
        assert f"out.csv: {remark}\n" in shown.err


def test_json_tells_what_was_made(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(log, "--out", tmp_path / "out.csv", "--json") == 0
    (made,) = json.loads(capsys.readouterr().out)
    assert made["csv"] == str(tmp_path / "out.csv")
    assert made["remarks"] == run_of(tmp_path / "out.csv")["import"]["remarks"]


def test_a_window_an_idle_log_and_a_count_give_joules_per_inference(tmp_path: Path) -> None:
    idle = tmp_path / "idle.csv"
    idle.write_text(nvidia_smi(60, lambda _: 20.0))
    run = one_import(
        tmp_path,
        nvidia_smi(60, lambda t: 80.0 if 10 <= t <= 40 else 20.0),
        *("--from", "2018-09-15 19:48:10", "--to", "2018/09/15 19:48:40"),
        *("--inferences", "300", "--idle", str(idle), "--label", "b32"),
    )
    figures = running(run, "gpu0")
    assert figures["running_j"]["value"] == pytest.approx(30 * 80)
    assert figures["dynamic_j_per_inference"]["value"] == pytest.approx(6)
    assert run["summary"]["labels"][0]["label"] == "b32"
    assert run["import"]["idle"] == str(idle)
    assert "idle log: left out, because starting and stopping the logger" in remarks(run)


@pytest.mark.parametrize(
    ("days", "said"),
    [(-69.875, "1,677.0 h before the run"), (0.5, "12.0 h after the run"), (0, "")],
)
def test_an_idle_log_of_another_time_is_a_flag(tmp_path: Path, days: float, said: str) -> None:
    begun = START + timedelta(days=days) - timedelta(seconds=60 if days <= 0 else 0)
    idle = tmp_path / "idle.csv"
    idle.write_text(nvidia_smi(64, lambda _: 20.0, start=begun))
    run = one_import(tmp_path, nvidia_smi(60, lambda _: 50.0), "--idle", str(idle))
    flags = {flag["name"]: flag["text"] for flag in run["summary"]["flags"]}
    if said:
        assert flags["old_idle"] == f"the idle log was made {said}: the idle level may have drifted"
        assert flags["old_idle"] in remarks(run)
    else:
        assert "old_idle" not in flags


def test_a_log_without_phases_is_of_the_phase_that_is_named(tmp_path: Path) -> None:
    run = one_import(tmp_path, nvidia_smi(60, lambda _: 20.0), "--phase", "idle")
    assert [phase["phase"] for phase in run["summary"]["phases"]] == ["idle"]
    assert "the log contains no phases: all of it counts as idle" in remarks(run)


def test_metadata_beside_a_single_log_is_used(log: Path, tmp_path: Path) -> None:
    log.with_suffix(".json").write_text(metadata(15, 45, 10))
    assert imported(log, "--out", tmp_path / "made") == 0
    run = run_of(tmp_path / "made/log.csv")
    assert run["summary"]["running"]["inferences"] == 10
    assert run["import"]["metadata"]["hardware"] == "GPU"


def test_what_was_made_is_a_run_like_any_other(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    assert imported(log, "--out", folder) == 0
    assert find_runs(folder) == [folder / "log.csv"]
    run = load_run(folder / "log.csv")
    assert run.about.status == "finished"
    assert "gpu0_J" in Playback(folder / "log.csv").columns
    capsys.readouterr()
    assert show.show([str(folder / "log.csv")], show.Asked(as_json=True)) == 0
    assert json.loads(capsys.readouterr().out) == run.summary.to_dict()
    assert show.show([str(folder / "log.csv")], show.Asked()) == 0


def test_a_folder_that_vanishes_while_files_are_looked_for_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone", "run_1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    lines = (
        f'{{"date": "2021-06-01T10:00:{n:02d}.0", "metrics": {{"cpu": {{"intel_power": 40.0}}}}}}\n'
        for n in range(11)
    )
    (tmp_path / "runs/run_1/power_metrics.json").write_text("".join(lines))
    whole = os.scandir

    def scandir(path: Any = ".") -> Any:
        if str(path).endswith("gone"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert imported(tmp_path / "runs", "--out", tmp_path / "out.csv") == 0
    assert running(run_of(tmp_path / "out.csv"), "package0")["running_j"]["value"] == pytest.approx(
        400
    )
