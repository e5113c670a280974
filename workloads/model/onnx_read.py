"""Reads an ONNX file: put in order and checked, open sizes set, constants lifted out of nodes,
shapes inferred.

Weights in external files are not read until they are needed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import checker, helper, inliner, shape_inference

from workloads.errors import UsageError, unreadable
from workloads.layers import Shape
from workloads.model.onnx_fold import graphs_of, has_graphs, lift_constants, with_computed_shapes
from workloads.model.onnx_sizes import Size, resolve
from workloads.model.onnx_stand_ins import check, inferred

# The first IR version whose initializers need not be inputs.
FREE_IR = 4


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model at one batch and input size.

    `shapes` and `types` (numbers of TensorProto) hold the values for which they are known;
    `inputs` those that come from outside. `opaque` values are not tensors. `unsized`: the model as
    it was before its sizes were set, if it has control flow, whose branches may not fit all sizes.
    `values` are those of inputs that were set.
    """

    name: str
    folder: Path
    proto: Any
    inputs: tuple[str, ...]
    initializers: dict[str, Any]
    shapes: dict[str, Shape]
    types: dict[str, int]
    opaque: frozenset[str]
    unsized: Any = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nodes(self) -> Sequence[Any]:
        """All nodes in evaluation order."""
        nodes: Sequence[Any] = self.proto.graph.node
        return nodes

    @property
    def outputs(self) -> list[str]:
        """The names of the model's outputs."""
        return [output.name for output in self.proto.graph.output]

    @property
    def stored(self) -> set[str]:
        """The values that are in the file: initializers, and those that are one number repeated."""
        return set(self.initializers) | {
            node.output[0]
            for node in self.nodes
            if node.op_type == "ConstantOfShape" and node.input[0] in self.initializers
        }

    def bytes_of(self, name: str) -> int:
        """Bytes of a value or a weight; 0 if its shape is unknown."""
        if name not in self.shapes or name not in self.types:
            return 0
        return math.prod(self.shapes[name]) * dtype_of(self.types[name]).itemsize


def dtype_of(kind: int) -> np.dtype[Any]:
    """numpy's type for a number of TensorProto; `object` for texts."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(kind))


def read_model(
    path: Path, shape: Shape | None, batch: int, given: Mapping[str, Shape] = MappingProxyType({})
) -> OnnxModel:
    """Read a file for one batch size and, if it leaves input sizes open, for one shape, and for the
    whole shapes of inputs given by name; for an input that is a single number, its value.

    Raises UsageError that names the file and the fault.
    """
    proto = _checked(path)
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    lift_constants(proto.graph)
    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    inputs = [each for each in proto.graph.input if each.name not in initializers]
    for value in (*inputs, *proto.graph.output):
        if not value.type.HasField("tensor_type"):
            raise UsageError(f"{path}: {value.name} is not a tensor: such models are not supported")
    values = {each.name: _value(each, given[each.name]) for each in inputs if _is_set(each, given)}
    given = {name: sizes for name, sizes in given.items() if name not in values}
    try:
        shapes, named = resolve({each.name: _sizes(each) for each in inputs}, shape, batch, given)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    unsized = None
    if any(map(has_graphs, proto.graph.node)):
        unsized = onnx.ModelProto()
        unsized.CopyFrom(proto)
    _set_sizes(proto.graph, shapes, named)
    try:
        proto = _inferred(proto)
    except shape_inference.InferenceError as error:
        raise UsageError(f"{path}: shapes or types do not fit: {last_line(error)}") from None
    model = _model(path, with_computed_shapes(proto, values), tuple(shapes))
    return replace(model, unsized=unsized, values=values)


def _is_set(value: Any, given: Mapping[str, Shape]) -> bool:
    """Whether an input is a single number, and a number was given for it."""
    kind = value.type.tensor_type
    is_single = kind.HasField("shape") and not kind.shape.dim
    return is_single and len(given.get(value.name, ())) == 1


def _value(value: Any, given: Shape) -> Any:
    return np.asarray(given[0], dtype_of(value.type.tensor_type.elem_type))


def _inferred(proto: Any) -> Any:
    """The model with inferred shapes. What it states of inner values may have been inferred for
    other sizes: then that is left out. Raises InferenceError.
    """
    try:
        return inferred(proto, strict=True)
    except shape_inference.InferenceError:
        del proto.graph.value_info[:]
        return inferred(proto, strict=True)


def last_line(error: Exception) -> str:
    """The last line of an onnx message, which has the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _checked(path: Path) -> Any:
    try:
        proto = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise unreadable(path, error) from None
    except Exception:  # protobuf's own errors, or those from reading a broken message
        raise UsageError(f"{path}: not an ONNX file") from None
    if not proto.ir_version or not proto.graph.node:
        raise UsageError(f"{path}: not an ONNX file, or one without nodes")
    changed = _normalise(proto)
    is_apart = any(tensor.external_data for tensor in proto.graph.initializer)
    try:
        # Weights in other files are checked beside the file itself.
        check(proto, "" if changed and not is_apart else str(path))
    except checker.ValidationError as error:
        raise UsageError(f"{path}: not a valid model: {last_line(error)}") from None
    return proto


