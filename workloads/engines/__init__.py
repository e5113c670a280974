"""Engines: what evaluates a graph. One interface; each engine is imported when it is opened."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from workloads.errors import UsageError
from workloads.graph import Graph
from workloads.plan import Work

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Weights = Mapping[str, Array]

# Engine by name: its module, what it imports, and the extra that installs that.
ENGINES = {
    "onnxruntime": ("workloads.engines.onnx", ("numpy", "onnx", "onnxruntime"), "workloads"),
    "torch": ("workloads.engines.torch", ("numpy", "torch"), "torch"),
    "numpy": ("workloads.engines.numpy", ("numpy",), "workloads"),
}
# Read by the libraries under numpy and torch when they are first imported.
THREADS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DEVICES = ("cpu", "cuda", "mps")

# Read when onnxruntime is imported, which is never before this package is.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@dataclass(frozen=True, slots=True)
class Bound:
    """A loaded graph with its input in place.

    `call` makes one pass; `wait` returns when all passes are done (at once where a call is not
    done before it returns); `output` is the last pass's result, with the batch in front.
    """

    call: Callable[[], object]
    wait: Callable[[], object]
    output: Callable[[], Array]

    def work(self) -> Work:
        """What a cell runs: these calls, checked by the sum of the output's magnitudes."""
        return Work(self.call, self.wait, lambda: _magnitude(self.output()))

    def result(self) -> Array:
        """The output of one pass."""
        self.call()
        self.wait()
        return self.output()


class Loaded(Protocol):
    """A graph with its weights, ready for inputs of any batch and size that its layers take."""

    def bind(self, *inputs: Array) -> Bound:
        """Put inputs (batch in front, in the order of the graph's inputs) in place."""


class Engine(Protocol):
    """What evaluates graphs on one device. `title` has its name, version, device and threads."""

    title: str
    device: str

    def load(self, graph: Graph, weights: Weights) -> Loaded:
        """Make a graph ready; weights by `node.weight` as 32-bit floats."""

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Every value of the graph for these inputs, by the name of its node."""

    def free_bytes(self) -> int:
        """Memory that is left on the device."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a user may choose; `threads` 0 leaves the number to the engine."""

    name: str = "onnxruntime"
    device: str = "cpu"
    threads: int = 1
    channels_last: bool = False


def open_engine(options: EngineOptions) -> Engine:
    """Import and set up an engine.

    Raises UsageError, naming the extra to install or the device that is not there.
    """
    module, needs, extra = ENGINES[options.name]
    if options.threads:
        for name in THREADS_VARIABLES:
            os.environ.setdefault(name, str(options.threads))
    require(needs, extra, f"--engine {options.name}")
    engine: Engine = importlib.import_module(module).open_engine(options)
    return engine


class NoEngine:
    """Stands where an engine would for workloads that bring their own work."""

    title = "as it is"
    device = "cpu"

    def load(self, graph: Graph, weights: Weights) -> Loaded:
        """Raises UsageError: there is nothing to evaluate graphs."""
        raise UsageError(f"{graph.name}: this workload runs without an engine")

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Raises UsageError: there is nothing to evaluate graphs."""
        raise UsageError(f"{graph.name}: this workload runs without an engine")

    def free_bytes(self) -> int:
        """Memory that is left on the machine."""
        from workloads.memory import available_bytes

        return available_bytes()


def _magnitude(output: Array) -> float:
    """Sum of all magnitudes, in 64 bits."""
    import numpy

    return float(numpy.abs(output.astype(numpy.float64)).sum())


def require(modules: Sequence[str], extra: str, what: str) -> None:
    """Raise UsageError, with the command that installs them, where a module is missing."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise UsageError(
                f"{what} needs {name}, which is not installed: pip install 'wattui[{extra}]'"
            ) from None
