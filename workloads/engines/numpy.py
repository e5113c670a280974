"""The reference engine: every kind of layer in plain numpy, 32-bit floats.

Written to be read and compared with; convolutions gather their windows and multiply matrices.
Threads are those of numpy's BLAS, which reads their number when numpy is first imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workloads.engine import Bound
from workloads.engines import EngineOptions
from workloads.engines.cpu import only_cpu
from workloads.engines.steps import Step, run, steps_of
from workloads.graph import Graph, Node
from workloads.layers import KINDS
from workloads.memory import available_bytes
from workloads.options import Options

if TYPE_CHECKING:
    from workloads.engine import Array, Weights

    Compute = Callable[..., Array]

# Klambauer et al. 2017, arXiv 1706.02515.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# Beyond 6, erf is 1 to within 1e-16; the linear interpolation is within 1.1e-9.
ERF_END, ERF_POINTS = 6.0, 1 << 16


class NumpyEngine:
    """Evaluates graphs with numpy on the processor."""

    title = f"numpy {np.__version__}, cpu"
    device = "cpu"

    def load(self, graph: Graph, weights: Weights) -> NumpyGraph:
        """Nothing is copied: the weights are used unchanged."""
        return NumpyGraph(graph, weights)

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Every value of the graph for these inputs, by the name of its node."""
        steps = steps_of(graph, partial(_compute, weights), keep=True)
        values = run(steps, dict(zip(graph.inputs, inputs, strict=True)))
        return {node.name: values[node.name] for node in graph.nodes}

    def free_bytes(self) -> int:
        """Memory available to this process."""
        return available_bytes()


class NumpyGraph:
    """A graph and its weights."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._names = tuple(graph.inputs)
        self._output = graph.output
        self._outputs = graph.outputs
        self._steps: list[Step[Array]] = steps_of(graph, partial(_compute, weights))

    def bind(self, *inputs: Array) -> Bound:
        """Put inputs in place; a call is done when it returns."""
        given = dict(zip(self._names, inputs, strict=True))
        last: dict[str, Array] = {}

        def call() -> None:
            last.update(run(self._steps, given))

        return Bound(call, lambda: None, lambda: last[self._output])

    def put(self, values: Array) -> Array:
        """Nothing is copied: arrays are used unchanged."""
        return values

    def apply(self, *values: Array) -> list[Array]:
        """All outputs, in the graph's order."""
        found = run(self._steps, dict(zip(self._names, values, strict=True)))
        return [found[name] for name in self._outputs]

    def get(self, held: Array) -> Array:
        """The array itself."""
        return held


def open_engine(options: EngineOptions) -> NumpyEngine:
    """Raises UsageError for anything but the processor."""
    only_cpu(options)
    return NumpyEngine()


def _compute(weights: Weights, node: Node) -> Compute:
    own = {name: weights[f"{node.name}.{name}"] for name in node.weights}
    return partial(_COMPUTE[node.kind], node.options, own)


