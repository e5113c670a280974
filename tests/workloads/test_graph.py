"""Graphs: published counts of MACs and parameters, torch's shapes, and words for what cannot be."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.layered import (
    KINDS_OF_LAYER,
    conv,
    embedding,
    graph_of,
    linear,
    module,
    parallel,
    reshape,
    residual,
    transformer,
)
from workloads.errors import UsageError
from workloads.graph import INPUT, Graph, lower, text
from workloads.layers import Shape
from workloads.networks import bundled
from workloads.networks.bert import bert
from workloads.networks.kws import kws
from workloads.networks.resnet import resnet50
from workloads.spec import Network, parse_spec


def macs_by_name(graph: Graph) -> dict[str, int]:
    return {node.name: node.macs for node in graph.nodes if node.macs}


@pytest.mark.parametrize(
    ("network", "macs", "parameters"),
    [
        (kws(), 172_800, 173_341),
        (bundled("lenet5"), 416_520, 61_706),
        (bundled("alexnet"), 714_188_480, 61_100_840),
        (resnet50(), 4_089_184_256, 25_557_032),
        (bert(), 11_174_215_680, 109_482_240),
    ],
)
def test_macs_and_parameters_are_those_published(
    network: Network, macs: int, parameters: int
) -> None:
    graph = lower(network)
    assert (graph.macs, graph.parameters) == (macs, parameters)


def test_macs_of_each_layer_of_lenet5() -> None:
    assert macs_by_name(lower(bundled("lenet5"))) == {
        "conv1": 117_600,
        "conv2": 240_000,
        "linear1": 48_000,
        "linear2": 10_080,
        "linear3": 840,
    }


def test_macs_of_the_convolutions_of_alexnet() -> None:
    macs = macs_by_name(lower(bundled("alexnet")))
    assert [macs[f"conv{number}"] for number in range(1, 6)] == [
        70_276_800,
        223_948_800,
        112_140_288,
        149_520_384,
        99_680_256,
    ]


@pytest.mark.parametrize(
    ("copies", "parameters"),
    [
        (0, 173_341),
        (2, 1_554_717),
        (4, 3_001_629),
        (6, 4_448_541),
        (8, 5_895_453),
        (10, 7_342_365),
    ],
)
def test_parameters_of_the_keyword_spotter_as_it_grows(copies: int, parameters: int) -> None:
    assert lower(kws(layers=10, copies=copies)).parameters == parameters


def test_macs_and_parameters_of_the_wide_keyword_spotter() -> None:
    wide = lower(kws(neurons=3))
    assert wide.macs == 390 * 768 + 768 * 768 + 768 * 29
    assert wide.parameters == wide.macs + 768 + 768 + 29


def test_buffers_are_weights_but_no_parameters() -> None:
    (node,) = KINDS_OF_LAYER["BatchNorm2d"].nodes
    assert (node.parameters, node.weight_bytes) == (2 * 3, 4 * 4 * 3)


def test_a_node_has_the_bytes_of_its_inputs_and_its_output() -> None:
    graph = graph_of((3, 4), parallel("concat", [linear(4, 2)], []))
    assert [node.moved_bytes for node in graph.nodes] == [
        4 * (12 + 6),
        4 * (6 + 12 + 18),
    ]


def test_peak_is_what_is_alive_at_the_widest_place() -> None:
    chain = graph_of((10,), linear(10, 100), linear(100, 40), linear(40, 1))
    assert chain.peak_bytes(3) == 3 * 4 * (10 + 100 + 40)
    around = graph_of((10,), linear(10, 20), parallel("add", [linear(20, 20)], []))
    assert around.peak_bytes(1) == 4 * (10 + 20 + 20 + 20)


def test_names_count_by_kind_and_leave_given_ones_alone() -> None:
    graph = graph_of((4,), linear(4, 4, name="linear2"), linear(4, 4), linear(4, 4))
    assert [node.name for node in graph.nodes] == ["linear2", "linear1", "linear3"]


@pytest.mark.parametrize("name", ["same", INPUT])
def test_two_layers_of_one_name_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as error:
        graph_of((4,), module("ReLU", name="same"), module("ReLU", name=name))
    assert str(error.value) == f"small.json: layer 2: another layer is also called {name!r}"


BAD: dict[str, tuple[Shape, tuple[dict[str, Any], ...], str]] = {
    "features": (
        (4,),
        (linear(4, 3), linear(4, 2)),
        "small.json: layer 2 (linear2, Linear): takes 4 features, but linear1 gives 3",
    ),
    "channels": (
        (3, 8, 8),
        (conv(1, 2, 3, name="first"),),
        "small.json: layer 1 (first, Conv2d): takes 1 channels, but input gives 3×8×8",
    ),
    "no image": (
        (4,),
        (module("MaxPool2d", kernel_size=2),),
        "small.json: layer 1 (pool1, MaxPool2d): takes channels × height × width, "
        "but input gives 4",
    ),
    "window": (
        (1, 4, 2),
        (conv(1, 1, 3),),
        "small.json: layer 1 (conv1, Conv2d): a window of 3 does not fit into 2, "
        "but input gives 1×4×2",
    ),
    "padding": (
        (1, 4, 4),
        (module("AvgPool2d", kernel_size=2, padding=2),),
        "small.json: layer 1 (pool1, AvgPool2d): a padding of more than half the window leaves "
        "windows empty, but input gives 1×4×4",
    ),
    "norm": (
        (2, 4, 4),
        (module("BatchNorm2d", num_features=3),),
        "small.json: layer 1 (norm1, BatchNorm2d): takes 3 channels, but input gives 2×4×4",
    ),
    "layer norm": (
        (2, 4),
        (module("LayerNorm", normalized_shape=2),),
        "small.json: layer 1 (norm1, LayerNorm): takes 2 features, but input gives 2×4",
    ),
    "heads": (
        (5, 6),
        (module("MultiheadAttention", embed_dim=6, num_heads=4),),
        "small.json: layer 1 (attention1, MultiheadAttention): 6 features do not divide into "
        "4 heads, but input gives 5×6",
    ),
    "attention to an image": (
        (1, 5, 6),
        (module("MultiheadAttention", embed_dim=6, num_heads=2),),
        "small.json: layer 1 (attention1, MultiheadAttention): takes tokens × features, "
        "but input gives 1×5×6",
    ),
    "token": (
        (3, 4),
        ({"type": "select", "token": 3},),
        "small.json: layer 1 (select1, select): takes tokens × features with a token 3, "
        "but input gives 3×4",
    ),
    "reshape": (
        (3, 4, 4),
        (reshape(1, 2, 8, 8),),
        "small.json: layer 1 (reshape1, reshape): takes 1 or 2 channels, but input gives 3×4×4",
    ),
    "dimension": (
        (3, 4),
        (module("Softmax", dim=0),),
        "small.json: layer 1 (softmax1, Softmax): has no dimension 0 to normalise over, "
        "but input gives 3×4",
    ),
    "numbers for tokens": (
        (4,),
        (embedding(9, 4, "token"),),
        "small.json: layer 1 (embedding1, Embedding): takes tokens "
        '("input_kind": "tokens"), but input gives numbers',
    ),
    "added": (
        (4,),
        (parallel("add", [linear(4, 3)], [], name="both"),),
        "small.json: layer 1 (both): branches of 3 and 4 cannot be added",
    ),
    "joined": (
        (2, 4, 4),
        (parallel("concat", [module("MaxPool2d", kernel_size=2)], []),),
        "small.json: layer 1 (concat1): branches of 2×2×2 and 2×4×4 cannot be joined",
    ),
    "within a branch": (
        (4,),
        (parallel("add", [], [module("ReLU"), linear(3, 4)]),),
        "small.json: layer 1: branch 2, layer 2 (linear1, Linear): takes 3 features, "
        "but relu1 gives 4",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_shapes_that_cannot_be_are_told_with_layer_and_both_shapes(what: str) -> None:
    shape, layers, told = BAD[what]
    with pytest.raises(UsageError) as error:
        graph_of(shape, *layers)
    assert str(error.value) == told


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (
            [module("ReLU")],
            "small.json: layer 1 (relu1, ReLU): takes numbers, but input gives tokens "
            '("input_kind": "tokens")',
        ),
        (
            [parallel("add", [], [embedding(9, 4, "token")])],
            "small.json: layer 1 (add1): takes numbers, but input gives tokens",
        ),
        (
            [embedding(9, 4, "position")],
            "small.json: layer 1 (embedding1, Embedding): has 9 positions, but input gives 10",
        ),
        (
            [embedding(9, 4, "token"), embedding(9, 4, "token")],
            "small.json: layer 2 (embedding2, Embedding): takes tokens "
            '("input_kind": "tokens"), but embedding1 gives numbers',
        ),
    ],
)
def test_tokens_go_to_embeddings_alone(layers: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(UsageError) as error:
        graph_of((10,), *layers, tokens=True)
    assert str(error.value) == told


def test_an_input_that_is_not_told_is_asked_for() -> None:
    network = parse_spec([conv(3, 4, 3)], "small.json", "small")
    with pytest.raises(UsageError) as error:
        lower(network)
    assert str(error.value) == ("small: the spec does not define its input: fix: --input 3,224,224")
    assert lower(network, (3, 5, 5)).output_shape == (4, 3, 3)


def test_branches_without_a_layer_make_no_network() -> None:
    graph = graph_of((4,), parallel("add", [], []))
    assert (graph.output, graph.output_shape) == ("add1", (4,))


def test_a_vocabulary_is_that_of_the_smallest_embedding() -> None:
    graph = transformer()
    assert graph.vocabulary == 31
    assert [graph.only(node).vocabulary for node in graph.nodes[:4]] == [31, 1, 1, None]
    assert residual().vocabulary is None


def test_parts_of_a_graph() -> None:
    graph = residual()
    part = graph.first(3)
    assert [node.name for node in part.nodes] == ["reshape1", "conv1", "conv2"]
    (alone,) = graph.only(graph.nodes[7]).nodes
    assert alone.kind == "add"
    assert graph.only(alone).inputs == dict(zip(alone.inputs, alone.input_shapes, strict=True))


def test_a_shape_is_written_with_crosses() -> None:
    assert text((3, 224, 224)) == "3×224×224"


small = st.integers(1, 3)
pairs = st.tuples(small, small)


@st.composite
def image_layer(draw: st.DrawFn, channels: int) -> tuple[dict[str, Any], int]:
    """A convolution or a pool, as JSON with its number of output channels."""
    options: dict[str, Any] = {
        "kernel_size": draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        "stride": draw(pairs),
        "padding": draw(st.tuples(st.integers(0, 2), st.integers(0, 2))),
    }
    kind = draw(st.sampled_from(["Conv2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d"]))
    if kind == "AdaptiveAvgPool2d":
        return module(kind, output_size=draw(pairs)), channels
    if kind != "Conv2d":
        return module(kind, ceil_mode=draw(st.booleans()), **options), channels
    outputs = draw(small)
    groups = draw(st.sampled_from(sorted({1, math.gcd(channels, outputs)})))
    options |= {"groups": groups, "dilation": draw(pairs), "bias": draw(st.booleans())}
    return module(kind, in_channels=channels, out_channels=outputs, **options), outputs


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Shape, list[dict[str, Any]]]:
    shape = draw(st.tuples(small, st.integers(1, 14), st.integers(1, 14)))
    channels, layers = shape[0], []
    for _ in range(draw(st.integers(1, 3))):
        layer, channels = draw(image_layer(channels))
        layers.append(layer)
    return shape, layers


@pytest.mark.needs_torch
@given(stack=stacks())
@examples(150)
def test_layers_take_and_make_the_shapes_that_they_do_in_torch(
    stack: tuple[Shape, list[dict[str, Any]]],
) -> None:
    import torch

    shape, layers = stack
    value = torch.zeros(1, *shape)
    try:
        for layer in layers:
            options = {k: v for k, v in layer.items() if k not in ("type", "torch_module")}
            with torch.inference_mode():
                value = getattr(torch.nn, layer["torch_module"][3:])(**options)(value)
    except RuntimeError:
        with pytest.raises(UsageError):
            graph_of(shape, *layers)
    else:
        assert graph_of(shape, *layers).output_shape == tuple(value.shape[1:])
