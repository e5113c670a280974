"""Each format gives the joules of the curve it was made from, under the right name and origin."""

from __future__ import annotations

import json
import tracemalloc
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.imported_logs import (
    START,
    imported,
    nvidia_smi,
    one_import,
    remarks,
    run_of,
    running,
    s_tui,
    typed,
)
from wattui.analysis.importers import nvidia_smi as nvidia_reader
from wattui.analysis.importers import s_tui as s_tui_reader
from wattui.analysis.importers.joining import joined, whole
from wattui.analysis.importers.log import UnreadableError
from wattui.analysis.importers.run_text import RunText
from wattui.analysis.importers.table import power_w
from wattui.analysis.importers.text import LogText


def ramp(time_s: float) -> float:
    """100 W, and 1 W more each second."""
    return 100.0 + time_s


def test_nvidia_smi_is_integrated_by_the_trapezoid(tmp_path: Path) -> None:
    run = one_import(tmp_path, nvidia_smi(60, ramp))
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(60 * 130, abs=1e-3)
    assert running(run, "total") == running(run, "gpu0")
    assert "integrated" in {flag["name"] for flag in run["summary"]["flags"]}
    assert run["import"]["reader"] == "nvidia-smi"
    assert run["update_periods_s"] == {"gpu0": pytest.approx(0.2)}


@given(st.lists(st.tuples(st.integers(100, 5000), st.integers(0, 90000)), min_size=2, max_size=40))
def test_energy_is_the_trapezoid_of_any_readings(steps: list[tuple[int, int]]) -> None:
    lines, ms, points = ["timestamp, power.draw [W]"], 0, []
    for step_ms, centiwatts in steps:
        ms += step_ms
        stamp = START + timedelta(milliseconds=ms)
        lines.append(
            f"{stamp:%Y/%m/%d %H:%M:%S}.{stamp.microsecond // 1000:03d}, {centiwatts / 100} W"
        )
        points.append((ms / 1e3, centiwatts / 100))
    log = whole(nvidia_reader.read(LogText("\n".join(lines) + "\n")), "running", "", None)
    text = list(RunText(joined([log])).lines())
    end = next(line for line in text if ",end," in line)
    expected = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    assert float(end.split(",")[7]) == pytest.approx(expected, abs=1e-5)


def test_several_gpus_are_told_apart_by_index_or_identity(tmp_path: Path) -> None:
    for column, names in (("index", ("0", "3")), ("uuid", ("GPU-a", "GPU-b"))):
        lines = [
            f"{column}, timestamp, name, power.draw [W], utilization.gpu [%], memory.used [MiB]"
        ]
        for second in range(11):
            stamp = f"2024/01/01 00:00:{second:02d}.000"
            lines += [
                f"{name}, {stamp}, A, {w}.00 W, 50 %, 7 MiB"
                for name, w in zip(names, (10, 20), strict=True)
            ]
        folder = tmp_path / column
        folder.mkdir()
        run = one_import(folder, "\n".join(lines) + "\n")
        second_gpu = "gpu3" if column == "index" else "gpu1"
        assert running(run, "gpu0")["running_w"] == pytest.approx(10)
        assert running(run, second_gpu)["running_w"] == pytest.approx(20)
        assert running(run, "total")["running_w"] == pytest.approx(30)
        assert "columns not kept: name" in remarks(run)
        header = (folder / "out.csv").read_text().split("\n", 1)[0]
        assert "gpu0_J,gpu0_W,gpu0_util_pct,gpu0_mem_MiB" in header
        assert ("gpu1 is GPU-b" in remarks(run)) == (column == "uuid")


def test_rows_of_several_gpus_without_an_index_are_refused() -> None:
    rows = "".join(f"2024/01/01 00:00:0{s}.000, {w} W\n" for s in range(9) for w in (10, 20))
    with pytest.raises(Exception, match="--query-gpu=index"):
        nvidia_reader.read(LogText("timestamp, power.draw [W]\n" + rows))


def test_readings_that_are_not_available_are_no_zeros(tmp_path: Path) -> None:
    text = nvidia_smi(20, lambda _: 50.0, 1.0)
    lines = text.splitlines()
    for number, bad in ((5, "[N/A]"), (6, "nan W"), (7, "-3.0 W"), (8, "1e9 W"), (9, "5 kW")):
        lines[number] = f"{lines[number].split(',')[0]}, {bad}"
    run = one_import(tmp_path, "\n".join(lines) + "\n")
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(1000)
    assert "no figure in 'power.draw [W]': 5 rows (lines 6, 7, 8, 9, 10)" in remarks(run)
    assert "gap" in {flag["name"] for flag in run["summary"]["flags"]}


