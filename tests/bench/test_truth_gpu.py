"""Recorded joules of GPUs: counted, integrated, lost, chosen."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from recorders.worker import CALIBRATE_S
from testbench import topologies
from testbench.curves import Constant, Sine, Square, Steps
from testbench.fakenvml import (
    ERROR_GPU_IS_LOST,
    ERROR_LIB_RM_VERSION_MISMATCH,
    ERROR_NO_PERMISSION,
    ERROR_NOT_FOUND,
    ERROR_UNKNOWN,
    NONE_32,
    NONE_64,
    PASCAL,
    FakeNvml,
    Gpu,
    NvmlFault,
    PowerSensor,
)
from testbench.recording import BenchPhase, BenchRecording, program, record

from .conftest import MakeBench
from .truth import (
    assert_covered,
    assert_exact,
    assert_never_falls,
    assert_on_curve,
    assert_rows_exact,
)

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_nvml, pytest.mark.quiet]

RATE_HZ = 50.0
TICK_S = 1 / RATE_HZ
# One row holds readings up to 2 ms apart; the counters move once per ms.
ROW_S = 0.003
LONG = BenchPhase("long", 0.0, 2.1)
SECOND = BenchPhase("second", 0.0, 1.1)
BRIEF = BenchPhase("second", 0.0, 0.4)
FINE_S, COARSE_S = 0.001, 0.1
ENERGY, POWER = "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"
PLAIN = topologies.plain(package=Constant(50.0), dram=Constant(5.0))
# A sensor that looks at 25 of every 100 ms sees only the high quarter of this.
BURSTS = Square(250.0, 400.0, 0.1, 0.25)
PART_TIME = PowerSensor("parttime", 0.1, 0.025)


@pytest.fixture(autouse=True)
def _no_choice_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_an_energy_counter_is_exact_whatever_the_power_sensor_sees(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    gpus = (
        Gpu(Sine(200.0, 80.0, 0.7), energy_refresh_s=FINE_S),
        Gpu(BURSTS, energy_refresh_s=FINE_S, power=PART_TIME),
    )
    recording = record(make_bench(PLAIN, FakeNvml(gpus)), tmp_path, program(LONG), rate_hz=RATE_HZ)
    assert gpus[1].shown_mw(1.0) == 400_000
    assert_exact(recording, "long", "gpu0", "gpu1", "package0", "dram0", "total")
    assert_never_falls(recording)
    assert recording.happened == []
    assert recording.source("nvml")["devices"]["gpu0"]["reading"] == "energy counter"


def test_a_slow_energy_counter_is_within_what_the_summary_leaves_open(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    gpu = Gpu(Constant(300.0), energy_refresh_s=0.02)
    recording = record(
        make_bench(PLAIN, FakeNvml((gpu,))), tmp_path, program(SECOND), rate_hz=RATE_HZ
    )
    figure = recording.run["summary"]["running"]["domains"]["gpu0"]["running_j"]
    true_j = recording.true_block_j("gpu0", "second")
    # One refresh, and on a busy machine what the calls for the phase may have used.
    calls_s = recording.seconds("second") - recording.run["summary"]["running"]["seconds"]
    assert 0.9 * 300.0 * 0.02 < figure["plus_minus"] < 1.1 * 300.0 * (0.02 + calls_s)
    assert abs(figure["value"] - true_j) <= figure["plus_minus"]
    assert "short_window" in recording.flags()
    assert_exact(recording, "second", "package0", "dram0")


def test_idle_gpus_are_left_out_of_the_total_of_a_run_of_the_cpu(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    gpu = Gpu(Constant(70.0), energy_refresh_s=FINE_S)
    bench, options = make_bench(PLAIN, FakeNvml((gpu,))), ["--count", "cpu"]
    recording = record(bench, tmp_path, program(BRIEF), rate_hz=RATE_HZ, options=options)
    assert_exact(recording, "second", "gpu0", "package0", "dram0")
    total_j = recording.energy_j("total", "second")
    parts_j = [recording.energy_j(name, "second") for name in ("package0", "dram0")]
    assert total_j == pytest.approx(sum(parts_j), abs=1e-5)
    assert recording.run["summary"]["contents"] == "1 GPU not counted"
    assert "measured: 1 GPU not counted (channel total)" in recording.said
    (gpus,) = recording.source("nvml")["channels"][:1]
    assert gpus["in_total"] is False


def test_power_is_integrated_and_said_so_without_a_counter(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    sensor = PowerSensor("instant", 0.02)
    gpu = Gpu(Sine(150.0, 60.0, 0.9), energy=False, arch=PASCAL, power=sensor)
    bench = make_bench(topologies.no_rapl(), FakeNvml((gpu,)))
    recording = record(bench, tmp_path, program(LONG), rate_hz=RATE_HZ)
    assert recording.energy_j("gpu0", "long") == pytest.approx(
        recording.true_j("gpu0", "long"), rel=0.03
    )
    assert "note:integrated gpu0" in [row["event"] for row in recording.rows]
    assert recording.source("nvml")["devices"]["gpu0"]["reading"] == "power, integrated"
    assert (
        "! integrated gpu0 no energy counter; power readings were integrated instead"
        in recording.said
    )
    assert {function for _, _, function in bench.nvml_calls()} >= {POWER}
    assert_never_falls(recording)


def test_a_gpu_lost_half_way_ends_its_channels_only(make_bench: MakeBench, tmp_path: Path) -> None:
    lost_s = 2.0
    gpus = (
        Gpu(Constant(200.0), energy_refresh_s=FINE_S, lost_s=lost_s),
        Gpu(Constant(100.0), energy_refresh_s=FINE_S),
    )
    stretch = BenchPhase("long", 1.2, 1.8)
    source = program(stretch) + "raise SystemExit(5)\n"
    bench = make_bench(PLAIN, FakeNvml(gpus))
    recording = record(bench, tmp_path, source, rate_hz=RATE_HZ, status=5)
    assert recording.happened == ["lost:gpu0"]
    assert lost_s - TICK_S <= recording.event_s("lost:gpu0") <= lost_s + 0.2
    for column in (name for name in recording.rows[0] if name.startswith(("gpu0", "total"))):
        assert set(recording.cells(column, lost_s, stretch.begin_s + stretch.seconds)) == {""}
    assert_exact(recording, "long", "gpu1", "package0", "dram0")
    assert recording.summed_j("gpu0", "long") is None
    text = "the sensor disappeared or sleeps; its energy after that is unknown"
    assert f"! lost gpu0 {text}" in recording.said
    assert recording.run["command"]["exit_statuses"] == [5]


TWO = FakeNvml(
    (
        Gpu(Constant(300.0), energy_refresh_s=FINE_S),
        Gpu(Constant(120.0), energy_refresh_s=FINE_S, mig=2),
    )
)
CHOICES = {"index": "1", "uuid": TWO.uuid(1), "mig": TWO.mig_uuid(1, 0)}


@pytest.mark.parametrize("choice", CHOICES)
def test_only_the_gpu_that_the_command_sees(
    choice: str, make_bench: MakeBench, tmp_path: Path
) -> None:
    setting = CHOICES[choice]
    recording = record(
        make_bench(PLAIN, TWO),
        tmp_path,
        program(LONG),
        rate_hz=RATE_HZ,
        env={"CUDA_VISIBLE_DEVICES": setting},
    )
    assert recording.energy_columns == {"package0_J", "dram0_J", "gpu1_J", "total_J"}
    assert_exact(recording, "long", "gpu1", "package0", "dram0", "total")
    assert recording.source("nvml")["devices"]["gpu1"]["uuid"] == TWO.uuid(1)
    assert "note:mig gpu1" in [row["event"] for row in recording.rows]
    assert "hidden_gpus" in recording.flags()
    hidden = f"1 GPU hidden by CUDA_VISIBLE_DEVICES={setting}"
    assert hidden in [refusal["reason"] for refusal in recording.run["missing"]]


# Three seconds at 86 W of RAPL and 100 W of each GPU: 258 J and 300 J.
RAPL_258 = topologies.plain(package=Constant(80.0), dram=Constant(6.0))
THREE = BenchPhase("three", 0.0, 3.0)


@pytest.mark.parametrize(
    ("fault", "joules", "missing"),
    [
        (NvmlFault("nvmlDeviceGetHandleByIndex", ERROR_NO_PERMISSION), 558.0, {"gpu0"}),
        (NvmlFault("nvmlDeviceGetHandleByIndex", ERROR_GPU_IS_LOST), 558.0, {"gpu0"}),
        (NvmlFault("nvmlDeviceGetUUID", ERROR_NOT_FOUND), 858.0, set()),
        (NvmlFault("nvmlDeviceGetName", ERROR_UNKNOWN), 858.0, set()),
        (None, 858.0, set()),
    ],
)
def test_one_gpu_that_refuses_a_call_takes_no_other_with_it(
    fault: NvmlFault | None,
    joules: float,
    missing: set[str],
    make_bench: MakeBench,
    tmp_path: Path,
) -> None:
    """Without a fault its name is no text."""
    name = "NVIDIA Bench 4000" if fault else "NVIDIA \udce9"
    faults = (fault,) if fault else ()
    bad = Gpu(Constant(100.0), name=name, energy_refresh_s=FINE_S, faults=faults)
    bench = make_bench(RAPL_258, FakeNvml((bad, Gpu(Constant(100.0), energy_refresh_s=FINE_S))))
    recording = record(bench, tmp_path, program(THREE), rate_hz=RATE_HZ)
    scale = recording.seconds("three") / THREE.seconds
    assert recording.summed_j("total", "three") == pytest.approx(joules * scale, rel=0.005)
    parts = {each["part"] for each in recording.run["missing"] if each["part"]}
    assert parts == missing
    assert ("incomplete" in recording.flags()) == bool(missing)
    assert any(each["source"] == "gpu0" for each in recording.run["missing"])


def test_a_driver_that_does_not_answer_is_missing_from_the_sum(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(RAPL_258, FakeNvml(init_error=ERROR_LIB_RM_VERSION_MISMATCH))
    recording = record(bench, tmp_path, program(SECOND), rate_hz=RATE_HZ)
    assert "incomplete" in recording.flags()
    assert "the NVIDIA driver is not responding" in recording.said


def test_gpus_that_are_all_hidden_are_named_in_the_summary(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(PLAIN, TWO)
    env = {"CUDA_VISIBLE_DEVICES": ""}
    recording = record(bench, tmp_path, program(SECOND), rate_hz=RATE_HZ, env=env)
    assert recording.energy_columns == {"package0_J", "dram0_J", "total_J"}
    assert "hidden_gpus" in recording.flags()
    assert "incomplete" not in recording.flags()
    assert "all 2 GPUs are hidden by CUDA_VISIBLE_DEVICES=" in recording.said


def test_an_index_among_two_models_records_both_and_says_so(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    gpus = (
        Gpu(Constant(20.0), name="NVIDIA GT 1030", energy_refresh_s=FINE_S),
        Gpu(Constant(300.0), name="NVIDIA RTX 4090", energy_refresh_s=FINE_S),
    )
    bench = make_bench(PLAIN, FakeNvml(gpus))
    env = {"CUDA_VISIBLE_DEVICES": "0"}
    recording = record(bench, tmp_path, program(SECOND), rate_hz=RATE_HZ, env=env)
    energy_j, true_j = (of("total", "second") for of in (recording.energy_j, recording.true_j))
    assert energy_j == pytest.approx(true_j, rel=0.02)
    assert "which_gpu" in recording.flags()


def test_a_power_that_stands_for_none_is_no_power(make_bench: MakeBench, tmp_path: Path) -> None:
    gpu = Gpu(
        Constant(100.0), energy=False, faults=(NvmlFault("nvmlDeviceGetPowerUsage", value=NONE_32),)
    )
    bench = make_bench(RAPL_258, FakeNvml((gpu,)))
    recording = record(bench, tmp_path, program(THREE), rate_hz=RATE_HZ)
    assert "gpu0_J" not in recording.energy_columns
    energy_j, true_j = (of("total", "three") for of in (recording.energy_j, recording.true_j))
    assert energy_j == pytest.approx(true_j, rel=0.02)
    assert "incomplete" in recording.flags()
    assert "4294967295 mW means no value" in recording.said


def test_a_power_that_stands_for_none_in_mid_run_adds_nothing(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    none = NvmlFault("nvmlDeviceGetPowerUsage", value=NONE_32, begin_s=2.0, end_s=2.5)
    gpu = Gpu(Constant(100.0), energy=False, faults=(none,))
    bench = make_bench(RAPL_258, FakeNvml((gpu,)))
    recording = record(bench, tmp_path, program(THREE), rate_hz=RATE_HZ)
    assert recording.energy_j("gpu0", "three") == pytest.approx(
        recording.true_j("gpu0", "three"), rel=0.02
    )
    assert "gap:gpu0" in recording.happened
    assert "4294967295 mW means no value" in recording.said


def test_a_counter_that_answers_nothing_once_adds_nothing(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """Its 1,003,294 J since boot were added to the 300 J of the run."""
    once = NvmlFault("nvmlDeviceGetTotalEnergyConsumption", value=0, begin_s=2.3, end_s=2.34)
    gpu = Gpu(Constant(100.0), energy_refresh_s=FINE_S, start_mj=1_003_294_000, faults=(once,))
    bench = make_bench(PLAIN, FakeNvml((gpu,)))
    recording = record(bench, tmp_path, program(THREE), rate_hz=RATE_HZ)
    true_j = recording.true_j("gpu0", "three")
    assert recording.energy_j("gpu0", "three") == pytest.approx(true_j, rel=0.05)
    assert_never_falls(recording)
    assert {"dropped", "implausible", "reset"} & recording.flags()


def test_a_counter_that_stands_still_in_a_phase_is_told_there(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    frozen = NvmlFault(
        "nvmlDeviceGetTotalEnergyConsumption", value=10_300_000, begin_s=3.0, end_s=4.5
    )
    gpu = Gpu(Constant(100.0), energy_refresh_s=COARSE_S, start_mj=10_000_000, faults=(frozen,))
    bench = make_bench(PLAIN, FakeNvml((gpu,)))
    stretch = BenchPhase("long", 1.5, 2.7)
    recording = record(bench, tmp_path, program(stretch), rate_hz=RATE_HZ)
    assert "stuck" in recording.flags()
    assert any(event.startswith("note:stuck gpu0") for event in recording.happened)


def test_power_is_integrated_where_the_counter_never_moves(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    still = NvmlFault("nvmlDeviceGetTotalEnergyConsumption", value=400_000)
    bench = make_bench(PLAIN, FakeNvml((Gpu(Constant(150.0), faults=(still,)),)))
    stretch = BenchPhase("long", 5.0, 2.0)
    recording = record(bench, tmp_path, program(stretch), rate_hz=RATE_HZ)
    energy_j, true_j = (of("gpu0", "long") for of in (recording.energy_j, recording.true_j))
    assert energy_j == pytest.approx(true_j, rel=0.05)
    assert {"integrated", "stuck"} <= recording.flags()


def test_gauges_that_stand_for_none_are_no_readings(make_bench: MakeBench, tmp_path: Path) -> None:
    faults = (
        NvmlFault("nvmlDeviceGetUtilizationRates", value=255, begin_s=2.5),
        NvmlFault("nvmlDeviceGetTemperature", value=255, begin_s=2.5),
        NvmlFault("nvmlDeviceGetClockInfo", value=NONE_32, begin_s=2.5),
        NvmlFault("nvmlDeviceGetMemoryInfo", value=NONE_64, begin_s=2.5),
    )
    gpu = Gpu(Constant(100.0), energy_refresh_s=FINE_S, faults=faults)
    recording = record(
        make_bench(PLAIN, FakeNvml((gpu,))), tmp_path, program(THREE), rate_hz=RATE_HZ
    )
    for gauge in ("util_pct", "temp_C", "clock_MHz", "mem_MiB"):
        column = f"gpu0_{gauge}"
        read = {row[column] for row in recording.rows if row[column]}
        assert len(read) == 1, column
    assert "implausible" in recording.flags()


def test_mig_named_as_before_driver_470(make_bench: MakeBench, tmp_path: Path) -> None:
    old = f"MIG-{TWO.uuid(1)}/1/0"
    recording = record(
        make_bench(PLAIN, TWO),
        tmp_path,
        program(SECOND),
        rate_hz=RATE_HZ,
        env={"CUDA_VISIBLE_DEVICES": old},
    )
    assert recording.energy_columns == {"package0_J", "dram0_J", "gpu1_J", "total_J"}
    energy_j, true_j = (of("gpu1", "second") for of in (recording.energy_j, recording.true_j))
    assert energy_j == pytest.approx(true_j, rel=0.02)
    assert "mig" in recording.flags()


def test_all_gpus_on_request(make_bench: MakeBench, tmp_path: Path) -> None:
    recording = record(
        make_bench(PLAIN, TWO),
        tmp_path,
        program(LONG),
        options=["--all-gpus"],
        env={"CUDA_VISIBLE_DEVICES": "1"},
    )
    assert_exact(recording, "long", "gpu0", "gpu1", "total")


def test_a_gpu_is_asked_once_a_refresh_but_for_a_look_at_its_beat(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    gpu = Gpu(Constant(200.0), energy_refresh_s=COARSE_S)
    bench = make_bench(PLAIN, FakeNvml((gpu,)))
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 4.2)), rate_hz=200)
    begin, end = (recording.at_ns(row) for row in recording.edges("long"))
    settled_ns, last_ns = begin + int(1.6e9), end - int(0.05e9)
    asked_ns = [
        at_ns
        for at_ns, _, function in bench.nvml_calls()
        if function == ENERGY and settled_ns < at_ns < last_ns
    ]
    refreshes, one_look = (last_ns - settled_ns) / 1e9 / COARSE_S, COARSE_S / CALIBRATE_S
    assert recording.run["update_periods_s"]["gpu0"] == pytest.approx(COARSE_S, rel=0.02)
    assert 0.8 * refreshes <= len(asked_ns) <= refreshes + 1 + 2 * one_look


@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 50.0])
def test_watts_are_those_of_the_load_however_the_reads_fall_between_the_refreshes(
    rate_hz: float, make_bench: MakeBench, tmp_path: Path
) -> None:
    """Eight GPUs step from 90 to 610 W; power over the time between reads gave 49 to 746 W.

    No two have the same period, so that reads fall everywhere between the refreshes.
    """
    low_w, high_w, step_s, off = 90.0, 610.0, 3.5, 0.07
    load = Steps((0.0, step_s), (low_w, high_w))
    gpus = tuple(Gpu(load, energy_refresh_s=COARSE_S * (0.96 + n / 100)) for n in range(8))
    bench = make_bench(PLAIN, FakeNvml(gpus))
    recording = record(bench, tmp_path, program(BenchPhase("long", 0.0, 6.0)), rate_hz=rate_hz)
    columns = {f"gpu{n}_W": (low_w, high_w) for n in range(8)}
    columns["total_W"] = 8 * low_w + 55.0, 8 * high_w + 55.0
    for column, (least_w, most_w) in columns.items():
        shown = [(recording.at_s(row), float(row[column])) for row in recording.rows if row[column]]
        before = [power_w for at_s, power_w in shown if at_s <= step_s]
        after = [power_w for at_s, power_w in shown if at_s > step_s]
        assert before, column
        assert len(after) >= 4, column
        assert before == pytest.approx([least_w] * len(before), rel=off), column
        assert min(after) >= least_w * (1 - off), column
        assert max(after) <= most_w * (1 + off), column
        assert after[-2:] == pytest.approx([most_w] * 2, rel=off), column


def test_a_driver_that_takes_its_time(make_bench: MakeBench, tmp_path: Path) -> None:
    """Each call takes 10 ms, and the GPU draws twice as much at the end as at the beginning."""
    rising = Steps((0.0, 1.7), (200.0, 400.0))
    gpu = Gpu(rising, energy_refresh_s=FINE_S, latency_s=0.01)
    bench = make_bench(topologies.plain(), FakeNvml((gpu,)))
    recording = record(bench, tmp_path, program(BenchPhase("long", 1.2, 2.1)), rate_hz=RATE_HZ)
    begin, end = (recording.at_s(row) for row in recording.edges("long"))
    assert begin < rising.starts_s[1] < end
    assert_rows_exact(recording, "long", "package0", "dram0", "gpu0", "total")
    assert_covered(recording, "long", "package0", "dram0", "gpu0", "total")
    assert_on_curve(recording, "package0", 80.0, ROW_S)
    assert_on_curve(recording, "dram0", 9.0, ROW_S)
    assert max(_pauses_s(recording, "package0_J")) < 0.1


def _pauses_s(recording: BenchRecording, column: str) -> list[float]:
    """Times between the rows, well inside the phase, that have this cell."""
    begin, end = (recording.at_s(row) for row in recording.edges("long"))
    read_s = [recording.at_s(row) for row in recording.rows if row[column]]
    inside_s = [at_s for at_s in read_s if begin + 0.2 < at_s < end - 0.2]
    return [late - early for early, late in pairwise(inside_s)]


def test_a_counter_that_does_not_refresh_in_a_short_command_is_unknown_and_not_0_joules(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """It moves once in 30 s; the command fails after 40 ms."""
    gpu = Gpu(Constant(300.0), energy_refresh_s=30.0)
    source = program(BenchPhase("short", 0.0, 0.04)) + "raise SystemExit(1)\n"
    bench = make_bench(PLAIN, FakeNvml((gpu,)))
    recording = record(bench, tmp_path, source, rate_hz=RATE_HZ, status=1)
    domains = recording.run["summary"]["running"]["domains"]
    assert (domains["gpu0"]["running_j"], domains["gpu0"]["running_w"]) == (None, None)
    assert domains["total"]["running_j"]["plus_minus"] is None
    assert "no GPU" in recording.run["summary"]["contents"]
    assert "! incomplete gpu0 without gpu0: its counter did not move" in recording.said
    assert "of a command that FAILED" in recording.said
    assert {"failed_command", "incomplete"} <= recording.flags()
