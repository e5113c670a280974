"""The methods paragraph: what the run file states, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.made_runs import B1, B8, IDLE, finished
from wattui.report.methods import methods_text
from wattui.runs.run_json import Commit, RunJson, read_run_json


def test_a_paragraph_states_machine_sensors_sampling_baseline_n_and_command(
    tmp_path: Path,
) -> None:
    run = finished(
        tmp_path / "r.csv",
        [IDLE, B1, B8],
        versions={"wattui": "1.2", "python": "3.11.7"},
        update_periods_s={"package0": 0.001, "est_cpu": 0.01},
        command={
            "argv": ["python", "-m", "workloads", "kws", "--bsize", "1", "--threads", "4"],
            "commit": {"id": "0123456789abcdef", "changed": True},
            "environment": {"OMP_NUM_THREADS": "4"},
        },
    )
    text = methods_text(run.about, run.summary, "package0")
    for said in (
        "wattui 1.2 (python 3.11.7) on Made-up 9000 (8 logical CPUs)",
        "package0 (powercap, read by os.pread)",
        "read at 10 Hz and at every phase edge (9.99 Hz achieved; 99 % of the readings at most "
        "0.30 ms late",
        "Measured update periods: 1.00 ms (package0).",
        "Baselines: idle for 10.0 s.",
        "n = 200 inferences in 14.00 s, under 2 labels.",
        "one run, so the variation between runs is not in it",
        "at commit 0123456789, with uncommitted changes",
        "(device cpu, threads 4, seed 1), with OMP_NUM_THREADS=4",
    ):
        assert said in text
    assert "marginal" not in text, "no armed phase, no marginal energy"
    assert "governor" not in text


def test_a_file_without_its_json_gives_a_short_paragraph(tmp_path: Path) -> None:
    run = finished(tmp_path / "r.csv", [IDLE, B1])
    text = methods_text(RunJson(), run.summary, "total")
    assert text.startswith("Energy was recorded with wattui. Baselines: idle for 10.0 s.")
    assert "None" not in text
    assert "–" not in text


def test_a_commit_in_run_json_is_read_and_a_damaged_one_is_named() -> None:
    about, wrong = read_run_json({"command": {"commit": {"id": "ab12", "changed": False}}})
    assert about.commit == Commit("ab12")
    assert not wrong
    assert replace(Commit("0123456789abc"), changed=True).short == "0123456789+"
    _, wrong = read_run_json({"command": {"commit": {"id": 7}}})
    assert wrong == ["command"]
