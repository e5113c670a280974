"""Small networks for the tests: one of each kind of layer with awkward options, and mixtures."""

from __future__ import annotations

from typing import Any

from workloads.graph import Graph, lower
from workloads.layers import Shape
from workloads.spec import parse_spec


def module(kind: str, **options: Any) -> dict[str, Any]:
    return {"type": "layer", "torch_module": f"nn.{kind}", **options}


def parallel(join: str, *branches: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"type": "parallel", "join": join, "branches": list(branches), **more}


def graph_of(shape: Shape, *layers: dict[str, Any], tokens: bool = False) -> Graph:
    kind = "tokens" if tokens else "float32"
    head = {"input_shape": list(shape), "input_kind": kind, "layers": list(layers)}
    return lower(parse_spec(head, "small.json", "small"))


def conv(inputs: int, outputs: int, kernel: Any, **options: Any) -> dict[str, Any]:
    return module("Conv2d", in_channels=inputs, out_channels=outputs, kernel_size=kernel, **options)


def linear(inputs: int, outputs: int, **options: Any) -> dict[str, Any]:
    return module("Linear", in_features=inputs, out_features=outputs, **options)


def embedding(count: int, width: int, index: str) -> dict[str, Any]:
    return module("Embedding", num_embeddings=count, embedding_dim=width, index=index)


def reshape(*sizes: int) -> dict[str, Any]:
    return {"type": "reshape", "reshape_dim": list(sizes)}


IMAGE = (3, 9, 7)
_PLAIN = ("ReLU", "ReLU6", "Tanh", "Sigmoid", "SiLU", "GELU", "SELU", "Dropout", "Identity")