def test_s_tui_of_2018_is_one_socket_spread_over_its_seconds(tmp_path: Path) -> None:
    run = one_import(tmp_path, s_tui(60, ramp))
    figures = running(run, "package0")
    assert figures["running_w"] == pytest.approx(100 + 60 / 2, abs=0.01), "means of its intervals"
    assert run["summary"]["running"]["seconds"] == pytest.approx(59.8)
    times = [
        float(line.split(",")[0]) for line in (tmp_path / "out.csv").read_text().split("\n")[9:14]
    ]
    assert [round(b - a, 6) for a, b in pairwise(times)] == [0.2] * 4
    assert "up to 5 rows share one time stamp" in remarks(run)
    assert "power of one socket" in remarks(run)
    assert "columns not kept: Top Freq, Perf Lost, Max Temp, Max Power, Fan" in remarks(run)
    assert "cpu_util_pct,cpu_freq_MHz,cpu_temp_C" in (tmp_path / "out.csv").read_text()


def test_s_tui_of_today_has_packages_and_dram(tmp_path: Path) -> None:
    header = (
        'Time,Frequency:Avg,Frequency:Core 0,Util:Avg,"Temp:Package id 0,0",Power:package-0,'
        '"Power:core,Pkg0",Power:package-1,"Power:dram,Pkg0","Power:psys,Pkg0",Fan:cpu'
    )
    rows = [
        f"2024-05-01_10:00:{s:02d},2000.0,2000.0,7.5,50.0,{20.0 + s},9.0,30.0,4.0,99.0,1200"
        for s in range(31)
    ]
    run = one_import(tmp_path, "\n".join([header, *rows]) + "\n")
    watts = {
        name: figures["running_w"] for name, figures in run["summary"]["running"]["domains"].items()
    }
    assert watts == pytest.approx(
        {"package0": 35.5, "core0": 9, "package1": 30, "dram0": 4, "psys": 99, "total": 69.5}
    )
    assert "one socket" not in remarks(run)
    assert "columns not kept: Frequency:Core 0, Fan:cpu" in remarks(run)


def test_a_typed_table_is_a_meter_by_hand_and_its_mean_counts(tmp_path: Path) -> None:
    rows = [("2024-01-01 10:00:00", "90"), ("2024-01-01 10:01:00", "110"), ("", "")]
    run = one_import(tmp_path, typed([*rows, ("2024-01-01 10:10:00", "112 W")]), "--meter", "ups")
    figures = running(run, "meter_ups")
    assert figures["origin"] == "manual"
    assert figures["running_w"] == pytest.approx(104), "unweighted: no line through the points"
    assert "note:meter ups 90 W" in (tmp_path / "out.csv").read_text()
    assert {"meter_ups_J", "meter_ups_W"} < set(
        (tmp_path / "out.csv").read_text().split("\n")[0].split(",")
    )


def test_a_typed_table_without_times_has_a_mean(tmp_path: Path) -> None:
    run = one_import(tmp_path, typed([("", "2.5"), ("", "2.7"), ("x", "9"), ("", "2.6")]))
    assert running(run, "meter_wall")["running_w"] == pytest.approx(2.6)
    assert "no row has a time" in remarks(run)
    assert "'x' is not a time: 1 row (line 4)" in remarks(run)


