"""The parameters of an ONNX model's nodes: which of its stored values are weights. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from onnx import TensorProto

from workloads.model.onnx_fold import graphs_of
from workloads.model.onnx_read import OnnxModel

FLOATS = frozenset(
    {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
)
# Inputs that are settings, statistics or states of a layer, not weights.
_SETTINGS = {
    "BatchNormalization": (3, 4),
    "DequantizeLinear": (1, 2),
    "DynamicQuantizeLSTM": (5, 6, 8, 10),
    "DynamicQuantizeMatMul": (2,),
    "GRU": (5,),
    "LSTM": (5, 6),
    "MatMulIntegerToFloat": (2, 3),
    "QGemm": (1, 4, 7),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2),
    "RNN": (5,),
    "Upsample": (1,),
}
# Inputs that are weights although they are whole numbers.
_QUANTISED = {
    "ConvInteger": (1,),
    "DequantizeLinear": (0,),
    "DynamicQuantizeLSTM": (1, 2),
    "DynamicQuantizeMatMul": (1,),
    "MatMulInteger": (1,),
    "MatMulIntegerToFloat": (1,),
    "QGemm": (3, 6),
    "QLinearAdd": (0, 3),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3,),
    "QLinearMul": (0, 3),
}


def parameters_of(model: OnnxModel, nodes: Iterable[Any]) -> int:
    """Weights of nodes, those in branches and loops included; a shared one counts once."""
    stored = {name: (model.types[name], model.shapes[name]) for name in model.stored}
    return sum(_weights(nodes, stored).values())


def _weights(
    nodes: Iterable[Any], stored: Mapping[str, tuple[int, tuple[int, ...]]]
) -> dict[str, int]:
    """The numbers in each stored value that is a weight of one of these nodes."""
    found = {}
    for node in nodes:
        for place, name in enumerate(node.input):
            if name in stored and _is_weight(node.op_type, place, *stored[name]):
                found[name] = math.prod(stored[name][1])
        for graph in graphs_of(node):
            inside = {each.name: (each.data_type, tuple(each.dims)) for each in graph.initializer}
            found |= _weights(graph.node, {**stored, **inside})
    return found


def _is_weight(operator: str, place: int, kind: int, shape: tuple[int, ...]) -> bool:
    """Floats of one dimension and more, mostly."""
    places = _QUANTISED.get(operator, ())
    is_used = place not in _SETTINGS.get(operator, ()) if kind in FLOATS else place in places
    return bool(shape) and is_used
