"""The published table of the ABR benchmark comes out of its own logs, to the printed digits."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.imported_logs import (
    ABR,
    START,
    imported,
    metadata,
    nvidia_smi,
    remarks,
    run_of,
    running,
    typed,
)

START_DAY_BEFORE = START - timedelta(days=1)
needs_logs = pytest.mark.skipif(not ABR.is_dir(), reason=f"the logs of ABR are not in {ABR}")

# Device, idle W, running W, dynamic W, inferences/s, J/inference, as printed (arXiv 1812.01739).
PUBLISHED = [
    ("GPU", "14.97", "37.83", "22.86", "770.39", "0.0297"),
    ("CPU", "17.01", "28.48", "11.47", "1813.63", "0.0063"),
    ("JETSON", "2.64", "4.98", "2.34", "419", "0.0056"),
    ("MOVIDIUS", "0.210", "0.647", "0.437", "300", "0.0015"),
    ("LOIHI", "0.029", "0.110", "0.081", "296", "0.00027"),
]


def rounded(value: float, printed: str) -> str:
    """A figure with as many decimals as the printed one."""
    return f"{value:.{len(printed.partition('.')[2])}f}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("abr")
    assert imported(ABR / "running", "--idle", ABR / "idle", "--out", out) == 0
    return {csv.stem: run_of(csv) for csv in sorted(out.glob("*.csv"))}


@needs_logs
@pytest.mark.parametrize(
    ("stem", "channel", "row", "j_per_inference"),
    [
        ("gpu_bsize_1", "gpu0", PUBLISHED[0], "0.02967"),
        ("cpu_bsize_1", "package0", PUBLISHED[1], "0.0063"),
        ("jetson_bsize_1", "meter_wall", PUBLISHED[2], "0.0056"),
    ],
)
def test_the_published_table_comes_out_of_the_logs(
    runs: dict[str, dict[str, Any]], stem: str, channel: str, row: Any, j_per_inference: str
) -> None:
    _, idle_w, running_w, dynamic_w, rate, _ = row
    figures = running(runs[stem], channel)
    assert rounded(figures["idle_w"], idle_w) == idle_w
    assert rounded(figures["running_w"], running_w) == running_w
    assert rounded(figures["running_w"] - figures["idle_w"], dynamic_w) == dynamic_w
    dynamic_j = figures["dynamic_j_per_inference"]["value"]
    assert rounded(dynamic_j, j_per_inference) == j_per_inference
    per_s = runs[stem]["summary"]["running"]["inferences_per_s"]
    if rate == "419":  # the benchmark cut its quotient to a whole number
        assert int(per_s) == runs[stem]["import"]["metadata"]["inf_per_second"] == 419
        assert "inf_per_second 419 differs from" in remarks(runs[stem])
    else:
        assert rounded(per_s, rate) == rate


@needs_logs
def test_in_the_pause_before_the_loop_the_gpu_draws_nearly_what_it_draws_running(
    runs: dict[str, dict[str, Any]],
) -> None:
    figures = running(runs["gpu_bsize_1"], "gpu0")
    assert figures["armed_w"] == pytest.approx(36.1, abs=0.05)
    marginal_mj = figures["marginal_j_per_inference"]["value"] * 1e3
    assert marginal_mj == pytest.approx(2.26, abs=0.05)
    assert "armed is the 5 s before start_time" in remarks(runs["gpu_bsize_1"])
    assert running(runs["jetson_bsize_1"], "meter_wall")["armed_w"] is None
    assert "no armed phase" in remarks(runs["jetson_bsize_1"])


@needs_logs
def test_origins_flags_and_what_was_left_out(runs: dict[str, dict[str, Any]]) -> None:
    flags = {stem: {f["name"] for f in run["summary"]["flags"]} for stem, run in runs.items()}
    assert "integrated" in flags["gpu_bsize_1"] & flags["cpu_bsize_1"]
    assert flags["jetson_bsize_1"] == {"manual"}
    assert running(runs["jetson_bsize_1"], "meter_wall")["origin"] == "manual"
    cpu, jetson = remarks(runs["cpu_bsize_1"]), remarks(runs["jetson_bsize_1"])
    assert "up to 5 rows share one time stamp" in cpu
    assert "power of one socket" in cpu
    assert "79 rows before the window and 32 rows after it" in cpu
    assert "the requested time, n_seconds, is 900" in cpu
    assert "idle log: left out, '1' is not a time: 1 row (line 99)" in jetson
    assert "idle log: left out, empty: 35 rows" in jetson
    assert "the idle log was made 26.4 h before the run" in remarks(runs["gpu_bsize_1"])
    assert runs["gpu_scaled_4x"]["import"]["metadata"]["n_copies"] == 4


@pytest.mark.parametrize("row", PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_the_formula_gives_every_published_row(tmp_path: Path, row: tuple[str, ...]) -> None:
    device, idle_w, running_w, dynamic_w, rate, j_per_inference = row
    (tmp_path / "run").mkdir()
    (tmp_path / "idle").mkdir()
    stamps = [f"2018-09-15_19:{minute:02d}:00" for minute in range(60)]
    for name, watts in ((f"idle/{device.lower()}_idle", idle_w), ("run/b1", running_w)):
        (tmp_path / f"{name}.csv").write_text(typed([(stamp, watts) for stamp in stamps]))
    n = round(float(rate) * 600)
    about = metadata(0, 600, n, hardware=device, n_layers=None)
    (tmp_path / "run/b1.json").write_text(about)
    out = tmp_path / "out"
    assert imported(tmp_path / "run", "--idle", tmp_path / "idle", "--out", out) == 0
    figures = running(run_of(out / "b1.csv"), "meter_wall")
    assert rounded(figures["running_w"] - figures["idle_w"], dynamic_w) == dynamic_w
    # GPU: 22.86 W / 770.39 /s is 29.67 mJ; 29.8 mJ was printed.
    dynamic_j = figures["dynamic_j_per_inference"]["value"]
    assert rounded(dynamic_j, j_per_inference) == j_per_inference


def runs_folder(folder: Path, log: str, about: str) -> Path:
    (folder / "gpu_b1.csv").write_text(log)
    (folder / "gpu_b1.json").write_text(about)
    return folder


def step(time_s: float) -> float:
    """10 W idle, 30 W armed from 10 s on, 50 W running from 15 to 75 s."""
    return 50.0 if 15 <= time_s < 75 else 30.0 if 10 <= time_s < 15 else 10.0


def test_a_run_has_the_joules_of_its_curve(tmp_path: Path) -> None:
    runs_folder(tmp_path, nvidia_smi(90, step), metadata(15, 75, 600))
    idle = tmp_path / "idle.csv"
    idle.write_text(nvidia_smi(60, lambda _: 10.0))
    assert imported(tmp_path, "--idle", idle, "--out", tmp_path / "out") == 0
    figures = running(run_of(tmp_path / "out/gpu_b1.csv"), "gpu0")
    # The last trapezoid, of 0.2 s, falls from 50 to 10 W.
    assert figures["running_j"]["value"] == pytest.approx(60 * 50 - 0.1 * 40, abs=1e-3)
    assert figures["idle_w"] == pytest.approx(10)
    assert figures["armed_w"] == pytest.approx(30)
    assert figures["dynamic_j_per_inference"]["value"] == pytest.approx(4, rel=2e-3)
    assert figures["marginal_j_per_inference"]["value"] == pytest.approx(2, rel=4e-3)


def test_a_log_that_begins_in_the_pause_has_no_armed_phase(tmp_path: Path) -> None:
    runs_folder(tmp_path, nvidia_smi(90, step), metadata(3, 75, 600))
    assert imported(tmp_path, "--out", tmp_path / "out") == 0
    run = run_of(tmp_path / "out/gpu_b1.csv")
    assert running(run, "gpu0")["armed_w"] is None
    assert "no armed phase" in remarks(run)


def test_inferences_of_a_window_that_was_not_all_logged_are_not_divided_by(tmp_path: Path) -> None:
    runs_folder(tmp_path, nvidia_smi(60, step), metadata(15, 75, 600))
    assert imported(tmp_path, "--out", tmp_path / "out") == 0
    run = run_of(tmp_path / "out/gpu_b1.csv")
    assert run["summary"]["running"]["inferences"] is None
    assert run["summary"]["running"]["seconds"] == pytest.approx(45)
    assert "600 inferences were counted in the whole window" in remarks(run)


def test_logs_without_metadata_and_the_reverse_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs_folder(tmp_path, nvidia_smi(90, step), metadata(15, 75, 600))
    (tmp_path / "lost.csv").write_text(nvidia_smi(9, step))
    (tmp_path / "lone.json").write_text(metadata(15, 75, 600))
    assert imported(tmp_path, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert "lost.csv: left out, no metadata file of the same name" in said
    assert "lone.json: left out, no log of the same name" in said


def test_one_bad_run_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs_folder(tmp_path, nvidia_smi(90, step), metadata(15, 75, 600))
    (tmp_path / "other.csv").write_text(nvidia_smi(90, step))
    (tmp_path / "other.json").write_text(metadata(99915, 99975, 600))
    assert imported(tmp_path, "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'out/gpu_b1.csv'}\n"
    assert "other.csv cannot be imported: it has no row from 2018-09-16" in said.err
    assert not (tmp_path / "out/other.csv").exists()


def test_rows_of_another_run_are_left_out(tmp_path: Path) -> None:
    log = nvidia_smi(90, step)
    day_before = nvidia_smi(20, lambda _: 99.0, start=START_DAY_BEFORE)
    runs_folder(tmp_path, day_before + log, metadata(15, 75, 600))
    assert imported(tmp_path, "--out", tmp_path / "out") == 0
    run = run_of(tmp_path / "out/gpu_b1.csv")
    assert running(run, "gpu0")["running_w"] == pytest.approx(50, rel=2e-3)
    assert "times of another run: 101 rows from 2018-09-14 19:48:00" in remarks(run)
    assert "a repeated header" in remarks(run)


def test_metadata_without_a_count_or_with_an_odd_one(tmp_path: Path) -> None:
    for number, odd in enumerate((None, 0, -3, "many", True, 1.5)):
        folder = tmp_path / str(number)
        folder.mkdir()
        about = json.loads(metadata(15, 75, 600)) | {"n_inferences": odd}
        runs_folder(folder, nvidia_smi(90, step), json.dumps(about))
        assert imported(folder, "--out", folder / "out") == 0
        run = run_of(folder / "out/gpu_b1.csv")
        assert run["summary"]["running"]["inferences"] is None
        assert f"n_inferences {odd!r} is not a count" in remarks(run)


# ---------------------------------------------------------------- USB meters, and Loihi

USB_HEADER = "Time,,,,,,,Power,Volts,Amps"


def usb_row(stamp: str, watts: float) -> str:
    return f"{stamp},,,,,,,{watts},5,{watts / 5}\n"


def usb_idle(watts: float) -> str:
    """60 readings without a time after 20 empty rows; more unnamed columns than a run's log."""
    row = f",,,,,,,{watts},5,0.04,,"
    empty = ",,,,,,,,,,,\n" * 20
    first, last = f"{row}## offset\n", ",,,,,,,1,1,1,,## offset\n"
    return f"{USB_HEADER},,\n{empty}{first}{f'{row}{chr(10)}' * 58}{last}"


