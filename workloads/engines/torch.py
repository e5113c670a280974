"""The torch engine: for GPUs, and a second one for the CPU.

32-bit floats stay 32-bit floats: TF32, which cuts the factors of products to 10 bits of mantissa
on NVIDIA GPUs and which torch allows in convolutions by default, is switched off, so that all
engines compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own habit

from workloads.engine import Bound
from workloads.engines import EngineOptions
from workloads.engines.steps import Step, run, steps_of
from workloads.errors import UsageError
from workloads.graph import Graph, Node
from workloads.memory import available_bytes
from workloads.options import Options

if TYPE_CHECKING:
    from workloads.engine import Array, Weights

    Tensors = dict[str, torch.Tensor]
    Compute = Callable[..., torch.Tensor]


class TorchEngine:
    """Evaluates graphs with torch on one device."""

    def __init__(self, device: str = "cpu", threads: int = 1, channels_last: bool = False) -> None:
        self.device = device
        self.wait = _WAIT[device]
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        if threads:
            torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        self.title = f"torch {torch.__version__.partition('+')[0]}, {_place(device)}"

    def load(self, graph: Graph, weights: Weights) -> TorchGraph:
        """Puts the weights on the device; on the processor they are not copied."""
        return TorchGraph(graph, self._steps(graph, weights), self._tensor, self.wait)

    def values(self, graph: Graph, weights: Weights, *inputs: Array) -> dict[str, Array]:
        """Every value of the graph for these inputs, by the name of its node."""
        given = dict(zip(graph.inputs, map(self._tensor, inputs), strict=True))
        with torch.inference_mode():
            values = run(self._steps(graph, weights, keep=True), given)
        return {node.name: _array(values[node.name]) for node in graph.nodes}

    def free_bytes(self) -> int:
        """Free memory on the device, including torch's reserve."""
        if self.device == "cuda":
            reserve = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return int(torch.cuda.mem_get_info()[0] + reserve)
        if self.device == "mps":
            left = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
            return min(int(left), available_bytes())
        return available_bytes()

    def place_module(self, module: torch.nn.Module) -> torch.nn.Module:
        """Moves a module to the device."""
        return module.to(self.device, memory_format=self._format)

    def place_tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        """Moves a tensor to the device, with channels last if requested."""
        tensor = tensor.to(self.device)
        return tensor.contiguous(memory_format=self._format) if tensor.ndim == 4 else tensor

    def _steps(
        self, graph: Graph, weights: Weights, keep: bool = False
    ) -> list[Step[torch.Tensor]]:
        def compute(node: Node) -> Compute:
            own = {name: self._tensor(weights[f"{node.name}.{name}"]) for name in node.weights}
            return partial(_COMPUTE[node.kind], node.options, own)

        return steps_of(graph, compute, keep)

    def _tensor(self, values: Array) -> torch.Tensor:
        return self.place_tensor(torch.from_numpy(np.require(values, requirements=("C", "W"))))


class TorchGraph:
    """A graph whose weights are on the device."""

    def __init__(
        self,
        graph: Graph,
        steps: Sequence[Step[torch.Tensor]],
        put: Callable[[Array], torch.Tensor],
        wait: Callable[[], object],
    ) -> None:
        self._names = tuple(graph.inputs)
        self._output = graph.output
        self._outputs = graph.outputs
        self._steps = steps
        self.put = put
        self._wait = wait

    def bind(self, *inputs: Array) -> Bound:
        """Put inputs on the device; a call submits the work and need not wait for it."""
        given = dict(zip(self._names, map(self.put, inputs), strict=True))
        last: Tensors = {}

        def call() -> None:
            with torch.inference_mode():
                last[self._output] = run(self._steps, given)[self._output]

        return Bound(call, self._wait, lambda: _array(last[self._output]))

    def apply(self, *values: torch.Tensor) -> list[torch.Tensor]:
        """All outputs, in the graph's order; they stay on the device."""
        with torch.inference_mode():
            found = run(self._steps, dict(zip(self._names, values, strict=True)))
        return [found[name] for name in self._outputs]

    def get(self, held: torch.Tensor) -> Array:
        """A copy on the processor, once all queued work is done."""
        return _array(held)