def power_lines(watts: float, seconds: int, gpu: dict[str, object], start: int = 0) -> str:
    """AIPowerMeter's lines, 2 s apart."""
    cpu = {
        "intel_power": watts,
        "psys_power": -1,
        "total_dram_power": 5.0,
        "total_cpu_power": watts / 2,
    }
    lines = []
    for second in range(0, seconds + 1, 2):
        date = str(START + timedelta(seconds=start + second, microseconds=307695))
        lines.append(json.dumps({"date": date, "metrics": {"cpu": cpu, "gpu": gpu}}))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("gpu", "watts"),
    [
        ({"nvidia_draw_absolute": 88.0, "per_gpu_power_draw": {"0": 18.0, "1": 70.0}}, [18, 70]),
        ({"nvidia_draw_absolute": 88.0}, [88]),
        ({"nvidia_power": 60.0}, [60]),
    ],
)
def test_both_schemas_of_aipowermeter(
    tmp_path: Path, gpu: dict[str, object], watts: list[float]
) -> None:
    run = one_import(tmp_path, power_lines(40.0, 20, gpu))
    for number, gpu_w in enumerate(watts):
        assert running(run, f"gpu{number}")["running_w"] == pytest.approx(gpu_w)
    assert running(run, "total")["running_w"] == pytest.approx(45 + sum(watts))
    assert "psys" not in run["summary"]["running"]["domains"]
    assert "no figure in psys_power (−1: there is none): 11 rows" in remarks(run)
    assert ("gpu0 is all GPUs together" in remarks(run)) == (len(watts) == 1)


def test_a_folder_of_aipowermeters_runs_has_labels_repeats_and_counts(tmp_path: Path) -> None:
    for size, watts in ((112, 40.0), (1120, 80.0), (224, 60.0)):
        for number in (0, 1, 10):
            folder = tmp_path / f"runs/input_{size}/run_{number}"
            folder.mkdir(parents=True)
            text = power_lines(watts + number / 10, 20, {"nvidia_power": 10.0}, 100 * number)
            (folder / "power_metrics.json").write_text(text)
            (folder / "latency.csv").write_text("2.0e-01\n" * 100)
    assert imported(tmp_path / "runs", "--out", tmp_path / "sweep.csv") == 0
    run = run_of(tmp_path / "sweep.csv")
    labels = {group["label"]: group for group in run["summary"]["labels"]}
    assert list(labels) == ["input_112", "input_224", "input_1120"]
    assert labels["input_224"]["inferences"] == 300
    assert labels["input_224"]["inferences_per_s"] == pytest.approx(5)
    total = labels["input_1120"]["domains"]["total"]["total_j_per_inference"]
    assert total["value"] == pytest.approx((80 + 5 + 10 + 11 / 30) / 5)
    assert total["plus_minus"] > 0
    assert len(run["summary"]["repeats"]) == 3
    assert "input_112/run_0: 100 inferences of 20.0 s in total (latency.csv)" in remarks(run)


def test_a_folder_of_runs_is_read_line_by_line(tmp_path: Path) -> None:
    """Its lines have the figures of every process of the machine: 10 MB a run here."""
    processes = json.dumps({"per_process": "x" * 20_000})
    for number in range(3):
        folder = tmp_path / f"runs/run_{number}"
        folder.mkdir(parents=True)
        lines = power_lines(40.0, 1000, {"nvidia_power": 10.0}, 2000 * number)
        text = lines.replace('{"date"', f'{processes[:-1]}, "date"')
        (folder / "power_metrics.json").write_text(text)
    tracemalloc.start()
    assert imported(tmp_path / "runs", "--out", tmp_path / "out.csv") == 0
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(run_of(tmp_path / "out.csv")["summary"]["repeats"]) == 3
    assert peak_bytes < 20e6


DEEPMETER = (
    "CPU/Package_0_power,CPU/Package_0_energy,CPU/Package_1_power,CPU/Package_1_energy,"
    "DRAM/DRAM_0_power,DRAM/DRAM_0_energy,DRAM/DRAM_1_power,DRAM/DRAM_1_energy\n"
)


def test_deepmeters_layers_have_the_energies_of_their_rows(tmp_path: Path) -> None:
    rows = [
        "28000,56000,36000,72000,6000,12000,14000,28000",
        "30000,15000,36000,18000,0,0,14000,7000",
        "30000,15000,36000,99000,6000,3000,14000,7000",
    ]
    run = one_import(tmp_path, DEEPMETER + "\n".join(rows) + "\n", "--inferences", "1000")
    first, second = run["summary"]["labels"]
    assert (first["label"], second["label"]) == ("layer 1", "layer 2")
    assert (first["seconds"], second["seconds"]) == (pytest.approx(2), pytest.approx(0.5))
    assert first["domains"]["total"]["running_j"]["value"] == pytest.approx(168)
    assert first["domains"]["package1"]["total_j_per_inference"]["value"] == pytest.approx(0.072)
    assert second["domains"]["dram0"]["running_j"] is None, "0 is not a measurement"
    assert second["domains"]["package0"]["running_j"]["value"] == pytest.approx(15)
    assert "no figures of DRAM/DRAM_0 (0 is not a measurement): 1 row (line 3)" in remarks(run)
    assert "its domains disagree on the time: 1 row (line 4)" in remarks(run)


