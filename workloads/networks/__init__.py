"""The bundled networks: spec files, and functions that generate specs.

All weights are random: energy depends on them only if numbers leave the normal range, which these
do not (workloads/weights.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from workloads.errors import UsageError
from workloads.networks.bert import bert
from workloads.networks.googlenet import googlenet
from workloads.networks.inception import inception_v3
from workloads.networks.kws import kws
from workloads.networks.mobilenet import mobilenet, mobilenet_v2
from workloads.networks.resnet import resnet18, resnet50
from workloads.networks.small import all_cnn_c, nin
from workloads.networks.squeezenet import squeezenet
from workloads.networks.vgg import vgg11, vgg16
from workloads.spec import Network, read_spec

_FOLDER = Path(__file__).parent
_FILES = ("lenet5", "alexnet")
_GENERATED: dict[str, Callable[[], Network]] = {
    "all-cnn-c": all_cnn_c,
    "nin": nin,
    "squeezenet": squeezenet,
    "googlenet": googlenet,
    "inception-v3": inception_v3,
    "vgg11": vgg11,
    "vgg16": vgg16,
    "mobilenet": mobilenet,
    "mobilenet-v2": mobilenet_v2,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "kws": kws,
    "bert": bert,
}
BUNDLED = (*_FILES, *_GENERATED)
# Convolutional image classifiers.
CLASSIFIERS = BUNDLED[: BUNDLED.index("kws")]


def bundled(name: str) -> Network:
    """The bundled network of this name. Raises UsageError if there is none."""
    if name in _FILES:
        return read_spec(_FOLDER / f"{name}.json")
    if name in _GENERATED:
        return _GENERATED[name]()
    near = difflib.get_close_matches(name, BUNDLED, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BUNDLED)}"
    raise UsageError(f"there is no network {name!r}: {hint}")
