"""Multiply-accumulates of labels and models, from the workloads package without an engine."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recorders.counts import INFERENCES
from wattui.analysis.label_numbers import carried, numbers_of
from wattui.analysis.recorded_workload import asked_of
from wattui.errors import UsageError
from workloads import networks

if TYPE_CHECKING:
    from workloads.graph import Graph
    from workloads.layers import Shape
    from workloads.spec import Network
    from workloads.workload import Values, Workload

# A spec is plain data; looking into any other model would need its library, or run its code.
SPEC = ".json"
BUNDLED = networks.BUNDLED
# Networks whose workload has its own labels, such as sizes.
_WORKLOADS = {
    "kws": "kws",
    "lenet5": "lenet",
    "alexnet": "alexnet",
    "resnet50": "resnet50",
    "bert": "bert",
}
_ALIASES = {"lenet": "lenet5"}


def command_macs(argv: Sequence[str], per: str = INFERENCES) -> tuple[str, dict[str, int]]:
    """The workload that a recorded command ran, and MACs by label; empty if it is not a workload.

    The MACs are those of one of what is counted as `per`.

    A workload that cannot be planned here, such as a deleted spec, has no MACs.
    """
    if (asked := asked_of(argv)) is None:
        return "", {}
    from workloads.errors import WorkloadError

    path = asked.values.get("path")
    if path is not None and path not in BUNDLED and not str(path).endswith(SPEC):
        return asked.workload.name, {}
    try:
        return asked.workload.name, _planned(asked.workload, asked.values, per)
    except WorkloadError:
        return "", {}


def network_macs(name: str, labels: Sequence[str]) -> dict[str, int]:
    """MACs by label of a bundled network, or of a spec file. Raises UsageError."""
    found = dict(_of_network(_network(name), labels))
    workload = _WORKLOADS.get(_ALIASES.get(name, name))
    return found | (_of_workload(workload, labels) if workload else {})


def depthwise(names: Iterable[str]) -> list[str]:
    """Those of the bundled networks, by name or title, that have convolutions in groups."""
    known = {name: networks.bundled(name) for name in BUNDLED}
    known |= {network.name: network for network in known.values()}
    return [
        name
        for name in names
        if name in known
        and any(node.options.get("groups", 1) > 1 for node in _lowered(known[name], None).nodes)
    ]


def model_macs(model: str, input_shape: Shape | None) -> tuple[str, tuple[int, ...]]:
    """Title of a bundled network or a spec file, and the MACs of each layer of one inference that
    has some. Raises UsageError.
    """
    from workloads.errors import WorkloadError
    from workloads.graph import text

    try:
        graph = _lowered(_network(model), input_shape)
    except WorkloadError as error:
        raise UsageError(str(error)) from None
    return f"{graph.name} at {text(next(iter(graph.inputs.values())))}", tuple(
        node.macs for node in graph.nodes if node.macs
    )


def shape_of(option: str) -> Shape:
    """Parse a shape such as 3,224,224; for argparse."""
    try:
        shape = tuple(int(side) for side in option.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"{option!r} is not a shape (example: 3,224,224)")
    return shape


def _planned(workload: Workload, values: Values, per: str = INFERENCES) -> dict[str, int]:
    cells = workload.plan(values).cells
    found = {cell.label: macs for cell in cells if (macs := cell.macs_per(per)) is not None}
    if len(cells) == 1 and found:  # a recording without labels is a recording of this one
        found[""] = next(iter(found.values()))
    return found


def _choices(workload: Workload, labels: Sequence[str]) -> Iterator[dict[str, object]]:
    """Option values with which a workload may have made the labels."""
    known = {option.name: option for option in workload.options}
    if "bsize" in known:
        batches = {int(b) for label in labels if (b := carried(label, "batch").number)}
        yield {"bsize": tuple(sorted(batches)) or (1,)}
        return
    sizes = {int(size) for label in labels if (size := carried(label, "size").number)}
    methods = known["method"].choices if "method" in known else ()
    for size in sorted(sizes):
        for method in methods or (None,):
            yield {"sizes": (size,), **({"method": method} if method else {})}


def _of_workload(workload: str, labels: Sequence[str]) -> dict[str, int]:
    from workloads.catalogue import catalogue
    from workloads.errors import WorkloadError

    known, found = catalogue()[workload], dict[str, int]()
    for given in _choices(known, labels):
        try:
            found |= _planned(known, known.values(given))
        except WorkloadError:  # a size that this network does not take
            continue
    return {label: found[label] for label in labels if label in found}


def _of_network(network: Network, labels: Sequence[str]) -> Iterator[tuple[str, int]]:
    from workloads.errors import WorkloadError

    graphs: dict[str, Graph | None] = {}
    for label in labels:
        size = numbers_of(label)
        if size not in graphs:
            try:
                graphs[size] = _lowered(network, _input_shape(network, label))
            except WorkloadError:
                graphs[size] = None
        graph = graphs[size]
        if graph is None:
            continue
        macs = {node.name: node.macs for node in graph.nodes}
        macs |= dict.fromkeys(("", graph.name, f"{graph.name} as a whole"), graph.macs)
        name = label if label in macs else carried(label, "macs").family
        if name in macs:
            yield label, macs[name]


def _input_shape(network: Network, label: str) -> Shape | None:
    """The input shape in a label; None: the spec's own."""
    side, shape = carried(label, "size").number, network.input_shape
    if side is None or shape is None:
        return None
    return (int(side),) if network.input_kind == "tokens" else (shape[0], int(side), int(side))


def _network(name: str) -> Network:
    """The network of a bundled name or a spec file. Raises UsageError."""
    from workloads.errors import WorkloadError
    from workloads.spec import read_spec

    if not name.endswith(SPEC) and name not in BUNDLED and name not in _ALIASES:
        near = difflib.get_close_matches(name, BUNDLED, 1)
        hint = f"did you mean {near[0]}?" if near else f"use {', '.join(BUNDLED)}, or a spec{SPEC}"
        raise UsageError(f"there is no network {name!r}: {hint}")
    try:
        return (
            read_spec(Path(name))
            if name.endswith(SPEC)
            else networks.bundled(_ALIASES.get(name, name))
        )
    except WorkloadError as error:
        raise UsageError(str(error)) from None


def _lowered(network: Network, shape: Shape | None) -> Graph:
    from workloads.graph import lower

    return lower(network, shape)