def open_engine(options: EngineOptions) -> TorchEngine:
    """Raises UsageError for a missing device."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(_no_cuda(torch.version.cuda))
    if options.device == "mps" and not torch.backends.mps.is_available():
        raise UsageError("torch finds no Apple GPU (mps): fix: use --device cpu or cuda")
    return TorchEngine(options.device, options.threads, options.channels_last)


def _no_cuda(built_for: str | None) -> str:
    if built_for is None:
        return "this build of torch has no CUDA: fix: install one that has, or use --device cpu"
    return (
        f"torch, built for CUDA {built_for}, finds no usable GPU: fix: check nvidia-smi and "
        "CUDA_VISIBLE_DEVICES, or use --device cpu"
    )


def _place(device: str) -> str:
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    if device == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} thread{'s' * (threads > 1)}"
    return device


def _array(tensor: torch.Tensor) -> Array:
    return np.array(tensor.cpu().numpy(), order="C")


def _nothing() -> None:
    """A call on the processor is done when it returns."""


_WAIT: dict[str, Callable[[], object]] = {
    "cpu": _nothing,
    "cuda": torch.cuda.synchronize,
    "mps": torch.mps.synchronize,
}


def _conv(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(
        x,
        weights["weight"],
        weights.get("bias"),
        options["stride"],
        options["padding"],
        options["dilation"],
        options["groups"],
    )


def _linear(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, weights["weight"], weights.get("bias"))


def _max_pool(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(
        x,
        options["kernel_size"],
        options["stride"] or options["kernel_size"],
        options["padding"],
        ceil_mode=options["ceil_mode"],
    )


def _average_pool(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(
        x,
        options["kernel_size"],
        options["stride"] or options["kernel_size"],
        options["padding"],
        options["ceil_mode"],
        options["count_include_pad"],
    )


def _adaptive_pool(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    return F.adaptive_avg_pool2d(x, options["output_size"])


def _batch_norm(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    mean, variance = weights["running_mean"], weights["running_var"]
    return F.batch_norm(x, mean, variance, weights["weight"], weights["bias"], eps=options["eps"])


def _layer_norm(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], weights["weight"], weights["bias"], options["eps"])


def _embedding(options: Options, weights: Tensors, tokens: torch.Tensor) -> torch.Tensor:
    index = tokens
    if options["index"] == "position":
        index = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)
    elif options["index"] == "zero":
        index = torch.zeros_like(tokens)
    return F.embedding(index, weights["weight"])


def _attention(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    batch, tokens, width = x.shape
    heads = options["num_heads"]
    projected = F.linear(x, weights["in_proj_weight"], weights["in_proj_bias"])
    split = projected.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    mixed = _mixed(split[0], split[1], split[2], False)
    return F.linear(mixed, weights["out_proj_weight"], weights["out_proj_bias"])


def _attend(options: Options, weights: Tensors, *given: torch.Tensor) -> torch.Tensor:
    query, keys, values = (
        each.unflatten(-1, (options["num_heads"], -1)).transpose(1, 2) for each in given
    )
    return _mixed(query, keys, values, options["causal"])


def _mixed(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, causal: bool
) -> torch.Tensor:
    """Values mixed by attention, (batch, tokens, width), from (batch, heads, tokens, features).

    `causal`: no query meets a later key.
    """
    mixed = F.scaled_dot_product_attention(query, keys, values, is_causal=causal)
    return mixed.transpose(1, 2).flatten(2)


def _reshape(options: Options, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    """Indices rather than F.interpolate, whose scale is a rounded float."""
    _, channels, height, width = options["reshape_dim"]
    rows = torch.arange(height, device=x.device) * x.shape[2] // height
    columns = torch.arange(width, device=x.device) * x.shape[3] // width
    return x[:, :, rows[:, None], columns].expand(-1, channels, -1, -1)


def _concat(options: Options, weights: Tensors, *parts: torch.Tensor) -> torch.Tensor:
    return torch.cat(parts, 1 if parts[0].ndim == 4 else -1)


def _add(options: Options, weights: Tensors, *parts: torch.Tensor) -> torch.Tensor:
    return sum(parts[1:], parts[0])


def _each(function: Callable[[Any], Any]) -> Compute:
    """A layer without options or weights."""
    return lambda options, weights, x: function(x)


_COMPUTE: dict[str, Compute] = {
    "Conv2d": _conv,
    "Linear": _linear,
    "ReLU": _each(F.relu),
    "ReLU6": _each(F.relu6),
    "Tanh": _each(torch.tanh),
    "Sigmoid": _each(torch.sigmoid),
    "SiLU": _each(F.silu),
    "GELU": _each(F.gelu),
    "SELU": _each(F.selu),
    "LeakyReLU": lambda options, weights, x: F.leaky_relu(x, options["negative_slope"]),
    "Softmax": lambda options, weights, x: F.softmax(x, options["dim"]),
    "Dropout": _each(lambda x: x),
    "Identity": _each(lambda x: x),
    "MaxPool2d": _max_pool,
    "AvgPool2d": _average_pool,
    "AdaptiveAvgPool2d": _adaptive_pool,
    "BatchNorm2d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Flatten": _each(lambda x: x.flatten(1)),
    "Embedding": _embedding,
    "MultiheadAttention": _attention,
    "select": lambda options, weights, x: x[:, options["token"]],
    "reshape": _reshape,
    "add": _add,
    "concat": _concat,
    "append": lambda options, weights, *parts: torch.cat(parts, 1),
    "attend": _attend,
}
