"""The fake library through unmodified pynvml."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from testbench import topologies
from testbench.curves import Constant, Driven, PowerCurve, Sine, Square, Steps, make_drive
from testbench.fakenvml import (
    ERROR_DRIVER_NOT_LOADED,
    ERROR_NO_PERMISSION,
    ERROR_TIMEOUT,
    NONE_32,
    PASCAL,
    FakeNvml,
    Gpu,
    NvmlFault,
    PowerSensor,
    floor_s,
)
from testbench.sandbox import Bench

from .conftest import MakeBench

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_nvml]

CURVES: tuple[PowerCurve, ...] = (
    Constant(212.5),
    Square(60.0, 250.0, 0.37, 0.3, 0.1),
    Sine(150.0, 90.0, 0.53, 0.7),
    Steps((0.0, 0.3, 0.6), (80.0, 240.0, 120.0)),
)
SENSORS = (
    PowerSensor("boxcar", 0.1, 1.0),
    PowerSensor("instant", 0.02),
    PowerSensor("parttime", 0.1, 0.025),
)

# By then a program has started on a busy machine as well.
BROKEN_S = 2.0

SAMPLER = """
import json, os, sys, time
import pynvml as nv
nv.nvmlInit()
t0_s, least_s = int(os.environ["BENCH_T0_NS"]) / 1e9, 0.2
end_s = max(t0_s + float(sys.argv[1]), time.monotonic() + least_s)
handles = [nv.nvmlDeviceGetHandleByIndex(i) for i in range(nv.nvmlDeviceGetCount())]
def call(function, handle):
    begin_ns = time.monotonic_ns()
    try:
        answer = getattr(nv, function)(handle)
    except nv.NVMLError as error:
        answer = str(error)
    return begin_ns, answer, time.monotonic_ns()
reads = []
while time.monotonic() < end_s:
    for i, handle in enumerate(handles):
        for function in ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"):
            reads.append((i, function, *call(function, handle)))
    time.sleep(0.003)
nv.nvmlShutdown()
json.dump(reads, sys.stdout)
"""


def python(bench: Bench, script: str, *argv: object) -> Any:
    """The JSON that a script printed on the bench."""
    done = bench.run([sys.executable, "-c", script, *map(str, argv)])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def same_tick(begin_s: float, end_s: float, refresh_s: float, lag_s: float = 0.0) -> bool:
    """Whether a sensor refreshed at neither time between."""
    return floor_s(begin_s - lag_s, refresh_s) == floor_s(end_s - lag_s, refresh_s)


def test_readings_are_the_closed_forms(make_bench: MakeBench, tmp_path: Path) -> None:
    make_drive(tmp_path / "drive")
    with (tmp_path / "drive").open("r+b") as file:
        file.write(struct.pack("7d", 3, 0.2, 90.0, 0.45, 150.0, 0.7, 60.0))
    curves = (*CURVES, *CURVES[1:], Driven(70.0, str(tmp_path / "drive")))
    gpus = tuple(Gpu(curve, power=SENSORS[n % len(SENSORS)]) for n, curve in enumerate(curves))
    bench = make_bench(topologies.no_rapl(), FakeNvml(gpus))
    seen = 0
    for index, function, begin_ns, answer, end_ns in python(bench, SAMPLER, 0.9):
        begin_s, end_s, gpu = bench.seconds(begin_ns), bench.seconds(end_ns), gpus[index]
        sensor = gpu.power
        assert sensor
        if function.endswith("PowerUsage"):
            lag_s = sensor.window_s if sensor.kind == "parttime" else 0.0
            if same_tick(begin_s, end_s, sensor.refresh_s, lag_s):
                assert answer == pytest.approx(gpu.shown_mw(begin_s), abs=1)
                seen += 1
        elif same_tick(begin_s, end_s, gpu.energy_refresh_s):
            assert answer == pytest.approx(gpu.shown_mj(begin_s), abs=1)
            seen += 1
    assert seen > 10


def test_more_steps_than_the_library_keeps_are_refused() -> None:
    steps = Steps(tuple(map(float, range(257))), (1.0,) * 257)
    with pytest.raises(ValueError, match="at most 256 steps: use Driven"):
        FakeNvml((Gpu(steps),)).config(0, Path("calls"))


def test_lost_reset_and_unsupported(make_bench: MakeBench) -> None:
    gpus = (
        Gpu(Constant(100.0), lost_s=BROKEN_S),
        Gpu(Constant(100.0), reset_s=BROKEN_S),
        Gpu(Constant(100.0), energy=False, arch=PASCAL),
        Gpu(Constant(100.0), power=None),
    )
    bench = make_bench(topologies.no_rapl(), FakeNvml(gpus))
    reads = python(bench, SAMPLER, BROKEN_S + 0.3)

    def answers(index: int, function: str, after_s: float = 0.0) -> list[Any]:
        return [
            answer
            for i, name, begin_ns, answer, _ in reads
            if i == index and name.endswith(function) and bench.seconds(begin_ns) >= after_s
        ]

    assert set(answers(0, "EnergyConsumption", BROKEN_S)) == {"GPU is lost"}
    assert isinstance(answers(0, "EnergyConsumption")[0], int)
    counted_mj = answers(1, "EnergyConsumption")
    assert counted_mj[0] > 123_456
    assert counted_mj[-1] < 40_000
    assert set(answers(2, "EnergyConsumption")) == {"Not Supported"}
    assert set(answers(2, "PowerUsage")) == {100_000}
    assert set(answers(3, "PowerUsage")) == {"Not Supported"}


SURVEY = """
import json, sys
import pynvml as nv
nv.nvmlInit()
def ask(function, *args):
    try:
        return getattr(nv, function)(*args)
    except nv.NVMLError as error:
        return str(error)
