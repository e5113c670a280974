"""Multiply-accumulates of the operators that are a whole attention, from their shapes. Pure.

Every query meets every key, and every score every value, masked ones too. With keys and values from
before nothing is known, as they would count as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workloads.layers import Shape


def attention_macs(shapes: Mapping[str, Shape], node: Any) -> int | None:
    """Of ONNX's Attention: queries, keys and values as batch×heads×length×size or
    batch×length×(heads·size)."""
    if _has(node, 4) or _has(node, 5):
        return None
    query, key, value = (shapes[name] for name in node.input[:3])
    if len(query) == 4:
        batch, heads, queries, size = query
        return batch * heads * queries * key[2] * (size + value[3])
    numbers: dict[str, int] = {each.name: each.i for each in node.attribute}
    heads, key_heads = numbers["q_num_heads"], numbers["kv_num_heads"]
    batch, queries, width = query
    return batch * queries * key[1] * (width + heads * (value[2] // key_heads))


def joined_attention_macs(shapes: Mapping[str, Shape], node: Any) -> int | None:
    """Of onnxruntime's Attention, with the products that make queries, keys and values."""
    if _has(node, 4) or any(each.name == "qkv_hidden_sizes" for each in node.attribute):
        return None
    batch, length, size = shapes[node.input[0]]
    width = shapes[node.input[1]][1]
    return batch * length * (size * width + 2 * length * (width // 3))


def multi_head_attention_macs(shapes: Mapping[str, Shape], node: Any) -> int | None:
    """Of onnxruntime's MultiHeadAttention: queries, keys and values as batch×length×size."""
    if _has(node, 6) or not (_has(node, 1) and _has(node, 2)):
        return None
    given = [shapes[name] for name in node.input[:3]]
    if any(len(shape) != 3 for shape in given):
        return None
    (batch, queries, width), (_, keys, _), (_, _, value_width) = given
    return batch * queries * keys * (width + value_width)


def _has(node: Any, place: int) -> bool:
    return len(node.input) > place and bool(node.input[place])
