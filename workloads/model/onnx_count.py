"""Multiply-accumulates, parameters and bytes of an ONNX model's nodes, from their shapes. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from onnx import TensorProto, helper

from workloads.layers import Shape
from workloads.model.onnx_read import OnnxModel

Shapes = Mapping[str, Shape]
Count = Callable[[Shapes, Any], int]

# Operators with uncounted arithmetic; so is everything outside ONNX's own operators.
UNCOUNTED = frozenset({"Attention", "DeformConv", "DFT", "Einsum", "If", "Loop", "Scan"})
STANDARD = frozenset({"", "ai.onnx"})
FLOATS = frozenset(
    {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
)
# Inputs that are parameters or statistics of a layer, not weights.
_SETTINGS = {
    "BatchNormalization": (3, 4),
    "DequantizeLinear": (1, 2),
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2),
    "Upsample": (1,),
}
# Inputs that are weights although they are whole numbers.
_QUANTISED = {
    "ConvInteger": (1,),
    "DequantizeLinear": (0,),
    "MatMulInteger": (1,),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3,),
}


def attribute(node: Any, name: str, default: Any) -> Any:
    """The value of a node's attribute."""
    found = next((each for each in node.attribute if each.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def macs_of(model: OnnxModel, node: Any) -> int | None:
    """Multiply-accumulates of a node for the whole batch; None if they are not counted."""
    if node.domain not in STANDARD or node.op_type in UNCOUNTED:
        return None
    count = _COUNTS.get(node.op_type)
    if count is None:
        return 0
    try:
        return count(model.shapes, node)
    except KeyError:
        return None


def weights_of(model: OnnxModel, node: Any) -> set[str]:
    """The initializers of a node that are weights: floats of one dimension and more, mostly."""
    found = set()
    for place, name in enumerate(node.input):
        tensor = model.initializers.get(name)
        if tensor is None:
            continue
        if tensor.data_type in FLOATS:
            is_weight = bool(tensor.dims) and place not in _SETTINGS.get(node.op_type, ())
        else:
            is_weight = place in _QUANTISED.get(node.op_type, ())
        if is_weight:
            found.add(name)
    return found


def parameters_of(model: OnnxModel, nodes: Iterable[Any]) -> int:
    """Weights of nodes; a shared one counts once."""
    names = {name for node in nodes for name in weights_of(model, node)}
    return sum(math.prod(model.shapes[name]) for name in names)


def peak_bytes(model: OnnxModel) -> int:
    """Peak bytes of live values, each freed after its last use."""
    last_use = {name: step for step, node in enumerate(model.nodes) for name in node.input}
    last_use |= dict.fromkeys((*model.outputs, *model.inputs), len(model.nodes))
    alive = {name: model.bytes_of(name) for name in model.inputs}
    peak = 0
    for step, node in enumerate(model.nodes):
        alive |= {name: model.bytes_of(name) for name in node.output}
        peak = max(peak, sum(alive.values()))
        for name in (*node.input, *node.output):
            if last_use.get(name, step) <= step:
                alive.pop(name, None)
    return peak


def _conv(weight: int) -> Count:
    return lambda shapes, node: (
        math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[weight]][1:])
    )


def _transposed(shapes: Shapes, node: Any) -> int:
    """Every value of the input meets every weight of its channel."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _gemm(shapes: Shapes, node: Any) -> int:
    inner = shapes[node.input[0]][0 if attribute(node, "transA", 0) else 1]
    return math.prod(shapes[node.output[0]]) * inner


def _matmul(shapes: Shapes, node: Any) -> int:
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _recurrent(shapes: Shapes, node: Any) -> int:
    """Each step of each sequence meets the weights of its input and of the state before it."""
    *steps, _ = shapes[node.input[0]]
    weights = sum(math.prod(shapes[name]) for name in node.input[1:3])
    return math.prod(steps) * weights


_COUNTS: dict[str, Count] = {
    "Conv": _conv(1),
    "ConvInteger": _conv(1),
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearConv": _conv(3),
    "QLinearMatMul": _matmul,
    "RNN": _recurrent,
}
