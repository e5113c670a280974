"""A fake libnvidia-ml.so.1: its GPUs, its build, and the answers it must give."""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from testbench.curves import PowerCurve

SOURCE = Path(__file__).with_name("fake_nvml.c")
PASCAL, AMPERE = 4, 7
# A program uses a GPU by a line `index pid sm_pct memory_mib` in the file of this name, beside that
# of the configuration; -1 MiB is memory that is not available.
PROCESSES = "{FAKE_NVML_CONFIG}.processes"
ERROR_NO_PERMISSION, ERROR_NOT_FOUND, ERROR_DRIVER_NOT_LOADED, ERROR_TIMEOUT = 4, 6, 9, 10
ERROR_GPU_IS_LOST, ERROR_LIB_RM_VERSION_MISMATCH, ERROR_UNKNOWN = 15, 18, 999
MOST_STEPS = 256
# The markers for "no value" in 32-bit and 64-bit answers.
NONE_32, NONE_64 = 2**32 - 1, 2**64 - 1


@dataclass(frozen=True)
class PowerSensor:
    """The value of nvmlDeviceGetPowerUsage, updated once per refresh_s.

    instant   the curve's power
    boxcar    its mean over the last window_s
    parttime  its mean over the first window_s of the last refresh_s (25 of 100 ms on many GPUs:
              Yang, Adamek, Armour, "Part-time Power Measurements", SC 2024)
    """

    kind: Literal["instant", "boxcar", "parttime"] = "boxcar"
    refresh_s: float = 0.1
    window_s: float = 1.0

    def power_w(self, curve: PowerCurve, t_s: float) -> float:
        """The reading at t_s, W."""
        if self.kind == "instant":
            return curve.power_w(floor_s(t_s, self.refresh_s))
        if self.kind == "boxcar":
            end_s = floor_s(t_s, self.refresh_s)
        else:
            end_s = floor_s(t_s - self.window_s, self.refresh_s) + self.window_s
        return (curve.energy_j(end_s) - curve.energy_j(end_s - self.window_s)) / self.window_s


@dataclass(frozen=True)
class NvmlFault:
    """An NVML function that fails with `error`, or answers `value`, from begin_s to end_s."""

    call: str
    error: int = 0
    value: int = 0
    begin_s: float = -1e9
    end_s: float = math.inf


@dataclass(frozen=True)
class Gpu:
    """One GPU; its energy counter is in whole mJ and moves once per energy_refresh_s.

    `name` may hold bytes that are not text, as surrogate escapes.
    """

    curve: PowerCurve
    uuid: str = ""
    name: str = "NVIDIA Bench 4000"
    energy: bool = True
    energy_refresh_s: float = 0.02
    start_mj: int = 123_456
    power: PowerSensor | None = PowerSensor()
    latency_s: float = 0.0
    lost_s: float = math.inf
    reset_s: float = math.inf
    mig: int | None = None
    arch: int = AMPERE
    power_limit_w: float = 400.0
    memory_mib: int = 40_960
    faults: tuple[NvmlFault, ...] = ()

    def shown_mj(self, t_s: float) -> int:
        """The energy counter at t_s, mJ."""
        at_s = floor_s(t_s, self.energy_refresh_s)
        if at_s >= self.reset_s:
            return math.floor((self.curve.energy_j(at_s) - self.curve.energy_j(self.reset_s)) * 1e3)
        return self.start_mj + math.floor(self.curve.energy_j(at_s) * 1e3)

    def shown_mw(self, t_s: float) -> int:
        """The power reading at t_s, mW; raises ValueError without a power sensor."""
        if self.power is None:
            raise ValueError(f"{self.name} has no power sensor")
        return math.floor(self.power.power_w(self.curve, t_s) * 1e3 + 0.5)


