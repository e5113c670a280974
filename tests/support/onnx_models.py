"""Makes ONNX models from a few nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Sizes = Sequence[int | str | None]


def value(name: str, sizes: Sizes, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, sizes)


def tensor(name: str, values: Any, kind: Any = np.float32) -> Any:
    return numpy_helper.from_array(np.asarray(values, kind), name)


def weight(name: str, *shape: int) -> Any:
    numbers = np.random.default_rng(math.prod(shape))
    return tensor(name, numbers.standard_normal(shape) / 3)


def model(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any], opset: int = 17
) -> Any:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def saved(folder: Path, proto: Any, name: str = "net", **how: Any) -> Path:
    path = folder / f"{name}.onnx"
    onnx.save(proto, str(path), **how)
    return path
