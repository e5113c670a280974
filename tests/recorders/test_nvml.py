"""GPUs through an NVML that answers, refuses, or loses a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pynvml
import pytest
from doubles import ManualClock
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Gone, Refusal, Retry, SourceError
from recorders.sources.nvml import Device, Nvml, open_nvml, visible_devices


@dataclass
class Gpu:
    """One device of the fake library; None is a call that it does not support."""

    uuid: str
    energy_mj: int | None = 5_000_000
    power_mw: int | None = 70_000
    name: str = "NVIDIA Test"
    mig_uuids: list[str] = field(default_factory=list)
    failure: int | None = None


class FakeNvml:
    """The part of nvidia-ml-py that is used."""

    NVMLError = pynvml.NVMLError
    NVML_ERROR_GPU_IS_LOST = pynvml.NVML_ERROR_GPU_IS_LOST
    NVML_ERROR_UNINITIALIZED = pynvml.NVML_ERROR_UNINITIALIZED
    NVML_ERROR_NOT_FOUND = pynvml.NVML_ERROR_NOT_FOUND
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_SM = pynvml.NVML_CLOCK_SM

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus
        self.is_shut_down = False

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:  # noqa: N802
        return self.gpus[index]

    def nvmlDeviceGetUUID(self, handle: Gpu | str) -> str:  # noqa: N802
        return handle if isinstance(handle, str) else handle.uuid

    def nvmlDeviceGetName(self, handle: Gpu) -> str:  # noqa: N802
        return handle.name

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, handle.energy_mj)

    def nvmlDeviceGetPowerUsage(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, handle.power_mw)

    def nvmlDeviceGetUtilizationRates(self, handle: Gpu) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=self._answer(handle, 37))

    def nvmlDeviceGetMemoryInfo(self, handle: Gpu) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(used=self._answer(handle, 3 * 2**30))

    def nvmlDeviceGetTemperature(self, handle: Gpu, sensor: int) -> int:  # noqa: N802
        return self._answer(handle, 64 if sensor == self.NVML_TEMPERATURE_GPU else None)

    def nvmlDeviceGetClockInfo(self, handle: Gpu, clock: int) -> int:  # noqa: N802
        return self._answer(handle, 1410 if clock == self.NVML_CLOCK_SM else None)

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, 350_000)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Gpu) -> int:  # noqa: N802
        return len(handle.mig_uuids)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Gpu, index: int) -> str:  # noqa: N802
        return handle.mig_uuids[index]

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.0"

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.is_shut_down = True

    def _answer(self, handle: Gpu, value: int | None) -> int:
        if handle.failure is not None:
            raise pynvml.NVMLError(handle.failure)
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return value


ONE, TWO = "GPU-11111111-aaaa", "GPU-22222222-bbbb"


def source_of(library: FakeNvml, clock: ManualClock | None = None, all_gpus: bool = True) -> Nvml:
    devices, _ = visible_devices(library, {}, all_gpus)
    return Nvml(library, devices, (clock or ManualClock()).monotonic_ns)


def values(source: Nvml) -> dict[str, float | SourceError]:
    names = [channel.name for channel in source.channels()]
    return {names[reading.channel]: reading.value for reading in source.read()}


def test_energy_is_the_counter_in_joules_where_the_call_works() -> None:
    source = source_of(FakeNvml(Gpu(ONE, energy_mj=5_432_100)))
    (energy,) = (channel for channel in source.channels() if channel.is_energy)
    assert (energy.name, energy.unit, energy.in_total, energy.remarks) == ("gpu0", "J", True, ())
    assert values(source)["gpu0"] == pytest.approx(5432.1)


def test_without_a_counter_power_is_read_in_watts_and_said_to_be_integrated() -> None:
    source = source_of(FakeNvml(Gpu(ONE, energy_mj=None, power_mw=71_500)))
    (power,) = (channel for channel in source.channels() if channel.is_energy)
    assert (power.name, power.unit, power.in_total) == ("gpu0", "W", True)
    assert power.remarks == ("integrated",)
    assert values(source)["gpu0"] == pytest.approx(71.5)


def test_a_counter_that_shows_zero_is_a_counter() -> None:
    source = source_of(FakeNvml(Gpu(ONE, energy_mj=0)))
    assert values(source)["gpu0"] == 0.0
    assert source.channels()[0].unit == "J"


def test_gauges_have_their_units() -> None:
    found = values(source_of(FakeNvml(Gpu(ONE))))
    assert (found["gpu0_util"], found["gpu0_mem"]) == (37.0, 3072.0)
    assert (found["gpu0_temp"], found["gpu0_clock"]) == (64.0, 1410.0)


def test_a_gpu_that_reports_neither_energy_nor_power_has_gauges_only() -> None:
    channels = source_of(FakeNvml(Gpu(ONE, energy_mj=None, power_mw=None))).channels()
    assert not any(channel.is_energy for channel in channels)
    assert "gpu0_util" in [channel.name for channel in channels]


def test_each_gpu_has_its_own_channels() -> None:
    library = FakeNvml(Gpu(ONE, energy_mj=1_000), Gpu(TWO, energy_mj=None, power_mw=2_000))
    found = values(source_of(library))
    assert (found["gpu0"], found["gpu1"]) == pytest.approx((1.0, 2.0))


def test_a_lost_gpu_is_gone_once_and_the_other_goes_on() -> None:
    library = FakeNvml(Gpu(ONE), Gpu(TWO))
    source = source_of(library)
    library.gpus[0].failure = pynvml.NVML_ERROR_GPU_IS_LOST
    first, second = values(source), values(source)
    assert isinstance(first["gpu0"], Gone)
    assert not any(name.startswith("gpu0") for name in second)
    assert second["gpu1"] == pytest.approx(5000.0)


def test_a_call_that_times_out_is_tried_again() -> None:
    library = FakeNvml(Gpu(ONE))
    source = source_of(library)
    library.gpus[0].failure = pynvml.NVML_ERROR_TIMEOUT
    assert isinstance(values(source)["gpu0"], Retry)
    library.gpus[0].failure = None
    assert values(source)["gpu0"] == pytest.approx(5000.0)


def test_readings_have_the_time_at_which_they_were_taken() -> None:
    clock = ManualClock()
    source = source_of(FakeNvml(Gpu(ONE)), clock)
    clock.advance(1.25)
    assert {reading.time_ns for reading in source.read()} == {clock.now_ns}


@pytest.mark.parametrize("period_ms", [20, 100])
def test_the_period_is_that_of_the_counters_changes(period_ms: int) -> None:
    clock = ManualClock()
    library = FakeNvml(Gpu(ONE, energy_mj=0))
    source = source_of(library, clock)
    start_ns = clock.now_ns
    while not source.calibrate():
        clock.advance(0.005)
        library.gpus[0].energy_mj = (clock.now_ns - start_ns) // (period_ms * 10**6)
    assert source.update_periods_s()["gpu0"] == pytest.approx(period_ms / 1000)
    assert source.period_s == pytest.approx(period_ms / 1000)


def test_a_counter_that_never_moves_does_not_hold_up_the_calibration() -> None:
    clock = ManualClock()
    source = source_of(FakeNvml(Gpu(ONE)), clock)
    looks = 0
    while not source.calibrate():
        clock.advance(0.005)
        looks += 1
    assert looks < 1000
    assert source.update_periods_s() == {}


def test_facts_name_device_and_reading() -> None:
    library = FakeNvml(Gpu(ONE), Gpu(TWO, energy_mj=None), Gpu("GPU-3", None, None))
    facts = source_of(library).facts()
    assert facts["driver"] == "580.0"
    readings = [fact["reading"] for name, fact in facts.items() if isinstance(fact, dict)]
    assert readings == ["energy counter", "power, integrated", "none"]
    first = facts["gpu0"]
    assert isinstance(first, dict)
    assert (first["uuid"], first["power_limit_w"]) == (ONE, pytest.approx(350.0))


def test_closing_shuts_the_library_down() -> None:
    library = FakeNvml(Gpu(ONE))
    source_of(library).close()
    assert library.is_shut_down


LIBRARY = FakeNvml(Gpu(ONE), Gpu(TWO, mig_uuids=["MIG-7777", "MIG-8888"]), Gpu("GPU-22333333-cccc"))


def chosen(setting: str | None, all_gpus: bool = False) -> list[int]:
    environ = {} if setting is None else {"CUDA_VISIBLE_DEVICES": setting}
    return [device.index for device in visible_devices(LIBRARY, environ, all_gpus)[0]]


@pytest.mark.parametrize(
    ("setting", "indices"),
    [
        (None, [0, 1, 2]),
        ("1", [1]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        (TWO, [1]),
        ("GPU-11", [0]),
        ("GPU-22", []),
        ("GPU-none", []),
        ("0,9,1", [0]),
        ("-1", []),
        ("", []),
        ("NoDevFiles", []),
        ("MIG-8888", [1]),
        ("MIG-0000", []),
    ],
)
def test_cuda_visible_devices_is_honoured_as_cuda_does(
    setting: str | None, indices: list[int]
) -> None:
    assert chosen(setting) == indices


def test_all_gpus_overrides_cuda_visible_devices() -> None:
    assert chosen("1", all_gpus=True) == [0, 1, 2]


def test_hidden_gpus_are_counted_and_the_way_to_see_them_is_named() -> None:
    _, (refusal,) = visible_devices(LIBRARY, {"CUDA_VISIBLE_DEVICES": "1"}, all_gpus=False)
    assert refusal.reason == "2 GPUs hidden by CUDA_VISIBLE_DEVICES=1"
    assert "--all-gpus" in refusal.remedy


def test_a_gpu_seen_through_its_mig_instance_is_said_to_be_counted_whole() -> None:
    devices, _ = visible_devices(LIBRARY, {"CUDA_VISIBLE_DEVICES": "MIG-7777"}, all_gpus=False)
    energy = Nvml(LIBRARY, devices).channels()[0]
    assert (energy.name, energy.remarks) == ("gpu1", ("mig",))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
def test_any_setting_of_cuda_visible_devices_gives_known_devices(setting: str) -> None:
    devices, refused = visible_devices(LIBRARY, {"CUDA_VISIBLE_DEVICES": setting}, all_gpus=False)
    assert {device.uuid for device in devices} <= {gpu.uuid for gpu in LIBRARY.gpus}
    assert all(isinstance(device, Device) for device in devices)
    assert bool(refused) == (len(devices) < len(LIBRARY.gpus))


def test_a_digit_of_another_script_is_no_index() -> None:
    assert chosen("²") == []


def test_a_machine_without_a_driver_says_so_and_what_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recorders.sources.nvml.LIBRARY", "libnvidia-ml-that-is-not-there.so.1")
    source, (refusal,) = open_nvml({})
    assert source is None
    assert isinstance(refusal, Refusal)
    assert "no NVIDIA driver" in refusal.reason
    assert "--gpus all" in refusal.remedy
