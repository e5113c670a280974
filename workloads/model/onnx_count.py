"""Multiply-accumulates and bytes of an ONNX model's nodes, from their shapes. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from onnx import helper

from workloads.layers import Shape
from workloads.model.onnx_attention import (
    attention_macs,
    joined_attention_macs,
    multi_head_attention_macs,
)
from workloads.model.onnx_fold import shapes_of
from workloads.model.onnx_read import OnnxModel
from workloads.model.onnx_stand_ins import KNOWN, MICROSOFT, STANDARD

Shapes = Mapping[str, Shape]
Count = Callable[[Shapes, Any], int | None]

# Operators with uncounted arithmetic, as all that are neither ONNX's nor onnxruntime's.
UNCOUNTED = frozenset({"DeformConv", "DFT", "Loop", "Scan"})


def attribute(node: Any, name: str, default: Any) -> Any:
    """The value of a node's attribute."""
    found = next((each for each in node.attribute if each.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def macs_of(model: OnnxModel, node: Any) -> int | None:
    """Multiply-accumulates of a node for the whole batch; None if they are not counted, or depend
    on the branch that is taken."""
    return _exact(model.shapes, node)


def least_macs_of(model: OnnxModel, node: Any) -> int:
    """The same, or the fewest that are certain."""
    return _least(model.shapes, node)


def branch_macs(model: OnnxModel, node: Any) -> list[int] | None:
    """Multiply-accumulates of the branches of an If, rising; None if not all are counted."""
    if node.op_type != "If" or node.domain not in STANDARD:
        return None
    counts = _branches(model.shapes, node, _exact)
    known = [count for count in counts if count is not None]
    return sorted(known) if len(known) == len(counts) else None


def _exact(shapes: Shapes, node: Any) -> int | None:
    if node.op_type == "If" and node.domain in STANDARD:
        sums = set(_branches(shapes, node, _exact))
        return sums.pop() if len(sums) == 1 else None
    counts = _COUNTS if node.domain in STANDARD else _MICROSOFT
    count = counts.get(node.op_type)
    if count is None or node.domain not in (*STANDARD, MICROSOFT):
        return 0 if _is_without_products(node) else None
    try:
        return count(shapes, node)
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        return None  # a size is unknown, or no such node can have these: onnxruntime says which


def _is_without_products(node: Any) -> bool:
    if node.domain in STANDARD:
        return node.op_type not in UNCOUNTED
    return node.domain == MICROSOFT and node.op_type in KNOWN


def _least(shapes: Shapes, node: Any) -> int:
    if node.op_type == "If" and node.domain in STANDARD:
        return min(count or 0 for count in _branches(shapes, node, _least))
    return _exact(shapes, node) or 0


def _branches(
    shapes: Shapes, node: Any, count: Callable[[Shapes, Any], int | None]
) -> list[int | None]:
    """The sum of a count over the nodes of each branch; None where one is."""
    sums: list[int | None] = []
    for each in node.attribute:
        inside = {**shapes, **shapes_of(each.g)}
        counts = [count(inside, inner) for inner in each.g.node]
        sums.append(None if None in counts else sum(value or 0 for value in counts))
    return sums


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
    inner = shapes[node.input[0]][-2 if attribute(node, "transA", 0) else -1]
    return math.prod(shapes[node.output[0]]) * inner


def _recurrent(shapes: Shapes, node: Any) -> int:
    """Each step of each sequence meets the weights of its input and of the state before it."""
    *steps, _ = shapes[node.input[0]]
    weights = sum(math.prod(shapes[name]) for name in node.input[1:3])
    return math.prod(steps) * weights


def _einsum(shapes: Shapes, node: Any) -> int | None:
    """Every combination of the indices of two factors, if their products are summed over one; None
    for more factors, which are multiplied in an order that onnxruntime chooses."""
    equation = attribute(node, "equation", b"").decode().replace(" ", "")
    given, arrow, result = equation.partition("->")
    terms = given.split(",")
    sizes: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=True):
        for index, size in zip(_indices(term, len(shapes[name])), shapes[name], strict=True):
            sizes[index] = max(size, sizes.get(index, 1))
    letters = {index for index in sizes if index.isalpha()}
    kept = set(result) if arrow else {each for each in letters if given.count(each) == 1}
    if len(terms) < 2 or letters <= kept:
        return 0
    return math.prod(sizes.values()) if len(terms) == 2 else None


def _indices(term: str, rank: int) -> list[str]:
    """A letter for each dimension; a number, from the last, for those that are an ellipsis."""
    before, _, after = term.partition("...")
    more = rank - len(before) - len(after)
    return [*before, *(str(place) for place in range(more, 0, -1)), *after]


_COUNTS: dict[str, Count] = {
    "Attention": attention_macs,
    "Conv": _conv(1),
    "ConvInteger": _conv(1),
    "ConvTranspose": _transposed,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearConv": _conv(3),
    "QLinearMatMul": _matmul,
    "RNN": _recurrent,
}
# onnxruntime's own.
_MICROSOFT: dict[str, Count] = {
    "Attention": joined_attention_macs,
    "DynamicQuantizeLSTM": _recurrent,
    "DynamicQuantizeMatMul": _matmul,
    "FusedConv": _conv(1),
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
    "MatMulIntegerToFloat": _matmul,
    "MultiHeadAttention": multi_head_attention_macs,
    "QGemm": _gemm,
}
