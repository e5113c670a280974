"""Engines: what evaluates a graph. One interface; each engine is imported when it is opened."""

from __future__ import annotations

import importlib
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
DEVICES = ("cpu", "cuda", "mps")


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
