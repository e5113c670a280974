"""A spec file as a workload: the whole network, and on request every layer alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workloads.catalogue import Values
from workloads.graph import Graph, lower
from workloads.plan import Bind, Cell, Group, Plan, Work, cell_of
from workloads.spec import read_spec

if TYPE_CHECKING:
    from workloads.engines import Engine

# Not run alone: they pass their input on.
WITHOUT_WORK = frozenset({"Flatten", "Dropout", "Identity"})


def plan(values: Values) -> Plan:
    """The plan of a spec file; raises UsageError for what is wrong with it."""
    graph = lower(read_spec(Path(values["path"])), values["input"])
    names = {node.name for node in graph.nodes}
    whole = graph.name if graph.name not in names else f"{graph.name} as a whole"
    graphs = {whole: graph}
    if values["layerwise"]:
        graphs |= {
            node.name: graph.only(node) for node in graph.nodes if node.kind not in WITHOUT_WORK
        }
    count, seconds = values["count"], values["seconds"]
    cells = tuple(
        cell_of(
            each, label, values["batch"], count, seconds, part_of=None if each is graph else whole
        )
        for label, each in graphs.items()
    )
    load = partial(_load, graph, graphs, values["seed"], values["batch"])
    return Plan(graph.name, (Group(graph.name, cells, load),))


def _load(whole: Graph, graphs: dict[str, Graph], seed: int, batch: int, engine: Engine) -> Bind:
    from workloads.weights import make_inputs, make_weights

    weights = make_weights(whole, seed)
    inputs = make_inputs(whole, batch, seed)
    given = dict(zip(whole.inputs, inputs, strict=True))
    if len(graphs) > 1:
        given |= engine.values(whole, weights, *inputs)

    def bind(cell: Cell) -> Work:
        graph = graphs[cell.label]
        return engine.load(graph, weights).bind(*(given[name] for name in graph.inputs)).work()

    return bind
