"""One model: a bundled network, or a user's own spec, .onnx file or torch module."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from pathlib import Path

from workloads.errors import UsageError
from workloads.layers import Shape
from workloads.networks import BUNDLED
from workloads.plan import Plan
from workloads.workload import Option, Values, Workload

DEFAULT_S = 10.0
_OWN = "a .json spec, an .onnx file, or package.module:Name"


def _plan(values: Values) -> Plan:
    path = values["path"]
    if path is None:
        raise UsageError(f"which model? use {', '.join(BUNDLED)}, {_OWN}")
    kind = _kind(path)
    if kind is None:
        near = difflib.get_close_matches(path, BUNDLED, 1)
        hint = f"did you mean {near[0]}?" if near else f"use {', '.join(BUNDLED)}, {_OWN}"
        raise UsageError(f"{path}: no such model: {hint}")
    if kind == "spec_file" and values["tokens"] is not None:
        raise UsageError(f"{path}: a spec defines its tokens: fix: omit --tokens")
    seconds = values["seconds"]
    if seconds is None:
        seconds = 0.0 if values["count"] else DEFAULT_S
    shape, named = _shapes(values["input"])
    if named and kind != "onnx_file":
        raise UsageError(f"--input {next(iter(named))}=…: only an .onnx file has named inputs")
    plan: Plan = importlib.import_module(f"workloads.model.{kind}").plan(
        {**values, "seconds": seconds, "input": shape, "shapes": named}
    )
    return plan


def _shapes(given: Shape | Mapping[str, Shape] | None) -> tuple[Shape | None, dict[str, Shape]]:
    """The shape without a name, and those with one."""
    named = dict(given) if isinstance(given, Mapping) else {"": given} if given else {}
    return named.pop("", None), named


def _kind(path: str) -> str | None:
    """The Python module that runs such a model."""
    if path in BUNDLED:
        return "spec_file"
    if path.endswith((".json", ".onnx")):
        return "spec_file" if path.endswith(".json") else "onnx_file"
    return "torch_module" if ":" in path and not Path(path).exists() else None


MODEL = Workload(
    "model",
    "a network by name or your own model, whole or layer by layer",
    (
        Option("path", "text", None, f"{', '.join(BUNDLED)}, {_OWN}", positional=True),
        Option("layerwise", "truth", False, "also run each layer alone, with its own input"),
        Option(
            "input",
            "shapes",
            None,
            "input shape without the batch, such as 3,224,224; for an .onnx file also the whole "
            "shapes of others by name (state=2,1,128), and the value of a single number (sr=16000)",
        ),
        Option("tokens", "whole", None, "the input is token numbers below N", metavar="N"),
        Option("batch", "whole", 1, "batch size: inferences per call (default: 1)"),
        Option("seconds", "seconds", None, "minimum time per cell (default: 10)", metavar="S"),
        Option("count", "whole", 0, "minimum inferences per cell", metavar="N"),
    ),
    _plan,
    {"quick": {"seconds": 1.0, "warmup": 0.1}},
)
