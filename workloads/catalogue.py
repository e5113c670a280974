"""The available workloads and their options as data, for the command line and for forms.

Imports neither numpy nor an engine. Other packages add workloads by an entry point of the group
`wattui.workloads` that names a `Workload` (docs/adding-a-workload.md).
"""

from __future__ import annotations

from importlib.metadata import entry_points

from workloads.errors import UsageError
from workloads.workload import Workload

ENTRY_POINTS = "wattui.workloads"


def catalogue() -> dict[str, Workload]:
    """Every workload by name: the bundled ones, then those of other packages.

    Raises UsageError, naming the package, for an entry point that cannot be used.
    """
    from workloads.classifiers import NETWORKS
    from workloads.command import COMMAND
    from workloads.gpt.workload import GPT
    from workloads.kws.workload import KWS
    from workloads.lenet import LENET
    from workloads.model import MODEL
    from workloads.sweeps import ALEXNET, BERT, RESNET50

    bundled = (KWS, LENET, ALEXNET, RESNET50, BERT, GPT, NETWORKS, MODEL, COMMAND)
    found = {workload.name: workload for workload in bundled}
    for point in entry_points(group=ENTRY_POINTS):
        where = f"workload {point.name} of {point.dist.name if point.dist else point.value}"
        if point.name in found:
            raise UsageError(f"{where}: another workload has this name: fix: uninstall one of them")
        try:
            workload = point.load()
        except Exception as error:  # third-party code may raise anything
            raise UsageError(f"{where}: {type(error).__name__}: {error}") from None
        if not isinstance(workload, Workload):
            raise UsageError(f"{where}: {point.value} is not a Workload")
        found[point.name] = workload
    return found
