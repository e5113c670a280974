"""The layers of a torch module, with the inputs and cost of each in one pass."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from workloads.model.labels import unique

# Layers that contain layers, but use the weights of these themselves.
AS_ONE = (nn.MultiheadAttention, nn.RNNBase)
# Not run alone: they pass their input on.
WITHOUT_WORK = (nn.modules.dropout._DropoutNd, nn.Flatten, nn.Identity, nn.Unflatten)

Hook = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a layer or the whole in one pass; bytes of its weights, inputs and outputs."""

    name: str
    macs: int
    parameters: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a layer, with copies of its arguments."""

    layer: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def count(module: nn.Module, x: torch.Tensor) -> tuple[Cost, list[Cost]]:
    """The cost of one pass of the whole and of each of its layers, in order of calls.

    Counted are convolutions, products of matrices and attention.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_UNKNOWN_TO_TORCH)
    begun: list[int] = []
    costs: list[Cost] = []

    def before(name: str, layer: nn.Module, args: Any, kwargs: Any) -> None:
        begun.append(counter.get_total_flops())

    def after(name: str, layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        flops = counter.get_total_flops() - begun.pop()
        if not isinstance(layer, WITHOUT_WORK):
            costs.append(_cost(name, layer, flops, (args, kwargs), output))

    with _hooked(module, before, after), _without_fast_path(), torch.inference_mode(), counter:
        output = module(x)
    return _cost("", module, counter.get_total_flops(), x, output), costs


def capture(module: nn.Module, x: torch.Tensor) -> list[tuple[str, Call]]:
    """Every layer's name and call in one pass of the whole, in the order of calls."""
    calls: list[tuple[str, Call]] = []

    def before(name: str, layer: nn.Module, args: Any, kwargs: Any) -> None:
        if not isinstance(layer, WITHOUT_WORK):
            # Copies, because a later layer may write into the same memory.
            calls.append((name, Call(_not_in_place(layer), *copy.deepcopy((args, kwargs)))))

    with _hooked(module, before, None), torch.inference_mode():
        module(x)
    return calls


def labels_of(names: list[str], whole: str) -> list[str]:
    """Labels of calls: a layer that is called again gets a number."""
    return unique(names, [whole])


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """All tensors in the arguments or result of a module."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(tuple(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)


def _layers(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if (
            isinstance(child, AS_ONE)
            or parametrize.is_parametrized(child)
            or next(child.children(), None) is None
        ):
            yield prefix + name, child
        else:
            yield from _layers(child, f"{prefix}{name}.")


@contextlib.contextmanager
def _hooked(module: nn.Module, before: Hook, after: Hook | None) -> Iterator[None]:
    """Call `before` and `after` around every call of a layer, with the layer's first name."""
    layers = {layer: name for name, layer in reversed(list(_layers(module)))}
    with contextlib.ExitStack() as hooks:
        for layer, name in layers.items():
            taken = layer.register_forward_pre_hook(partial(before, name), with_kwargs=True)
            hooks.callback(taken.remove)
            if after is not None:
                given = layer.register_forward_hook(partial(after, name), with_kwargs=True)
                hooks.callback(given.remove)
        yield


@contextlib.contextmanager
def _without_fast_path() -> Iterator[None]:
    """Attention as operators that are counted, rather than as one that is not."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _cost(name: str, layer: nn.Module, flops: int, given: Any, output: Any) -> Cost:
    parameters = list(layer.parameters())
    return Cost(
        name,
        flops // 2,
        sum(each.numel() for each in parameters),
        sum(each.nbytes for each in (*parameters, *layer.buffers())),
        sum(each.nbytes for each in tensors_in(given)),
        sum(each.nbytes for each in tensors_in(output)),
    )


def _not_in_place(layer: nn.Module) -> nn.Module:
    """A layer that leaves its input unchanged; overwritten in every call, it would vanish."""
    if getattr(layer, "inplace", False) is not True:
        return layer
    changed = copy.copy(layer)
    changed.inplace = False
    return changed


def _lstm_flops(x: Any, *weights_and_more: Any, **_: Any) -> int:
    """oneDNN's LSTM: the weights of its inputs and of its state, at every step."""
    steps, batch, _ = x
    return sum(2 * steps * batch * rows * columns for rows, columns in weights_and_more[:2])


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


_UNKNOWN_TO_TORCH = {
    torch.ops.aten.mkldnn_rnn_layer: _lstm_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
}