def _normalise(proto: Any) -> bool:
    """Undo what onnxruntime accepts and the checker refuses, or takes for something else; whether
    there was anything.

    Initializers that are also inputs (each had to be up to IR 3) could be given from outside, and
    are not; converters leave nodes out of order.
    """
    graph = proto.graph
    names = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in names]
    order = _order(graph.node)
    is_ordered = order == sorted(order)
    if is_ordered and len(inputs) == len(graph.input) and proto.ir_version >= FREE_IR:
        return False
    nodes = [graph.node[place] for place in order]
    del graph.input[:], graph.node[:]
    graph.input.extend(inputs)
    graph.node.extend(nodes)
    proto.ir_version = max(proto.ir_version, FREE_IR)
    return True


def _order(nodes: Sequence[Any]) -> list[int]:
    """The places of the nodes, each after those whose outputs it uses, otherwise as they are; all
    as they are if they use each other in a circle."""
    makers = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    users: dict[int, list[int]] = {place: [] for place in range(len(nodes))}
    waits = []
    for place, node in enumerate(nodes):
        before = {makers[name] for name in _used(node) if name in makers} - {place}
        waits.append(len(before))
        for maker in before:
            users[maker].append(place)
    ready = [place for place, count in enumerate(waits) if not count]
    found = []
    while ready:
        place = heapq.heappop(ready)
        found.append(place)
        for user in users[place]:
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, user)
    return found if len(found) == len(nodes) else list(range(len(nodes)))


def _used(node: Any) -> Iterator[str]:
    """The values that a node uses, those of its branches and bodies included."""
    yield from node.input
    for graph in graphs_of(node):
        for inner in graph.node:
            yield from _used(inner)


def _sizes(value: Any) -> list[Size]:
    """Some programs write an open size as 0 or less."""
    return [
        size.dim_value if size.dim_value > 0 else size.dim_param or None
        for size in value.type.tensor_type.shape.dim
    ]


def _set_sizes(graph: Any, inputs: dict[str, Shape], named: dict[str, int]) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        sizes = value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ()
        shape = inputs.get(value.name)
        for axis, size in enumerate(sizes):
            if size.HasField("dim_value") and size.dim_value < 0:
                size.ClearField("dim_value")  # an open size, to some programs
            if shape is not None:
                size.dim_value = shape[axis]
            elif size.dim_param in named:
                size.dim_value = named[size.dim_param]


def _model(path: Path, proto: Any, inputs: tuple[str, ...]) -> OnnxModel:
    graph = proto.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {name: tuple(tensor.dims) for name, tensor in initializers.items()}
    types = {name: tensor.data_type for name, tensor in initializers.items()}
    opaque = set()
    for value in (*graph.input, *graph.value_info, *graph.output):
        if not value.type.HasField("tensor_type"):
            opaque.add(value.name)
            continue
        tensor = value.type.tensor_type
        types[value.name] = tensor.elem_type
        if tensor.HasField("shape") and all(
            size.HasField("dim_value") for size in tensor.shape.dim
        ):
            shapes[value.name] = tuple(size.dim_value for size in tensor.shape.dim)
    for output in graph.output:  # if this is wrong, onnxruntime refuses it at the second call
        output.type.tensor_type.ClearField("shape")
    return OnnxModel(
        path.stem, path.parent, proto, inputs, initializers, shapes, types, frozenset(opaque)
    )