def test_an_energy_that_one_layer_lacks_is_not_taken_from_the_next(tmp_path: Path) -> None:
    """1 W, nothing, and 8 W of DRAM beside 2 W of package, 1 s each."""
    rows = [f"2000,2000,0,0,{dram},{dram},0,0" for dram in (1000, 0, 8000)]
    run = one_import(tmp_path, DEEPMETER + "\n".join(rows) + "\n")
    drams = [group["domains"]["dram0"]["running_j"] for group in run["summary"]["labels"]]
    totals = [group["domains"]["total"]["running_j"] for group in run["summary"]["labels"]]
    assert drams[1] is totals[1] is None
    assert [drams[n]["value"] for n in (0, 2)] == pytest.approx([1, 8])
    assert [totals[n]["value"] for n in (0, 2)] == pytest.approx([3, 10])
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(6)
    assert running(run, "dram0")["running_j"] is None
    (flag,) = (f for f in run["summary"]["flags"] if f["name"] == "per_phase")
    assert "some running phases have none for dram0, total" in flag["text"]


CODECARBON = (
    "timestamp,project_name,run_id,duration,emissions,cpu_power,gpu_power,ram_power,"
    "cpu_energy,gpu_energy,ram_energy,energy_consumed\n"
)


def test_codecarbons_runs_are_estimates_in_joules(tmp_path: Path) -> None:
    rows = [
        "2024-01-01T10:00:00,kws,a,50,1e-4,30,0,3,0.0004,0,0.00005,0.00045",
        "2024-01-01T10:00:10,kws,a,60,1e-4,30,0,3,0.0005,0,0.00005,0.00055",
        "2024-01-02T10:00:00,kws,b,60,1e-4,30,0,3,0.0007,0,0.00005,0.00075",
        "2024-01-02T11:00:00,other,c,0,1e-4,30,0,3,0.0007,0,0.00005,0.00075",
    ]
    run = one_import(tmp_path, CODECARBON + "\n".join(rows) + "\n", "--inferences", "100")
    figures = running(run, "est_cpu")
    assert figures["origin"] == "estimated"
    assert figures["running_j"]["value"] == pytest.approx(0.0012 * 3.6e6)
    assert [g["repeat"] for g in run["summary"]["repeats"]] == [1, 2]
    assert run["summary"]["running"]["inferences"] == 200
    assert "gpu0" not in run["summary"]["running"]["domains"], "0 is not a measurement"
    assert "an earlier row of the same run: 1 row (line 2)" in remarks(run)
    assert "no duration: 1 row (line 5)" in remarks(run)
    assert "estimated" in {flag["name"] for flag in run["summary"]["flags"]}


def test_codecarbons_gpu_energy_is_measured(tmp_path: Path) -> None:
    row = "2024-01-01T10:00:00,kws,a,100,1e-4,30,50,3,0.001,0.002,0.0001,0.0031\n"
    run = one_import(tmp_path, CODECARBON + row)
    assert running(run, "gpu0")["running_w"] == pytest.approx(72)
    assert running(run, "total")["running_w"] == pytest.approx(72)
    assert "gpu0 is all GPUs together" in remarks(run)


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        (
            CODECARBON
            + "2024-09-30T06:16:21,load,r1,3.6,0,30,9,3,4e-05,9.8e-06,5e-06,6e-05\n"
            + "2024-09-30T06:23:43,train,r2,122.6,0,30,40,3,1.4e-03,1.4e-03,1.6e-04,3e-03\n",
            ("gpu0", "total"),
        ),
        (
            DEEPMETER + "28000,56000,36000,72000,6000,12000,14000,28000\n" * 2,
            ("package0", "package1", "dram0", "dram1", "total"),
        ),
    ],
    ids=["CodeCarbon", "DeepMeter"],
)
def test_energies_of_whole_phases_have_no_update_period(
    tmp_path: Path, text: str, channels: tuple[str, ...]
) -> None:
    run = one_import(tmp_path, text, "--inferences", "10")
    assert run["update_periods_s"] == {}
    assert "update_period_s" not in (tmp_path / "out.csv").read_text()
    groups = [run["summary"]["running"], *run["summary"]["labels"]]
    for channel in channels:
        for group in groups:
            for figure in ("running_j", "total_j_per_inference"):
                assert group["domains"][channel][figure]["value"] > 0
                assert group["domains"][channel][figure]["plus_minus"] is None
                assert group["domains"][channel][figure]["resolution"] is None
    flags = {flag["name"]: flag for flag in run["summary"]["flags"]}
    assert "short_window" not in flags
    assert set(channels) <= set(flags["per_phase"]["where"].split(", "))
    assert "± is unknown" in flags["per_phase"]["text"]


