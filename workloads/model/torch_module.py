"""A torch module as a workload in torch: the whole and, on request, each layer alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from workloads.engines import require
from workloads.errors import UsageError
from workloads.graph import text
from workloads.plan import Bind, Cell, ModelCells, Plan, needed_bytes
from workloads.workload import Values

if TYPE_CHECKING:
    from torch import nn

    from workloads.engine import Engine
    from workloads.model.torch_layers import Cost

ENGINE = "torch"


def plan(values: Values) -> Plan:
    """The plan of a torch module; raises UsageError for faults in it."""
    path, shape = values["path"], values["input"]
    if values["engine"] not in (None, ENGINE):
        raise UsageError(
            f"--engine {values['engine']}: a torch module runs only in torch: fix: omit --engine"
        )
    if shape is None:
        raise UsageError(
            f"{path}: its input shape is needed: fix: --input 3,224,224 (without the batch)"
        )
    require(("numpy", "torch"), "torch", path)
    import torch

    from workloads.model.torch_find import find
    from workloads.model.torch_layers import labels_of

    if values["threads"]:
        torch.set_num_threads(values["threads"])
    module = find(path, values["seed"])
    whole, layers, remarks = _counted(module, values)
    name = path.partition(":")[2]
    labels = [name]
    if values["layerwise"]:
        labels += labels_of([layer.name for layer in layers], name)
    peak_bytes = max(each.input_bytes + each.output_bytes for each in (whole, *layers))
    kept_bytes = sum(layer.input_bytes for layer in layers[: len(labels) - 1])
    cells = [_cell(name, whole, peak_bytes, kept_bytes, None, values)]
    for label, layer in zip(labels[1:], layers, strict=False):
        value_bytes = layer.input_bytes + layer.output_bytes
        cells.append(_cell(label, layer, value_bytes, 0, name, values))
    return Plan(
        path,
        (ModelCells(name, tuple(cells), partial(_load, module, labels, values)),),
        remarks=remarks,
        engine=ENGINE,
    )


def _counted(module: nn.Module, values: Values) -> tuple[Cost, list[Cost], tuple[str, ...]]:
    """The cost of one inference and of its layers, and remarks."""
    from workloads.model.torch_find import reason
    from workloads.model.torch_layers import count
    from workloads.model.torch_run import make_input

    shape, seed, tokens = values["input"], values["seed"], values["tokens"]
    x = make_input(module, shape, 1, seed, tokens)
    try:
        whole, layers = count(module, x)
    except Exception as error:  # third-party code may raise anything
        raise UsageError(
            f"{values['path']}: an input of 1×{text(shape)} does not fit: {reason(error)}"
        ) from None
    remarks = []
    if not x.equal(make_input(module, shape, 1, seed, tokens)):
        remarks.append("it overwrites its input: each call gets the values left by the one before")
    outside = whole.macs - sum(layer.macs for layer in layers)
    if values["layerwise"] and outside:
        remarks.append(f"{outside:,} of {whole.macs:,} MACs are outside its layers")
    if values["layerwise"] and not layers:
        remarks.append("it calls no layers: only the whole is run")
    return whole, layers, tuple(remarks)


def _cell(
    label: str, cost: Cost, value_bytes: int, kept_bytes: int, whole: str | None, values: Values
) -> Cell:
    batch = values["batch"]
    return Cell(
        label,
        batch,
        cost.macs,
        cost.parameters,
        kept_bytes * batch + needed_bytes(cost.weight_bytes, value_bytes * batch),
        values["count"],
        values["seconds"],
        part_of=whole,
    )


def _load(module: nn.Module, labels: Sequence[str], values: Values, engine: Engine) -> Bind:
    from workloads.engines.torch import TorchEngine
    from workloads.model.torch_run import load, make_input

    assert isinstance(engine, TorchEngine)
    x = make_input(module, values["input"], values["batch"], values["seed"], values["tokens"])
    return load(values["path"], module, x, labels, engine)
