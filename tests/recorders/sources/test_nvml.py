"""GPUs through an NVML that answers, refuses, or loses a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.counter import Integrator
from recorders.held_back import HeldBack, of_nvml
from recorders.source import Gone, Implausible, Refusal, Retry, SourceError
from recorders.sources import nvml_devices
from recorders.sources.nvml import Nvml, open_nvml
from recorders.sources.nvml_devices import visible_devices
from tests.support.doubles import ManualClock


@dataclass
class Gpu:
    """One device of the fake library; None is a call that it does not support."""

    uuid: str
    energy_mj: int | None = 5_000_000
    power_mw: int | None = 70_000
    name: str = "NVIDIA Test"
    mig_uuids: list[str] = field(default_factory=list)
    failure: int | None = None
    mig_mode: bool = False
    limit_mw: int = 350_000
    gauge: int | None = None
    reasons: int | None = 0
    failing: dict[str, int | Exception] = field(default_factory=dict)
    pci: str = ""

    def fail(self, call: str) -> None:
        """Raise what this call fails with, if it does."""
        if (error := self.failing.get(call)) is not None:
            raise pynvml.NVMLError(error) if isinstance(error, int) else error


class FakeNvml:
    """The part of nvidia-ml-py that is used."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_SM = pynvml.NVML_CLOCK_SM

    def __getattr__(self, name: str) -> int:
        if name.startswith(("NVML_ERROR_", "NVML_DEVICE_")):
            return int(getattr(pynvml, name))
        raise AttributeError(name)

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus
        self.is_shut_down = False

    def nvmlInit(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:  # noqa: N802
        self.gpus[index].fail("handle")
        return self.gpus[index]

    def nvmlDeviceGetUUID(self, handle: Gpu | str) -> str:  # noqa: N802
        if isinstance(handle, str):
            return handle
        handle.fail("uuid")
        return handle.uuid

    def nvmlDeviceGetName(self, handle: Gpu) -> str:  # noqa: N802
        handle.fail("name")
        return handle.name

    def nvmlDeviceGetPciInfo(self, handle: Gpu) -> SimpleNamespace:  # noqa: N802
        handle.fail("pci")
        return SimpleNamespace(busId=handle.pci)

    def nvmlDeviceGetMigMode(self, handle: Gpu) -> list[int]:  # noqa: N802
        return [int(handle.mig_mode)] * 2

    def nvmlDeviceGetGpuInstanceId(self, handle: str) -> int:  # noqa: N802
        return int(handle[-1])

    def nvmlDeviceGetComputeInstanceId(self, handle: str) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, handle.energy_mj)

    def nvmlDeviceGetPowerUsage(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, handle.power_mw)

    def nvmlDeviceGetUtilizationRates(self, handle: Gpu) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=self._answer(handle, handle.gauge or 37))

    def nvmlDeviceGetMemoryInfo(self, handle: Gpu) -> SimpleNamespace:  # noqa: N802
        handle.fail("memory")
        return SimpleNamespace(used=self._answer(handle, handle.gauge or 3 * 2**30))

    def nvmlDeviceGetTemperature(self, handle: Gpu, sensor: int) -> int:  # noqa: N802
        celsius = handle.gauge or 64
        return self._answer(handle, celsius if sensor == self.NVML_TEMPERATURE_GPU else None)

    def nvmlDeviceGetClockInfo(self, handle: Gpu, clock: int) -> int:  # noqa: N802
        return self._answer(handle, handle.gauge or 1410 if clock == self.NVML_CLOCK_SM else None)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: Gpu) -> int:  # noqa: N802
        handle.fail("event reasons")
        return self._answer(handle, handle.reasons)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, handle.reasons)

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: Gpu) -> int:  # noqa: N802
        return self._answer(handle, handle.limit_mw)

    def nvmlDeviceGetPowerManagementLimitConstraints(self, handle: Gpu) -> list[int]:  # noqa: N802
        return [self._answer(handle, 100_000), self._answer(handle, handle.limit_mw)]

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
    devices, _ = seen(library, {}, all_gpus)
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


@pytest.mark.parametrize(("power_mw", "energy_kwh"), [(26_000, 0.026), (29_000, 0.029)])
def test_an_hour_without_a_counter_has_the_energy_of_its_power(
    power_mw: int, energy_kwh: float
) -> None:
    source = source_of(FakeNvml(Gpu(ONE, energy_mj=None, power_mw=power_mw)))
    integrator = Integrator()
    for second in range(3601):
        power_w = values(source)["gpu0"]
        assert isinstance(power_w, float)
        integrator.update(power_w, second * 10**9)
    assert integrator.energy_j / 3.6e6 == pytest.approx(energy_kwh)


