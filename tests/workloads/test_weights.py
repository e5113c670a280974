"""Weights and inputs: the same for one seed wherever a layer stands, and ordinary numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.layered import KINDS_OF_LAYER, graph_of, linear, residual, transformer
from workloads.graph import Graph
from workloads.weights import make_inputs, make_weights, node_weights


@pytest.mark.parametrize("graph", [residual(), transformer(), *KINDS_OF_LAYER.values()])
def test_every_weight_is_made_in_its_shape(graph: Graph) -> None:
    weights = make_weights(graph)
    assert {key: values.shape for key, values in weights.items()} == {
        f"{node.name}.{name}": shape for node in graph.nodes for name, shape in node.weights.items()
    }
    assert all(values.dtype == np.float32 for values in weights.values())


@given(seed=st.integers(0, 2**63))
def test_one_seed_makes_one_set_of_weights(seed: int) -> None:
    graph = residual()
    first, second = make_weights(graph, seed), make_weights(graph, seed)
    assert all(np.array_equal(first[key], second[key]) for key in first)
    other = make_weights(graph, seed + 1)
    assert not any(np.array_equal(first[key], other[key]) for key in first)


def test_weights_hold_across_machines() -> None:
    graph = graph_of((2,), linear(2, 2))
    expected = [[-0.28251174, -0.98029363], [-0.20361793, 0.23091991]]
    assert make_weights(graph, 7)["linear1.weight"] == pytest.approx(np.array(expected))


def test_a_layer_alone_has_the_weights_that_it_has_in_the_whole() -> None:
    graph = residual()
    whole = make_weights(graph, 3)
    for node in graph.nodes:
        for key, values in make_weights(graph.only(node), 3).items():
            assert np.array_equal(values, whole[key])
        assert set(node_weights(node, 3)) == set(node.weights)


def test_weights_are_scaled_by_the_inputs_of_a_value() -> None:
    weights = make_weights(graph_of((800,), linear(800, 500)))
    assert weights["linear1.weight"].std() == pytest.approx(math.sqrt(2 / 800), rel=0.01)
    assert abs(weights["linear1.weight"].mean()) < 1e-3
    assert 0 < np.abs(weights["linear1.bias"]).max() < 0.1


def test_normalisation_divides_by_something() -> None:
    weights = make_weights(KINDS_OF_LAYER["BatchNorm2d"])
    assert weights["norm1.running_var"].min() > 0.1
    assert weights["norm1.weight"].min() > 0.1


def test_inputs_have_the_batch_in_front_and_the_shapes_of_the_graph() -> None:
    (image,) = make_inputs(KINDS_OF_LAYER["Conv2d"], 4)
    assert (image.shape, image.dtype) == ((4, 3, 9, 7), np.float32)
    assert image.std() == pytest.approx(1, abs=0.1)
    graph = residual()
    joined = graph.only(next(node for node in graph.nodes if node.kind == "add"))
    assert [each.shape[1:] for each in make_inputs(joined, 2)] == list(joined.inputs.values())


def test_tokens_are_of_the_vocabulary() -> None:
    (tokens,) = make_inputs(transformer(), 500)
    assert (tokens.shape, tokens.dtype) == ((500, 7), np.int64)
    assert (tokens.min(), tokens.max()) == (0, 30)


@given(batch=st.integers(1, 6), more=st.integers(0, 6), seed=st.integers(0, 9))
@pytest.mark.parametrize("graph", [residual(), transformer()])
def test_a_smaller_batch_is_the_beginning_of_a_larger_one(
    graph: Graph, batch: int, more: int, seed: int
) -> None:
    (few,), (many,) = make_inputs(graph, batch, seed), make_inputs(graph, batch + more, seed)
    assert np.array_equal(few, many[:batch])
