"""Shapes behind operators that are onnxruntime's own, where ONNX's shape inference stops.

Models that onnxruntime has quantised or optimised have them. For each there is a standard operator
with an output of the same size, which takes its place while shapes are inferred. Source:
onnxruntime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import ModelProto, checker, helper, shape_inference

STANDARD = frozenset({"", "ai.onnx"})
MICROSOFT = "com.microsoft"
# Operators on blocks of channels as wide as the processor's registers.
BLOCKED = "com.microsoft.nchwc"
# The first opset with a LayerNormalization; onnxruntime has one in all of them.
_FIRST_NORMALIZATION = 17

# The standard operator, and where the other has its inputs.
_SAME = ("Identity", (0,))
_STAND_INS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "BiasGelu": _SAME,
    "DequantizeLinear": ("DequantizeLinear", (0, 1, 2)),
    "DynamicQuantizeLSTM": ("LSTM", (0, 1, 2)),
    "DynamicQuantizeMatMul": ("MatMul", (0, 1)),
    "EmbedLayerNormalization": ("Gather", (2, 0)),
    "FastGelu": _SAME,
    "FusedConv": ("Conv", (0, 1)),
    "FusedGemm": ("Gemm", (0, 1)),
    "FusedMatMul": ("Einsum", (0, 1)),
    "Gelu": _SAME,
    "MatMulIntegerToFloat": ("MatMul", (0, 1)),
    "MultiHeadAttention": ("Einsum", (0, 1, 2)),
    "QGemm": ("Gemm", (0, 3)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearLeakyRelu": _SAME,
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearSigmoid": _SAME,
    "QLinearSoftmax": _SAME,
    "QLinearWhere": ("Where", (0, 1, 4)),
    "QuantizeLinear": ("QuantizeLinear", (0, 1, 2)),
    "QuickGelu": _SAME,
    "RotaryEmbedding": _SAME,
    "SkipLayerNormalization": _SAME,
    "SkipSimplifiedLayerNormalization": _SAME,
}
KNOWN = frozenset(_STAND_INS) | {"QLinearConcat"}
# Attributes that the standard operator has as well.
_SHARED = frozenset(
    {
        "auto_pad",
        "axis",
        "ceil_mode",
        "count_include_pad",
        "dilations",
        "direction",
        "group",
        "hidden_size",
        "kernel_shape",
        "pads",
        "strides",
        "transA",
        "transB",
    }
)
# Queries, keys and values: as many results as queries, of the size of the values.
_ATTENTION = "bqd,bkd,bkv->bqv"
# Attributes with which the output has its dimensions in another order.
_OTHER_ORDERS = frozenset({"channels_last", "transBatchA", "transBatchB"})


def inferred(proto: Any, strict: bool = False) -> Any:
    """The model with inferred shapes.

    `strict`: raises InferenceError where shapes do not fit, except in a model with operators of
    onnxruntime's own, which is left to onnxruntime.
    """
    twin = _twin(proto)
    if twin is None:
        return shape_inference.infer_shapes(proto, strict_mode=strict, data_prop=True)
    found = shape_inference.infer_shapes(twin, data_prop=True)
    del found.graph.node[:]
    found.graph.node.extend(proto.graph.node)
    return found


def check(proto: Any, path: str) -> None:
    """Raises checker.ValidationError if ONNX's checker refuses the model; `path`: the file, beside
    which its weights may be, or nothing if the model is not as in the file.
    """
    if any(_is_early(node, _opset(proto)) for node in proto.graph.node):
        checker.check_model(_with_weights_as_inputs(_twin(proto)))
    else:
        checker.check_model(path or proto)


def _with_weights_as_inputs(twin: Any) -> Any:
    """The model with weights that are in other files as inputs, which need no file."""
    apart = [tensor for tensor in twin.graph.initializer if tensor.external_data]
    for tensor in apart:
        twin.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
        twin.graph.initializer.remove(tensor)
    return twin


def _twin(proto: Any) -> Any:
    """The model with standard operators in place of onnxruntime's own; None if it has none."""
    opset = _opset(proto)
    matrices = {
        tensor.name: tuple(tensor.dims)
        for tensor in proto.graph.initializer
        if len(tensor.dims) == 2
    }
    found = [
        (place, _stand_in(node, opset, matrices)) for place, node in enumerate(proto.graph.node)
    ]
    if not any(node for _, node in found):
        return None
    twin = ModelProto()
    twin.CopyFrom(proto)
    for place, node in found:
        if node is not None:
            twin.graph.node[place].CopyFrom(node)
    return twin


def _opset(proto: Any) -> int:
    return max((each.version for each in proto.opset_import if each.domain in STANDARD), default=0)


def _is_early(node: Any, opset: int) -> bool:
    """Whether this is a LayerNormalization before ONNX had it."""
    is_one = node.domain in STANDARD and node.op_type == "LayerNormalization"
    return is_one and opset < _FIRST_NORMALIZATION


def _stand_in(node: Any, opset: int, matrices: Mapping[str, tuple[int, ...]]) -> Any:
    """The standard node with outputs of the same sizes; None if it is standard, or unknown."""
    if _is_early(node, opset):
        return helper.make_node("Identity", node.input[:1], node.output[:1])
    if node.domain != MICROSOFT:
        return None
    kept = {each.name: each for each in node.attribute}
    if node.op_type == "QLinearConcat":
        operator, inputs = "Concat", list(node.input[2::3])
    elif node.op_type == "Attention" and _keeps_size(matrices.get(node.input[1])):
        operator, inputs = "Identity", [node.input[0]]
    elif node.op_type in _STAND_INS and not any(kept[n].i for n in _OTHER_ORDERS & kept.keys()):
        operator, places = _STAND_INS[node.op_type]
        inputs = [node.input[place] for place in places if place < len(node.input)]
    else:
        return None
    outputs = node.output if operator == "LSTM" else node.output[:1]
    made = helper.make_node(operator, inputs, outputs)
    if operator == "Einsum":
        is_product = node.op_type == "FusedMatMul"
        equation = _equation(kept, inputs[1] in matrices) if is_product else _ATTENTION
        made.attribute.append(helper.make_attribute("equation", equation))
    else:
        made.attribute.extend(each for name, each in kept.items() if name in _SHARED)
    return made


def _keeps_size(weights: tuple[int, ...] | None) -> bool:
    """Whether queries, keys and values, made by one matrix, are each of the size of the input."""
    return weights is not None and weights[1] == 3 * weights[0]


def _equation(attributes: Mapping[str, Any], is_matrix: bool) -> str:
    """A matrix product, either side transposed before; the right one is a matrix, or several."""
    left = "ji" if "transA" in attributes and attributes["transA"].i else "ij"
    right = "kj" if "transB" in attributes and attributes["transB"].i else "jk"
    return f"...{left},{'' if is_matrix else '...'}{right}->...ik"
