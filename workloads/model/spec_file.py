"""A spec file, or a bundled network, as a workload."""

from __future__ import annotations

from pathlib import Path

from workloads.graph import lower
from workloads.layerwise import group_of
from workloads.networks import BUNDLED, bundled
from workloads.plan import Plan
from workloads.spec import read_spec
from workloads.workload import Values


def plan(values: Values) -> Plan:
    """The plan of a spec file or a bundled network; raises UsageError for faults in it."""
    path = values["path"]
    network = bundled(path) if path in BUNDLED else read_spec(Path(path))
    graph = lower(network, values["input"])
    names = {node.name for node in graph.nodes}
    whole = graph.name if graph.name not in names else f"{graph.name} as a whole"
    return Plan(graph.name, (group_of(graph, whole, str, values),))
