"""Whole networks over the size of their input: AlexNet, ResNet-50 and BERT.

The `paper` presets use the sizes and counts of AIPowerMeter's deep-learning benchmark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from workloads.engine import Work
from workloads.errors import UsageError
from workloads.graph import Graph, lower
from workloads.layers import Shape
from workloads.networks import bundled
from workloads.plan import Bind, Cell, ModelCells, Plan, cell_of
from workloads.spec import Network
from workloads.workload import Option, Values, Workload, shared_count

if TYPE_CHECKING:
    from workloads.engine import Engine

DEFAULT_S = 10.0
ALEXNET_STEP = 112
ALEXNET_SIZES = tuple(ALEXNET_STEP * k for k in range(1, 21))
RESNET_SIZES = (8, 32, 64, 128, 256, 512, 1024, 2048, 4096)
BERT_SIZES = tuple(range(50, 501, 50))


def _image(size: int) -> Shape:
    return 3, size, size


def _sentence(size: int) -> Shape:
    return (size,)


def _plan(name: str, shape: Callable[[int], Shape], values: Values) -> Plan:
    model, sizes = bundled(name), values["sizes"]
    counts = shared_count(sizes, values["count"], "sizes")
    seconds = values["seconds"]
    if seconds is None:
        seconds = 0.0 if any(counts) else DEFAULT_S
    graphs = {str(size): _at(model, size, shape(size)) for size in sizes}
    cells = tuple(
        cell_of(graph, label, 1, count, seconds)
        for (label, graph), count in zip(graphs.items(), counts, strict=True)
    )
    load = partial(_load, graphs, values["seed"])
    return Plan(model.name, (ModelCells(model.name, cells, load),))


def _at(model: Network, size: int, shape: Shape) -> Graph:
    try:
        return lower(model, shape)
    except UsageError as error:
        raise UsageError(f"--sizes {size}: {error}") from None


def _load(graphs: dict[str, Graph], seed: int, engine: Engine) -> Bind:
    from workloads.weights import make_inputs, make_weights

    first = next(iter(graphs.values()))
    loaded = engine.load(first, make_weights(first, seed))

    def bind(cell: Cell) -> Work:
        return loaded.bind(*make_inputs(graphs[cell.label], cell.batch, seed)).work()

    return bind


def _options(sizes: tuple[int, ...], what: str) -> tuple[Option, ...]:
    shown = f"{sizes[0]}, {sizes[1]} … {sizes[-1]}"
    return (
        Option("sizes", "wholes", sizes, f"{what} (default: {shown})"),
        Option("seconds", "seconds", None, "minimum time per size (default: 10)", metavar="S"),
        Option("count", "wholes", (0,), "minimum inferences: one per size, or one for all", 0),
    )


ALEXNET = Workload(
    "alexnet",
    "AlexNet over 20 image sizes, batch 1",
    _options(ALEXNET_SIZES, "image heights and widths in pixels"),
    partial(_plan, "alexnet", _image),
    {
        "quick": {"seconds": 10.0},
        "paper": {
            "seconds": 0.0,
            "count": tuple(40_000 // k for k in range(1, 21)),
            "repeats": 10,
        },
    },
)
RESNET50 = Workload(
    "resnet50",
    "ResNet-50 over image sizes, batch 1",
    _options(RESNET_SIZES, "image heights and widths in pixels"),
    partial(_plan, "resnet50", _image),
    {
        "quick": {"sizes": RESNET_SIZES[:7], "seconds": 10.0},
        "paper": {"seconds": 0.0, "count": (5000,) * 8 + (1000,)},
    },
)
BERT = Workload(
    "bert",
    "BERT-base over sequence lengths, batch 1",
    _options(BERT_SIZES, "sequence lengths in tokens"),
    partial(_plan, "bert", _sentence),
    {"quick": {"seconds": 10.0}, "paper": {"seconds": 0.0, "count": (5000,)}},
)
