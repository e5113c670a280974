"""An engine evaluates graphs: the interface that every engine keeps."""

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
    """What a cell runs. `call` makes one pass, `wait` returns when all passes are done.

    `checksum` is a number that only work that was done gives.
    """

    call: Callable[[], object]
    wait: Callable[[], object] = lambda: None
    checksum: Callable[[], float | None] = lambda: None


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


def _magnitude(output: Array) -> float:
    """Sum of all magnitudes, in 64 bits."""
    import numpy

    return float(numpy.abs(output.astype(numpy.float64)).sum())