def test_a_gpu_whose_memory_cannot_be_asked_is_still_a_gpu() -> None:
    unified = Gpu(ONE, failing={"memory": pynvml.NVML_ERROR_NOT_SUPPORTED})
    found = values(source_of(FakeNvml(unified)))
    assert found["gpu0"] == pytest.approx(5000.0)
    assert "gpu0_mem" not in found


def test_a_counter_that_shows_zero_is_a_counter() -> None:
    source = source_of(FakeNvml(Gpu(ONE, energy_mj=0)))
    assert values(source)["gpu0"] == 0.0
    assert source.channels()[0].unit == "J"


def test_gauges_have_their_units() -> None:
    found = values(source_of(FakeNvml(Gpu(ONE))))
    assert (found["gpu0_util"], found["gpu0_mem"]) == (37.0, 3072.0)
    assert (found["gpu0_temp"], found["gpu0_clock"]) == (64.0, 1410.0)


@pytest.mark.parametrize(
    ("reasons", "held"),
    [
        (0, HeldBack(0)),
        (pynvml.nvmlClocksEventReasonGpuIdle, HeldBack(0)),
        (pynvml.nvmlClocksEventReasonSwPowerCap, HeldBack.POWER_CAP),
        (
            pynvml.nvmlClocksThrottleReasonHwSlowdown
            | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown,
            HeldBack.THERMAL,
        ),
        (pynvml.nvmlClocksThrottleReasonHwSlowdown, HeldBack.HARDWARE),
        (
            pynvml.nvmlClocksEventReasonSwPowerCap | pynvml.nvmlClocksEventReasonSyncBoost,
            HeldBack.POWER_CAP | HeldBack.SYNC_BOOST,
        ),
    ],
)
def test_what_holds_the_clocks_back_is_a_gauge(reasons: int, held: HeldBack) -> None:
    assert values(source_of(FakeNvml(Gpu(ONE, reasons=reasons))))["gpu0_held"] == held


def test_a_driver_that_knows_the_older_name_of_the_reasons_is_asked_by_it() -> None:
    failing: dict[str, int | Exception] = {"event reasons": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND}
    found = values(source_of(FakeNvml(Gpu(ONE, reasons=0x40, failing=failing))))
    assert found["gpu0_held"] == HeldBack.THERMAL


def test_a_gpu_without_reasons_or_with_all_bits_set_has_no_such_gauge() -> None:
    for reasons in (None, 2**64 - 1):
        assert "gpu0_held" not in values(source_of(FakeNvml(Gpu(ONE, reasons=reasons))))


@given(st.integers(0, 2**64 - 2))
def test_no_bits_of_a_driver_are_taken_for_what_they_are_not(reasons: int) -> None:
    held = of_nvml(reasons)
    assert held in HeldBack(sum(HeldBack))
    assert bool(held & HeldBack.POWER_CAP) == bool(reasons & 4)


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


def test_a_gpu_that_is_lost_while_its_counter_is_looked_at_is_told_at_the_next_read() -> None:
    clock, library = ManualClock(), FakeNvml(Gpu(ONE))
    source = source_of(library, clock)
    library.gpus[0].failure = pynvml.NVML_ERROR_GPU_IS_LOST
    while source.calibrate() is not None:
        clock.advance(0.005)
    assert isinstance(values(source)["gpu0"], Gone)


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
    while source.calibrate() is not None:
        clock.advance(0.005)
        library.gpus[0].energy_mj = (clock.now_ns - start_ns) // (period_ms * 10**6)
    assert source.update_periods_s()["gpu0"] == pytest.approx(period_ms / 1000)
    assert source.period_s == pytest.approx(period_ms / 1000)


def test_a_counter_that_never_moves_does_not_hold_up_the_calibration() -> None:
    clock = ManualClock()
    source = source_of(FakeNvml(Gpu(ONE)), clock)
    looks = 0
    while source.calibrate() is not None:
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
    return [device.index for device in seen(LIBRARY, environ, all_gpus)[0]]


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
        (f"MIG-{TWO}/7/0", [1]),
        (f"MIG-{TWO}/8/0", [1]),
        (f"MIG-{TWO}/3/0", []),
        (f"MIG-{ONE}/1/0", []),
        (f"MIG-{TWO}", []),
    ],
)
def test_cuda_visible_devices_is_honoured_as_cuda_does(
    setting: str | None, indices: list[int]
) -> None:
    assert chosen(setting) == indices


