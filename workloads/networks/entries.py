"""Builds spec entries for the network generators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workloads.layers import Shape
from workloads.spec import Network, parse_spec

Entry = dict[str, Any]


def network_of(name: str, input_shape: Shape, entries: Sequence[Entry]) -> Network:
    """The network of a generator, checked like a spec file."""
    head = {"name": name, "input_shape": list(input_shape), "layers": list(entries)}
    return parse_spec(head, name, name)


def module(kind: str, **options: Any) -> Entry:
    """A layer."""
    return {"torch_module": f"nn.{kind}", **options}


def parallel(join: str, *branches: Sequence[Entry]) -> Entry:
    """Branches with the same input whose outputs are added or concatenated."""
    return {"type": "parallel", "join": join, "branches": [list(branch) for branch in branches]}


def conv(inputs: int, outputs: int, kernel: Any, stride: int = 1, **options: Any) -> Entry:
    """A convolution, padded to keep the size of its input unless `padding` says otherwise."""
    sides = kernel if isinstance(kernel, list) else [kernel, kernel]
    given = {"padding": [side // 2 for side in sides], **options}
    return module(
        "Conv2d",
        in_channels=inputs,
        out_channels=outputs,
        kernel_size=kernel,
        stride=stride,
        **given,
    )


def conv_relu(
    inputs: int, outputs: int, kernel: Any, stride: int = 1, **options: Any
) -> list[Entry]:
    """A convolution and its activation."""
    return [conv(inputs, outputs, kernel, stride, **options), RELU]


def conv_norm(
    inputs: int, outputs: int, kernel: Any, stride: int = 1, eps: float = 1e-5, **options: Any
) -> list[Entry]:
    """A convolution without bias, with its normalisation."""
    norm = module("BatchNorm2d", num_features=outputs, eps=eps)
    return [conv(inputs, outputs, kernel, stride, bias=False, **options), norm]


def max_pool(kernel: int, stride: int, padding: int = 0, ceil: bool = False) -> Entry:
    """Max pooling; `ceil`: an incomplete window counts too."""
    return module("MaxPool2d", kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil)


def linear(inputs: int, outputs: int) -> Entry:
    """A fully connected layer."""
    return module("Linear", in_features=inputs, out_features=outputs)


RELU = module("ReLU")
FLATTEN: Entry = {"type": "flatten"}
DROPOUT = module("Dropout")
# The mean of every channel.
AVERAGE = module("AdaptiveAvgPool2d", output_size=1)