@dataclass(frozen=True)
class FakeNvml:
    """The contents of the library; init_error makes every nvmlInit fail with that code."""

    gpus: tuple[Gpu, ...] = ()
    init_error: int = 0

    def uuid(self, index: int) -> str:
        """The UUID of a GPU."""
        return self.gpus[index].uuid or f"GPU-{_tail(index, 0)}"

    def mig_uuid(self, index: int, instance: int) -> str:
        """The UUID of a MIG instance."""
        return f"MIG-{_tail(index, instance + 1)}"

    def up_before(self, lead_s: float) -> FakeNvml:
        """The same GPUs, already there for lead_s before their time 0."""
        return replace(self, gpus=tuple(_up_before(gpu, lead_s) for gpu in self.gpus))

    def config(self, t0_ns: int, calls: Path) -> str:
        """The text the library reads: one `key value` per line, a device from `device` to `end`."""
        head = [f"t0_ns {t0_ns}", f"calls {calls}", f"init_error {self.init_error}"]
        return "\n".join(head + [self._device(i) for i in range(len(self.gpus))]) + "\n"

    def _device(self, index: int) -> str:
        gpu = self.gpus[index]
        sensor = gpu.power
        lines = [
            "device",
            f"uuid {self.uuid(index)}",
            f"name {gpu.name}",
            f"curve {_curve_words(gpu.curve)}",
            f"energy {int(gpu.energy)} {round(gpu.energy_refresh_s * 1e9)} {gpu.start_mj}",
            f"latency_s {gpu.latency_s!r}",
            f"lost_s {gpu.lost_s!r}",
            f"reset_s {gpu.reset_s!r}",
            f"arch {gpu.arch}",
            f"power_limit_mw {round(gpu.power_limit_w * 1e3)}",
            f"memory_mib {gpu.memory_mib}",
        ]
        lines += [
            f"fault {f.call} {f.error} {f.value} {f.begin_s!r} {f.end_s!r}" for f in gpu.faults
        ]
        if sensor:
            refresh_ns, window_ns = round(sensor.refresh_s * 1e9), round(sensor.window_s * 1e9)
            lines.append(f"power {sensor.kind} {refresh_ns} {window_ns}")
        if gpu.mig is not None:
            lines.append(f"mig {gpu.mig}")
            lines += [f"mig_uuid {self.mig_uuid(index, n)}" for n in range(gpu.mig)]
        return "\n".join([*lines, "end"])


def _up_before(gpu: Gpu, lead_s: float) -> Gpu:
    """Faults present from the start also apply then, and no counter was below 0."""
    before_mj = math.ceil(-gpu.curve.energy_j(-lead_s) * 1e3)
    faults = (replace(f, begin_s=-lead_s) if f.begin_s <= 0 else f for f in gpu.faults)
    return replace(gpu, start_mj=max(gpu.start_mj, before_mj), faults=tuple(faults))


def floor_s(t_s: float, period_s: float) -> float:
    """The last multiple of period_s at or before t_s, to the ns; t_s itself for period 0."""
    period_ns = round(period_s * 1e9)
    return round(t_s * 1e9) // period_ns * period_ns / 1e9 if period_ns else t_s


def _tail(index: int, instance: int) -> str:
    return f"00000000-0000-4000-8000-{instance:04d}{index:08d}"


def _curve_words(curve: PowerCurve) -> str:
    """`square 20.0 80.0 0.7 0.4 0.0`; for steps the count, then start and level of each; for driven
    the base level and the file."""
    fields = curve.to_dict()
    kind = fields.pop("kind")
    if kind == "steps":
        if len(fields["starts_s"]) > MOST_STEPS:
            raise ValueError(f"a GPU's power has at most {MOST_STEPS} steps: use Driven for more")
        pairs = zip(fields["starts_s"], fields["levels_w"], strict=True)
        numbers = [float(number) for pair in pairs for number in pair]
        return f"steps {len(fields['starts_s'])} " + " ".join(map(repr, numbers))
    if kind == "driven":
        return f"driven {float(fields['base_w'])!r} {fields['path']}"
    return f"{kind} " + " ".join(repr(float(number)) for number in fields.values())


def compiler() -> str | None:
    """The C compiler's path, if there is one."""
    return shutil.which("gcc") or shutil.which("cc")


@cache
def _build() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="bench-nvml-")
    library = Path(folder.name, "libnvidia-ml.so.1")
    command = [compiler() or "gcc", "-std=gnu11", "-O2", "-ffp-contract=off", "-Wall", "-Werror"]
    command += ["-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-lm"], check=True, capture_output=True, text=True)
    Path(folder.name).chmod(0o755)
    return folder


def library_directory() -> Path:
    """The path of the library, built once per process and removed when the process ends."""
    return Path(_build().name)
