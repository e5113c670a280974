"""LeNet-5 layer by layer over the size of its input, by DeepMeter's two methods.

individual: each layer alone. Layers before the flattening get their input in a network for S×S
images; those after it get S rows. cumulative: the first n layers together, for each n; the features
are averaged to 5×5 before they are flattened (at 32×32 they are 5×5 already).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from workloads.engine import Work
from workloads.errors import UsageError
from workloads.graph import Graph, lower
from workloads.networks import bundled
from workloads.plan import VALUES_FACTOR, Bind, Cell, ModelCells, Plan, cell_of
from workloads.spec import Entry, Layer, Network
from workloads.workload import Option, Values, Workload

if TYPE_CHECKING:
    from workloads.engine import Engine

SIZES = (32, 64, 128, 256, 512, 1024)
MAP = (5, 5)
# They do no work: their time counts for the next layer.
WITHOUT_WORK = frozenset({"Flatten", "AdaptiveAvgPool2d"})


def _plan(values: Values) -> Plan:
    graphs = _individual if values["method"] == "individual" else _cumulative
    budget_bytes = values["memory"] << 20
    found = {
        label: (graph, minus)
        for size in values["sizes"]
        for label, graph, minus in graphs(bundled("lenet5"), size)
    }
    cells = tuple(
        _cell(label, graph, minus, budget_bytes, values) for label, (graph, minus) in found.items()
    )
    largest = max(cells, key=lambda cell: cell.needed_bytes)
    load = partial(_load, {label: graph for label, (graph, _) in found.items()}, values["seed"])
    return Plan(
        f"LeNet-5, {values['method']} layers",
        (ModelCells("LeNet-5", cells, load),),
        remarks=(
            f"{values['images']:,} images per cell, in batches of up to {values['memory']} MiB "
            f"(--memory): {min(c.batch for c in cells)} to {max(c.batch for c in cells)} images; "
            f"largest: {largest.label}",
        ),
    )


def _cell(label: str, graph: Graph, minus: str | None, budget_bytes: int, values: Values) -> Cell:
    image_bytes = VALUES_FACTOR * graph.peak_bytes(1)
    batch = min(values["batch"] or values["images"], max(1, int(budget_bytes / image_bytes)))
    return cell_of(graph, label, batch, values["images"], values["seconds"], minus)


def _individual(network: Network, size: int) -> Iterable[tuple[str, Graph, None]]:
    before, after = _at_flatten(network.entries)
    for entries, shape in ((before, (1, size, size)), (after, (size, _features(after)))):
        graph = _lowered(network, entries, shape, size)
        for node in graph.nodes:
            yield f"{node.name} {size}x{size}", graph.only(node), None


def _cumulative(network: Network, size: int) -> Iterable[tuple[str, Graph, str | None]]:
    before, after = _at_flatten(network.entries)
    average = Layer("AdaptiveAvgPool2d", {"output_size": MAP}, "average", "lenet5")
    flatten = next(e for e in network.entries if _kind(e) == "Flatten")
    graph = _lowered(network, (*before, average, flatten, *after), (1, size, size), size)
    previous = None
    for place, node in enumerate(graph.nodes, 1):
        if node.kind not in WITHOUT_WORK:
            label = f"to {node.name} {size}x{size}"
            yield label, graph.first(place), previous
            previous = label


def _at_flatten(
    entries: tuple[Entry, ...],
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The layers before and after the flattening."""
    place = next(place for place, entry in enumerate(entries) if _kind(entry) == "Flatten")
    return entries[:place], entries[place + 1 :]


def _features(entries: tuple[Entry, ...]) -> int:
    return next(int(e.options["in_features"]) for e in entries if isinstance(e, Layer))


def _kind(entry: Entry) -> str:
    return entry.kind if isinstance(entry, Layer) else ""


def _lowered(
    network: Network, entries: tuple[Entry, ...], shape: tuple[int, ...], size: int
) -> Graph:
    try:
        return lower(replace(network, entries=entries), shape)
    except UsageError as error:
        raise UsageError(f"--sizes {size}: {error}") from None


def _load(graphs: dict[str, Graph], seed: int, engine: Engine) -> Bind:
    from workloads.weights import make_inputs, make_weights

    loaded = {
        graph.name: engine.load(graph, make_weights(graph, seed)) for graph in graphs.values()
    }

    def bind(cell: Cell) -> Work:
        graph = graphs[cell.label]
        return loaded[graph.name].bind(*make_inputs(graph, cell.batch, seed)).work()

    return bind


LENET = Workload(
    "lenet",
    "LeNet-5 layer by layer over image sizes",
    (
        Option(
            "sizes", "wholes", SIZES, "image heights and widths in pixels (default: 32, 64 … 1024)"
        ),
        Option("images", "whole", 10_000, "minimum images per cell (default: 10000)"),
        Option("seconds", "seconds", 1.0, "minimum time per cell (default: 1)", metavar="S"),
        Option(
            "method",
            "choice",
            "individual",
            "individual: each layer alone; cumulative: the first n layers together, and "
            "differences (default: individual)",
            choices=("individual", "cumulative"),
        ),
        Option(
            "batch", "whole", 0, "batch size in images (default: as many as --memory allows)", 0
        ),
        Option("memory", "whole", 64, "MiB for the values of one call (default: 64)"),
    ),
    _plan,
    {
        "quick": {"images": 100, "seconds": 0.5, "warmup": 0.1},
        "paper": {"images": 10_000, "seconds": 0.0, "batch": 1},
    },
)
