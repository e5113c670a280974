"""An ONNX file as a workload in onnxruntime: the whole model and, on request, each node alone."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.engine import Work
from workloads.engines import require
from workloads.errors import UsageError, WorkloadError
from workloads.plan import Bind, Cell, ModelCells, Plan, needed_bytes
from workloads.workload import Values

if TYPE_CHECKING:
    from workloads.engine import Array, Engine
    from workloads.engines.onnx import LoadedModel, OnnxEngine
    from workloads.model.onnx_parts import OnnxNode
    from workloads.model.onnx_read import OnnxModel

ENGINE = "onnxruntime"
# onnxruntime's messages for too little memory.
_TOO_LITTLE = ("allocate memory", "bad_alloc", "bad allocation")


def plan(values: Values) -> Plan:
    """The plan of an ONNX file; raises UsageError for faults in it."""
    path = Path(values["path"])
    _refuse_others(values)
    require(("numpy", "onnx", "onnxruntime"), "workloads", str(path))
    from workloads.model.onnx_parts import parts_of, values_wanted
    from workloads.model.onnx_read import read_model

    model = read_model(path, values["input"], values["batch"], values["shapes"])
    _refuse_types(path, model)
    parts = parts_of(model) if values["layerwise"] else []
    kept_bytes = sum(map(model.bytes_of, values_wanted(model, parts)))
    cells = (_whole(model, kept_bytes, values), *(_alone(model, part, values) for part in parts))
    load = partial(_load, path, model, parts, values["seed"], values["tokens"])
    group = ModelCells(model.name, cells, load)
    return Plan(model.name, (group,), remarks=_remarks(model, bool(parts)), engine=ENGINE)


def _refuse_others(values: Values) -> None:
    if values["engine"] not in (None, ENGINE):
        raise UsageError(
            f"--engine {values['engine']}: an .onnx file runs only in {ENGINE}: fix: omit --engine"
        )
    if values["device"] != "cpu":
        raise UsageError(
            f"--device {values['device']}: an .onnx file runs only on the cpu here: fix: omit "
            "--device"
        )


def _refuse_types(path: Path, model: OnnxModel) -> None:
    from onnx import TensorProto

    from workloads.model.onnx_inputs import unsupported

    for name in model.inputs:
        if unsupported(model, name):
            kind = TensorProto.DataType.Name(model.types[name])
            raise UsageError(f"{path}: input {name} has type {kind}, which cannot be generated")


def _whole(model: OnnxModel, kept_bytes: int, values: Values) -> Cell:
    from workloads.model.onnx_count import least_macs_of, macs_of, peak_bytes
    from workloads.model.onnx_weights import parameters_of

    return Cell(
        model.name,
        values["batch"],
        sum(least_macs_of(model, node) for node in model.nodes) // values["batch"],
        parameters_of(model, model.nodes),
        kept_bytes + needed_bytes(_bytes(model, model.initializers), peak_bytes(model)),
        values["count"],
        values["seconds"],
        macs_at_least=any(macs_of(model, node) is None for node in model.nodes),
    )


def _alone(model: OnnxModel, part: OnnxNode, values: Values) -> Cell:
    from workloads.model.onnx_count import macs_of
    from workloads.model.onnx_weights import parameters_of

    macs = macs_of(model, part.node)
    value_bytes = _bytes(model, (*part.inputs, *part.node.output))
    return Cell(
        part.label,
        values["batch"],
        None if macs is None else macs // values["batch"],
        parameters_of(model, [part.node, *part.behind]),
        needed_bytes(_bytes(model, part.constants), value_bytes),
        values["count"],
        values["seconds"],
        part_of=model.name,
    )


def _bytes(model: OnnxModel, names: Any) -> int:
    return sum(map(model.bytes_of, names))


def _remarks(model: OnnxModel, layerwise: bool) -> tuple[str, ...]:
    from workloads.model.onnx_count import branch_macs, macs_of
    from workloads.model.onnx_fold import has_graphs
    from workloads.model.onnx_stand_ins import BLOCKED

    unknown = [node for node in model.nodes if macs_of(model, node) is None]
    branches = [counts for node in unknown if (counts := branch_macs(model, node))]
    uncounted = Counter(node.op_type for node in unknown if not branch_macs(model, node))
    inside = Counter(
        node.op_type
        for node in model.nodes
        if has_graphs(node) or not model.opaque.isdisjoint((*node.input, *node.output))
    )
    quantised = any(
        node.op_type == "DequantizeLinear" and node.input[0] not in model.initializers
        for node in model.nodes
    )
    remarks = []
    if uncounted:
        remarks.append(f"MACs not counted for: {_listed(uncounted)}")
    if any(node.domain == BLOCKED for node in model.nodes):
        remarks.append(
            "onnxruntime made this file for one kind of processor: the MACs are those of the file "
            "it was made from"
        )
    remarks += [
        f"MACs depend on the input: an If has {fewest:,} or {most:,}, and {fewest:,} are counted"
        for fewest, most in branches
    ]
    if layerwise and inside:
        remarks.append(f"run only as part of the whole: {_listed(inside)}")
    if layerwise and quantised:
        remarks.append(
            "quantised: a layer alone computes in float32; in the whole, onnxruntime fuses it "
            "with the quantisation around it"
        )
    return tuple(remarks)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _load(
    path: Path,
    model: OnnxModel,
    parts: list[OnnxNode],
    seed: int,
    tokens: int | None,
    engine: Engine,
) -> Bind:
    from workloads.engines.onnx import OnnxEngine
    from workloads.model.onnx_inputs import make_inputs
    from workloads.model.onnx_parts import model_of

    assert isinstance(engine, OnnxEngine)
    given = make_inputs(model, seed, tokens)
    if parts:
        given |= _values(path, model, parts, given, engine)
    by_label = {part.label: part for part in parts}

    def bind(cell: Cell) -> Work:
        part = by_label.get(cell.label)
        with _in_words(f"{path}, {cell.label}" if part else str(path)):
            if part:
                loaded = engine.load_model(model_of(model, part, given), str(model.folder))
            else:
                loaded = _loaded(model, engine)
            work = loaded.bind(*(given[n] for n in (part.inputs if part else model.inputs))).work()
            work.call()
        return work

    return bind


def _values(
    path: Path, model: OnnxModel, parts: list[OnnxNode], given: dict[str, Array], engine: OnnxEngine
) -> dict[str, Array]:
    """The inputs of the parts from other nodes, obtained from one run of the whole."""
    from workloads.model.onnx_parts import model_telling, values_wanted

    names = values_wanted(model, parts)
    if not names:
        return {}
    with _in_words(str(path)):
        loaded = engine.load_model(model_telling(model, names), str(model.folder))
        return dict(zip(names, loaded.outputs(given), strict=True))


def _loaded(model: OnnxModel, engine: OnnxEngine) -> LoadedModel:
    """The whole with its sizes set; with open ones if onnxruntime refuses that."""
    folder = str(model.folder)
    try:
        return engine.load_model(model.proto.SerializeToString(), folder)
    except Exception:  # onnxruntime's errors have no common base class
        if model.unsized is None:
            raise
        return engine.load_model(model.unsized.SerializeToString(), folder)


@contextlib.contextmanager
def _in_words(what: str) -> Iterator[None]:
    """One line for anything onnxruntime refuses; MemoryError if memory is short."""
    try:
        yield
    except (MemoryError, WorkloadError):
        raise
    except Exception as error:  # onnxruntime's errors have no common base class
        line = next(iter(str(error).splitlines()), type(error).__name__)
        text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line)
        if any(words in str(error).lower() for words in _TOO_LITTLE):
            raise MemoryError(text) from None
        raise WorkloadError(f"{what}: onnxruntime: {text}") from None
