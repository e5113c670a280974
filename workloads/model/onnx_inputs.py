"""Random inputs of an ONNX model, chosen by type and use."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from workloads.model.onnx_count import attribute
from workloads.model.onnx_read import OnnxModel, dtype_of

if TYPE_CHECKING:
    from workloads.engine import Array

# Whole numbers of unknown use are 0 or 1, like masks and token types.
FEW = 2
# These pass numbers on unchanged.
_PASSING = {"Cast", "Concat", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Squeeze"}
_PASSING |= {"Transpose", "Unsqueeze"}


def unsupported(model: OnnxModel, name: str) -> bool:
    """Whether an input of this type cannot be generated."""
    return dtype_of(model.types[name]).kind not in "biuf"


def make_inputs(model: OnnxModel, seed: int, tokens: int | None) -> dict[str, Array]:
    """One array for every input: standard normal, tokens below a number, bytes, or 0 and 1."""
    return {name: _make(model, name, seed, tokens) for name in model.inputs}


def _make(model: OnnxModel, name: str, seed: int, tokens: int | None) -> Array:
    if name in model.values:
        return np.asarray(model.values[name])
    kind, shape = dtype_of(model.types[name]), model.shapes[name]
    numbers = np.random.default_rng((seed, zlib.crc32(name.encode())))
    if kind.kind == "f":
        return numbers.standard_normal(shape, np.float32).astype(kind)
    if kind.itemsize == 1 and kind.kind != "b":
        info = np.iinfo(kind)
        return numbers.integers(info.min, info.max, shape, kind, endpoint=True)
    limits = () if kind.kind == "b" else (tokens, rows_of(model, name))
    limit = min((each for each in limits if each), default=FEW)
    return numbers.integers(limit, size=shape).astype(kind)


def rows_of(model: OnnxModel, name: str) -> int | None:
    """Rows of the smallest table in which a value is looked up; None if there is none."""
    names, rows = {name}, []
    for node in model.nodes:
        if node.op_type == "Gather" and node.input[1] in names and node.input[0] in model.shapes:
            table = model.shapes[node.input[0]]
            rows.append(table[attribute(node, "axis", 0)])
        if node.op_type in _PASSING and names.intersection(node.input):
            names.update(node.output)
    return min(rows, default=None)
