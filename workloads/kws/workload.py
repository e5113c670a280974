"""The keyword spotter as a workload: batch sizes, widths and depths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workloads.engine import Work
from workloads.graph import Graph, lower
from workloads.networks.kws import kws
from workloads.plan import Bind, Cell, ModelCells, Plan, cell_of
from workloads.workload import Option, Values, Workload

if TYPE_CHECKING:
    from workloads.engine import Array, Engine, Weights

# A window every 10 ms.
REAL_TIME_HZ = 100.0
DEFAULT_S = 10.0
SEED_BATCHES = (1, 2, 4, 8, 16, 32, 64)


def _plan(values: Values) -> Plan:
    if values["check"]:
        return Plan("KWS accuracy", (), check=_check)
    groups = tuple(
        _group(neurons, values["layers"], copies, values)
        for neurons in values["neurons"]
        for copies in values["copies"]
    )
    return Plan("Keyword spotter", groups, REAL_TIME_HZ)


def _group(neurons: int, layers: int, copies: int, values: Values) -> ModelCells:
    graph = lower(kws(neurons, layers, copies))
    seconds, count = values["seconds"], values["count"]
    if seconds is None:
        seconds = 0.0 if count else DEFAULT_S
    scale = "".join(
        (f" {neurons}x" if neurons > 1 else "", f" {copies}·{layers} deep" if copies else "")
    )
    cells = tuple(
        cell_of(graph, f"b{batch}{scale}", batch, count, seconds) for batch in values["bsize"]
    )
    trained = neurons == 1 and copies == 0
    return ModelCells(
        graph.name, cells, lambda engine: _load(engine, graph, trained, values["seed"])
    )


def _load(engine: Engine, graph: Graph, trained: bool, seed: int) -> Bind:
    import numpy

    from workloads.kws.store import load_windows

    loaded = engine.load(graph, _weights(graph, trained, seed))
    windows = load_windows().windows

    def bind(cell: Cell) -> Work:
        return loaded.bind(numpy.resize(windows, (cell.batch, windows.shape[1]))).work()

    return bind


def _weights(graph: Graph, trained: bool, seed: int) -> Weights:
    """The trained weights, or seeded ones if the network has another size."""
    from workloads.kws.store import load_weights
    from workloads.weights import make_weights

    return load_weights() if trained else make_weights(graph, seed)


def _check(engine: Engine) -> list[str]:
    """Accuracy on the shipped utterances, beside the published accuracy."""
    from workloads.kws.accuracy import check

    graph = lower(kws())
    loaded = engine.load(graph, _weights(graph, True, 0))

    def infer(windows: Array) -> Array:
        return loaded.bind(windows).result()

    found = check(infer)
    positives = found.true_positives + found.false_negatives
    negatives = found.true_negatives + found.false_positives
    hits = _rate(found.true_positives, positives, found.published_true_positive_rate)
    rejections = _rate(found.true_negatives, negatives, found.published_true_negative_rate)
    return [
        f"{positives + negatives} utterances          this      published",
        f"true positives   {hits}",
        f"false negatives  {found.false_negatives:4}",
        f"true negatives   {rejections}",
        f"false positives  {found.false_positives:4}",
        "published: arXiv 1812.01739, from recordings of people; here: synthesised speech",
        f"{graph.macs:,} MACs, {graph.parameters:,} parameters",
    ]


def _rate(count: int, of: int, published: float) -> str:
    return f"{count:4} of {of:3}  {100 * count / of:5.1f} %  {100 * published:8.1f} %"


KWS = Workload(
    "kws",
    "keyword spotter, 390-256-256-29, trained: batch sizes, widths, depths",
    (
        Option("bsize", "wholes", (1,), "batch sizes, such as 1,8,64 (default: 1)"),
        Option("neurons", "wholes", (1,), "widths: multiples of 256 (default: 1)"),
        Option("copies", "wholes", (0,), "parallel branches (default: 0, none)", 0),
        Option("layers", "whole", 10, "hidden layers per branch (default: 10)"),
        Option("seconds", "seconds", None, "minimum time per cell (default: 10)", metavar="S"),
        Option("count", "whole", 0, "minimum inferences per cell", metavar="N"),
        Option("check", "truth", False, "test the accuracy instead"),
    ),
    _plan,
    {
        "quick": {"bsize": SEED_BATCHES, "seconds": 5.0},
        "paper": {"bsize": SEED_BATCHES, "seconds": 900.0},
        "scaled": {"copies": (0, 2, 4, 6, 8, 10), "seconds": 30.0},
    },
)