gpu = nv.nvmlDeviceGetHandleByIndex(0)
mig = nv.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 1)
asked = [nv.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION, nv.NVML_FI_DEV_POWER_INSTANT, 1]
fields = nv.nvmlDeviceGetFieldValues(gpu, asked)
memories = [nv.nvmlDeviceGetMemoryInfo(gpu, version) for version in (None, nv.nvmlMemory_v2)]
parent = nv.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig)
json.dump({
    "uuid": ask("nvmlDeviceGetUUID", gpu),
    "index_by_uuid": ask("nvmlDeviceGetIndex", nv.nvmlDeviceGetHandleByUUID(sys.argv[1])),
    "bus": nv.nvmlDeviceGetPciInfo(gpu).busId,
    "util": nv.nvmlDeviceGetUtilizationRates(gpu).gpu,
    "memory": [memory.total for memory in memories],
    "celsius": [ask("nvmlDeviceGetTemperature", gpu, 0), ask("nvmlDeviceGetTemperatureV", gpu, 0)],
    "clock": ask("nvmlDeviceGetClockInfo", gpu, nv.NVML_CLOCK_SM),
    "limits": [ask("nvmlDeviceGetEnforcedPowerLimit", gpu),
               ask("nvmlDeviceGetPowerManagementLimit", gpu)],
    "reasons": [ask("nvmlDeviceGetCurrentClocksThrottleReasons", gpu),
                ask("nvmlDeviceGetCurrentClocksEventReasons", gpu)],
    "state": ask("nvmlDeviceGetPerformanceState", gpu),
    "fields": [[f.nvmlReturn, f.value.ullVal] for f in fields],
    "mode": ask("nvmlDeviceGetMigMode", gpu),
    "slots": ask("nvmlDeviceGetMaxMigDeviceCount", gpu),
    "mig": [ask(f, mig) for f in ("nvmlDeviceGetUUID", "nvmlDeviceIsMigDeviceHandle",
        "nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId", "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetTotalEnergyConsumption")],
    "parent": ask("nvmlDeviceGetUUID", parent),
    "absent": ask("nvmlDeviceGetMigDeviceHandleByIndex", gpu, 2),
    "unknown": ask("nvmlDeviceGetHandleByUUID", "GPU-none"),
    "driver": ask("nvmlSystemGetDriverVersion"),
    "library": ask("nvmlSystemGetNVMLVersion"),
}, sys.stdout, default=lambda number: number.value)
"""


def test_everything_else_pynvml_asks(make_bench: MakeBench) -> None:
    nvml = FakeNvml((Gpu(Constant(100.0), mig=2), Gpu(Constant(50.0), uuid="GPU-mine")))
    seen = python(make_bench(topologies.no_rapl(), nvml), SURVEY, "GPU-mine")
    energy = seen["fields"].pop(0)
    assert energy[0] == 0
    assert energy[1] >= 123_456
    assert seen == {
        "uuid": nvml.uuid(0),
        "index_by_uuid": 1,
        "bus": "00000000:17:00.0",
        "util": 25,
        "memory": [40_960 * 2**20, 40_960 * 2**20],
        "celsius": [45, 45],
        "clock": 1410,
        "limits": [400_000, 400_000],
        "reasons": [0, 0],
        "state": 0,
        "fields": [[0, 100_000], [3, 0]],
        "mode": [1, 1],
        "slots": 7,
        "mig": [nvml.mig_uuid(0, 1), 1, 2, 0, "Not Supported", "Not Supported"],
        "parent": nvml.uuid(0),
        "absent": "Not Found",
        "unknown": "Not Found",
        "driver": "580.65.06",
        "library": "13.580.65.06",
    }


def test_calls_take_their_time_and_are_listed(make_bench: MakeBench) -> None:
    nvml = FakeNvml((Gpu(Constant(100.0), latency_s=0.03),))
    bench = make_bench(topologies.no_rapl(), nvml)
    reads = python(bench, SAMPLER, 0.4)
    listed = [call for call in bench.nvml_calls() if call[2] == "nvmlDeviceGetPowerUsage"]
    assert all(end_ns - begin_ns >= 30e6 for _, _, begin_ns, _, end_ns in reads)
    assert len(listed) == len(reads) / 2
    assert {uuid for _, uuid, _ in listed} == {nvml.uuid(0)}


def test_faults_of_one_call_of_one_gpu_at_one_time(make_bench: MakeBench) -> None:
    gpus = (
        Gpu(
            Constant(100.0),
            faults=(NvmlFault("nvmlDeviceGetPowerUsage", ERROR_TIMEOUT, end_s=BROKEN_S),),
        ),
        Gpu(
            Constant(100.0),
            faults=(
                NvmlFault("nvmlDeviceGetPowerUsage", value=NONE_32, begin_s=BROKEN_S),
                NvmlFault("nvmlDeviceGetTotalEnergyConsumption", value=0),
            ),
        ),
    )
    bench = make_bench(topologies.no_rapl(), FakeNvml(gpus))
    powers: dict[tuple[int, bool], set[Any]] = {}
    for index, function, begin_ns, answer, end_ns in python(bench, SAMPLER, BROKEN_S + 0.3):
        late = bench.seconds(begin_ns) > BROKEN_S
        if function.endswith("PowerUsage") and late == (bench.seconds(end_ns) > BROKEN_S):
            powers.setdefault((index, late), set()).add(answer)
        elif (index, function[-11:]) == (1, "Consumption"):
            assert answer == 0
    assert powers == {
        (0, False): {"Timeout"},
        (0, True): {100_000},
        (1, False): {100_000},
        (1, True): {NONE_32},
    }


def test_a_gpu_without_a_handle_and_one_whose_name_is_not_text(make_bench: MakeBench) -> None:
    gpus = (
        Gpu(
            Constant(100.0), faults=(NvmlFault("nvmlDeviceGetHandleByIndex", ERROR_NO_PERMISSION),)
        ),
        Gpu(Constant(100.0), name="NVIDIA \udce9"),
    )
    bench = make_bench(topologies.no_rapl(), FakeNvml(gpus))
    script = """