def test_a_usb_meter_in_the_eighth_column_has_the_joules_of_its_watts(tmp_path: Path) -> None:
    """Movidius: dynamic energy is (0.65 - 0.2) W x 60 s / 18,000 = 1.5 mJ."""
    begin, end = "2018-09-15_19:48:00", "2018-09-15_19:49:00"
    rows = usb_row(begin, 0.6) * 30 + usb_row(end, 0.7) * 30
    (tmp_path / "run").mkdir()
    (tmp_path / "run/m.csv").write_text(f"{USB_HEADER}\n,,,,,,,,,\n{rows}")
    about = metadata(0, 60, 18_000, hardware="MOVIDIUS")
    (tmp_path / "run/m.json").write_text(about)
    (tmp_path / "movidius_idle.csv").write_text(usb_idle(0.2))
    assert imported(tmp_path / "run", "--idle", tmp_path, "--out", tmp_path / "out") == 0
    run = run_of(tmp_path / "out/m.csv")
    figures = running(run, "meter_wall")
    assert figures["idle_w"] == pytest.approx(0.2)
    assert figures["running_w"] == pytest.approx(0.65)
    assert figures["dynamic_j_per_inference"]["value"] == pytest.approx(1.5e-3)
    assert figures["origin"] == "manual"
    assert "columns not kept: Volts, Amps" in remarks(run)