def test_all_gpus_overrides_cuda_visible_devices() -> None:
    assert chosen("1", all_gpus=True) == [0, 1, 2]


def test_hidden_gpus_are_counted_and_the_way_to_see_them_is_named() -> None:
    _, (refusal,) = seen(LIBRARY, {"CUDA_VISIBLE_DEVICES": "1"}, all_gpus=False)
    assert refusal.reason == "2 GPUs hidden by CUDA_VISIBLE_DEVICES=1"
    assert "--all-gpus" in refusal.remedy


def test_a_gpu_seen_through_its_mig_instance_is_said_to_be_counted_whole() -> None:
    devices, _ = seen(LIBRARY, {"CUDA_VISIBLE_DEVICES": "MIG-7777"}, all_gpus=False)
    energy = Nvml(LIBRARY, devices).channels()[0]
    assert (energy.name, energy.remarks) == ("gpu1", ("mig",))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
def test_any_setting_of_cuda_visible_devices_gives_known_devices(setting: str) -> None:
    devices, refused = seen(LIBRARY, {"CUDA_VISIBLE_DEVICES": setting}, all_gpus=False)
    assert {device.uuid for device in devices} <= {gpu.uuid for gpu in LIBRARY.gpus}
    assert all(isinstance(device, nvml_devices.Gpu) for device in devices)
    assert bool(refused) == (len(devices) < len(LIBRARY.gpus))


def test_a_digit_of_another_script_is_no_index() -> None:
    assert chosen("²") == []


def test_a_machine_without_a_driver_says_so_and_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("recorders.sources.nvml.LIBRARY", "libnvidia-ml-that-is-not-there.so.1")
    source, (refusal,), _ = open_nvml({}, root=tmp_path)
    assert source is None
    assert isinstance(refusal, Refusal)
    assert "no NVIDIA driver" in refusal.reason
    assert "--gpus all" in refusal.remedy
    assert refusal.part == ""


