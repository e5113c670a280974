"""A network as a whole and, on request, each layer alone with the input it has in the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from workloads.engine import Work
from workloads.graph import Graph
from workloads.plan import Bind, Cell, ModelCells, cell_of
from workloads.workload import Values

if TYPE_CHECKING:
    from workloads.engine import Engine

# Not run alone: they pass their input on.
WITHOUT_WORK = frozenset({"Flatten", "Dropout", "Identity"})


def group_of(graph: Graph, whole: str, label: Callable[[str], str], values: Values) -> ModelCells:
    """The cell of a whole network, and those of its layers, whose labels come from their names.

    `values` has layerwise, batch, count, seconds and seed.
    """
    graphs = {whole: graph}
    if values["layerwise"]:
        graphs |= {
            label(node.name): graph.only(node)
            for node in graph.nodes
            if node.kind not in WITHOUT_WORK
        }
    count, seconds = values["count"], values["seconds"]
    cells = tuple(
        cell_of(
            each, name, values["batch"], count, seconds, part_of=None if each is graph else whole
        )
        for name, each in graphs.items()
    )
    load = partial(_load, graph, graphs, values["seed"], values["batch"])
    return ModelCells(graph.name, cells, load)


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
