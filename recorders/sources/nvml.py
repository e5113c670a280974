"""NVIDIA GPUs through NVML (nvidia-ml-py): energy counter where there is one, else power.

Devices are found by UUID. The energy counter counts millijoules since the driver was loaded
(NVML API reference, nvmlDeviceGetTotalEnergyConsumption); whether it is there is tried, not
looked up by architecture.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from recorders.beat import Beat
from recorders.source import Channel, Gone, Reading, Refusal, Retry, SourceError

LIBRARY = "libnvidia-ml.so.1"
SHORTEST_PERIOD_S = 0.01

Clock = Callable[[], int]
Read = Callable[[], float]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU: its nvidia-smi index, NVML handle and stable name."""

    index: int
    handle: Any
    uuid: str
    name: str
    via_mig: bool = False


class Nvml:
    """Reads energy (or power), utilisation, memory, temperature and clock of each device."""

    name = "nvml"
    reader = "nvidia-ml-py"
    blocking = True

    def __init__(
        self, library: Any, devices: Sequence[Device], clock: Clock = time.monotonic_ns
    ) -> None:
        self.period_s = 0.1
        self._library = library
        self._devices = list(devices)
        self._clock = clock
        self._channels: list[Channel] = []
        self._reads: list[Read | None] = []
        for device in devices:
            self._offer(device)
        self._beats = {
            place: Beat() for place, channel in enumerate(self._channels) if channel.is_energy
        }
        self._slept = self._learned = False

    def channels(self) -> Sequence[Channel]:
        """gpuN energy (J: counter, W: integrated power) first, then its gauges."""
        return self._channels

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read every channel of every device that still answers."""
        if self._slept:
            self._slept = False
            for beat in self._beats.values():
                beat.restart()
        readings = []
        for place, channel in enumerate(self._channels):
            if counters_only and not channel.is_energy:
                continue
            begun_ns = self._clock()
            value = self._value(place)
            time_ns = self._clock()
            if value is None:
                continue
            over_s = None
            if channel.unit == "J" and isinstance(value, float):
                over_s = self._beats[place].over_s(value, begun_ns, time_ns)
            readings.append(Reading(place, time_ns, value, over_s))
        return readings

    def calibrate(self) -> bool:
        """Look at the energy readings whose refreshes cannot be predicted; settles `period_s`."""
        now_ns = self._clock()
        beats = {p: beat for p, beat in self._beats.items() if self._is_followed(p, beat)}
        wanting = [place for place, beat in beats.items() if beat.needs_looks(now_ns)]
        for place in wanting:
            if not self._beats[place].look_is_due(now_ns):
                continue
            begun_ns = self._clock()
            value = self._value(place, looking=True)
            if isinstance(value, float):
                self._beats[place].look(value, begun_ns, self._clock())
        if self._learned:
            return not wanting
        self._learned = not any(beat.is_learning(now_ns) for beat in beats.values())
        if periods := self.update_periods_s().values():
            self.period_s = max(SHORTEST_PERIOD_S, min(periods))
        return self._learned

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each energy or power reading, seconds, as far as it was seen."""
        return {
            self._channels[place].name: period
            for place, beat in self._beats.items()
            if (period := beat.period_s) is not None
        }

    def facts(self) -> Mapping[str, object]:
        """Index, UUID, name, power limit and reading of each device; the driver's version."""
        nvml = self._library
        devices = {
            f"gpu{device.index}": {
                "uuid": device.uuid,
                "name": device.name,
                "reading": self._reading_of(device),
                "power_limit_w": self._power_limit_w(device),
                "whole_gpu_of_mig": device.via_mig,
            }
            for device in self._devices
        }
        return {"driver": _try(nvml.nvmlSystemGetDriverVersion), **devices}

    def reset(self) -> None:
        """Forget where the counters were in their periods, at the next read."""
        self._slept = True

    def close(self) -> None:
        """Shut NVML down."""
        _try(self._library.nvmlShutdown)

    def _power_limit_w(self, device: Device) -> float | None:
        limit_mw = _try(partial(self._library.nvmlDeviceGetEnforcedPowerLimit, device.handle))
        return None if limit_mw is None else float(limit_mw) * 1e-3

    def _reading_of(self, device: Device) -> str:
        for channel in self._channels:
            if channel.name == f"gpu{device.index}":
                return "energy counter" if channel.unit == "J" else "power, integrated"
        return "none"

    def _offer(self, device: Device) -> None:
        nvml, handle, gpu = self._library, device.handle, f"gpu{device.index}"
        mig = ("mig",) if device.via_mig else ()
        offers: list[tuple[Channel, Read]] = [
            (
                Channel(
                    gpu,
                    "J",
                    in_total=True,
                    always_moves=True,
                    settle_s=math.inf,
                    remarks=mig,
                ),
                lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) * 1e-3,
            ),
            (
                Channel(gpu, "W", in_total=True, remarks=("integrated", *mig)),
                lambda: nvml.nvmlDeviceGetPowerUsage(handle) * 1e-3,
            ),
            (
                Channel(f"{gpu}_util", "pct"),
                lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            ),
            (
                Channel(f"{gpu}_mem", "MiB"),
                lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used / 2**20,
            ),
            (
                Channel(f"{gpu}_temp", "C"),
                lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            ),
            (
                Channel(f"{gpu}_clock", "MHz"),
                lambda: float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            ),
        ]
        for channel, read in offers:
            counted = any(other.name == gpu for other in self._channels)
            if (channel.name == gpu and counted) or _try(read) is None:
                continue
            self._channels.append(channel)
            self._reads.append(read)

    def _is_followed(self, place: int, beat: Beat) -> bool:
        """Counters are followed; of power readings only the first update period is noted."""
        is_counter = self._channels[place].unit == "J"
        return self._reads[place] is not None and (is_counter or beat.period_s is None)

    def _value(self, place: int, looking: bool = False) -> float | SourceError | None:
        """The value now; Gone once where the GPU is lost, then None. A look loses no GPU."""
        read = self._reads[place]
        if read is None:
            return None
        try:
            return read()
        except self._library.NVMLError as error:
            text = f"{self._channels[place].name}: {error}"
            if error.value in (
                self._library.NVML_ERROR_GPU_IS_LOST,
                self._library.NVML_ERROR_UNINITIALIZED,
                self._library.NVML_ERROR_NOT_FOUND,
            ):
                if not looking:
                    self._reads[place] = None
                return Gone(text)
            return Retry(text)