def test_rows_of_another_run_in_the_log_are_named_and_left_out(tmp_path: Path) -> None:
    begin, end = "2018-09-15_19:48:00", "2018-09-15_19:49:00"
    rows = usb_row("2017-01-02_03:04:05", 9.0) * 20 + usb_row(begin, 0.6) * 30 + usb_row(end, 0.6)
    (tmp_path / "n.csv").write_text(f"{USB_HEADER}\n{rows}")
    (tmp_path / "n.json").write_text(metadata(0, 60, 600, hardware="NCS2"))
    assert imported(tmp_path / "n.csv", "--out", tmp_path / "out.csv") == 0
    run = run_of(tmp_path / "out.csv")
    assert running(run, "meter_wall")["running_w"] == pytest.approx(0.6)
    assert (
        "left out, times of another run: 20 rows from 2017-01-02 03:04:05 to 2017-01-02 03:04:05"
        in remarks(run)
    )


def loihi(seconds: float, power_w: Any, step_s: float = 0.25) -> str:
    """A log of Loihi: the total, and its two rails; stamps to the microsecond."""
    lines = ["Time,Total Power (W),P_VDD,V_VDD,I_VDD,P_VDDM,V_VDDM,I_VDDM"]
    for place in range(round(seconds / step_s) + 1):
        at = START + timedelta(seconds=place * step_s, microseconds=281_862)
        watts = power_w(place * step_s)
        stamp = at.strftime("%Y-%m-%d_%H:%M:%S.%f")
        lines.append(f"{stamp},{watts},{watts * 0.25},0.75,0.01,{watts * 0.75},0.9,0.02")
    return "\n".join(lines) + "\n"