def test_the_power_of_a_phase_is_over_the_phase_alone(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-01T10:0{n}:00,kws{n},{n},100,0,0,0,0,1e-3,0,0,1e-3\n" for n in (1, 2))
    one_import(tmp_path, CODECARBON + rows)
    lines = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    watts = [cells[lines[0].index("est_cpu_W")] for cells in lines if cells[5] == "end"]
    assert watts == ["36.000", "36.000"]


def energibridge(header: str, rows: list[str]) -> str:
    return f"Delta,Time,{header}\n" + "\n".join(rows) + "\n"


def test_energibridges_counters_are_differenced_and_its_milliwatts_integrated(
    tmp_path: Path,
) -> None:
    rows = [
        f"1,{1_700_000_000_000 + 200 * n},{10 + n % 2},{20},{500 + 3 * n},{7000 + 10 * n},50000,64"
        for n in range(51)
    ]
    header = (
        "CPU_USAGE_0,CPU_USAGE_1,DRAM_ENERGY (J),PACKAGE_ENERGY (J),GPU0_POWER (mWatts),USED_MEMORY"
    )
    run = one_import(tmp_path, energibridge(header, rows))
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(500)
    assert running(run, "dram0")["running_j"]["value"] == pytest.approx(150)
    assert running(run, "gpu0")["running_w"] == pytest.approx(50)
    assert running(run, "total")["running_w"] == pytest.approx(50 + 15 + 50)
    flags = {flag["name"]: flag["where"] for flag in run["summary"]["flags"]}
    assert flags["integrated"] == "gpu0"
    last = (tmp_path / "out.csv").read_text().splitlines()[-1]
    assert last.startswith("10.000000,2023-11-14T22:13:30.000Z,")
    assert "columns not kept: USED_MEMORY" in remarks(run)


def test_a_counter_that_falls_adds_nothing_and_is_flagged(tmp_path: Path) -> None:
    joules = [100, 110, 120, 5, 15, 25]
    rows = [f"0,{1_700_000_000_000 + 1000 * n},{j}" for n, j in enumerate(joules)]
    run = one_import(tmp_path, energibridge("CPU_ENERGY (J)", rows))
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(40)
    assert "reset" in {flag["name"] for flag in run["summary"]["flags"]}


def test_a_long_pause_in_a_power_log_is_a_gap(tmp_path: Path) -> None:
    lines = nvidia_smi(60, lambda _: 50.0).splitlines()
    run = one_import(tmp_path, "\n".join(lines[:50] + lines[100:]) + "\n")
    assert running(run, "gpu0")["running_w"] == pytest.approx(50)
    assert "gap:gpu0" in (tmp_path / "out.csv").read_text()
    assert "gap" in {flag["name"] for flag in run["summary"]["flags"]}


def test_a_stray_time_is_left_out(tmp_path: Path) -> None:
    lines = nvidia_smi(60, lambda _: 50.0).splitlines()
    lines[40] = lines[40].replace("2018/09/15", "2031/09/15")
    lines[90] = lines[90].replace("2018/09/15", "1999/09/15")
    run = one_import(tmp_path, "\n".join(lines) + "\n")
    assert run["summary"]["running"]["seconds"] == pytest.approx(60)
    assert "a time out of order: 2 rows (lines 41, 91)" in remarks(run)


def test_a_last_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    run = one_import(tmp_path, nvidia_smi(20, lambda _: 50.0)[:-5])
    assert running(run, "gpu0")["running_w"] == pytest.approx(50), "not 50 W cut to 5"
    assert "the last line is cut short" in remarks(run)


def test_a_last_line_without_its_end_is_a_row_where_it_is_whole(tmp_path: Path) -> None:
    whole = nvidia_smi(20, lambda _: 50.0)[:-1]
    run = one_import(tmp_path, whole)
    assert run["summary"]["running"]["seconds"] == pytest.approx(20)
    assert "cut short" not in remarks(run)
    row = "2025-07-03T01:43:18,kws,a,11.5,1e-5,24,0,6,7.29e-05,0,1.8e-05,9.1e-05"
    (tmp_path / "one").mkdir()
    run = one_import(tmp_path / "one", CODECARBON + row)
    assert running(run, "est_cpu")["running_j"]["value"] == pytest.approx(262.44)


def test_utf16_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    text = nvidia_smi(20, lambda _: 50.0).replace("\n", "\r\n")
    (tmp_path / "log.csv").write_bytes(text.encode("utf-16"))
    assert imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv") == 0
    assert running(run_of(tmp_path / "out.csv"), "gpu0")["running_w"] == pytest.approx(50)


def test_stamps_of_s_tui_outside_of_a_second_stay_where_they_are() -> None:
    text = s_tui(3, lambda _: 5.0, per_second=1)
    log = whole(s_tui_reader.read(LogText(text)), "idle", "", None)
    steps = [b.time_ns - a.time_ns for a, b in pairwise(log.samples)]
    assert steps == [10**9, 10**9]
    assert log.stretches[0].phase == "idle"


def test_typed_readings_of_one_stamp_are_spread_up_to_the_next(tmp_path: Path) -> None:
    minute = "2024-01-01 10:00:00"
    rows = [(minute, "5"), (minute, "6"), (minute, "7"), ("2024-01-01 10:00:30", "8")]
    run = one_import(tmp_path, typed(rows))
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [float(line.split(",")[0]) for line in lines if "note:meter" in line] == [0, 10, 20, 30]
    assert "up to 3 rows share one time stamp: they were spread evenly up to the next" in remarks(
        run
    )


def test_nothing_is_integrated_between_two_logs(tmp_path: Path) -> None:
    (tmp_path / "idle.csv").write_text(nvidia_smi(60, lambda _: 20.0))
    run = one_import(tmp_path, nvidia_smi(60, lambda _: 50.0), "--idle", str(tmp_path / "idle.csv"))
    lines = (tmp_path / "out.csv").read_text().splitlines()
    edges = {
        (line.split(",")[2], line.split(",")[5]): line.split(",")
        for line in lines
        if ",begin," in line or ",end," in line
    }
    assert edges["idle", "end"][7] == edges["running", "begin"][7], "joules"
    assert float(edges["running", "begin"][0]) - float(edges["idle", "end"][0]) == pytest.approx(1)
    assert running(run, "gpu0")["idle_w"] == pytest.approx(20)


def test_a_pause_between_aipowermeters_segments_is_not_running(tmp_path: Path) -> None:
    """10 W for 3 s, 36 s of nothing, 10 W for 3 s; the uncore at 0.1 and 0 W in turn."""
    lines = []
    for place in range(14):
        at = START + timedelta(seconds=0.5 * place + (35.5 if place >= 7 else 0))
        cpu = {"intel_power": 10.0, "uncore_power": [0.1 * (place % 2)], "total_dram_power": 0.0}
        lines.append(json.dumps({"date": f"{at}", "metrics": {"cpu": cpu}}))
    lines.insert(7, '"END OF RECORDING SEGMENT"')
    run = one_import(tmp_path, "\n".join([*lines, '"END OF RECORDING SEGMENT"']) + "\n")
    assert run["summary"]["running"]["seconds"] == pytest.approx(6)
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(60)
    assert running(run, "total")["running_j"]["value"] == pytest.approx(60)
    assert running(run, "uncore0")["running_j"]["value"] == pytest.approx(0.3)
    assert "dram0" not in run["summary"]["running"]["domains"], "0 throughout: not measured"
    assert "gap" not in {flag["name"] for flag in run["summary"]["flags"]}
    assert "except 1 pause between its segments" in remarks(run)
    assert "total_dram_power (0 is not a measurement): 14 rows" in remarks(run)


def test_the_inferences_of_a_run_of_segments_are_counted_once(tmp_path: Path) -> None:
    folder = tmp_path / "runs/input_224/run_0"
    folder.mkdir(parents=True)
    text = (
        power_lines(40.0, 20, {}) + '"END OF RECORDING SEGMENT"\n' + power_lines(40.0, 20, {}, 60)
    )
    (folder / "power_metrics.json").write_text(text)
    (folder / "latency.csv").write_text("2.0e-01\n" * 100)
    assert imported(tmp_path / "runs", "--out", tmp_path / "sweep.csv") == 0
    run = run_of(tmp_path / "sweep.csv")
    assert run["summary"]["running"]["inferences"] == 100
    total = running(run, "total")["total_j_per_inference"]
    assert total["value"] == pytest.approx(40 * 45 / 100)


TWO_GPUS = "timestamp, name, power.draw [W], utilization.gpu [%]\n"


def in_turn(seconds: int, names: tuple[str, ...] = ("H200", "H200"), apart_ms: int = 4) -> str:
    """Rows of two GPUs of 300 and 100 W, some milliseconds apart, each second."""
    lines = []
    for second in range(seconds + 1):
        for place, (name, watts) in enumerate(zip(names, (300, 100), strict=True)):
            at = START + timedelta(seconds=second, milliseconds=982 + place * apart_ms)
            lines.append(f"{at:%Y/%m/%d %H:%M:%S.%f}"[:-3] + f", {name}, {watts}.00 W, 90 %\n")
    return TWO_GPUS + "".join(lines)


def test_gpus_in_turn_are_told_apart_without_an_index(tmp_path: Path) -> None:
    run = one_import(tmp_path, in_turn(19))
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(5700)
    assert running(run, "gpu1")["running_j"]["value"] == pytest.approx(1900)
    assert running(run, "total")["running_w"] == pytest.approx(400)
    assert "no index in the log: GPUs are distinguished by the order of their rows" in remarks(run)


def test_gpus_of_two_names_are_two(tmp_path: Path) -> None:
    run = one_import(tmp_path, in_turn(19, ("H200", "T4"), apart_ms=300))
    assert running(run, "gpu0")["running_w"] == pytest.approx(300)
    assert running(run, "gpu1")["running_w"] == pytest.approx(100)
    assert running(run, "total")["running_w"] == pytest.approx(400)


@pytest.mark.parametrize("lost", [9, 20])
def test_gpus_that_are_not_always_in_turn_are_refused(lost: int) -> None:
    lines = in_turn(19).splitlines(keepends=True)
    del lines[lost]
    with pytest.raises(UnreadableError, match="fix: log with --query-gpu=index"):
        nvidia_reader.read(LogText("".join(lines)))


def test_rows_of_one_round_make_a_total_at_every_edge(tmp_path: Path) -> None:
    """With an index too: nvidia-smi reads one GPU after the other."""
    text = TWO_GPUS.replace("name", "index") + in_turn(19, ("0", "1")).partition("\n")[2]
    run = one_import(tmp_path, text)
    assert running(run, "total")["running_j"]["value"] == pytest.approx(7600)


MISSING = ("[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "ERR!", "")


@pytest.mark.parametrize("missing", MISSING)
def test_fields_that_are_not_available_are_no_readings(tmp_path: Path, missing: str) -> None:
    header = "timestamp, index, power.draw [W], power.draw.instant [W], utilization.gpu [%]\n"
    rows = [
        f"2024/01/01 00:00:{s:02d}.000, {missing if s == 5 else 0}, {missing}, "
        f"{missing if s == 7 else '50.00 W'}, {missing}\n"
        for s in range(31)
    ]
    run = one_import(tmp_path, header + "".join(rows))
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(1500)
    assert list(run["summary"]["running"]["domains"]) == ["gpu0", "total"]
    assert "left out, no index: 1 row (line 7)" in remarks(run)
    assert "no figure in 'power.draw.instant [W]': 1 row (line 9)" in remarks(run)
    with pytest.raises(UnreadableError, match=r"no row has a figure in 'power.draw \[W\]'"):
        nvidia_reader.read(
            LogText(
                "timestamp, power.draw [W], utilization.gpu [%]\n"
                f"2024/01/01 00:00:01.000, {missing}, 5 %\n"
                f"2024/01/01 00:00:02.000, {missing}, 5 %\n"
            )
        )


STAMPS = {
    "2025-04-24T16:02:{0:02d}.{1}Z": True,
    "2025-04-25T00:02:{0:02d}.{1}+08:00": True,
    "2025-04-24 12:32:{0:02d}.{1}-0330": True,
    "2025-04-24T16:02:{0:02d},{1}": False,
    "17455105{0:02d}.{1}": True,
    "17455105{0:02d}{1}": True,
}


@pytest.mark.parametrize(("form", "utc"), STAMPS.items())
@pytest.mark.parametrize("power", ["{}.50 W", "{}.5", "{},5 W"])
def test_stamps_with_a_zone_or_since_1970_and_decimal_commas(
    tmp_path: Path, form: str, utc: bool, power: str
) -> None:
    rows = [f"{form.format(s, '560')}, {power.format(50 + s)}\n" for s in range(21)]
    run = one_import(tmp_path, "timestamp, power.draw [W]\n" + "".join(rows))
    assert run["summary"]["running"]["seconds"] == pytest.approx(20)
    assert running(run, "gpu0")["running_w"] == pytest.approx(60.5)
    last = (tmp_path / "out.csv").read_text().splitlines()[-1].split(",")[1]
    assert (last != "") is utc
    if utc and "1745" not in form:
        assert last == "2025-04-24T16:02:20.560Z"
    assert ("start_utc_ns" in run["clock"]) is utc


def test_a_table_with_semicolons_has_decimal_commas(tmp_path: Path) -> None:
    rows = [("2024-01-01 10:00:00", "90,5"), ("2024-01-01 10:01:00", "91,5")]
    text = "Timestamp;Power\n" + "".join(f"{stamp};{power}\n" for stamp, power in rows)
    assert running(one_import(tmp_path, text), "meter_wall")["running_w"] == pytest.approx(91)


@pytest.mark.parametrize("text", ["1,234", "12,345 W", "1,2,3"])
def test_a_comma_that_may_be_of_thousands_is_no_figure(text: str) -> None:
    assert power_w(text) is None
    assert power_w("0,125") == 0.125
    assert power_w("1,25 W") == 1.25
    assert power_w("1234,567") == pytest.approx(1234.567)


def test_s_tui_since_2020_has_quoted_numbers(tmp_path: Path) -> None:
    header = (
        'Time,Frequency:Avg,Frequency:Core 0,Util:Avg,"Power:package-0,0","Power:core,0",'
        '"Power:package-1,1","Power:dram,0","Power:dram,1","Power:psys,0",Throttle'
    )
    rows = [
        f"2026-11-28_15:32:{s:02d},2596,2596,50.8,79.6,62.1,30.0,6.0,2.0,104.5," for s in range(31)
    ]
    run = one_import(tmp_path, "\n".join([header, *rows]) + "\n")
    watts = {
        name: figures["running_w"] for name, figures in run["summary"]["running"]["domains"].items()
    }
    assert watts == pytest.approx(
        {
            "package0": 79.6, "core0": 62.1, "package1": 30, "dram0": 6, "dram1": 2, "psys": 104.5,
            "total": 117.6,
        }
    )  # fmt: skip


def test_a_counter_of_energibridge_that_wraps_loses_that_step_and_says_so(tmp_path: Path) -> None:
    """100 W for 20 s; the counter wraps at 262144 J, which is not in the log: 20 J are missing."""
    joules = [(261_643 + 20 * n) % 262_144 for n in range(101)]
    wrapped = sum(b < a for a, b in pairwise(joules))
    rows = [f"199,{1_732_790_000_000 + 200 * n},{j}" for n, j in enumerate(joules)]
    run = one_import(tmp_path, energibridge("PACKAGE_ENERGY (J)", rows))
    assert wrapped == 1
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(1980)
    assert "reset" in {flag["name"] for flag in run["summary"]["flags"]}
    assert (
        "the log does not contain the range of its counters: a step in which one wraps is missing"
        in remarks(run)
    )


def test_rows_of_one_moment_leave_an_error_bar(tmp_path: Path) -> None:
    """Most rows share the time of another: the others still tell how often a counter was read."""
    rows = [f"0,{1_732_790_000_000 + 1000 * (n // 3)},{n // 3 * 10}" for n in range(60)]
    run = one_import(tmp_path, energibridge("PACKAGE_ENERGY (J)", rows))
    assert run["update_periods_s"] == {"package0": 1.0}
    assert running(run, "package0")["running_j"]["plus_minus"] == pytest.approx(10)