def open_nvml(
    environ: Mapping[str, str], all_gpus: bool = False, clock: Clock = time.monotonic_ns
) -> tuple[Nvml | None, list[Refusal]]:
    """Open the GPUs that CUDA_VISIBLE_DEVICES shows (all of them with `all_gpus`)."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return None, [
            Refusal(
                "nvml",
                f"no NVIDIA driver ({LIBRARY} is not installed)",
                "with an NVIDIA GPU: install its driver, or start the container with --gpus all",
            )
        ]
    import pynvml as nvml

    try:
        nvml.nvmlInit()
        devices, refused = visible_devices(nvml, environ, all_gpus)
    except nvml.NVMLError as error:
        return None, [Refusal("nvml", f"the NVIDIA driver does not answer ({error})", "nvidia-smi")]
    if not devices:
        return None, refused or [Refusal("nvml", "the NVIDIA driver reports no GPU", "nvidia-smi")]
    source = Nvml(nvml, devices, clock)
    for device in devices:
        gpu = f"gpu{device.index}"
        if not any(channel.name == gpu for channel in source.channels()):
            refused.append(Refusal(gpu, f"{device.name} reports neither energy nor power"))
    return source, refused


def visible_devices(
    nvml: Any, environ: Mapping[str, str], all_gpus: bool
) -> tuple[list[Device], list[Refusal]]:
    """The GPUs to record, by the rules of CUDA_VISIBLE_DEVICES (index, UUID prefix, MIG UUID).

    As in CUDA the list ends at the first entry that names no device. Indices count in PCI order.
    """
    everything = [_device(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    setting = environ.get("CUDA_VISIBLE_DEVICES")
    if all_gpus or setting is None:
        return everything, []
    chosen: dict[int, Device] = {}
    for entry in (part.strip() for part in setting.split(",")):
        device = _named(nvml, everything, entry)
        if device is None:
            break
        chosen.setdefault(device.index, device)
    if len(chosen) == len(everything):
        return list(chosen.values()), []
    hidden = len(everything) - len(chosen)
    reason = f"{hidden} GPU{'s' * (hidden > 1)} hidden by CUDA_VISIBLE_DEVICES={setting}"
    return list(chosen.values()), [Refusal("nvml", reason, "--all-gpus records them as well")]


def _named(nvml: Any, devices: Sequence[Device], entry: str) -> Device | None:
    if entry.isascii() and entry.isdigit():
        return devices[int(entry)] if int(entry) < len(devices) else None
    if entry.startswith("MIG-"):
        return _parent_of_mig(nvml, devices, entry)
    matches = [d for d in devices if entry.startswith("GPU-") and d.uuid.startswith(entry)]
    return matches[0] if len(matches) == 1 else None


def _parent_of_mig(nvml: Any, devices: Sequence[Device], entry: str) -> Device | None:
    for device in devices:
        count = _try(partial(nvml.nvmlDeviceGetMaxMigDeviceCount, device.handle)) or 0
        for place in range(int(count)):
            part = _try(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, device.handle, place))
            uuid = part is not None and _try(partial(nvml.nvmlDeviceGetUUID, part))
            if uuid and str(uuid).startswith(entry):
                return Device(device.index, device.handle, device.uuid, device.name, via_mig=True)
    return None


def _device(nvml: Any, index: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    return Device(index, handle, nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle))


def _try(call: Callable[[], _T]) -> _T | None:
    """The call's result, or None where this device or driver cannot answer it."""
    from pynvml import NVMLError

    try:
        return call()
    except NVMLError:
        return None