def loihi_about(start_s: float, end_s: float) -> str:
    stamps = [
        (START + timedelta(seconds=s, microseconds=281_862)).strftime("%Y-%m-%d_%H:%M:%S.%f")
        for s in (start_s, end_s)
    ]
    found = {"hardware": "LOIHI", "start_time": stamps[0], "end_time": stamps[1]}
    return json.dumps(found | {"n_inferences": 5000.0})


@pytest.mark.parametrize(
    ("idle", "dynamic_mj"),
    [(lambda _: 0.03, 0.32), (None, None)],
    ids=["idle log of the run", "no idle log"],
)
def test_a_run_of_loihi_with_its_own_idle_log_and_without_one(
    tmp_path: Path, idle: Any, dynamic_mj: float | None
) -> None:
    """(0.11 - 0.03) W x 20 s / 5000 = 0.32 mJ; without an idle log that is unknown, and said."""
    for folder in ("run", "idle"):
        (tmp_path / folder).mkdir()
    watts = lambda t: 0.11 if 20 <= t <= 40 else 0.03  # noqa: E731
    (tmp_path / "run/loihi_run01.csv").write_text(loihi(50, watts))
    (tmp_path / "run/loihi_run01.json").write_text(loihi_about(20, 40))
    if idle:
        (tmp_path / "idle/loihi_run01.csv").write_text(loihi(18, idle))
    out = tmp_path / "out"
    assert imported(tmp_path / "run", "--idle", tmp_path / "idle", "--out", out) == 0
    run = run_of(out / "loihi_run01.csv")
    figures = running(run, "board")
    assert figures["running_w"] == pytest.approx(0.11)
    assert running(run, "rail_VDD")["running_w"] == pytest.approx(0.11 / 4)
    assert run["summary"]["running"]["inferences_per_s"] == pytest.approx(250)
    if dynamic_mj is None:
        assert figures["dynamic_j_per_inference"] is None
        assert "no idle log, so idle and dynamic energy are not known" in remarks(run)
    else:
        dynamic_j = figures["dynamic_j_per_inference"]["value"]
        assert dynamic_j == pytest.approx(dynamic_mj / 1e3)
    assert "truncated to whole seconds" not in remarks(run)
    assert figures["armed_w"] is None


def test_the_remarks_of_many_runs_are_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(5):
        (tmp_path / f"r{n}.csv").write_text(nvidia_smi(90, lambda _: 50.0))
        (tmp_path / f"r{n}.json").write_text(metadata(15, 70 + n, 10))
    assert imported(tmp_path, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().err.splitlines()
    assert "5 runs imported" in said[0]
    assert sum("5  running is start_time to end_time, 55 s" in line for line in said) == 1
    assert len(said) == len(set(said)) <= 6