# Every kind of layer, by a name that says what is awkward about it.
KINDS_OF_LAYER: dict[str, Graph] = {
    **{kind: graph_of((3, 40, 50), module(kind)) for kind in _PLAIN},
    "LeakyReLU, falling": graph_of(IMAGE, module("LeakyReLU", negative_slope=-0.3)),
    "Softmax over channels": graph_of(IMAGE, module("Softmax", dim=1)),
    "Softmax over rows": graph_of(IMAGE, module("Softmax", dim=-2)),
    "Conv2d": graph_of(IMAGE, conv(3, 5, 3)),
    "Conv2d, not square": graph_of(
        IMAGE, conv(3, 5, [3, 2], stride=[2, 3], padding=[2, 1], bias=False)
    ),
    "Conv2d, dilated in groups": graph_of(
        (4, 9, 11), conv(4, 6, [3, 2], dilation=[2, 3], groups=2, padding=[1, 0])
    ),
    "Conv2d, depthwise": graph_of((4, 8, 8), conv(4, 8, 3, groups=4, padding=1, stride=2)),
    "Linear": graph_of((20,), linear(20, 7)),
    "Linear without bias on tokens": graph_of((4, 20), linear(20, 7, bias=False)),
    "Linear on an image": graph_of((2, 4, 20), linear(20, 7)),
    "MaxPool2d": graph_of(IMAGE, module("MaxPool2d", kernel_size=2)),
    "MaxPool2d, rounded up": graph_of(
        (2, 8, 10), module("MaxPool2d", kernel_size=[3, 4], stride=[2, 3], ceil_mode=True)
    ),
    "MaxPool2d, rounded up into the padding": graph_of(
        (2, 5, 6), module("MaxPool2d", kernel_size=2, stride=3, padding=1, ceil_mode=True)
    ),
    "MaxPool2d, larger than the image": graph_of(
        (2, 2, 2), module("MaxPool2d", kernel_size=3, stride=2, ceil_mode=True)
    ),
    "AvgPool2d, padded": graph_of(
        IMAGE, module("AvgPool2d", kernel_size=[3, 2], stride=[1, 2], padding=[1, 1])
    ),
    "AvgPool2d, padding not counted": graph_of(
        IMAGE, module("AvgPool2d", kernel_size=3, padding=1, count_include_pad=False)
    ),
    "AvgPool2d, rounded up": graph_of(
        (2, 8, 10),
        module("AvgPool2d", kernel_size=[3, 4], stride=[2, 3], padding=[1, 2], ceil_mode=True),
    ),
    "AvgPool2d, rounded up, padding not counted": graph_of(
        (2, 8, 9),
        module(
            "AvgPool2d",
            kernel_size=3,
            stride=2,
            padding=1,
            ceil_mode=True,
            count_include_pad=False,
        ),
    ),
    "AdaptiveAvgPool2d, 7 to 3 and 2 to 6": graph_of(
        (3, 7, 2), module("AdaptiveAvgPool2d", output_size=[3, 6])
    ),
    "AdaptiveAvgPool2d to 1": graph_of(IMAGE, module("AdaptiveAvgPool2d", output_size=1)),
    "AdaptiveAvgPool2d to a row": graph_of(IMAGE, module("AdaptiveAvgPool2d", output_size=[1, 4])),
    "BatchNorm2d": graph_of(IMAGE, module("BatchNorm2d", num_features=3, eps=0.1)),
    "LayerNorm": graph_of((4, 20), module("LayerNorm", normalized_shape=20, eps=0.1)),
    "LayerNorm on an image": graph_of(IMAGE, module("LayerNorm", normalized_shape=7)),
    "Flatten": graph_of(IMAGE, {"type": "flatten"}),
    "Embedding of tokens": graph_of((6,), embedding(9, 4, "token"), tokens=True),
    "Embedding of positions": graph_of((6,), embedding(9, 4, "position"), tokens=True),
    "Embedding of nothing": graph_of((6,), embedding(9, 4, "zero"), tokens=True),
    "MultiheadAttention": graph_of(
        (5, 12), module("MultiheadAttention", embed_dim=12, num_heads=3)
    ),
    "select": graph_of((5, 12), {"type": "select", "token": 3}),
    "select from the end": graph_of((5, 12), {"type": "select", "token": -2}),
    "reshape up, one channel to three": graph_of((1, 3, 5), reshape(1, 3, 7, 11)),
    "reshape down": graph_of((3, 33, 21), reshape(1, 3, 10, 9)),
    "add": graph_of(IMAGE, parallel("add", [], [module("Tanh")], [conv(3, 3, 1)])),
    "add of an input to itself": graph_of((4,), parallel("add", [], [])),
    "concat of channels": graph_of(IMAGE, parallel("concat", [conv(3, 2, 1)], [])),
    "concat of features": graph_of((4, 6), parallel("concat", [linear(6, 2)], [])),
}


def residual() -> Graph:
    """Convolutions round which values are passed, joined in both ways."""
    block = [conv(4, 4, 3, padding=1, bias=False), module("BatchNorm2d", num_features=4)]
    return graph_of(
        (1, 6, 6),
        reshape(1, 3, 12, 10),
        conv(3, 4, 3, stride=2),
        parallel("add", [*block, module("ReLU"), *block], [], name="around"),
        parallel("concat", [module("MaxPool2d", kernel_size=2)], [conv(4, 2, 2, stride=2)]),
        module("AdaptiveAvgPool2d", output_size=[2, 1]),
        module("Flatten"),
        module("Dropout"),
        linear(12, 5),
        module("Softmax"),
    )


def transformer(tokens: int = 7, width: int = 24) -> Graph:
    """BERT's shape, small."""
    indices = [[embedding(31, width, index)] for index in ("token", "position", "zero")]
    norm = module("LayerNorm", normalized_shape=width, eps=1e-12)
    attention = [module("MultiheadAttention", embed_dim=width, num_heads=4)]
    inner = [linear(width, 3 * width), module("GELU"), linear(3 * width, width)]
    block = [parallel("add", attention, []), norm, parallel("add", inner, []), norm]
    ends = [{"type": "select"}, linear(width, width), module("Tanh")]
    return graph_of((tokens,), parallel("add", *indices), norm, *block, *block, *ends, tokens=True)
