"""The small GPT's sizes: parameters and MACs in closed form, by brute force, and by torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workloads.gpt.network import LAYERS, POSITIONS, VOCABULARY, WIDTH, decode, prefill
from workloads.graph import Graph
from workloads.weights import make_weights

L, D = LAYERS, WIDTH


def decode_macs(context: int) -> int:
    """Kaplan et al. 2020, table 1, with attention as in Chowdhery et al. 2022, appendix B."""
    return 12 * L * D * D + VOCABULARY * D + 2 * L * D * context


def test_parameters_are_those_of_gpt_2_with_these_sizes() -> None:
    block = 12 * D * D + 13 * D
    expected = (2 * VOCABULARY + POSITIONS) * D + L * block + 2 * D
    assert prefill(7).parameters == decode(7).parameters == expected == 3_161_088


def test_both_passes_have_the_same_weights() -> None:
    one, other = (make_weights(graph, 1) for graph in (prefill(3), decode(9)))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("past", [1, 31, 1000])
def test_decode_costs_its_closed_form_and_grows_with_the_context(past: int) -> None:
    assert decode(past).macs == decode_macs(past + 1)
    assert decode(past + 1).macs - decode(past).macs == 2 * L * D


@pytest.mark.parametrize("prompt", [1, 32, 500])
def test_prefill_costs_its_closed_form(prompt: int) -> None:
    """Every token through every block, all pairs of tokens, and one row of logits."""
    pairs = 2 * L * D * prompt * prompt
    assert prefill(prompt).macs == 12 * L * D * D * prompt + pairs + VOCABULARY * D


class Counted(np.ndarray):
    """An array that counts the multiply-accumulates of every matrix product it takes part in."""

    macs = 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [each.view(np.ndarray) if isinstance(each, Counted) else each for each in inputs]
        if "out" in options:
            options["out"] = tuple(each.view(np.ndarray) for each in options["out"])
        result = getattr(ufunc, method)(*plain, **options)
        if ufunc is np.matmul:
            Counted.macs += result.size * plain[0].shape[-1]
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def multiplied(graph: Graph, *inputs: np.ndarray) -> int:
    """The multiply-accumulates that numpy makes in one pass."""
    from workloads.engines.numpy import NumpyEngine

    weights = {name: values.view(Counted) for name, values in make_weights(graph).items()}
    Counted.macs = 0
    NumpyEngine().load(graph, weights).apply(*inputs)
    return Counted.macs


def inputs_of(graph: Graph, batch: int) -> list[np.ndarray]:
    return [
        np.zeros((batch, *shape), np.int64 if graph.takes_tokens(name) else np.float32)
        for name, shape in graph.inputs.items()
    ]


@pytest.mark.needs_workloads
@pytest.mark.parametrize("graph", [prefill(1), prefill(9), decode(1), decode(20)])
def test_macs_are_those_that_a_pass_multiplies(graph: Graph) -> None:
    for batch in (1, 3):
        assert multiplied(graph, *inputs_of(graph, batch)) == batch * graph.macs


@pytest.mark.needs_torch
@pytest.mark.parametrize("graph", [prefill(9), decode(20)])
def test_macs_are_half_of_the_operations_that_torch_counts(graph: Graph) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from workloads.engines import EngineOptions, open_engine

    loaded = open_engine(EngineOptions("torch")).load(graph, make_weights(graph))
    held = [loaded.put(each) for each in inputs_of(graph, 1)]
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loaded.apply(*held)
    assert counter.get_total_flops() == 2 * graph.macs


def test_what_is_kept_counts_as_live_until_the_end() -> None:
    past, rows = 1000, 2 * LAYERS * WIDTH * 4
    assert decode(past).peak_bytes(2) >= 2 * rows * (2 * past + 1)
