"""Fits of the power at the wall that `wattui calibrate --save` keeps, by machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recorders.drafts import replace_file
from recorders.json_parts import WrongPartError, number, record, text, tuple_of
from recorders.machine import host_facts
from recorders.summary.wall_fit import WallFit
from wattui.config import config_path
from wattui.errors import UsageError

_FIT = record(
    WallFit, meter=text, base_w=number, factor=number, residual_w=number, parts=tuple_of(text)
)


def calibrations_path() -> Path:
    """The file beside the settings."""
    return config_path().with_name("calibrations.json")


def fingerprint(facts: Mapping[str, Any] | None = None) -> str:
    """The identity of this machine: its name, processor and number of CPUs."""
    known = host_facts() if facts is None else facts
    return " · ".join(str(known[name]) for name in ("name", "processor", "logical_cpus"))


def saved_fit(path: Path, machine: str) -> WallFit | None:
    """The fit of a machine. Raises UsageError if the file is damaged."""
    found = _known(path).get(machine)
    try:
        return None if found is None else _FIT(found)
    except WrongPartError as error:
        raise UsageError(f"{path}: {error}: fix: remove it, and calibrate again") from None


def fit_text() -> str:
    """The fit of this machine, as in a recording's note. Raises UsageError if there is none."""
    fit = saved_fit(calibrations_path(), fingerprint())
    if fit is None:
        raise UsageError(
            "--wall-estimate: this machine is not calibrated: fix: wattui calibrate --meter "
            "wall=SPEC --save"
        )
    return fit.text


def save_fit(path: Path, machine: str, fit: WallFit) -> None:
    """Keep the fit of a machine, replacing an earlier one. Raises UsageError."""
    known = _known(path) | {machine: asdict(fit)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(known, indent=1).encode(), like=path, safe=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from None


def _known(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read ({error}): fix: remove it") from None
    return found if isinstance(found, dict) else {}
