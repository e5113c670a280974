"""Joules per inference of a bundled network on torch with CUDA, recorded with idle and armed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu.device import Device, UnusableError
from benchmarks.table import Table, number

CUDA = ("--engine", "torch", "--device", "cuda", "--armed", "3", "--cooldown", "0")
ARGUMENTS = {
    "kws": ("--bsize", "1,64,1024", "--seconds", "2"),
    "lenet": ("--preset", "quick", "--sizes", "32,256"),
    "alexnet": ("--preset", "quick"),
    "resnet50": ("--sizes", "224", "--seconds", "5"),
    "bert": ("--sizes", "128", "--seconds", "5"),
}
IDLE_S, GPU = 4, "gpu0"


def table(name: str) -> Table:
    """A row a cell. Raises UnusableError without a GPU or torch."""
    Device()
    if not importlib.util.find_spec("torch"):
        raise UnusableError("torch is not installed")
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder, "run.csv")
        record = ["-m", "wattui", "--headless", "--quiet", "--csv", str(csv), "--idle", f"{IDLE_S}"]
        workload = [sys.executable, "-m", "workloads", name, *ARGUMENTS[name], *CUDA]
        done = subprocess.run(
            [sys.executable, *record, "--", *workload], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UnusableError((done.stderr.strip().splitlines() or ["it failed"])[-1])
        summary = json.loads(csv.with_suffix(".json").read_text())["summary"]
    notes = (f"{' '.join((name, *ARGUMENTS[name], *CUDA))}; random weights, except kws.",)
    headings = (
        "",
        "inferences/s",
        "total",
        "dynamic",
        "marginal",
        "idle W",
        "armed W",
        "running W",
    )
    rows = [row_of(group) for group in summary["labels"] if GPU in group["domains"]]
    return Table("", headings, rows, (*notes, "mJ of the GPU per inference, ± at 95 %."))


def row_of(group: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of one label of a summary."""
    domain = group["domains"][GPU]
    watts = (domain[f"{what}_w"] for what in ("idle", "armed", "running"))
    figures = (domain[f"{what}_j_per_inference"] for what in ("total", "dynamic", "marginal"))
    rate = group["inferences_per_s"]
    return (
        group["label"],
        "–" if rate is None else number(rate),
        *map(_millijoules, figures),
        *("–" if power_w is None else f"{power_w:.1f}" for power_w in watts),
    )


def _millijoules(value: Mapping[str, float | None] | None) -> str:
    if value is None or value["value"] is None:
        return "–"
    bar_j = value["plus_minus"]
    bar = "" if bar_j is None else f" ± {1e3 * bar_j:.2g}"
    return f"{number(1e3 * value['value'])}{bar}"
