"""Runs a torch module, and its layers alone, on the torch engine's device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from workloads.engine import Work
from workloads.engines.torch import TorchEngine
from workloads.errors import WorkloadError
from workloads.layers import Shape
from workloads.model.torch_find import reason
from workloads.model.torch_layers import Call, capture, labels_of, tensors_in
from workloads.plan import Bind, Cell


def make_input(
    module: nn.Module, shape: Shape, batch: int, seed: int, tokens: int | None
) -> torch.Tensor:
    """Standard normal values of the weights' type, or token numbers.

    A smaller batch is the start of a larger one.
    """
    numbers = np.random.default_rng(seed)
    if tokens is not None:
        return torch.from_numpy(numbers.integers(tokens, size=(batch, *shape)))
    kind = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    return torch.from_numpy(numbers.standard_normal((batch, *shape), np.float32)).to(kind)


def load(
    path: str, module: nn.Module, x: torch.Tensor, labels: Sequence[str], engine: TorchEngine
) -> Bind:
    """Put a module and its input on the device; `labels` are those of the whole and its layers."""
    whole = labels[0]
    with _in_words(path, x):
        module, x = engine.place_module(module), engine.place_tensor(x)
        calls = {whole: Call(module, (x,), {})}
        if len(labels) > 1:
            captured = capture(module, x)
            names = labels_of([name for name, _ in captured], whole)
            calls |= zip(names, (call for _, call in captured), strict=True)

    def bind(cell: Cell) -> Work:
        if cell.label not in calls:
            raise WorkloadError(f"{path}: {cell.label} is not called for a batch of {len(x)}")
        work = _work(calls[cell.label], engine)
        with _in_words(path, x):
            work.call()
            work.wait()
        return work

    return bind


def _work(call: Call, engine: TorchEngine) -> Work:
    layer, args, kwargs = call.layer, call.args, call.kwargs
    last: list[Any] = [None]

    def run() -> None:
        with torch.inference_mode():
            last[0] = layer(*args, **kwargs)

    return Work(run, engine.wait, lambda: _magnitude(last[0]))


def _magnitude(output: Any) -> float:
    """Sum of the magnitudes of everything a module returns, in 64 bits."""
    return sum(float(each.cpu().double().abs().sum()) for each in tensors_in(output))


@contextlib.contextmanager
def _in_words(path: str, x: torch.Tensor) -> Iterator[None]:
    """One line for an input that a module refuses; the runner reports too little memory."""
    try:
        yield
    except (MemoryError, WorkloadError):
        raise
    except Exception as error:  # third-party code may raise anything
        if "memory" in str(error).lower():
            raise
        shape = "×".join(map(str, x.shape))
        raise WorkloadError(f"{path}: an input of {shape}: {reason(error)}") from None
