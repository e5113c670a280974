"""Writes a graph as an ONNX model with open batch and sizes.

Everything that depends on the input's size (averaging matrices, positions, resizing) is computed in
the model from its shape. The model contains no weights: each is declared as external data and
passed when the session is created, so that protobuf neither copies nor limits them (2 GB).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from workloads.graph import Graph, Node

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# GELU came with opset 20; onnxruntime has known both numbers since 1.17.
OPSET, IR_VERSION = 20, 9
MICROSOFT = "com.microsoft"  # onnxruntime's own operators, in every build of it


def input_name(name: str) -> str:
    """The model's name for an input of the graph."""
    return f"input {name}"


def weight_name(key: str) -> str:
    """The model's name for the weight `node.weight`."""
    return f"weight {key}"


def write_model(graph: Graph, kept: Iterable[str]) -> bytes:
    """The model; its outputs are the values of the `kept` nodes, in order."""
    model = OnnxBuilder()
    values = {name: input_name(name) for name in graph.inputs}
    for node in graph.nodes:
        values[node.name] = _WRITE[node.kind](model, node, *[values[name] for name in node.inputs])
    written = helper.make_graph(
        model.nodes,
        "graph",
        [_input(graph, name) for name in graph.inputs],
        [helper.make_tensor_value_info(values[name], TensorProto.FLOAT, None) for name in kept],
        [*model.constants, *(tensor for node in graph.nodes for tensor in _declared(node))],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    whole = helper.make_model(written, opset_imports=opsets, ir_version=IR_VERSION)
    return bytes(whole.SerializeToString())


def _input(graph: Graph, name: str) -> Any:
    kind = TensorProto.INT64 if graph.takes_tokens(name) else TensorProto.FLOAT
    sizes = [f"{name} size {axis}" for axis in range(1, len(graph.inputs[name]) + 1)]
    return helper.make_tensor_value_info(input_name(name), kind, ["batch", *sizes])


def _declared(node: Node) -> list[Any]:
    """The weights of a node without their values; the location is never read."""
    tensors = []
    for name, shape in node.weights.items():
        tensor = TensorProto(
            name=weight_name(f"{node.name}.{name}"),
            data_type=TensorProto.FLOAT,
            dims=shape,
            data_location=TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value="weights")
        tensors.append(tensor)
    return tensors


class OnnxBuilder:
    """Operators and constants in the order in which they were written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Write an operator; returns the names of its outputs."""
        names = [f"value {len(self.nodes)} {place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def one(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Write an operator with one output; returns its name."""
        return self.add(operator, *inputs, **attributes)[0]

    def whole(self, values: ArrayLike) -> str:
        """A constant of whole numbers."""
        return self._constant(np.asarray(values, np.int64))

    def real(self, value: float) -> str:
        """A constant number."""
        return self._constant(np.asarray(value, np.float32))

    def size(self, value: str, axis: int) -> str:
        """The length of an axis, as a scalar."""
        return self.one("Squeeze", self.one("Shape", value, start=axis, end=axis + 1))

    def counted(self, end: str) -> str:
        """0, 1, … up to a length."""
        return self.one("Range", self.whole(0), end, self.whole(1))

    def _constant(self, values: Any) -> str:
        name = f"constant {len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name


Write = Callable[..., str]


def _weights(node: Node) -> list[str]:
    return [weight_name(f"{node.name}.{name}") for name in node.weights]


def _plain(operator: str, **attributes: Any) -> Write:
    """An operator that is the same everywhere."""
    return lambda model, node, x: model.one(operator, x, **attributes)


def _conv(model: OnnxBuilder, node: Node, x: str) -> str:
    options = node.options
    return model.one(
        "Conv",
        x,
        *_weights(node),
        kernel_shape=options["kernel_size"],
        strides=options["stride"],
        pads=options["padding"] * 2,
        dilations=options["dilation"],
        group=options["groups"],
    )


def _linear(model: OnnxBuilder, node: Node, x: str) -> str:
    return _product(model, x, len(node.input_shapes[0]), *_weights(node))


def _product(model: OnnxBuilder, x: str, rank: int, weight: str, *bias: str) -> str:
    """x · weightᵀ + bias as one Gemm: any axes but the last become rows of a matrix."""
    if rank == 1:
        return model.one("Gemm", x, weight, *bias, transB=1)
    rows = model.one("Flatten", x, axis=rank)
    product = model.one("Gemm", rows, weight, *bias, transB=1)
    lengths = model.one("Concat", model.one("Shape", x, end=-1), model.whole([-1]), axis=0)
    return model.one("Reshape", product, lengths)


def _relu6(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("Clip", x, model.real(0), model.real(6))


def _silu(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("Mul", x, model.one("Sigmoid", x))


def _leaky(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("LeakyRelu", x, alpha=node.options["negative_slope"])


def _softmax(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("Softmax", x, axis=node.options["dim"])


def _pool(operator: str) -> Write:
    def write(model: OnnxBuilder, node: Node, x: str) -> str:
        options = node.options
        own = {key: int(options[key]) for key in ("count_include_pad",) if key in options}
        return model.one(
            operator,
            x,
            kernel_shape=options["kernel_size"],
            strides=options["stride"] or options["kernel_size"],
            pads=options["padding"] * 2,
            ceil_mode=int(options["ceil_mode"]),
            **own,
        )

    return write


def _adaptive_pool(model: OnnxBuilder, node: Node, x: str) -> str:
    height, width = node.options["output_size"]
    if height == width == 1:
        return model.one("GlobalAveragePool", x)
    rows = _averages(model, model.size(x, 2), height)
    columns = model.one("Transpose", _averages(model, model.size(x, 3), width))
    return model.one("MatMul", model.one("MatMul", rows, x), columns)


def _averages(model: OnnxBuilder, given: str, wanted: int) -> str:
    """The matrix that averages `given` places to `wanted`: place i ⌊i·g/w⌋ to ⌈(i+1)·g/w⌉."""
    place, divisor = np.arange(wanted)[:, None], model.whole(wanted)
    begin = model.one("Div", model.one("Mul", model.whole(place), given), divisor)
    after = model.one("Mul", model.whole(place + 1), given)
    end = model.one("Div", model.one("Add", after, model.whole(wanted - 1)), divisor)
    index = model.counted(given)
    begun = model.one("GreaterOrEqual", index, begin)
    inside = model.one("And", begun, model.one("Less", index, end))
    count = model.one("Sub", end, begin)
    return model.one("Div", _as_float(model, inside), _as_float(model, count))


def _as_float(model: OnnxBuilder, value: str) -> str:
    return model.one("Cast", value, to=TensorProto.FLOAT)


def _batch_norm(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("BatchNormalization", x, *_weights(node), epsilon=node.options["eps"])


def _layer_norm(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("LayerNormalization", x, *_weights(node), epsilon=node.options["eps"])


def _embedding(model: OnnxBuilder, node: Node, tokens: str) -> str:
    index = tokens
    if node.options["index"] == "position":
        places = model.counted(model.size(tokens, 1))
        index = model.one("Expand", places, model.one("Shape", tokens))
    elif node.options["index"] == "zero":
        index = model.one("Mul", tokens, model.whole(0))
    return model.one("Gather", *_weights(node), index)


def _attention(model: OnnxBuilder, node: Node, x: str) -> str:
    in_weight, in_bias, out_weight, out_bias = _weights(node)
    projected = _product(model, x, 2, in_weight, in_bias)
    parts = model.add("Split", projected, outputs=3, axis=-1, num_outputs=3)
    heads = node.options["num_heads"]
    return _product(model, _mixed(model, heads, False, *parts), 2, out_weight, out_bias)


def _attend(model: OnnxBuilder, node: Node, query: str, keys: str, values: str) -> str:
    options = node.options
    return _mixed(model, options["num_heads"], options["causal"], query, keys, values)


def _mixed(model: OnnxBuilder, heads: int, causal: bool, query: str, keys: str, values: str) -> str:
    """Values mixed by attention; `causal`: no query meets a later key."""
    return model.one(
        "MultiHeadAttention",
        query,
        keys,
        values,
        domain=MICROSOFT,
        num_heads=heads,
        unidirectional=int(causal),
    )


def _append(model: OnnxBuilder, node: Node, *parts: str) -> str:
    return model.one("Concat", *parts, axis=1)


def _select(model: OnnxBuilder, node: Node, x: str) -> str:
    return model.one("Gather", x, model.whole(node.options["token"]), axis=1)


def _reshape(model: OnnxBuilder, node: Node, x: str) -> str:
    """Indices rather than Resize, whose scale is a rounded float."""
    _, channels, height, width = node.options["reshape_dim"]
    for axis, wanted in ((2, height), (3, width)):
        place = model.one("Mul", model.whole(np.arange(wanted)), model.size(x, axis))
        x = model.one("Gather", x, model.one("Div", place, model.whole(wanted)), axis=axis)
    return model.one("Expand", x, model.whole([1, channels, 1, 1]))


def _add(model: OnnxBuilder, node: Node, first: str, *others: str) -> str:
    for other in others:
        first = model.one("Add", first, other)
    return first


def _concat(model: OnnxBuilder, node: Node, *parts: str) -> str:
    return model.one("Concat", *parts, axis=1 if len(node.shape) == 3 else -1)


_WRITE: dict[str, Write] = {
    "Conv2d": _conv,
    "Linear": _linear,
    "ReLU": _plain("Relu"),
    "ReLU6": _relu6,
    "Tanh": _plain("Tanh"),
    "Sigmoid": _plain("Sigmoid"),
    "SiLU": _silu,
    "GELU": _plain("Gelu"),
    "SELU": _plain("Selu"),
    "LeakyReLU": _leaky,
    "Softmax": _softmax,
    "Dropout": _plain("Identity"),
    "Identity": _plain("Identity"),
    "MaxPool2d": _pool("MaxPool"),
    "AvgPool2d": _pool("AveragePool"),
    "AdaptiveAvgPool2d": _adaptive_pool,
    "BatchNorm2d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Flatten": _plain("Flatten"),
    "Embedding": _embedding,
    "MultiheadAttention": _attention,
    "select": _select,
    "reshape": _reshape,
    "add": _add,
    "concat": _concat,
    "append": _append,
    "attend": _attend,
}
