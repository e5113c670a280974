"""The kinds of layer: their options, output shapes, weights and multiply-accumulates. Pure.

Shapes are without the batch: (channels, height, width), (tokens, features) or (features,).
A multiply-accumulate (MAC) is counted in convolutions, matrix products and attention, as
`torch.utils.flop_counter` does (it counts two operations for each); MACs of a convolution are
Ox·Oy·Oz·Kx·Ky·Iz / groups (SyNERGY, Rodrigues et al. 2018). Biases, activations, pooling and
normalisation are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workloads.options import (
    REQUIRED,
    Check,
    Options,
    dimension,
    list_of,
    one_of,
    pair_of,
    real,
    size,
    truth,
    whole,
)

Shape = tuple[int, ...]

# Values that normalisation stores beside its parameters; they are not trained.
BUFFERS = frozenset({"running_mean", "running_var"})


def _no_weights(options: Options) -> dict[str, Shape]:
    return {}


def _no_macs(options: Options, given: Shape, result: Shape) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class LayerKind:
    """A kind of layer.

    `options` has, by key, the check and the default (REQUIRED: none). `shape` gives the output
    shape and raises ValueError, in words, for an impossible input.
    """

    prefix: str
    shape: Callable[[Options, Shape], Shape]
    options: Mapping[str, tuple[Check, Any]] = field(default_factory=dict)
    weights: Callable[[Options], dict[str, Shape]] = _no_weights
    macs: Callable[[Options, Shape, Shape], int] = _no_macs


def _same(options: Options, given: Shape) -> Shape:
    return given


def _image(given: Shape) -> tuple[int, int, int]:
    if len(given) != 3:
        raise ValueError("takes channels × height × width")
    return given[0], given[1], given[2]


def _features(given: Shape, count: int, at: int = -1) -> None:
    if not given or given[at] != count:
        raise ValueError(f"takes {count} {'features' if at else 'channels'}")


def _windows(given: int, kernel: int, stride: int, padding: int, ceil: bool = False) -> int:
    """The number of windows that fit into `given` positions."""
    free = given + 2 * padding - kernel
    windows = (-(-free // stride) if ceil else free // stride) + 1
    if windows < 1:
        raise ValueError(f"a window of {kernel} does not fit into {given + 2 * padding}")
    if ceil and (windows - 1) * stride >= given + padding:
        windows -= 1  # a window may not start in the padding at the far end
    return windows


def _conv(options: Options, given: Shape) -> Shape:
    channels, *space = _image(given)
    if channels != options["in_channels"]:
        raise ValueError(f"takes {options['in_channels']} channels")
    return options["out_channels"], *(
        _windows(
            space[axis],
            options["dilation"][axis] * (options["kernel_size"][axis] - 1) + 1,
            options["stride"][axis],
            options["padding"][axis],
        )
        for axis in (0, 1)
    )


def _conv_weights(options: Options) -> dict[str, Shape]:
    inputs, outputs, groups = (options[k] for k in ("in_channels", "out_channels", "groups"))
    if inputs % groups or outputs % groups:
        raise ValueError(f"{inputs} and {outputs} channels do not divide into {groups} groups")
    weights: dict[str, Shape] = {"weight": (outputs, inputs // groups, *options["kernel_size"])}
    return weights | ({"bias": (outputs,)} if options["bias"] else {})


def _conv_macs(options: Options, given: Shape, result: Shape) -> int:
    per_value: int = math.prod(options["kernel_size"]) * options["in_channels"] // options["groups"]
    return math.prod(result) * per_value


def _linear(options: Options, given: Shape) -> Shape:
    _features(given, options["in_features"])
    return (*given[:-1], options["out_features"])


def _linear_weights(options: Options) -> dict[str, Shape]:
    weights: dict[str, Shape] = {"weight": (options["out_features"], options["in_features"])}
    return weights | ({"bias": (options["out_features"],)} if options["bias"] else {})


def _linear_macs(options: Options, given: Shape, result: Shape) -> int:
    return math.prod(given) * int(options["out_features"])


def _pool(options: Options, given: Shape) -> Shape:
    channels, *space = _image(given)
    kernel, padding = options["kernel_size"], options["padding"]
    if any(2 * padding[axis] > kernel[axis] for axis in (0, 1)):
        raise ValueError("a padding of more than half the window leaves windows empty")
    stride = options["stride"] or kernel
    return channels, *(
        _windows(space[axis], kernel[axis], stride[axis], padding[axis], options["ceil_mode"])
        for axis in (0, 1)
    )


def _adaptive_pool(options: Options, given: Shape) -> Shape:
    return (_image(given)[0], *options["output_size"])


def _batch_norm(options: Options, given: Shape) -> Shape:
    if _image(given)[0] != options["num_features"]:
        raise ValueError(f"takes {options['num_features']} channels")
    return given


def _per_channel(*names: str) -> Callable[[Options], dict[str, Shape]]:
    return lambda options: dict.fromkeys(names, (options["num_features"],))


def _layer_norm(options: Options, given: Shape) -> Shape:
    _features(given, options["normalized_shape"])
    return given


def _flatten(options: Options, given: Shape) -> Shape:
    return (math.prod(given),)


def _embedding(options: Options, given: Shape) -> Shape:
    if len(given) != 1:
        raise ValueError("takes a row of tokens")
    if options["index"] == "position" and given[0] > options["num_embeddings"]:
        raise ValueError(f"has {options['num_embeddings']} positions")
    return given[0], options["embedding_dim"]


def _attention(options: Options, given: Shape) -> Shape:
    width, heads = options["embed_dim"], options["num_heads"]
    if len(given) != 2:
        raise ValueError("takes tokens × features")
    _features(given, width)
    if width % heads:
        raise ValueError(f"{width} features do not divide into {heads} heads")
    return given


def _attention_weights(options: Options) -> dict[str, Shape]:
    width = options["embed_dim"]
    return {
        "in_proj_weight": (3 * width, width),
        "in_proj_bias": (3 * width,),
        "out_proj_weight": (width, width),
        "out_proj_bias": (width,),
    }


def _attention_macs(options: Options, given: Shape, result: Shape) -> int:
    tokens, width = given
    return 4 * tokens * width * width + attend_macs(tokens, tokens, width)


def attend_macs(queries: int, keys: int, width: int) -> int:
    """Every query meets every key, and every value: masked ones are computed as well."""
    return 2 * queries * keys * width


def _select(options: Options, given: Shape) -> Shape:
    if len(given) != 2 or not -given[0] <= options["token"] < given[0]:
        raise ValueError(f"takes tokens × features with a token {options['token']}")
    return given[1:]


def _reshape(options: Options, given: Shape) -> Shape:
    _, channels, height, width = options["reshape_dim"]
    if _image(given)[0] not in (1, channels):
        raise ValueError(f"takes 1 or {channels} channels")
    return channels, height, width


def _softmax(options: Options, given: Shape) -> Shape:
    if options["dim"] == 0 or not -len(given) <= options["dim"] <= len(given):
        raise ValueError(f"has no dimension {options['dim']} to normalise over")
    return given


_WHOLE = (whole, REQUIRED)
_POOL: dict[str, tuple[Check, Any]] = {
    "kernel_size": (pair_of(whole), REQUIRED),
    "stride": (pair_of(whole), None),
    "padding": (pair_of(size), (0, 0)),
    "ceil_mode": (truth, False),
}

KINDS: dict[str, LayerKind] = {
    "Conv2d": LayerKind(
        "conv",
        _conv,
        {
            "in_channels": _WHOLE,
            "out_channels": _WHOLE,
            "kernel_size": (pair_of(whole), REQUIRED),
            "stride": (pair_of(whole), (1, 1)),
            "padding": (pair_of(size), (0, 0)),
            "dilation": (pair_of(whole), (1, 1)),
            "groups": (whole, 1),
            "bias": (truth, True),
        },
        _conv_weights,
        _conv_macs,
    ),
    "Linear": LayerKind(
        "linear",
        _linear,
        {"in_features": _WHOLE, "out_features": _WHOLE, "bias": (truth, True)},
        _linear_weights,
        _linear_macs,
    ),
    "ReLU": LayerKind("relu", _same),
    "ReLU6": LayerKind("relu6_", _same),
    "Tanh": LayerKind("tanh", _same),
    "Sigmoid": LayerKind("sigmoid", _same),
    "SiLU": LayerKind("silu", _same),
    "GELU": LayerKind("gelu", _same),
    "SELU": LayerKind("selu", _same),
    "LeakyReLU": LayerKind("leakyrelu", _same, {"negative_slope": (real, 0.01)}),
    "Softmax": LayerKind("softmax", _softmax, {"dim": (dimension, -1)}),
    "Dropout": LayerKind("dropout", _same, {"p": (real, 0.5)}),
    "Identity": LayerKind("identity", _same),
    "MaxPool2d": LayerKind("pool", _pool, _POOL),
    "AvgPool2d": LayerKind("pool", _pool, _POOL | {"count_include_pad": (truth, True)}),
    "AdaptiveAvgPool2d": LayerKind(
        "pool", _adaptive_pool, {"output_size": (pair_of(whole), REQUIRED)}
    ),
    "BatchNorm2d": LayerKind(
        "norm",
        _batch_norm,
        {"num_features": _WHOLE, "eps": (real, 1e-5)},
        _per_channel("weight", "bias", "running_mean", "running_var"),
    ),
    "LayerNorm": LayerKind(
        "norm",
        _layer_norm,
        {"normalized_shape": _WHOLE, "eps": (real, 1e-5)},
        lambda options: dict.fromkeys(("weight", "bias"), (options["normalized_shape"],)),
    ),
    "Flatten": LayerKind("flatten", _flatten),
    "Embedding": LayerKind(
        "embedding",
        _embedding,
        {
            "num_embeddings": _WHOLE,
            "embedding_dim": _WHOLE,
            "index": (one_of("token", "position", "zero"), "token"),
        },
        lambda options: {"weight": (options["num_embeddings"], options["embedding_dim"])},
    ),
    "MultiheadAttention": LayerKind(
        "attention",
        _attention,
        {"embed_dim": _WHOLE, "num_heads": _WHOLE},
        _attention_weights,
        _attention_macs,
    ),
    "select": LayerKind("select", _select, {"token": (dimension, 0)}),
    "reshape": LayerKind("reshape", _reshape, {"reshape_dim": (list_of(whole, 4), REQUIRED)}),
}

# Entries of a spec that are not torch modules; "resize" is an alias of reshape.
PLAIN_TYPES = {"select": "select", "reshape": "reshape", "resize": "reshape", "flatten": "Flatten"}
