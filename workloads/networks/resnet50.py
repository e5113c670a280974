"""ResNet-50 (He et al. 2015, arXiv 1512.03385), with the stride in the 3×3 convolutions."""

from __future__ import annotations

from typing import Any

from workloads.spec import Network, parse_spec

# Blocks, inner channels and the first block's stride of the four stages.
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
EXPANSION = 4


def resnet50() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 25,557,032 parameters."""
    entries = [*_conv(3, 64, 7, 2), _RELU, _module("MaxPool2d", kernel_size=3, stride=2, padding=1)]
    channels = 64
    for blocks, inner, stride in STAGES:
        for block in range(blocks):
            entries += _bottleneck(channels, inner, stride if block == 0 else 1)
            channels = EXPANSION * inner
    entries += [_module("AdaptiveAvgPool2d", output_size=1), {"type": "flatten"}]
    entries.append(_module("Linear", in_features=channels, out_features=1000))
    head = {"name": "ResNet-50", "input_shape": [3, 224, 224], "layers": entries}
    return parse_spec(head, "resnet50", "ResNet-50")


def _bottleneck(channels: int, inner: int, stride: int) -> list[dict[str, Any]]:
    outer = EXPANSION * inner
    main = [
        *_conv(channels, inner, 1, 1),
        _RELU,
        *_conv(inner, inner, 3, stride),
        _RELU,
        *_conv(inner, outer, 1, 1),
    ]
    shortcut = _conv(channels, outer, 1, stride) if stride > 1 or channels != outer else []
    return [{"type": "parallel", "join": "add", "branches": [main, shortcut]}, _RELU]


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> list[dict[str, Any]]:
    convolution = _module(
        "Conv2d",
        in_channels=inputs,
        out_channels=outputs,
        kernel_size=kernel,
        stride=stride,
        padding=kernel // 2,
        bias=False,
    )
    return [convolution, _module("BatchNorm2d", num_features=outputs)]


def _module(kind: str, **options: Any) -> dict[str, Any]:
    return {"torch_module": f"nn.{kind}", **options}


_RELU = _module("ReLU")
