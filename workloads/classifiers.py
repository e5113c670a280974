"""Convolutional image classifiers layer by layer, as measured by SyNERGY.

Labels are `NETWORK` for a whole network and `NETWORK/LAYER` for a layer run alone.
"""

from __future__ import annotations

from functools import partial

from workloads.errors import UsageError
from workloads.graph import lower
from workloads.layerwise import group_of
from workloads.networks import CLASSIFIERS, bundled
from workloads.plan import ModelCells, Plan
from workloads.workload import Option, Values, Workload

# The quick preset: one size per family, and no Inception v3, which has 300 layers.
QUICK = tuple(n for n in CLASSIFIERS if n not in ("inception-v3", "vgg16", "mobilenet-v2"))


def _plan(values: Values) -> Plan:
    names = [name.strip() for name in values["networks"].split(",")]
    for name in names:
        if name not in CLASSIFIERS:
            raise UsageError(f"--networks {name}: there are {', '.join(CLASSIFIERS)}")
    groups = tuple(_group(name, values) for name in dict.fromkeys(names))
    return Plan(f"{len(groups)} networks", groups)


def _group(name: str, values: Values) -> ModelCells:
    return group_of(lower(bundled(name)), name, partial("{}/{}".format, name), values)


NETWORKS = Workload(
    "networks",
    "image classifiers, whole or layer by layer",
    (
        Option(
            "networks",
            "text",
            ",".join(CLASSIFIERS),
            f"comma-separated names (default: all: {', '.join(CLASSIFIERS)})",
            metavar="NAME,NAME,…",
        ),
        Option("layerwise", "truth", False, "also run each layer alone, with its own input"),
        Option("batch", "whole", 1, "batch size: inferences per call (default: 1)"),
        Option("seconds", "seconds", 1.0, "minimum time per cell (default: 1)", metavar="S"),
        Option("count", "whole", 0, "minimum inferences per cell", metavar="N"),
    ),
    _plan,
    {
        "quick": {
            "networks": ",".join(QUICK),
            "layerwise": True,
            "seconds": 0.25,
            "warmup": 0.03,
            "armed": 1.0,
            "cooldown": 0.0,
        },
        "paper": {"layerwise": True, "repeats": 5},
    },
)