import json, sys, pynvml as nv
nv.nvmlInit()
found = []
for index in range(2):
    try:
        found.append(nv.nvmlDeviceGetName(nv.nvmlDeviceGetHandleByIndex(index)))
    except (nv.NVMLError, ValueError) as error:
        found.append(type(error).__name__)
json.dump(found, sys.stdout)
"""
    assert python(bench, script) == ["NVMLError_NoPermission", "UnicodeDecodeError"]


def test_a_driver_that_does_not_load(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.no_rapl(), FakeNvml(init_error=ERROR_DRIVER_NOT_LOADED))
    failed = bench.run([sys.executable, "-c", "import pynvml; pynvml.nvmlInit()"])
    assert failed.stderr.strip().endswith("Driver Not Loaded")


def test_true_joules_of_gpus(make_bench: MakeBench) -> None:
    nvml = FakeNvml((Gpu(Constant(100.0)), Gpu(Constant(30.0))))
    bench = make_bench(topologies.plain(package=Constant(10.0), dram=Constant(1.0)), nvml)
    begin_ns, end_ns = bench.t0_ns, bench.t0_ns + 10**9
    assert bench.true_j("gpu1", begin_ns, end_ns) == 30.0
    assert bench.true_total_j(begin_ns, end_ns, gpus=[0]) == 111.0