def _conv(options: Options, weights: Weights, x: Array) -> Array:
    """One image at a time, so that the windows of a whole batch need not fit in memory."""
    weight, groups = weights["weight"], options["groups"]
    (pad_y, pad_x), (by, bx), (skip_y, skip_x) = (
        options[key] for key in ("padding", "stride", "dilation")
    )
    reach = [d * (k - 1) + 1 for d, k in zip(options["dilation"], weight.shape[2:], strict=True)]
    padded = np.pad(x, ((0, 0), (0, 0), (pad_y, pad_y), (pad_x, pad_x)))
    windows = sliding_window_view(padded, reach, (2, 3))[:, :, ::by, ::bx, ::skip_y, ::skip_x]
    height, width = windows.shape[2:4]
    matrices = weight.reshape(groups, weight.shape[0] // groups, -1)
    y = np.empty((x.shape[0], weight.shape[0], height, width), np.float32)
    for image, result in zip(windows, y, strict=True):
        columns = image.transpose(0, 3, 4, 1, 2).reshape(groups, matrices.shape[2], -1)
        np.matmul(matrices, columns, out=result.reshape(groups, matrices.shape[1], -1))
    return y + weights["bias"][:, None, None] if "bias" in weights else y


def _linear(options: Options, weights: Weights, x: Array) -> Array:
    y: Array = x @ weights["weight"].T
    return y + weights["bias"] if "bias" in weights else y


def _max_pool(options: Options, weights: Weights, x: Array) -> Array:
    y: Array = _windows("MaxPool2d", options, x, -np.inf, -np.inf).max((-2, -1))
    return y


def _average_pool(options: Options, weights: Weights, x: Array) -> Array:
    """Divides by the positions of a window, never those that rounding up added at the far end."""
    sums = _windows("AvgPool2d", options, x, 0, 0).sum((-2, -1))
    places = np.ones((1, *x.shape[1:]), np.float32)
    padding = 1 if options["count_include_pad"] else 0
    y: Array = sums / _windows("AvgPool2d", options, places, padding, 0).sum((-2, -1))
    return y


def _windows(kind: str, options: Options, x: Array, padding: float, beyond: float) -> Array:
    """All windows of a pool, over the image, its padding and the positions rounding up adds."""
    kernel, stride = options["kernel_size"], options["stride"] or options["kernel_size"]
    counts = KINDS[kind].shape(options, x.shape[1:])[1:]
    padded = _pad(x, [(pad, pad) for pad in options["padding"]], padding)
    missing = [
        (counts[axis] - 1) * stride[axis] + kernel[axis] - padded.shape[2 + axis] for axis in (0, 1)
    ]
    padded = _pad(padded, [(0, max(more, 0)) for more in missing], beyond)
    windows = sliding_window_view(padded, kernel, (2, 3))
    return windows[:, :, :: stride[0], :: stride[1]][:, :, : counts[0], : counts[1]]


def _pad(x: Array, widths: list[tuple[int, int]], value: float) -> Array:
    return np.pad(x, [(0, 0), (0, 0), *widths], constant_values=value)


def _adaptive_pool(options: Options, weights: Weights, x: Array) -> Array:
    rows, columns = (
        _averages(given, wanted)
        for given, wanted in zip(x.shape[2:], options["output_size"], strict=True)
    )
    return rows @ x @ columns.T


def _averages(given: int, wanted: int) -> Array:
    """The matrix that averages `given` places to `wanted`: place i ⌊i·g/w⌋ to ⌈(i+1)·g/w⌉."""
    place, index = np.arange(wanted)[:, None], np.arange(given)
    begin, end = place * given // wanted, -((place + 1) * -given // wanted)
    return (((index >= begin) & (index < end)) / (end - begin)).astype(np.float32)


def _batch_norm(options: Options, weights: Weights, x: Array) -> Array:
    scale = weights["weight"] / np.sqrt(weights["running_var"] + np.float32(options["eps"]))
    shift = weights["bias"] - weights["running_mean"] * scale
    return x * scale[:, None, None] + shift[:, None, None]


def _layer_norm(options: Options, weights: Weights, x: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    y: Array = centred / np.sqrt(variance + np.float32(options["eps"]))
    return y * weights["weight"] + weights["bias"]


def _embedding(options: Options, weights: Weights, tokens: Array) -> Array:
    index = {
        "token": tokens,
        "position": np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape),
        "zero": np.zeros_like(tokens),
    }[options["index"]]
    rows: Array = weights["weight"][index]
    return rows


def _attention(options: Options, weights: Weights, x: Array) -> Array:
    batch, tokens, width = x.shape
    heads = options["num_heads"]
    projected = x @ weights["in_proj_weight"].T + weights["in_proj_bias"]
    split = projected.reshape(batch, tokens, 3, heads, width // heads)
    query, keys, values = split.transpose(2, 0, 3, 1, 4)
    mixed = _mixed(query, keys, values, False)
    y: Array = mixed @ weights["out_proj_weight"].T + weights["out_proj_bias"]
    return y


def _attend(options: Options, weights: Weights, *given: Array) -> Array:
    query, keys, values = (
        each.reshape(*each.shape[:2], options["num_heads"], -1).swapaxes(1, 2) for each in given
    )
    return _mixed(query, keys, values, options["causal"])


def _mixed(query: Array, keys: Array, values: Array, causal: bool) -> Array:
    """Values mixed by attention, (batch, tokens, width), from (batch, heads, tokens, features).

    `causal`: no query meets a later key.
    """
    scores = query @ keys.swapaxes(-1, -2) * np.float32(1 / math.sqrt(query.shape[-1]))
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, np.float32(-np.inf))
    mixed: Array = (_softmax_over(scores, -1) @ values).swapaxes(1, 2)
    return mixed.reshape(*mixed.shape[:2], -1)


def _softmax(options: Options, weights: Weights, x: Array) -> Array:
    return _softmax_over(x, options["dim"])


def _softmax_over(x: Array, axis: int) -> Array:
    powers = np.exp(x - x.max(axis, keepdims=True))
    shares: Array = powers / powers.sum(axis, keepdims=True)
    return shares


def _gelu(options: Options, weights: Weights, x: Array) -> Array:
    return (x * (0.5 + 0.5 * _erf(x * math.sqrt(0.5)))).astype(np.float32)


def _erf(x: Array) -> Array:
    return np.sign(x) * np.interp(np.abs(x), *_erf_table())


@cache
def _erf_table() -> tuple[Array, Array]:
    points = np.linspace(0, ERF_END, ERF_POINTS)
    return points, np.array([math.erf(point) for point in points])


def _selu(options: Options, weights: Weights, x: Array) -> Array:
    return np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))) * np.float32(SELU_SCALE)


