"""The nodes of an ONNX model that are run alone: their inputs, and a model for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx
from onnx import external_data_helper, helper, numpy_helper

from workloads.model.labels import unique
from workloads.model.onnx_fold import has_graphs
from workloads.model.onnx_read import OnnxModel

if TYPE_CHECKING:
    from workloads.engine import Array

# Not run alone: they pass their input on, or describe it.
WITHOUT_WORK = {"Cast", "CastLike", "Constant", "ConstantOfShape", "Dropout", "Expand", "Flatten"}
WITHOUT_WORK |= {"Identity", "Range", "Reshape", "Shape", "Size", "Squeeze", "Unsqueeze"}
# Their output depends on the shape of their input, not on its values.
_TELLING = frozenset({"Shape", "Size"})
_RANDOM = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike"})


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """A node, the values that it takes from others, and its constants.

    `behind` are the nodes that compute these constants from the model's weights.
    """

    label: str
    node: Any
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    behind: tuple[Any, ...]


def parts_of(model: OnnxModel) -> list[OnnxNode]:
    """Every node that does its own work, in order.

    Nodes that are the same for every input are excluded: they are computed once, at load time.
    """
    constants = constants_of(model)
    makers = {name: node for node in model.nodes for name in _named(node.output)}
    return [
        _part(label, node, constants, makers)
        for label, node in zip(_labels(model), model.nodes, strict=True)
        if node.op_type not in WITHOUT_WORK
        and not has_graphs(node)
        and not constants.issuperset(_named(node.output))
        and model.opaque.isdisjoint((*node.input, *node.output))
    ]


def _part(label: str, node: Any, constants: set[str], makers: Mapping[str, Any]) -> OnnxNode:
    given = dict.fromkeys(_named(node.input))
    same = tuple(name for name in given if name in constants)
    return OnnxNode(
        label,
        node,
        tuple(name for name in given if name not in constants),
        same,
        tuple(_behind(same, makers)),
    )


def _behind(constants: Iterable[str], makers: Mapping[str, Any]) -> Iterator[Any]:
    for name in constants:
        node = makers.get(name)
        if node is not None and node.op_type not in _TELLING:
            yield node
            yield from _behind(_named(node.input), makers)


def _labels(model: OnnxModel) -> list[str]:
    """The nodes' names; an unnamed one is called by its operator and number."""
    numbers: Counter[str] = Counter()
    names = []
    for node in model.nodes:
        numbers[node.op_type] += 1
        names.append(node.name or f"{node.op_type}{numbers[node.op_type]}")
    return unique(names, [model.name])


def _named(names: Iterable[str]) -> list[str]:
    """The names without those of omitted optional values."""
    return [name for name in names if name]


def constants_of(model: OnnxModel) -> set[str]:
    """The values that are the same for every input of these sizes."""
    found = set(model.initializers)
    for node in model.nodes:
        given = set(_named(node.input))
        told = node.op_type in _TELLING and given <= model.shapes.keys()
        same = node.op_type == "Constant" or (given and given <= found)
        if told or (same and node.op_type not in _RANDOM and not has_graphs(node)):
            found |= set(_named(node.output))
    return found


def values_wanted(model: OnnxModel, parts: list[OnnxNode]) -> list[str]:
    """The values that a run of the whole must provide for the parts."""
    known = {*model.inputs, *model.initializers}
    names = dict.fromkeys(name for part in parts for name in (*part.inputs, *part.constants))
    return [name for name in names if name not in known]


def model_telling(model: OnnxModel, names: list[str]) -> bytes:
    """The whole model, with some of its values as outputs."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return bytes(proto.SerializeToString())


def model_of(model: OnnxModel, part: OnnxNode, values: Mapping[str, Array]) -> bytes:
    """A model of one node, with its constants inside."""
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(values[name].dtype), values[name].shape
        )
        for name in part.inputs
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in _named(part.node.output)]
    constants = [_constant(model, name, values) for name in part.constants]
    graph = helper.make_graph([part.node], "part", inputs, outputs, constants)
    proto = helper.make_model(
        graph, opset_imports=model.proto.opset_import, ir_version=model.proto.ir_version
    )
    return bytes(proto.SerializeToString())


def _constant(model: OnnxModel, name: str, values: Mapping[str, Array]) -> Any:
    tensor = onnx.TensorProto()
    if name not in model.initializers:
        tensor.CopyFrom(numpy_helper.from_array(values[name], name))
        return tensor
    tensor.CopyFrom(model.initializers[name])
    if external_data_helper.uses_external_data(tensor):
        external_data_helper.load_external_data_for_tensor(tensor, str(model.folder))
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    return tensor
