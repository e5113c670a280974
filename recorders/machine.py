"""Facts about the machine for run.json, to help explain power figures."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("psutil", "pynvml", "pyRAPL")


def host_facts(root: Path = Path("/")) -> dict[str, Any]:
    """Name, kernel, processor, governor, turbo, container or virtual machine."""
    system = os.uname()
    cpuinfo = _text(root / "proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    cpufreq = root / "sys/devices/system/cpu/cpu0/cpufreq"
    return {
        "name": system.nodename,
        "system": f"{system.sysname} {system.release} {system.machine}",
        "processor": model[1].strip() if model else None,
        "logical_cpus": os.cpu_count(),
        "governor": _text(cpufreq / "scaling_governor") or None,
        "energy_preference": _text(cpufreq / "energy_performance_preference") or None,
        "turbo_off": _text(root / "sys/devices/system/cpu/intel_pstate/no_turbo") or None,
        "virtual_machine": "hypervisor" in cpuinfo,
        "container": _container(root),
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


def _container(root: Path) -> str | None:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    named = re.search(r"container=(\S+)", _text(root / "proc/1/environ").replace("\0", " "))
    return named[1] if named else None


def _package_limits_w(root: Path) -> dict[str, float]:
    limits = {}
    for path in sorted((root / "sys/class/powercap").glob("intel-rapl:*")):
        text = _text(path / "constraint_0_power_limit_uw")
        if text.isdigit() and _text(path / "name").startswith("package"):
            limits[_text(path / "name")] = int(text) * 1e-6
    return limits


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
