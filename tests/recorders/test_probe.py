"""A machine's sources, opened together: one numbering of its GPUs, and what it lacks."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pynvml
import pytest

from recorders.probe import Found, Wanted, probe
from tests.recorders.sources.test_nvml import FakeNvml, Gpu
from tests.support.sysfs import Sysfs

FIRST, SECOND = "GPU-11111111-aaaa", "GPU-22222222-bbbb"


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sysfs:
    monkeypatch.setattr("recorders.sources.nvml.LIBRARY", "libnvidia-ml-that-is-not-there.so.1")
    return Sysfs(tmp_path)


@pytest.fixture
def mixed(sysfs: Sysfs) -> Sysfs:
    """A card before, and one between, two GPUs of NVIDIA at 0x17 and 0xca."""
    sysfs.card(0, "xe", "0000:83:00.0", "0x8086:0xe211", energy1_input=7_000_000)
    sysfs.card(1, "amdgpu", "0000:03:00.0", power1_average=34_000_000)
    return sysfs


def opened(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch, *gpus: Gpu, **environ: str
) -> tuple[dict[str, tuple[str, str, int | None]], Found]:
    """Vendor, address and nvidia-smi's index of each GPU channel, and all that was found."""
    library = FakeNvml(*gpus)
    monkeypatch.setattr("recorders.sources.nvml.LIBRARY", "libc.so.6")
    for name in dir(library):
        if name.startswith("nvml"):
            monkeypatch.setattr(pynvml, name, getattr(library, name))
    found = probe(Wanted(root=sysfs.root, environ=environ))
    facts: dict[str, Any] = {k: v for source in found.sources for k, v in source.facts().items()}
    named = {
        name: (fact["vendor"], fact["pci"], fact.get("nvidia_smi_index"))
        for name, fact in facts.items()
        if name.startswith("gpu")
    }
    channels = {c.name for source in found.sources for c in source.channels() if c.in_total}
    assert set(named) == channels
    return named, found


AMD, INTEL = ("AMD", "0000:03:00.0", None), ("Intel", "0000:83:00.0", None)
TWO = Gpu(FIRST, pci="00000000:17:00.0"), Gpu(SECOND, pci="00000000:CA:00.0")


def test_gpus_of_all_vendors_are_numbered_together_and_say_what_they_are(
    mixed: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, _ = opened(mixed, monkeypatch, *TWO)
    assert named == {
        "gpu0": AMD,
        "gpu1": ("NVIDIA", "0000:17:00.0", 0),
        "gpu2": INTEL,
        "gpu3": ("NVIDIA", "0000:ca:00.0", 1),
    }


def test_nvidias_alone_have_the_numbers_of_nvidia_smi(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, _ = opened(sysfs, monkeypatch, *TWO)
    assert {name: index for name, (_, _, index) in named.items()} == {"gpu0": 0, "gpu1": 1}


def test_a_hidden_gpu_keeps_its_number(mixed: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    named, _ = opened(mixed, monkeypatch, *TWO, CUDA_VISIBLE_DEVICES="1")
    assert named == {"gpu0": AMD, "gpu2": INTEL, "gpu3": ("NVIDIA", "0000:ca:00.0", 1)}


def test_a_gpu_that_does_not_respond_is_named_in_the_words_of_both(
    mixed: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("0000:17:00.0", "0000:ca:00.0"):
        mixed.write(f"sys/bus/pci/devices/{address}", vendor="0x10de", **{"class": "0x030200"})
    lost = Gpu(SECOND, failing={"handle": pynvml.NVML_ERROR_GPU_IS_LOST})
    named, found = opened(mixed, monkeypatch, TWO[0], lost)
    assert sorted(named) == ["gpu0", "gpu1", "gpu2"]
    (refusal,) = (each for each in found.refused if each.part)
    assert (refusal.source, refusal.part) == ("gpu3", "gpu3")
    assert "GPU 1 of nvidia-smi is not responding" in refusal.reason
    assert refusal.remedy == "nvidia-smi -q -i 1"


def test_what_the_machine_does_not_have_is_known_and_nobody_misses_it(sysfs: Sysfs) -> None:
    found = probe(Wanted(root=sysfs.root, environ={}))
    absent = {refusal.source for refusal in found.absent}
    assert absent == {"jetson", "power_meter", "rails", "battery", "amdgpu", "intel_gpu"}
    assert {refusal.kind for refusal in (*found.absent, *found.refused)} == {"absent"}
    assert not any(refusal.part for refusal in found.absent)


def test_what_is_not_there_costs_nothing_while_recording(sysfs: Sysfs) -> None:
    threads = set(threading.enumerate())
    found = probe(Wanted(root=sysfs.root, environ={}))
    assert [source.name for source in found.sources] == ["estimate", "system"]
    assert set(threading.enumerate()) <= threads
    assert not {"amdsmi", "zeus_apple_silicon"} & sys.modules.keys()


def test_a_family_that_is_there_is_not_absent(mixed: Sysfs) -> None:
    mixed.write(
        "sys/class/power_supply/BAT0", type="Battery", status="Charging", power_now=9_000_000
    )
    found = probe(Wanted(root=mixed.root, environ={}))
    absent = {refusal.source for refusal in found.absent}
    assert absent == {"jetson", "power_meter", "rails"}
    (battery,) = (each for each in found.refused if each.source == "battery")
    assert (battery.kind, battery.remedy) == ("unread", "unplug the charger")


def test_the_time_that_each_part_took_is_known(sysfs: Sysfs) -> None:
    took_s = probe(Wanted(root=sysfs.root, environ={})).took_s
    assert {"RAPL", "the NVIDIA driver", "hwmon", "all"} <= set(took_s)
    assert all(
        seconds is not None and seconds <= (took_s["all"] or 0) for seconds in took_s.values()
    )
