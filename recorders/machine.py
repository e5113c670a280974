"""Facts about the machine: for run.json, and to say why a source is missing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGES = ("psutil", "pynvml", "pyRAPL")


def host_facts(root: Path = Path("/")) -> dict[str, Any]:
    """Name, kernel, processor, governor, turbo, container or virtual machine."""
    system = os.uname()
    cpuinfo = file_text(root / "proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    cpufreq = root / "sys/devices/system/cpu/cpu0/cpufreq"
    return {
        "name": system.nodename,
        "system": f"{system.sysname} {system.release} {system.machine}",
        "processor": model[1].strip() if model else None,
        "logical_cpus": os.cpu_count(),
        "governor": file_text(cpufreq / "scaling_governor") or None,
        "energy_preference": file_text(cpufreq / "energy_performance_preference") or None,
        "turbo_off": file_text(root / "sys/devices/system/cpu/intel_pstate/no_turbo") or None,
        "virtual_machine": in_virtual_machine(root),
        "container": container(root) or None,
        "package_limits_w": _package_limits_w(root),
    }


def versions(wattui: str | None) -> dict[str, str]:
    """Versions of Python, wattui and the measuring packages that are loaded."""
    found = {"python": sys.version.split()[0]}
    if wattui:
        found["wattui"] = wattui
    for name in PACKAGES:
        if version := getattr(sys.modules.get(name), "__version__", None):
            found[name] = str(version)
    return found


def is_x86(root: Path) -> bool:
    """Whether the processor is of x86, or what it is cannot be read."""
    cpuinfo = file_text(root / "proc/cpuinfo")
    return not cpuinfo or re.search(r"^(vendor_id|flags)\s*:", cpuinfo, re.MULTILINE) is not None


def in_virtual_machine(root: Path) -> bool:
    """Whether the processor's flags name a hypervisor."""
    return "hypervisor" in file_text(root / "proc/cpuinfo")


def container(root: Path, environ: Mapping[str, str] = os.environ) -> str:
    """The kind of container (docker, podman, kubernetes, lxc); empty if it is none."""
    if (
        "KUBERNETES_SERVICE_HOST" in environ
        or (root / "var/run/secrets/kubernetes.io").exists()
        or "kubepods" in file_text(root / "proc/self/cgroup")
    ):
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    named = re.search(r"(?:^|\0)container=([\w-]+)", file_text(root / "proc/1/environ"))
    return named[1] if named else ""


def file_text(path: Path) -> str:
    """The text of a small file without its line end; empty if it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def file_link(path: Path) -> str:
    """Where a link points; empty if it cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _package_limits_w(root: Path) -> dict[str, float]:
    limits = {}
    for path in sorted((root / "sys/class/powercap").glob("intel-rapl:*")):
        text = file_text(path / "constraint_0_power_limit_uw")
        if text.isdigit() and file_text(path / "name").startswith("package"):
            limits[file_text(path / "name")] = int(text) * 1e-6
    return limits
