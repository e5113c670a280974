"""Which processes use NVIDIA GPUs, from NVML.

The driver samples the use of each process (nvmlDeviceGetProcessUtilization) about once a second,
and leaves out those without any. NVML names processes by their numbers on the host, so inside a
container that numbers its processes itself, they are unknown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

from recorders.gpu_users import MEMORY, GpuUse, Users, share_of
from recorders.machine import file_link
from recorders.source import Refusal
from recorders.sources.nvml_devices import Gpu, tried

# A sample is current for so long. Samples from before this time are asked for again.
CURRENT_NS, AGAIN_US = 2_000_000_000, 5_000_000
ENGINE, MOST_PCT = "sm", 100
MIB = 2.0**-20
# The name of the shares among the sources.
SHARES = "gpu shares"
# The first process namespace, which is the host's (PROC_PID_INIT_INO in proc_ns.h of Linux).
NAMESPACE, HOST_NAMESPACE = "proc/self/ns/pid", "pid:[4026531836]"


class NvmlUsers:
    """Reads the processes of GPUs; those whose use or memory NVML does not tell are unknown."""

    reader = "nvidia-ml-py"

    def __init__(
        self,
        library: Any,
        devices: Sequence[Gpu],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._library, self._clock = library, clock
        self._devices = list(devices)
        self._samples = {device.channel: Samples(clock) for device in devices}
        self.gpus = tuple(device.channel for device in devices)
        self.unseen: Set[int] = frozenset()

    def read(self, members: Set[int]) -> Mapping[str, Users]:
        """The users of each GPU."""
        return {device.channel: self._of_gpu(device) for device in self._devices}

    def _of_gpu(self, device: Gpu) -> Users:
        memory = self.memory_mib(device)
        samples = self._samples[device.channel]
        shares = samples.shares(self.sampled(device, samples.since_us))
        others = _use(None if shares is None else 0.0, None if memory is None else 0.0)
        times, mib = shares or {}, memory or {}
        return Users(
            {
                pid: _use(times.get(pid, others.engines[ENGINE]), mib.get(pid, others.memory_mib))
                for pid in {*times, *mib}
            },
            others,
        )

    def sampled(self, device: Gpu, since_us: int) -> Sequence[Any] | None:
        """The driver's samples of processes since then; None if it does not tell."""
        nvml = self._library
        try:
            found: Sequence[Any] = nvml.nvmlDeviceGetProcessUtilization(device.handle, since_us)
        except nvml.NVMLError as error:
            # pynvml raises the code of success for an empty list.
            is_none = error.value in (nvml.NVML_SUCCESS, nvml.NVML_ERROR_NOT_FOUND)
            return () if is_none else None
        return found

    def memory_mib(self, device: Gpu) -> dict[int, float | None] | None:
        """GPU memory by process; None if the driver does not tell.

        A process that computes and draws is in two lists with the same number.
        """
        nvml, parts = self._library, dict[tuple[int, int, int], int | None]()
        for ask in (
            nvml.nvmlDeviceGetComputeRunningProcesses,
            nvml.nvmlDeviceGetGraphicsRunningProcesses,
        ):
            found = tried(partial(ask, device.handle))[0]
            if found is None:
                return None
            parts |= {(p.pid, p.gpuInstanceId, p.computeInstanceId): p.usedGpuMemory for p in found}
        mib: dict[int, float | None] = {}
        for (pid, _, _), used_bytes in parts.items():
            own = mib.get(pid, 0.0)
            mib[pid] = None if own is None or used_bytes is None else own + used_bytes * MIB
        return mib


def _use(share: float | None, memory_mib: float | None) -> GpuUse:
    return GpuUse({ENGINE: share}, memory_mib)


class Samples:
    """The current samples of a GPU, as the driver also gives old ones."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._newest_us = 0
        # By process: the time of its last sample, when that was first seen, and its share.
        self._last: dict[int, tuple[int, int, float | None]] = {}
        self._is_begun = False

    @property
    def since_us(self) -> int:
        """From when on to ask for samples."""
        return max(0, self._newest_us - AGAIN_US)

    def shares(self, found: Sequence[Any] | None) -> dict[int, float | None] | None:
        """The shares by process; None at first, when the samples may be old."""
        if found is None:
            return None
        now_ns, is_begun = self._clock(), self._is_begun
        self._is_begun = True
        for sample in sorted(found, key=lambda sample: int(sample.timeStamp)):
            at_us, pct = int(sample.timeStamp), int(sample.smUtil)
            if at_us > self._last.get(sample.pid, (0, 0, None))[0]:
                seen_ns = now_ns if is_begun else now_ns - CURRENT_NS - 1
                share = pct / 100 if pct <= MOST_PCT else None
                self._last[sample.pid] = at_us, seen_ns, share
            self._newest_us = max(self._newest_us, at_us)
        self._last = {pid: last for pid, last in self._last.items() if last[0] >= self.since_us}
        current = {
            pid: share
            for pid, (_, seen_ns, share) in self._last.items()
            if now_ns - seen_ns <= CURRENT_NS
        }
        return current if is_begun else None


def refused_shares(
    users: NvmlUsers, devices: Sequence[Gpu], root: Path
) -> tuple[set[str], list[Refusal]]:
    """The shares that NVML does not tell, by the names of their channels, and why."""
    if file_link(root / NAMESPACE) not in ("", HOST_NAMESPACE):
        reason = "NVML numbers processes as the host does, which this container cannot see"
        fix = "start it with --pid=host (Kubernetes: hostPID: true)"
        everything = {share_of(each.channel) + end for each in devices for end in ("", MEMORY)}
        return everything, [Refusal(SHARES, reason, fix, kind="right")] if devices else []
    untimed = [each for each in devices if users.sampled(each, 0) is None]
    unheld = [each for each in devices if users.memory_mib(each) is None]
    refused = [
        Refusal(
            SHARES, f"the NVIDIA driver does not tell {what} of {_listed(lacking)}", kind="unread"
        )
        for what, lacking in (("the processes' use", untimed), ("the processes' memory", unheld))
        if lacking
    ]
    without = {share_of(each.channel) for each in untimed}
    return without | {share_of(each.channel) + MEMORY for each in unheld}, refused


def _listed(devices: Sequence[Gpu]) -> str:
    modes = {True: " (in MIG mode)", False: ""}
    return ", ".join(each.channel + modes[each.mig] for each in devices)
