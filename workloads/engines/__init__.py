"""Engines evaluate graphs. They share one interface; each is imported when it is opened."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from workloads.engine import Engine, LoadedModel
from workloads.errors import UsageError
from workloads.graph import Graph

if TYPE_CHECKING:
    from workloads.engine import Array, Weights


class EngineEntry(NamedTuple):
    """The module of an engine, what it imports, and the extra that installs that."""

    module: str
    needs: tuple[str, ...]
    extra: str

    @property
    def missing(self) -> str | None:
        """The first of its needs that is not installed."""
        return next((name for name in self.needs if find_spec(name) is None), None)


ENGINES = {
    "onnxruntime": EngineEntry(
        "workloads.engines.onnx", ("numpy", "onnx", "onnxruntime"), "workloads"
    ),
    "torch": EngineEntry("workloads.engines.torch", ("numpy", "torch"), "torch"),
    "numpy": EngineEntry("workloads.engines.numpy", ("numpy",), "workloads"),
}
# Read by the libraries under numpy and torch when they are first imported.
THREADS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DEVICES = ("cpu", "cuda", "mps")

# Read when onnxruntime is imported, which is never before this package is.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The user's choices; `threads` 0 leaves the number to the engine."""

    name: str = "onnxruntime"
    device: str = "cpu"
    threads: int = 1
    channels_last: bool = False


def engine_name(wanted: str | None, device: str) -> str:
    """The engine asked for, else the usual one of the device."""
    return wanted or ("onnxruntime" if device == "cpu" else "torch")


def missing_text(what: str, missing: str, extra: str) -> str:
    """The error message for a module that is not installed, with the command that installs it."""
    return f"{what} needs {missing}, which is not installed: fix: pip install 'wattui[{extra}]'"


def open_engine(options: EngineOptions) -> Engine:
    """Import and set up an engine.

    Raises UsageError, naming the extra to install or the missing device.
    """
    module, needs, extra = ENGINES[options.name]
    if options.threads:
        for name in THREADS_VARIABLES:
            os.environ.setdefault(name, str(options.threads))
    require(needs, extra, f"--engine {options.name}")
    engine: Engine = importlib.import_module(module).open_engine(options)
    return engine


class NoEngine:
    """Takes the place of an engine for workloads that bring their own work."""

    title = "as it is"
    device = "cpu"

    def load(self, graph: Graph, weights: Weights) -> LoadedModel:
        """Raises UsageError: there is nothing to evaluate graphs."""
        raise UsageError(f"{graph.name}: this workload runs without an engine")

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Raises UsageError: there is nothing to evaluate graphs."""
        raise UsageError(f"{graph.name}: this workload runs without an engine")

    def free_bytes(self) -> int:
        """Free memory on the machine."""
        from workloads.memory import available_bytes

        return available_bytes()


def require(modules: Sequence[str], extra: str, what: str) -> None:
    """Raise UsageError, with the command that installs it, if a module is missing."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise UsageError(missing_text(what, name, extra)) from None
