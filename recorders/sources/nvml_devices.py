"""Finds the NVIDIA GPUs, and which of them the program will use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from recorders.source import Refusal
from recorders.sources.gpu_numbers import short_address

UNKNOWN_UUID = "unknown UUID"
PCI_ORDER = "PCI_BUS_ID"
# Longer variables are truncated in messages.
LONGEST_SETTING = 60

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its nvidia-smi index, NVML handle, stable name, and whether it is in MIG mode.

    `channel` is the name of its energy channel, `pci` its PCI address (empty: not known).
    """

    index: int
    channel: str
    handle: Any
    uuid: str
    name: str
    pci: str = ""
    mig: bool = False
    unread: tuple[str, ...] = ()


def tried(call: Callable[[], _T]) -> tuple[_T | None, str]:
    """The call's result and "", or None and why the device or driver cannot answer it."""
    from pynvml import NVMLError

    try:
        return call(), ""
    except NVMLError as error:
        return None, str(error).rstrip(".")
    except UnicodeDecodeError:
        return None, "the reply is not text"


def pci_addresses(nvml: Any, on_bus: Sequence[str] = ()) -> list[str]:
    """The PCI address of each GPU; empty where it is not known. Raises NVMLError.

    Those of the bus apply where a GPU does not tell its own, if the driver has all on the bus.
    """
    found = [_address(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    return found if all(found) or len(found) != len(on_bus) else list(on_bus)


def _address(nvml: Any, index: int) -> str:
    handle, _ = tried(partial(nvml.nvmlDeviceGetHandleByIndex, index))
    info = tried(partial(nvml.nvmlDeviceGetPciInfo, handle))[0] if handle is not None else None
    return short_address(info.busId) if info else ""


def visible_devices(
    nvml: Any,
    environ: Mapping[str, str],
    all_gpus: bool,
    addresses: Sequence[str],
    numbers: Sequence[int],
) -> tuple[list[Gpu], list[Refusal]]:
    """The GPUs to record, by the rules of CUDA_VISIBLE_DEVICES (index, UUID prefix, MIG).

    As in CUDA, the list ends at the first entry that names no device. If an entry may mean several
    GPUs, all of them are recorded, and the refusal with the flag `which_gpu` says so. `addresses`
    and `numbers` are those of all GPUs of the driver.
    """
    everything = [
        _device(nvml, index, f"gpu{number}", address)
        for index, (number, address) in enumerate(zip(numbers, addresses, strict=True))
    ]
    setting = environ.get("CUDA_VISIBLE_DEVICES")
    if all_gpus or setting is None:
        return _parted(everything)
    chosen: dict[int, Gpu | Refusal] = {}
    unsure = ""
    for entry in (part.strip() for part in setting.split(",")):
        found, doubt = _named(nvml, everything, entry, environ.get("CUDA_DEVICE_ORDER", ""))
        unsure = unsure or doubt
        chosen |= {index: device for index, device in found.items() if index not in chosen}
        if not found:
            break
    devices, refused = _parted(list(chosen.values()))
    shown = f"CUDA_VISIBLE_DEVICES={setting[:LONGEST_SETTING]}"
    if unsure:
        refused.append(
            Refusal(
                "nvml",
                f"{shown} {unsure}; all of these are recorded",
                f"export CUDA_DEVICE_ORDER={PCI_ORDER}, or name the GPU by its UUID",
                flag="which_gpu",
                kind="unread",
            )
        )
    if hidden := len(everything) - len(chosen):
        reason = f"{_counted(hidden, len(everything))} hidden by {shown}"
        remedy = "use --all-gpus to record them too"
        refused.append(Refusal("nvml", reason, remedy, flag="hidden_gpus", kind="unread"))
    return devices, refused


def _parted(found: Sequence[Gpu | Refusal]) -> tuple[list[Gpu], list[Refusal]]:
    """The GPUs that respond, and what is wrong with them and with the others."""
    devices = [each for each in found if isinstance(each, Gpu)]
    refused = [each for each in found if isinstance(each, Refusal)]
    return devices, refused + [
        Refusal(device.channel, text, f"nvidia-smi -q -i {device.index}", kind="unread")
        for device in devices
        for text in device.unread
    ]


def _counted(hidden: int, of: int) -> str:
    if hidden == of:
        return f"all {of} GPUs are" if of > 1 else "the only GPU is"
    return f"{hidden} GPU{'s' * (hidden > 1)}"


def _named(
    nvml: Any, devices: Sequence[Gpu | Refusal], entry: str, order: str
) -> tuple[dict[int, Gpu | Refusal], str]:
    """The GPUs that an entry may mean, by index, and why it is ambiguous."""
    if entry.isascii() and entry.isdigit():
        return _by_index(devices, int(entry), order)
    if entry.startswith("MIG-"):
        return _parent_of_mig(nvml, devices, entry)
    if not entry.startswith("GPU-"):
        return {}, ""
    there = {n: d for n, d in enumerate(devices) if isinstance(d, Gpu)}
    matches = {n: device for n, device in there.items() if device.uuid.startswith(entry)}
    unknown = {n: device for n, device in there.items() if device.uuid == UNKNOWN_UUID}
    if unknown and not matches:
        return dict(unknown), "may mean any GPU whose UUID cannot be read"
    return (dict(matches) if len(matches) == 1 else {}), ""


def _by_index(
    devices: Sequence[Gpu | Refusal], index: int, order: str
) -> tuple[dict[int, Gpu | Refusal], str]:
    """The GPUs that an index may mean: CUDA numbers the fastest first by default, NVML by PCI.

    Both agree if all GPUs are the same model. CUDA may skip one that is not responding.
    """
    if index >= len(devices):
        return {}, ""
    names = {device.name for device in devices if isinstance(device, Gpu)}
    everything = dict(enumerate(devices))
    if any(isinstance(device, Refusal) for device in devices):
        return everything, "may mean another GPU, because CUDA may skip one that is not responding"
    if len(names) > 1 and order != PCI_ORDER:
        return everything, (
            f"may mean any of {len(devices)} GPUs of different models, because CUDA numbers the "
            f"fastest first unless CUDA_DEVICE_ORDER={PCI_ORDER}"
        )
    return {index: devices[index]}, ""


def _parent_of_mig(
    nvml: Any, devices: Sequence[Gpu | Refusal], entry: str
) -> tuple[dict[int, Gpu | Refusal], str]:
    """The GPU of a MIG instance, named MIG-UUID or, as before driver 470, MIG-GPU-UUID/GI/CI."""
    uuid, *ids = entry.removeprefix("MIG-").split("/")
    closed: dict[int, Gpu | Refusal] = {}
    for device in devices:
        if isinstance(device, Refusal) or (ids and device.uuid != uuid):
            continue
        parts = _instances(nvml, device)
        if device.mig and not parts:
            closed[device.index] = device
        for part in parts:
            own = tried(partial(nvml.nvmlDeviceGetUUID, part))[0]
            named = own is not None and str(own).startswith(entry)
            if _ids_of(nvml, part) in (ids, None) if ids else named:
                return {device.index: replace(device, mig=True)}, ""
    return (
        closed,
        "may mean an instance of any GPU that does not list its instances" if closed else "",
    )


def _instances(nvml: Any, device: Gpu) -> list[Any]:
    count = tried(partial(nvml.nvmlDeviceGetMaxMigDeviceCount, device.handle))[0] or 0
    handles = (
        tried(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, device.handle, place))[0]
        for place in range(int(count))
    )
    return [handle for handle in handles if handle is not None]


def _ids_of(nvml: Any, part: Any) -> list[str] | None:
    """The ids of an instance's GPU and compute instance; None if unknown."""
    calls = (nvml.nvmlDeviceGetGpuInstanceId, nvml.nvmlDeviceGetComputeInstanceId)
    ids = [tried(partial(call, part))[0] for call in calls]
    return None if None in ids else [str(each) for each in ids]


def _device(nvml: Any, index: int, gpu: str, address: str) -> Gpu | Refusal:
    """A GPU, or why it cannot be read; a missing name or UUID is not a reason."""
    handle, why = tried(partial(nvml.nvmlDeviceGetHandleByIndex, index))
    if handle is None:
        reason = f"GPU {index} of nvidia-smi is not responding ({why})"
        return Refusal(gpu, reason, f"nvidia-smi -q -i {index}", part=gpu, kind="unread")
    uuid, no_uuid = tried(partial(nvml.nvmlDeviceGetUUID, handle))
    name, no_name = tried(partial(nvml.nvmlDeviceGetName, handle))
    mode = tried(partial(nvml.nvmlDeviceGetMigMode, handle))[0]
    unread = (
        f"its UUID cannot be read ({no_uuid}), but it is still recorded" if no_uuid else "",
        f"its name cannot be read ({no_name}), but it is still recorded" if no_name else "",
    )
    return Gpu(
        index,
        gpu,
        handle,
        uuid or UNKNOWN_UUID,
        name or f"GPU {index} of nvidia-smi (name unknown)",
        address,
        mig=bool(mode and mode[0] == nvml.NVML_DEVICE_MIG_ENABLE),
        unread=tuple(filter(None, unread)),
    )
