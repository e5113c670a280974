"""NVIDIA GPUs through NVML (nvidia-ml-py): the energy counter if there is one, else power.

Devices are found by UUID. The energy counter counts millijoules since the driver was loaded
(NVML API reference, nvmlDeviceGetTotalEnergyConsumption); whether it exists is found by
trying, not by architecture. A value with all bits set means no value
(NVML_VALUE_NOT_AVAILABLE in nvml.h).
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from recorders import plausible
from recorders.beat import Beat
from recorders.held_back import of_nvml
from recorders.source import Channel, Gone, Implausible, Reading, Refusal, Retry, SourceError
from recorders.sources.gpu_numbers import PCI_DEVICES, gpu_numbers, nvidia_on_bus
from recorders.sources.nvml_devices import Gpu, pci_addresses, tried, visible_devices

LIBRARY = "libnvidia-ml.so.1"
# Files that show that the driver is loaded, even if its library is missing.
FIRST_GPU = "dev/nvidia0"
DRIVER_PLACES = ("proc/driver/nvidia", FIRST_GPU)
# GPUs whose number is unknown.
GPU = "gpu"
NONE_32, NONE_64 = 2**32 - 1, 2**64 - 1
SHORTEST_PERIOD_S = 0.01
# A counter moves every 20 to 100 ms. If one rests longer than this, power is also read.
REST_NS = 300_000_000

Clock = Callable[[], int]
Read = Callable[[], float]
Offer = tuple[str, Channel, Read]


class Nvml:
    """Reads energy (or power), utilisation, memory, temperature and clock of each device.

    `without_energy` lists the devices that report neither energy nor power.
    """

    name = "nvml"
    reader = "nvidia-ml-py"
    blocking = True

    def __init__(
        self, library: Any, devices: Sequence[Gpu], clock: Clock = time.monotonic_ns
    ) -> None:
        self.period_s = 0.1
        self._library = library
        self._devices = list(devices)
        self._clock = clock
        self._channels: list[Channel] = []
        self._reads: list[Read | None] = []
        # For each counter: how to read power, its last value, and when that was first seen.
        self._powers: dict[int, Read] = {}
        self._moved: dict[int, tuple[float, int]] = {}
        # Counters that once rested too long: their power may be integrated from then on, so it is
        # read until the end (see `recorders.channel_state`).
        self._rests: set[int] = set()
        self.without_energy = [
            refusal for device in devices if (refusal := self._offer(device)) is not None
        ]
        self._beats = {
            place: Beat() for place, channel in enumerate(self._channels) if channel.is_energy
        }
        self._slept = self._learned = False
        self._for_good = {
            library.NVML_ERROR_GPU_IS_LOST,
            library.NVML_ERROR_UNINITIALIZED,
            library.NVML_ERROR_NOT_FOUND,
            library.NVML_ERROR_RESET_REQUIRED,
            library.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        }

    @property
    def library(self) -> Any:
        """NVML, which is thread-safe."""
        return self._library

    @property
    def devices(self) -> Sequence[Gpu]:
        """Its GPUs."""
        return self._devices

    def channels(self) -> Sequence[Channel]:
        """gpuN energy (J: counter, W: integrated power) first, then its gauges."""
        return self._channels

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read every channel of every device that still responds."""
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
            over_s = power_w = None
            if channel.unit == "J" and isinstance(value, float):
                over_s = self._beats[place].over_s(value, begun_ns, time_ns)
                power_w = self._power_beside(place, value, time_ns)
            readings.append(Reading(place, time_ns, value, over_s, power_w, begun_ns))
        return readings

    def calibrate(self) -> float | None:
        """Observe energy readings whose refreshes cannot be predicted; settles `period_s`."""
        now_ns = self._clock()
        beats = {p: beat for p, beat in self._beats.items() if self._is_followed(p, beat)}
        for place, beat in beats.items():
            if beat.look_is_due(now_ns):
                begun_ns = self._clock()
                value = self._value(place, looking=True)
                if isinstance(value, float):
                    beat.look(value, begun_ns, self._clock())
        if self._learned:
            times_ns = [at for b in beats.values() if (at := b.look_at_ns(now_ns)) is not None]
            return max(0.0, (min(times_ns) - now_ns) * 1e-9) if times_ns else None
        self._learned = not any(beat.is_learning(now_ns) for beat in beats.values())
        if periods := self.update_periods_s().values():
            self.period_s = max(SHORTEST_PERIOD_S, min(periods))
        return None if self._learned else 0.0

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each energy or power reading, seconds, if observed."""
        return {
            self._channels[place].name: period
            for place, beat in self._beats.items()
            if (period := beat.period_s) is not None
        }

    def facts(self) -> Mapping[str, object]:
        """The identity, power limit and reading of each device; the driver version."""
        nvml = self._library
        devices = {
            device.channel: {
                "vendor": "NVIDIA",
                "model": device.name,
                "name": device.name,
                "uuid": device.uuid,
                "pci": device.pci,
                "nvidia_smi_index": device.index,
                "reading": self._reading_of(device),
                "power_limit_w": self._limit_w(nvml.nvmlDeviceGetEnforcedPowerLimit, device),
                "whole_gpu_of_mig": device.mig,
            }
            for device in self._devices
        }
        return {"driver": tried(nvml.nvmlSystemGetDriverVersion)[0], **devices}

    def reset(self) -> None:
        """Restart the beats of the counters at the next read."""
        self._slept = True

    def close(self) -> None:
        """Shut NVML down."""
        tried(self._library.nvmlShutdown)

    def _limit_w(self, ask: Callable[[Any], int], device: Gpu) -> float | None:
        limit_mw = tried(partial(ask, device.handle))[0]
        return None if limit_mw in (None, 0, NONE_32) else float(limit_mw) * 1e-3

    def _bound_w(self, device: Gpu) -> float:
        """The highest plausible mean power, from the highest limit that can be set."""
        nvml = self._library
        limits = tried(partial(nvml.nvmlDeviceGetPowerManagementLimitConstraints, device.handle))[0]
        most_w = self._limit_w(lambda _: limits[1], device) if limits else None
        limit_w = most_w or self._limit_w(nvml.nvmlDeviceGetEnforcedPowerLimit, device)
        return plausible.bound_w("gpu", limit_w)

    def _reading_of(self, device: Gpu) -> str:
        for channel in self._channels:
            if channel.name == device.channel:
                return "energy counter" if channel.unit == "J" else "power, integrated"
        return "none"

    def _offer(self, device: Gpu) -> Refusal | None:
        """Add the channels that can be read; a device without energy or power is refused."""
        gpu = device.channel
        reasons: list[str] = []
        counter, power = self._energy_offers(device)
        for what, channel, read in (counter, power):
            if not (reason := self._add(channel, read)):
                self._powers[len(self._channels) - 1] = power[2]
                reasons.clear()
                break
            reasons.append(f"{what} ({reason})")
        for channel, read in self._gauge_offers(device):
            self._add(channel, read)
        if not reasons:
            return None
        reason = f"{device.name} reports neither {' nor '.join(reasons)}"
        remedy = f"nvidia-smi -q -d POWER -i {device.index}"
        return Refusal(gpu, reason, remedy, part=gpu, kind="unread")

    def _add(self, channel: Channel, read: Read) -> str:
        """Add a channel, or return why it cannot be read."""
        try:
            value, reason = tried(read)
        except Implausible as error:
            return str(error)
        if value is not None:
            self._channels.append(channel)
            self._reads.append(read)
        return reason

    def _energy_offers(self, device: Gpu) -> tuple[Offer, Offer]:
        nvml, handle, gpu = self._library, device.handle, device.channel
        bound_w, mig = self._bound_w(device), ("mig",) if device.mig else ()
        counter = Channel(
            gpu,
            "J",
            in_total=True,
            bound_w=bound_w,
            always_moves=True,
            settle_s=math.inf,
            step_j=1e-3,
            limit_w=self._limit_w(nvml.nvmlDeviceGetEnforcedPowerLimit, device),
            remarks=mig,
        )
        power = Channel(
            gpu,
            "W",
            in_total=True,
            bound_w=bound_w,
            limit_w=counter.limit_w,
            remarks=("integrated", *mig),
        )
        energy_mj, power_mw = nvml.nvmlDeviceGetTotalEnergyConsumption, nvml.nvmlDeviceGetPowerUsage
        return (
            ("energy", counter, lambda: _known(energy_mj(handle), NONE_64, "mJ") * 1e-3),
            ("power", power, lambda: _known(power_mw(handle), NONE_32, "mW") * 1e-3),
        )

    def _gauge_offers(self, device: Gpu) -> Iterator[tuple[Channel, Read]]:
        nvml, handle, gpu = self._library, device.handle, device.channel

        def number(ask: Callable[..., int], *what: int) -> Read:
            return lambda: float(_known(ask(handle, *what), NONE_32, "here"))

        yield (
            Channel(f"{gpu}_util", "pct"),
            number(lambda handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        )
        yield (
            Channel(f"{gpu}_mem", "MiB"),
            lambda: _known(nvml.nvmlDeviceGetMemoryInfo(handle).used, NONE_64, "bytes") / 2**20,
        )
        yield (
            Channel(f"{gpu}_temp", "C"),
            number(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
        )
        yield (
            Channel(f"{gpu}_clock", "MHz"),
            number(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
        )
        yield (
            Channel(f"{gpu}_held", "bits"),
            partial(_held_bits, nvml, handle),
        )

    def _power_beside(self, place: int, value: float, time_ns: int) -> float | None:
        """The power of a device whose counter has rested too long, if readable."""
        before_j, since_ns = self._moved.get(place, (math.nan, 0))
        if value != before_j:
            self._moved[place] = value, time_ns
        elif time_ns - since_ns > REST_NS:
            self._rests.add(place)
        if place not in self._rests:
            return None
        try:
            return tried(self._powers[place])[0]
        except Implausible:
            return None

    def _is_followed(self, place: int, beat: Beat) -> bool:
        """Whether to follow a reading: counters always, powers until their period is known."""
        is_counter = self._channels[place].unit == "J"
        return self._reads[place] is not None and (is_counter or beat.period_s is None)

    def _value(self, place: int, looking: bool = False) -> float | SourceError | None:
        """The current value; Gone once if the GPU is lost, then None. A look loses no GPU."""
        read = self._reads[place]
        if read is None:
            return None
        try:
            return read()
        except self._library.NVMLError as error:
            text = f"{self._channels[place].name}: {error}"
            if error.value not in self._for_good:
                return Retry(text)
            if not looking:
                self._reads[place] = None
            return Gone(text)
        except Implausible as error:
            return error


class FoundNvml(NamedTuple):
    """The source if there is one, the refusals, and the PCI addresses of all GPUs of the driver."""

    source: Nvml | None
    refused: list[Refusal]
    addresses: Sequence[str] = ()


def open_nvml(
    environ: Mapping[str, str],
    all_gpus: bool = False,
    clock: Clock = time.monotonic_ns,
    root: Path = Path("/"),
    cards: Sequence[str] = (),
) -> FoundNvml:
    """Open the GPUs visible by CUDA_VISIBLE_DEVICES (all of them with `all_gpus`).

    They are numbered together with the `cards` of other vendors, given by their PCI addresses.
    """
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        return FoundNvml(None, [_no_library(error, root)])
    import pynvml as nvml

    try:
        nvml.nvmlInit()
        addresses = pci_addresses(nvml, nvidia_on_bus(root))
        numbers, _ = gpu_numbers(addresses, cards)
        devices, refused = visible_devices(nvml, environ, all_gpus, addresses, numbers)
    except nvml.NVMLError as error:
        return FoundNvml(None, [_no_answer(nvml, error, root)])
    if not devices and not refused:
        part = GPU if _driver_is_loaded(root) and _may_have_gpu(root) else ""
        reason = "the NVIDIA driver reports no GPU"
        refused = [Refusal("nvml", reason, "nvidia-smi", part, kind="unread" if part else "absent")]
    if not devices:
        tried(nvml.nvmlShutdown)
        return FoundNvml(None, refused, addresses)
    source = Nvml(nvml, devices, clock)
    return FoundNvml(source, refused + source.without_energy, addresses)


def _no_library(error: OSError, root: Path) -> Refusal:
    install = "install its driver, or start the container with --gpus all"
    if not (_driver_is_loaded(root) and _may_have_gpu(root)):
        reason = f"no NVIDIA driver ({LIBRARY} is not installed)"
        remedy = f"if this machine has an NVIDIA GPU, {install}"
        return Refusal("nvml", reason, remedy, kind="absent")
    reason = f"the NVIDIA kernel driver is loaded, but {LIBRARY} cannot be ({error})"
    return Refusal("nvml", reason, install, GPU, kind="unread")


def _no_answer(nvml: Any, error: Any, root: Path) -> Refusal:
    """The refusal for a driver that does not respond: an unknown number of GPUs is missing, unless
    only the library is installed, which does not show that there is a GPU."""
    if error.value == nvml.NVML_ERROR_DRIVER_NOT_LOADED and not _may_have_gpu(root):
        reason = "no NVIDIA GPU on the PCI bus, although its library is installed"
        return Refusal("nvml", reason, kind="absent")
    remedies = {
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "sudo modprobe nvidia",
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "sudo reboot",
    }
    reason = f"the NVIDIA driver is not responding ({str(error).rstrip('.')})"
    denied = error.value == nvml.NVML_ERROR_NO_PERMISSION
    remedy = remedies.get(error.value, "nvidia-smi")
    return Refusal("nvml", reason, remedy, GPU, kind="right" if denied else "unread")


def _driver_is_loaded(root: Path) -> bool:
    return any((root / place).exists() for place in DRIVER_PLACES)


def _may_have_gpu(root: Path) -> bool:
    """Whether there may be an NVIDIA GPU; true if the PCI bus cannot be read."""
    if (root / FIRST_GPU).exists() or not (root / PCI_DEVICES).is_dir():
        return True
    return bool(nvidia_on_bus(root))


def _held_bits(nvml: Any, handle: Any) -> float:
    """Why the clocks are held back; drivers before 535 know the call by its older name."""
    try:
        reasons = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            raise
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    return float(of_nvml(_known(reasons, NONE_64, "here")))


def _known(value: int, none: int, unit: str) -> int:
    """The value. Raises Implausible if it means no value (all bits set)."""
    if value == none:
        raise Implausible(f"{value} {unit} means no value")
    return value