@pytest.mark.parametrize("place", ["proc/driver/nvidia/version", "dev/nvidia0"])
def test_a_driver_whose_library_is_not_there_has_gpus_that_are_missing(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("recorders.sources.nvml.LIBRARY", "libnvidia-ml-that-is-not-there.so.1")
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    source, (refusal,), _ = open_nvml({}, root=tmp_path)
    assert source is None
    assert "the NVIDIA kernel driver is loaded, but" in refusal.reason
    assert refusal.part == "gpu"


def opened(
    monkeypatch: pytest.MonkeyPatch,
    library: FakeNvml,
    environ: dict[str, str] | None = None,
    root: Path = Path("/none"),
) -> tuple[Nvml | None, list[Refusal]]:
    """What `open_nvml` finds with this library in the place of nvidia-ml-py."""
    monkeypatch.setattr("recorders.sources.nvml.LIBRARY", "libc.so.6")
    for name in dir(library):
        if name.startswith("nvml"):
            monkeypatch.setattr(pynvml, name, getattr(library, name))
    return open_nvml(environ or {}, clock=ManualClock().monotonic_ns, root=root)[:2]


def pci_device(root: Path, vendor: str, kind: str) -> None:
    """Put a device onto a made-up PCI bus."""
    device = root / "sys/bus/pci/devices" / f"0000:00:{kind[2:4]}.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize(
    ("vendor", "kind", "part"),
    [
        ("0x10de", "0x030000", "gpu"),
        ("0x10de", "0x030200", "gpu"),
        ("0x10de", "0x068000", ""),
        ("0x8086", "0x030000", ""),
    ],
)
def test_a_library_without_a_gpu_leaves_nothing_out(
    vendor: str,
    kind: str,
    part: str,
    is_loaded: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def not_loaded() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    library = FakeNvml()
    pci_device(tmp_path, vendor, kind)
    if is_loaded:
        (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    else:
        monkeypatch.setattr(library, "nvmlInit", not_loaded)
    source, (refusal,) = opened(monkeypatch, library, root=tmp_path)
    assert source is None
    assert refusal.part == part


@pytest.mark.parametrize("error", ["DRIVER_NOT_LOADED", "LIB_RM_VERSION_MISMATCH", "UNKNOWN"])
def test_a_driver_that_does_not_answer_has_gpus_that_are_missing(
    error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(getattr(pynvml, f"NVML_ERROR_{error}"))

    library = FakeNvml(Gpu(ONE))
    monkeypatch.setattr(library, "nvmlInit", fail)
    source, (refusal,) = opened(monkeypatch, library)
    assert source is None
    assert "not responding" in refusal.reason
    assert (refusal.part, bool(refusal.remedy)) == ("gpu", True)


@pytest.mark.parametrize(
    "error",
    [pynvml.NVML_ERROR_NO_PERMISSION, pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_UNKNOWN],
)
def test_a_gpu_without_a_handle_is_missing_and_the_other_is_recorded(
    error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, (refusal,) = opened(
        monkeypatch, FakeNvml(Gpu(ONE, failing={"handle": error}), Gpu(TWO, energy_mj=7_000))
    )
    assert source is not None
    assert values(source)["gpu1"] == pytest.approx(7.0)
    assert [c.name for c in source.channels() if c.is_energy] == ["gpu1"]
    assert (refusal.source, refusal.part) == ("gpu0", "gpu0")
    assert str(pynvml.NVMLError(error)).rstrip(".") in refusal.reason


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("uuid", pynvml.NVML_ERROR_NOT_FOUND),
        ("name", pynvml.NVML_ERROR_UNKNOWN),
        ("name", UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid")),
    ],
)
def test_a_gpu_that_does_not_tell_who_it_is_is_recorded_all_the_same(
    call: str, error: int | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, (refusal,) = opened(
        monkeypatch, FakeNvml(Gpu(ONE, failing={call: error}), Gpu(TWO, energy_mj=7_000))
    )
    assert source is not None
    assert values(source)["gpu0"] == pytest.approx(5000.0)
    assert (refusal.source, refusal.part) == ("gpu0", "")
    assert f"its {call if call == 'name' else 'UUID'} cannot be read" in refusal.reason
    fact = source.facts()["gpu0"]
    assert isinstance(fact, dict)
    assert "unknown" in fact[call]


@pytest.mark.parametrize(
    ("energy_mj", "power_mw"), [(None, None), (2**64 - 1, None), (None, 2**32 - 1)]
)
def test_a_gpu_without_energy_and_power_is_missing(
    energy_mj: int | None, power_mw: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, (refusal,) = opened(monkeypatch, FakeNvml(Gpu(ONE), Gpu(TWO, energy_mj, power_mw)))
    assert source is not None
    assert [c.name for c in source.channels() if c.is_energy] == ["gpu0"]
    assert (refusal.source, refusal.part) == ("gpu1", "gpu1")
    assert "neither energy" in refusal.reason


def test_a_sentinel_is_no_reading_and_is_named() -> None:
    library = FakeNvml(Gpu(ONE), Gpu(TWO, energy_mj=None))
    source = source_of(library)
    library.gpus[0].energy_mj, library.gpus[1].power_mw = 2**64 - 1, 2**32 - 1
    found = values(source)
    assert isinstance(found["gpu0"], Implausible)
    assert isinstance(found["gpu1"], Implausible)
    assert "4294967295 mW means no value" in str(found["gpu1"])
    library.gpus[0].energy_mj, library.gpus[1].power_mw = 2**32 - 1, 80_000
    assert values(source)["gpu0"] == pytest.approx(4_294_967.295)
    assert values(source)["gpu1"] == pytest.approx(80.0)


def test_sentinels_of_gauges_are_no_readings() -> None:
    library = FakeNvml(Gpu(ONE))
    source = source_of(library)
    library.gpus[0].gauge = 2**32 - 1
    found = values(source)
    gauges = [found[f"gpu0_{what}"] for what in ("util", "temp", "clock")]
    assert all(isinstance(value, Implausible) for value in gauges)
    library.gpus[0].gauge = 2**64 - 1
    assert isinstance(values(source)["gpu0_mem"], Implausible)


def test_power_is_believed_up_to_a_multiple_of_the_highest_limit() -> None:
    energy, *_ = source_of(FakeNvml(Gpu(ONE, limit_mw=350_000))).channels()
    assert energy.bound_w == pytest.approx(700.0)
    unlimited, *_ = source_of(FakeNvml(Gpu(ONE, limit_mw=2**32 - 1))).channels()
    assert 1000.0 < unlimited.bound_w < 10_000.0


def test_a_gpu_in_mig_mode_is_said_to_be_counted_whole_however_it_was_chosen() -> None:
    energy, *_ = source_of(FakeNvml(Gpu(ONE, mig_mode=True))).channels()
    assert energy.remarks == ("mig",)


def seen(
    library: FakeNvml, environ: dict[str, str], all_gpus: bool
) -> tuple[list[nvml_devices.Gpu], list[Refusal]]:
    """The GPUs of a machine without cards of other vendors."""
    addresses = nvml_devices.pci_addresses(library)
    return visible_devices(library, environ, all_gpus, addresses, range(len(addresses)))


def chosen_of(*gpus: Gpu, **environ: str) -> tuple[list[int], dict[str, Refusal]]:
    """The GPUs that are recorded, and the doubts by their flag or part."""
    devices, refused = seen(FakeNvml(*gpus), environ, all_gpus=False)
    return [device.index for device in devices], {r.flag or r.part: r for r in refused}


@pytest.mark.parametrize("order", [{}, {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}])
def test_an_index_among_different_gpus_may_be_any_of_them(order: dict[str, str]) -> None:
    slow, fast = Gpu(ONE, name="GT 1030"), Gpu(TWO, name="RTX 4090")
    indices, doubts = chosen_of(slow, fast, CUDA_VISIBLE_DEVICES="0", **order)
    assert indices == [0, 1]
    assert set(doubts) == {"which_gpu"}
    assert "CUDA_VISIBLE_DEVICES=0 may mean any of 2 GPUs" in doubts["which_gpu"].reason
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in doubts["which_gpu"].remedy


def test_an_index_is_that_of_the_pci_order_where_it_says_so_or_all_are_alike() -> None:
    slow, fast = Gpu(ONE, name="GT 1030"), Gpu(TWO, name="RTX 4090")
    told = {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert chosen_of(slow, fast, **told)[0] == [0]
    assert chosen_of(Gpu(ONE), Gpu(TWO), CUDA_VISIBLE_DEVICES="1")[0] == [1]
    assert chosen_of(slow, fast, CUDA_VISIBLE_DEVICES=TWO)[0] == [1]


def test_an_index_beside_a_gpu_that_does_not_answer_may_be_another() -> None:
    lost = Gpu(ONE, failing={"handle": pynvml.NVML_ERROR_GPU_IS_LOST})
    indices, doubts = chosen_of(lost, Gpu(TWO), CUDA_VISIBLE_DEVICES="0")
    assert indices == [1]
    assert set(doubts) == {"gpu0", "which_gpu"}


def test_a_uuid_may_be_that_of_a_gpu_that_does_not_tell_its_own() -> None:
    nameless = Gpu(ONE, failing={"uuid": pynvml.NVML_ERROR_NOT_FOUND})
    indices, doubts = chosen_of(nameless, Gpu(TWO), CUDA_VISIBLE_DEVICES="GPU-99999999")
    assert indices == [0]
    assert "which_gpu" in doubts


def test_a_mig_instance_may_be_of_a_gpu_that_does_not_list_its_own() -> None:
    gpus = Gpu(ONE), Gpu(TWO, mig_mode=True)
    indices, doubts = chosen_of(*gpus, CUDA_VISIBLE_DEVICES="MIG-7777")
    assert indices == [1]
    assert set(doubts) == {"which_gpu", "hidden_gpus"}


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("", "all 2 GPUs are hidden by CUDA_VISIBLE_DEVICES="),
        ("NoDevFiles", "all 2 GPUs are hidden by CUDA_VISIBLE_DEVICES=NoDevFiles"),
        ("1", "1 GPU hidden by CUDA_VISIBLE_DEVICES=1"),
    ],
)
def test_hidden_gpus_are_named_and_are_no_missing_parts(setting: str, reason: str) -> None:
    _, doubts = chosen_of(Gpu(ONE), Gpu(TWO), CUDA_VISIBLE_DEVICES=setting)
    assert {flag: refusal.part for flag, refusal in doubts.items()} == {"hidden_gpus": ""}
    assert doubts["hidden_gpus"].reason == reason
    assert "--all-gpus" in doubts["hidden_gpus"].remedy


def test_power_is_read_beside_a_counter_that_rests_for_longer_than_any_does() -> None:
    clock = ManualClock()
    moves, rests = Gpu(ONE), Gpu(TWO, power_mw=120_000)
    source = source_of(FakeNvml(moves, rests), clock)
    names = [channel.name for channel in source.channels()]
    powers_w: list[tuple[float | None, float | None]] = []
    for _ in range(8):
        found = {names[reading.channel]: reading.power_w for reading in source.read(True)}
        powers_w.append((found["gpu0"], found["gpu1"]))
        clock.advance(0.1)
        moves.energy_mj = (moves.energy_mj or 0) + 7000
    assert [gpu0 for gpu0, _ in powers_w] == [None] * 8
    assert [gpu1 for _, gpu1 in powers_w] == [None] * 4 + [120.0] * 4
    rests.power_mw = None
    assert {reading.power_w for reading in source.read(True)} == {None}