def _leaky(options: Options, weights: Weights, x: Array) -> Array:
    return np.where(x > 0, x, x * np.float32(options["negative_slope"]))


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _reshape(options: Options, weights: Weights, x: Array) -> Array:
    """The nearest position at or before each; one channel serves for all."""
    _, channels, height, width = options["reshape_dim"]
    rows = np.arange(height) * x.shape[2] // height
    columns = np.arange(width) * x.shape[3] // width
    resized = x[:, :, rows[:, None], columns]
    return np.broadcast_to(resized, (x.shape[0], channels, height, width))


def _concat(options: Options, weights: Weights, *parts: Array) -> Array:
    return np.concatenate(parts, 1 if parts[0].ndim == 4 else -1)


def _each(function: Callable[[Any], Any]) -> Compute:
    """A layer without options or weights."""
    return lambda options, weights, x: function(x)


_COMPUTE: dict[str, Compute] = {
    "Conv2d": _conv,
    "Linear": _linear,
    "ReLU": _each(lambda x: np.maximum(x, 0)),
    "ReLU6": _each(lambda x: np.clip(x, 0, 6)),
    "Tanh": _each(np.tanh),
    "Sigmoid": _each(_sigmoid),
    "SiLU": _each(lambda x: x * _sigmoid(x)),
    "GELU": _gelu,
    "SELU": _selu,
    "LeakyReLU": _leaky,
    "Softmax": _softmax,
    "Dropout": _each(lambda x: x),
    "Identity": _each(lambda x: x),
    "MaxPool2d": _max_pool,
    "AvgPool2d": _average_pool,
    "AdaptiveAvgPool2d": _adaptive_pool,
    "BatchNorm2d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Flatten": _each(lambda x: x.reshape(len(x), -1)),
    "Embedding": _embedding,
    "MultiheadAttention": _attention,
    "select": lambda options, weights, x: x[:, options["token"]],
    "reshape": _reshape,
    "add": lambda options, weights, *parts: sum(parts[1:], parts[0]),
    "concat": _concat,
    "append": lambda options, weights, *parts: np.concatenate(parts, 1),
    "attend": _attend,
}
