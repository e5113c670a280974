"""Random weights and inputs: the same for one seed on every machine, engine and part of a graph.

Energy hardly depends on the numbers as long as they stay in the normal range: weights are scaled so
that values neither vanish nor grow from layer to layer (He et al. 2015, arXiv 1502.01852).
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.graph import Graph, Node
from workloads.layers import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

BIAS_STD, EMBEDDING_STD, MEAN_STD = 0.01, 0.02, 0.1
LEAST_SCALE, MOST_SCALE = 0.5, 1.5


def make_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """All weights of a graph as 32-bit floats, by `node.weight`."""
    return {
        f"{node.name}.{name}": values
        for node in graph.nodes
        for name, values in node_weights(node, seed).items()
    }


def node_weights(node: Node, seed: int = 0) -> dict[str, Array]:
    """The weights of one node; they depend on the seed and the node's name, not on its graph."""
    numbers = _numbers(seed, node.name)
    return {name: _draw(numbers, node.kind, name, shape) for name, shape in node.weights.items()}


def make_inputs(graph: Graph, batch: int, seed: int = 0) -> tuple[Array, ...]:
    """One array for each of the graph's inputs: standard normal, or tokens of its vocabulary.

    A smaller batch is the start of a larger one.
    """
    vocabulary = graph.vocabulary
    arrays: list[Array] = []
    for name, shape in graph.inputs.items():
        numbers = _numbers(seed, name)
        if vocabulary is None:
            arrays.append(numbers.standard_normal((batch, *shape), np.float32))
        else:
            arrays.append(numbers.integers(vocabulary, size=(batch, *shape), dtype=np.int64))
    return tuple(arrays)


def _numbers(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng((seed, zlib.crc32(name.encode())))


def _draw(numbers: np.random.Generator, kind: str, name: str, shape: Shape) -> Array:
    if name == "running_var" or (name == "weight" and kind in ("BatchNorm2d", "LayerNorm")):
        scales = numbers.random(shape, np.float32)
        return scales * np.float32(MOST_SCALE - LEAST_SCALE) + np.float32(LEAST_SCALE)
    values = numbers.standard_normal(shape, np.float32)
    values *= np.float32(_std(kind, name, shape))
    return values


def _std(kind: str, name: str, shape: Shape) -> float:
    if name == "running_mean":
        return MEAN_STD
    if name.endswith("bias"):
        return BIAS_STD
    if kind == "Embedding":
        return EMBEDDING_STD
    return math.sqrt(2 / math.prod(shape[1:]))
