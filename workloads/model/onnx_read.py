"""Reads an ONNX file: checked, open sizes set, constants lifted out of nodes, shapes inferred.

Weights in external files are not read until they are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import checker, helper, inliner, numpy_helper, shape_inference

from workloads.errors import UsageError, unreadable
from workloads.layers import Shape
from workloads.model.onnx_sizes import Size, resolve

# Attributes of a Constant that hold plain numbers.
_NUMBERS = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model at one batch and input size.

    `shapes` and `types` (numbers of TensorProto) hold the values for which they are known;
    `inputs` those that come from outside. `opaque` values are not tensors.
    """

    name: str
    folder: Path
    proto: Any
    inputs: tuple[str, ...]
    initializers: dict[str, Any]
    shapes: dict[str, Shape]
    types: dict[str, int]
    opaque: frozenset[str]

    @property
    def nodes(self) -> Sequence[Any]:
        """All nodes in evaluation order."""
        nodes: Sequence[Any] = self.proto.graph.node
        return nodes

    @property
    def outputs(self) -> list[str]:
        """The names of the model's outputs."""
        return [output.name for output in self.proto.graph.output]

    def bytes_of(self, name: str) -> int:
        """Bytes of a value or a weight; 0 if its shape is unknown."""
        if name not in self.shapes or name not in self.types:
            return 0
        return math.prod(self.shapes[name]) * dtype_of(self.types[name]).itemsize


def dtype_of(kind: int) -> np.dtype[Any]:
    """numpy's type for a number of TensorProto; `object` for texts."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(kind))


def read_model(path: Path, shape: Shape | None, batch: int) -> OnnxModel:
    """Read a file for one batch size and, if it leaves input sizes open, for one shape.

    Raises UsageError that names the file and the fault.
    """
    proto = _checked(path)
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    _lift_constants(proto.graph)
    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    inputs = [each for each in proto.graph.input if each.name not in initializers]
    for value in (*inputs, *proto.graph.output):
        if not value.type.HasField("tensor_type"):
            raise UsageError(f"{path}: {value.name} is not a tensor: such models are not supported")
    try:
        shapes, named = resolve({each.name: _sizes(each) for each in inputs}, shape, batch)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    _set_sizes(proto.graph, shapes, named)
    try:
        proto = shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError as error:
        raise UsageError(f"{path}: shapes or types do not fit: {last_line(error)}") from None
    return _model(path, proto, tuple(shapes))


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
    try:
        checker.check_model(str(path))
    except checker.ValidationError as error:
        raise UsageError(f"{path}: not a valid model: {last_line(error)}") from None
    return proto


def _lift_constants(graph: Any) -> None:
    """Turn Constant nodes into initializers, so that their numbers can be counted and kept."""
    kept = []
    for node in graph.node:
        tensor = _constant(node) if node.op_type == "Constant" else None
        if tensor is None:
            kept.append(node)
        else:
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
    del graph.node[:]
    graph.node.extend(kept)


def _constant(node: Any) -> Any:
    """The tensor of a Constant; None for texts and sparse ones."""
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name == "value":
            return value
        if attribute.name in _NUMBERS:
            return numpy_helper.from_array(np.asarray(value, _NUMBERS[attribute.name]))
    return None


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
