"""A network at one input size: nodes with shapes, MACs, parameters and bytes. Pure.

Shapes exclude the batch. Every node produces one value, which has the node's name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workloads.errors import UsageError
from workloads.layers import BUFFERS, KINDS, Shape
from workloads.options import Options
from workloads.spec import Entry, InputKind, Layer, Network

INPUT = "input"
FLOAT_BYTES, TOKEN_BYTES = 4, 8


@dataclass(frozen=True, slots=True)
class Node:
    """A layer, or a join of branches (kind "add" or "concat"), with its inputs and output."""

    name: str
    kind: str
    options: Options
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape
    weights: dict[str, Shape]
    macs: int

    @property
    def parameters(self) -> int:
        """Trainable values."""
        return sum(math.prod(s) for name, s in self.weights.items() if name not in BUFFERS)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights as 32-bit floats."""
        return FLOAT_BYTES * sum(map(math.prod, self.weights.values()))

    @property
    def moved_bytes(self) -> int:
        """Bytes of one input and output of the node, batch 1."""
        return FLOAT_BYTES * (sum(map(math.prod, self.input_shapes)) + math.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in evaluation order; the last one produces the output.

    `inputs` has the shape of every value that comes from outside; `kept` names values that come out
    after the output.
    """

    name: str
    inputs: dict[str, Shape]
    input_kind: InputKind
    nodes: tuple[Node, ...]
    kept: tuple[str, ...] = ()

    @property
    def output(self) -> str:
        """Name of the graph's output."""
        return self.nodes[-1].name

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all that comes out: the output, then what is kept."""
        return (self.output, *self.kept)

    @property
    def output_shape(self) -> Shape:
        """Its shape, without the batch."""
        return self.nodes[-1].shape

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(node.macs for node in self.nodes)

    @property
    def parameters(self) -> int:
        """Trainable values."""
        return sum(node.parameters for node in self.nodes)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights as 32-bit floats."""
        return sum(node.weight_bytes for node in self.nodes)

    @property
    def vocabulary(self) -> int | None:
        """The number of tokens to choose an input from; None for numbers."""
        if self.input_kind != "tokens":
            return None
        read = (
            int(node.options["num_embeddings"])
            for node in self.nodes
            if node.kind == "Embedding" and node.options["index"] == "token"
        )
        return min(read, default=1)

    def peak_bytes(self, batch: int) -> int:
        """Peak bytes of live values, each freed after its last use."""
        last_use = {name: step for step, node in enumerate(self.nodes) for name in node.inputs}
        last_use |= dict.fromkeys(self.kept, len(self.nodes))
        alive, peak = {name: self._input_bytes(name) for name in self.inputs}, 0
        for step, node in enumerate(self.nodes):
            alive[node.name] = FLOAT_BYTES * math.prod(node.shape)
            peak = max(peak, sum(alive.values()))
            for name in node.inputs:
                if last_use[name] == step and name not in self.inputs:
                    alive.pop(name, None)
        return peak * batch

    def takes_tokens(self, name: str) -> bool:
        """Whether an input is tokens, which only embeddings read."""
        return any(node.kind == "Embedding" and name in node.inputs for node in self.nodes)

    def _input_bytes(self, name: str) -> int:
        each = TOKEN_BYTES if self.takes_tokens(name) else FLOAT_BYTES
        return math.prod(self.inputs[name]) * each

    def only(self, node: Node) -> Graph:
        """A graph of one node, whose inputs come from outside."""
        inputs = dict(zip(node.inputs, node.input_shapes, strict=True))
        kind: InputKind = self.input_kind if INPUT in inputs else "float32"
        return Graph(f"{self.name} {node.name}", inputs, kind, (node,))

    def first(self, count: int) -> Graph:
        """A graph of the first nodes."""
        return replace(self, name=f"{self.name} first {count}", nodes=self.nodes[:count])


def lower(network: Network, input_shape: Shape | None = None) -> Graph:
    """The graph of a network for one input shape (without the batch; None: the spec's own).

    Raises UsageError for an impossible shape, with the layer and both shapes.
    """
    shape = input_shape or network.input_shape
    if shape is None:
        raise UsageError(
            f"{network.name}: the spec does not define its input: fix: --input 3,224,224"
        )
    lowering = _Lowering(network.input_kind)
    lowering.run(network.entries, INPUT, shape)
    if not lowering.nodes:
        raise UsageError(f"{network.name}: has only empty branches, no layers")
    return Graph(network.name, {INPUT: shape}, network.input_kind, tuple(lowering.nodes))


def text(shape: Shape) -> str:
    """A shape as people write it."""
    return "×".join(map(str, shape))


_TOLD = {False: "numbers", True: 'tokens ("input_kind": "tokens")'}


class _Lowering:
    """Assigns each layer its input and name, front to back."""

    def __init__(self, input_kind: InputKind) -> None:
        self.nodes: list[Node] = []
        self._tokens = INPUT if input_kind == "tokens" else None
        self._numbers: dict[str, int] = {}
        self._names = {INPUT}

    def run(self, entries: Sequence[Entry], value: str, shape: Shape) -> tuple[str, Shape]:
        for entry in entries:
            if isinstance(entry, Layer):
                value, shape = self._layer(entry, value, shape)
            else:
                ends = [self.run(branch, value, shape) for branch in entry.branches]
                value, shape = self._join(entry.join, entry.name, entry.where, ends)
        return value, shape

    def _layer(self, layer: Layer, value: str, shape: Shape) -> tuple[str, Shape]:
        kind = KINDS[layer.kind]
        name = self._name(layer.name, kind.prefix, layer.where)
        wants, gets = layer.kind == "Embedding", value == self._tokens
        if wants != gets:
            raise UsageError(
                f"{layer.where} ({name}, {layer.kind}): takes {_TOLD[wants]}, "
                f"but {value} gives {_TOLD[gets]}"
            )
        try:
            result = kind.shape(layer.options, shape)
        except ValueError as error:
            raise UsageError(
                f"{layer.where} ({name}, {layer.kind}): {error}, but {value} gives {text(shape)}"
            ) from None
        macs = kind.macs(layer.options, shape, result)
        weights = kind.weights(layer.options)
        self.nodes.append(
            Node(name, layer.kind, layer.options, (value,), (shape,), result, weights, macs)
        )
        return name, result

    def _join(
        self, join: str, name: str | None, where: str, ends: list[tuple[str, Shape]]
    ) -> tuple[str, Shape]:
        name = self._name(name, join, where)
        values, shapes = zip(*ends, strict=True)
        if self._tokens in values:
            raise UsageError(f"{where} ({name}): takes numbers, but {self._tokens} gives tokens")
        axis = _joined_axis(shapes[0])
        wrong = next((s for s in shapes[1:] if not _joins(join, shapes[0], s, axis)), None)
        if wrong is not None:
            raise UsageError(
                f"{where} ({name}): branches of {text(shapes[0])} and {text(wrong)} cannot be "
                f"{'added' if join == 'add' else 'joined'}"
            )
        result = list(shapes[0])
        if join == "concat":
            result[axis] = sum(shape[axis] for shape in shapes)
        self.nodes.append(Node(name, join, {}, values, shapes, tuple(result), {}, 0))
        return name, tuple(result)

    def _name(self, given: str | None, prefix: str, where: str) -> str:
        if given is not None:
            if given in self._names:
                raise UsageError(f"{where}: another layer is also called {given!r}")
            self._names.add(given)
            return given
        while True:
            number = self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
            if (name := f"{prefix}{number}") not in self._names:
                self._names.add(name)
                return name


def _joined_axis(shape: Shape) -> int:
    """Channels of an image, features of anything else."""
    return 0 if len(shape) == 3 else len(shape) - 1


def _joins(join: str, first: Shape, other: Shape, axis: int) -> bool:
    if join == "add":
        return first == other
    same = [length for place, length in enumerate(first) if place != axis]
    return len(first) == len(other) and same == [
        length for place, length in enumerate(other) if place != axis
    ]
