"""The interface of engines, which evaluate graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from workloads.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Weights = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a cell. `call` makes one pass, `wait` returns when all passes are done.

    `checksum` is a number that only completed work can give.
    """

    call: Callable[[], object]
    wait: Callable[[], object] = lambda: None
    checksum: Callable[[], float | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Bound:
    """A loaded graph with its input in place.

    `call` makes one pass; `wait` returns when all passes are done (at once if calls are
    synchronous); `output` is the last pass's result, with the batch in front.
    """

    call: Callable[[], object]
    wait: Callable[[], object]
    output: Callable[[], Array]

    def work(self) -> Work:
        """The work of a cell: these calls, checked by the sum of the output's magnitudes."""
        return Work(self.call, self.wait, lambda: magnitude(self.output()))

    def result(self) -> Array:
        """The output of one pass."""
        self.call()
        self.wait()
        return self.output()


class LoadedModel(Protocol):
    """A graph with its weights, ready for inputs of any batch and size its layers accept."""

    def bind(self, *inputs: Array) -> Bound:
        """Put inputs (batch in front, in the order of the graph's inputs) in place."""

    def put(self, values: Array) -> Any:
        """Values where the engine computes, for `apply`."""

    def apply(self, *values: Any) -> list[Any]:
        """One pass: the graph's outputs, left where the engine computes them."""

    def get(self, held: Any) -> Array:
        """Values that `put` or `apply` returned, once they are computed."""


class Engine(Protocol):
    """Evaluates graphs on one device. `title` has its name, version, device and threads."""

    title: str
    device: str

    def load(self, graph: Graph, weights: Weights) -> LoadedModel:
        """Prepare a graph; weights by `node.weight` as 32-bit floats."""

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Every value of the graph for these inputs, by the name of its node."""

    def free_bytes(self) -> int:
        """Free memory on the device."""


def magnitude(output: Array) -> float:
    """Sum of all magnitudes, in 64 bits."""
    import numpy

    return float(numpy.abs(output.astype(numpy.float64)).sum())
