"""The first GPU through NVML, and loads on it by torch."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

# A load says that it runs within this time: importing torch and starting CUDA take seconds.
START_S = 25.0
# Seconds of the alternating load's high half, and of its low half.
STEP_S = 1.0

Load = Callable[[str], AbstractContextManager[None]]


class UnusableError(Exception):
    """A part cannot be measured; the text says why."""


class Sample(NamedTuple):
    """Energy, joules (None: no counter), and power, watts, at a CLOCK_MONOTONIC time."""

    time_s: float
    energy_j: float | None
    power_w: float | None


class Device:
    """The first GPU. Raises UnusableError, with the reason, if there is none."""

    def __init__(self) -> None:
        try:
            import pynvml
        except ImportError:
            raise UnusableError(
                "nvidia-ml-py is not installed (pip install nvidia-ml-py)"
            ) from None
        self.nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            if not pynvml.nvmlDeviceGetCount():
                raise UnusableError("the NVIDIA driver reports no GPU")
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        except pynvml.NVMLError as error:
            raise UnusableError(f"no NVIDIA GPU ({error})") from None

    def ask(self, function: str, *arguments: Any) -> Any:
        """The answer of an NVML function about this GPU; None where it has none."""
        try:
            return getattr(self.nvml, function)(self.handle, *arguments)
        except self.nvml.NVMLError:
            return None

    def facts(self) -> dict[str, str]:
        """Name, driver and power limit."""
        name, limit_mw = self.ask("nvmlDeviceGetName"), self.ask("nvmlDeviceGetEnforcedPowerLimit")
        driver = self.nvml.nvmlSystemGetDriverVersion()
        limit = f"{limit_mw / 1000:g} W" if limit_mw else "unknown"
        return {"GPU": f"{name}, power limit {limit}", "driver": str(driver)}

    def sample(self) -> Sample:
        """Energy and power now."""
        energy_mj = self.ask("nvmlDeviceGetTotalEnergyConsumption")
        power_mw = self.ask("nvmlDeviceGetPowerUsage")
        return Sample(
            time.monotonic(),
            None if energy_mj is None else energy_mj * 1e-3,
            None if power_mw is None else power_mw * 1e-3,
        )

    def samples(self, seconds: float, every_s: float = 0.002) -> list[Sample]:
        """Samples for that long."""
        end_s, found = time.monotonic() + seconds, []
        while time.monotonic() < end_s:
            found.append(self.sample())
            time.sleep(every_s)
        return found


@contextmanager
def loaded(pattern: str) -> Iterator[None]:
    """A process that multiplies matrices on the GPU: `full`, or `step`, by turns of STEP_S.

    Raises UnusableError without torch or CUDA.
    """
    if not importlib.util.find_spec("torch"):
        raise UnusableError("it needs a load on CUDA, and torch is not installed")
    with running([sys.executable, "-m", "benchmarks.gpu.load", pattern]):
        yield


@contextmanager
def running(argv: Sequence[str]) -> Iterator[None]:
    """A load: a program that prints `ready` once it computes, ended at the end."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    try:
        if process.stdout.readline().strip() != "ready":
            process.wait(START_S)
            reason = (process.stderr.read().strip().splitlines() or ["the load did not start"])[-1]
            raise UnusableError(reason)
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
