"""Shapes that ONNX's own inference leaves unknown because the model computes them at run time.

Sizes are computed from shapes by small nodes on whole numbers. Those whose inputs are known are
evaluated, their results take the place of the nodes, and the shapes are inferred again, until
nothing more becomes known. A branch whose condition is known becomes part of the model. Otherwise,
the model that runs is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from workloads.layers import Shape
from workloads.model.onnx_stand_ins import STANDARD, inferred

# Larger constants are weights, not sizes.
MOST_NUMBERS = 4096
ROUNDS = 20
_RANDOM = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike"})
# Attributes of a Constant that hold plain numbers.
_NUMBERS = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def shapes_of(graph: Any) -> dict[str, Shape]:
    """The shapes that a graph states for its values, where all sizes are numbers, and those of its
    initializers."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return weights | {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.HasField("tensor_type")
        and value.type.tensor_type.HasField("shape")
        and all(size.HasField("dim_value") for size in value.type.tensor_type.shape.dim)
    }


def with_computed_shapes(proto: Any, values: Mapping[str, Any]) -> Any:
    """The model with more of its shapes known, for these values of inputs; itself if that makes
    none known."""
    known = {**_small(proto.graph.initializer), **values}
    given, found = proto, proto
    for _ in range(ROUNDS):
        shapes = shapes_of(found.graph)
        if _values(proto) <= shapes.keys() | known.keys() and not _has_branches(proto):
            break
        before = len(known)
        _evaluate(proto, shapes, known)
        opened = _opened(proto, known)
        if len(known) == before and opened is proto:
            break
        proto, known = opened, known | _small(opened.graph.initializer)
        found = inferred(_without(proto, known))
    if found is given:
        return given
    weights = {tensor.name for tensor in proto.graph.initializer}
    whole = ModelProto()
    whole.CopyFrom(proto)
    del whole.graph.value_info[:], whole.graph.output[:]
    whole.graph.value_info.extend(found.graph.value_info)
    whole.graph.output.extend(found.graph.output)
    stated = {value.name for value in (*proto.graph.input, *found.graph.value_info)} | weights
    whole.graph.value_info.extend(
        _info(name, found) for name, found in known.items() if name not in stated
    )
    return whole


def _has_branches(proto: Any) -> bool:
    return any(node.op_type == "If" for node in proto.graph.node)


def _info(name: str, values: Any) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    return helper.make_tensor_value_info(name, kind, values.shape)


def _opened(proto: Any, known: Mapping[str, Any]) -> Any:
    """The model with the branches whose condition is known in place of their If; itself if there
    are none."""
    branches = [n for n in proto.graph.node if n.op_type == "If" and n.input[0] in known]
    if not branches:
        return proto
    opened = ModelProto()
    opened.CopyFrom(proto)
    graph = opened.graph
    del graph.node[:]
    for node in proto.graph.node:
        if node.op_type != "If" or node.input[0] not in known:
            graph.node.append(node)
            continue
        name = "then_branch" if known[node.input[0]].all() else "else_branch"
        branch = next(each.g for each in node.attribute if each.name == name)
        graph.node.extend(branch.node)
        graph.initializer.extend(branch.initializer)
        graph.value_info.extend(branch.value_info)
        graph.node.extend(
            helper.make_node("Identity", [inner.name], [outer])
            for inner, outer in zip(branch.output, node.output, strict=True)
        )
    lift_constants(graph)
    return opened


def graphs_of(node: Any) -> list[Any]:
    """The subgraphs of a node: branches, or the body of a loop."""
    found = []
    for each in node.attribute:
        if each.type == AttributeProto.GRAPH:
            found.append(each.g)
        elif each.type == AttributeProto.GRAPHS:
            found.extend(each.graphs)
    return found


def has_graphs(node: Any) -> bool:
    """Whether a node is control flow, with subgraphs."""
    return bool(graphs_of(node))


def lift_constants(graph: Any) -> None:
    """Turn Constant nodes into initializers, so that their numbers can be counted and kept; those
    in subgraphs too."""
    kept = []
    for node in graph.node:
        for inner in graphs_of(node):
            lift_constants(inner)
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


def _values(proto: Any) -> set[str]:
    return {name for node in proto.graph.node for name in node.output if name}


def _small(tensors: Iterable[Any]) -> dict[str, Any]:
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in tensors
        if math.prod(tensor.dims) <= MOST_NUMBERS and not tensor.external_data
    }


def _evaluate(proto: Any, shapes: Mapping[str, Shape], known: dict[str, Any]) -> None:
    """Add the outputs of nodes whose inputs are known."""
    for node in proto.graph.node:
        if node.output[0] in known:
            continue
        given = [name for name in node.input if name]
        if node.op_type == "Shape" and given[0] in shapes:
            known[node.output[0]] = _shape(node, shapes[given[0]])
        elif node.op_type == "Size" and given[0] in shapes:
            known[node.output[0]] = np.asarray(math.prod(shapes[given[0]]), np.int64)
        elif given and all(name in known for name in given):
            known |= _results(proto, node, {name: known[name] for name in given})


def _shape(node: Any, shape: Shape) -> Any:
    ends = {each.name: each.i for each in node.attribute}
    return np.asarray(shape[ends.get("start", 0) : ends.get("end")], np.int64)


def _results(proto: Any, node: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a node; none if random, large, or its operator cannot be evaluated."""
    is_plain = node.domain in STANDARD and node.op_type not in _RANDOM
    if not is_plain or has_graphs(node) or _is_large(node, given):
        return {}
    inputs = [_info(name, values) for name, values in given.items()]
    names = [name for name in node.output if name]
    outputs = [helper.make_empty_tensor_value_info(name) for name in names]
    graph = helper.make_graph([node], "part", inputs, outputs)
    try:
        part = helper.make_model(graph, opset_imports=proto.opset_import)
        results = ReferenceEvaluator(part).run(None, dict(given))
    except Exception:  # an operator that the reference lacks: its output stays unknown
        return {}
    found = {name: np.asarray(value) for name, value in zip(names, results, strict=True)}
    return found if all(value.size <= MOST_NUMBERS for value in found.values()) else {}


def _is_large(node: Any, given: Mapping[str, Any]) -> bool:
    """Whether this is one number repeated many times: weights, in a file that leaves them out."""
    if node.op_type != "ConstantOfShape":
        return False
    return math.prod(int(size) for size in given[node.input[0]]) > MOST_NUMBERS


def _without(proto: Any, known: Mapping[str, Any]) -> Any:
    """The model with the known values as constants, and without the nodes that compute them."""
    smaller = ModelProto()
    smaller.CopyFrom(proto)
    graph = smaller.graph
    own = {tensor.name for tensor in graph.initializer}
    kept = [node for node in graph.node if node.output[0] not in known]
    constants = [
        numpy_helper.from_array(values, name) for name, values in known.items() if name not in own
    ]
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(constants)
    return smaller
