"""All engines compute the same from the same weights, for every layer, network, batch and size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.layered import KINDS_OF_LAYER, conv, graph_of, module, residual, transformer
from workloads.engines import ENGINES, EngineOptions, open_engine
from workloads.engines.steps import run, steps_of
from workloads.errors import UsageError
from workloads.graph import Graph, lower
from workloads.layers import KINDS, Shape
from workloads.networks import bundled
from workloads.networks.kws import kws
from workloads.networks.resnet import resnet50
from workloads.weights import make_inputs, make_weights

if TYPE_CHECKING:
    from workloads.engine import Array, Engine

# Most that engines may differ, as a share of the output's largest magnitude.
NEAR = 1e-5

NUMPY = EngineOptions("numpy")
CASES = {
    "numpy": NUMPY,
    "onnxruntime": EngineOptions("onnxruntime"),
    "torch": EngineOptions("torch"),
    "torch, channels last": EngineOptions("torch", channels_last=True),
}
COMPARED = ("onnxruntime", "torch", "torch, channels last")

pytestmark = pytest.mark.needs_workloads
needs_torch = pytest.mark.needs_torch


def cases(*names: str) -> list[pytest.ParameterSet]:
    """Parameters of which those of torch say that they need it."""
    return [
        pytest.param(name, marks=[needs_torch] if name.startswith("torch") else [])
        for name in names
    ]


def engine_for(options: EngineOptions) -> Engine:
    if options.device != "cpu":
        import torch

        backend = torch.cuda if options.device == "cuda" else torch.backends.mps
        if not backend.is_available():
            pytest.skip(f"there is no {options.device} here")
    return open_engine(options)


@pytest.fixture(params=cases(*COMPARED))
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_for(CASES[request.param])


@pytest.fixture
def reference() -> Engine:
    return open_engine(NUMPY)


def assert_near(found: Array, expected: Array) -> None:
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= NEAR * np.abs(expected).max()


def infer(engine: Engine, graph: Graph, *inputs: Array) -> Array:
    return engine.load(graph, make_weights(graph)).bind(*inputs).result()


def test_there_is_a_case_for_every_kind_of_layer() -> None:
    kinds = {node.kind for graph in KINDS_OF_LAYER.values() for node in graph.nodes}
    assert kinds == {*KINDS, "add", "concat"}


@pytest.mark.parametrize("name", KINDS_OF_LAYER)
def test_a_layer_is_computed_as_by_the_reference(
    name: str, engine: Engine, reference: Engine
) -> None:
    graph = KINDS_OF_LAYER[name]
    (inputs,) = make_inputs(graph, 3)
    expected = infer(reference, graph, inputs)
    assert expected.shape == (3, *graph.output_shape)
    assert_near(infer(engine, graph, inputs), expected)
    assert_near(infer(engine, graph, inputs[:1]), expected[:1])


@dataclass(frozen=True)
class Whole:
    """A network, and the sizes and batches that one loaded graph has to serve."""

    make: Callable[[Shape | None], Graph]
    served: tuple[tuple[Shape | None, int], ...]


WHOLES = {
    "KWS": Whole(lambda shape: lower(kws(), shape), ((None, 1), (None, 37))),
    "KWS, wide": Whole(lambda shape: lower(kws(neurons=2), shape), ((None, 4),)),
    "KWS, deep": Whole(lambda shape: lower(kws(layers=2, copies=1), shape), ((None, 4),)),
    "KWS, branched": Whole(lambda shape: lower(kws(layers=2, copies=3), shape), ((None, 4),)),
    "LeNet-5": Whole(lambda shape: lower(bundled("lenet5"), shape), ((None, 1), (None, 5))),
    "AlexNet": Whole(
        lambda shape: lower(bundled("alexnet"), shape), (((3, 224, 224), 1), ((3, 112, 112), 2))
    ),
    "ResNet-50": Whole(
        lambda shape: lower(resnet50(), shape),
        (((3, 8, 8), 3), ((3, 32, 32), 2), ((3, 64, 64), 1)),
    ),
    "transformer": Whole(
        lambda shape: transformer(*(shape or ())), (((7,), 1), ((3,), 2), ((20,), 5))
    ),
    "residual": Whole(lambda shape: residual(), ((None, 1), (None, 4))),
}


@lru_cache(maxsize=1)
def served(name: str) -> tuple[Graph, dict[str, Array], list[tuple[Array, ...]], list[Array]]:
    """The graph of a network's first size, weights, and inputs and outputs of every size."""
    whole = WHOLES[name]
    graphs = [whole.make(shape) for shape, _ in whole.served]
    weights = make_weights(graphs[0])
    inputs = [
        make_inputs(graph, batch) for graph, (_, batch) in zip(graphs, whole.served, strict=True)
    ]
    loaded = open_engine(NUMPY).load(graphs[0], weights)
    return graphs[0], weights, inputs, [loaded.bind(*each).result() for each in inputs]


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(*COMPARED))
@pytest.mark.parametrize("name", WHOLES)
def test_one_loaded_network_serves_all_batches_and_sizes(name: str, case: str) -> None:
    engine = engine_for(CASES[case])
    graph, weights, inputs, expected = served(name)
    loaded = engine.load(graph, weights)
    bounds = [loaded.bind(*each) for each in inputs]
    for bound, output in zip(bounds, expected, strict=True):
        assert_near(bound.result(), output)
    for bound, output in zip(bounds, expected, strict=True):
        assert_near(bound.result(), output)


@needs_torch
@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize("name", ["KWS", "LeNet-5", "ResNet-50", "transformer"])
def test_a_graphics_processor_computes_the_same(name: str, device: str) -> None:
    engine = engine_for(EngineOptions("torch", device=device))
    graph, weights, inputs, expected = served(name)
    loaded = engine.load(graph, weights)
    for given_inputs, output in zip(inputs, expected, strict=True):
        assert_near(loaded.bind(*given_inputs).result(), output)
    assert engine.free_bytes() > 1 << 20


@pytest.mark.parametrize("make", [residual, transformer, lambda: lower(bundled("lenet5"))])
@pytest.mark.parametrize("case", cases("onnxruntime", "torch"))
def test_a_node_alone_makes_its_value_in_the_whole(case: str, make: Callable[[], Graph]) -> None:
    engine = engine_for(CASES[case])
    graph = make()
    weights, inputs = make_weights(graph), make_inputs(graph, 2)
    given = dict(zip(graph.inputs, inputs, strict=True))
    values = engine.values(graph, weights, *inputs)
    expected = open_engine(NUMPY).values(graph, weights, *inputs)
    assert list(values) == list(expected) == [node.name for node in graph.nodes]
    for node in graph.nodes:
        assert_near(values[node.name], expected[node.name])
        alone = graph.only(node)
        bound = engine.load(alone, weights).bind(*((given | values)[name] for name in alone.inputs))
        assert_near(bound.result(), values[node.name])


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    ceil=st.booleans(),
    kind=st.sampled_from(["MaxPool2d", "AvgPool2d", "AvgPool2d without padding"]),
)
@examples(60)
@pytest.mark.parametrize("case", cases("onnxruntime", "torch"))
def test_any_pool_is_computed_as_by_the_reference(
    case: str, size: Shape, kernel: Shape, stride: Shape, padding: Shape, ceil: bool, kind: str
) -> None:
    engine = engine_for(CASES[case])
    more = {"count_include_pad": False} if "without" in kind else {}
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
    try:
        graph = graph_of((2, *size), module(kind.split()[0], **options, **more))
    except UsageError:
        return
    inputs = make_inputs(graph, 2)
    assert_near(infer(engine, graph, *inputs), infer(open_engine(NUMPY), graph, *inputs))


@given(
    shape=st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 12)),
    output=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@examples(30)
@pytest.mark.parametrize("case", cases("onnxruntime", "torch"))
def test_any_adaptive_pool_is_computed_as_by_the_reference(
    case: str, shape: Shape, output: Shape
) -> None:
    engine = engine_for(CASES[case])
    graph = graph_of(shape, module("AdaptiveAvgPool2d", output_size=output))
    inputs = make_inputs(graph, 2)
    assert_near(infer(engine, graph, *inputs), infer(open_engine(NUMPY), graph, *inputs))


@given(given_size=st.integers(1, 70), wanted=st.integers(1, 70))
@examples(30)
@pytest.mark.parametrize("case", cases("numpy", "onnxruntime", "torch"))
def test_a_resize_takes_the_nearest_place_before(case: str, given_size: int, wanted: int) -> None:
    engine = engine_for(CASES[case])
    graph = graph_of((1, given_size, 2), {"type": "reshape", "reshape_dim": [1, 3, wanted, 4]})
    inputs = np.arange(2 * given_size, dtype=np.float32).reshape(1, 1, given_size, 2)
    rows = [place * given_size // wanted for place in range(wanted)]
    expected = np.stack([inputs[0, 0, rows][:, [0, 0, 1, 1]]] * 3)[None]
    assert np.array_equal(infer(engine, graph, inputs), expected)


@needs_torch
@pytest.mark.parametrize("name", WHOLES)
def test_macs_are_half_of_the_operations_that_torch_counts(name: str) -> None:
    graph, weights, inputs, _ = served(name)
    assert operations(graph, weights, *(each[:1] for each in inputs[0])) == 2 * graph.macs


@needs_torch
def test_macs_of_a_layer_are_half_of_the_operations_that_torch_counts() -> None:
    for name, graph in KINDS_OF_LAYER.items():
        counted = operations(graph, make_weights(graph), *make_inputs(graph, 1))
        assert (name, counted) == (name, 2 * graph.macs)


def operations(graph: Graph, weights: dict[str, Array], *inputs: Array) -> int:
    """What torch counts in one pass."""
    engine = engine_for(CASES["torch"])
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    bound = engine.load(graph, weights).bind(*inputs)
    # The counter knows the products within attention, not the processor's fused attention.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        bound.call()
    return counter.get_total_flops()


def test_an_output_stays_what_it_was_after_further_calls(engine: Engine) -> None:
    graph = graph_of((3, 5, 5), conv(3, 4, 3), module("Identity"))
    loaded = engine.load(graph, make_weights(graph))
    first, second = (loaded.bind(*make_inputs(graph, 2, seed)) for seed in (1, 2))
    kept = first.result()
    before = kept.copy()
    assert not np.array_equal(second.result(), before)
    first.call()
    assert np.array_equal(kept, before)
    assert np.array_equal(first.output(), before)


@pytest.mark.filterwarnings("error")
def test_weights_and_inputs_may_be_read_only(engine: Engine, reference: Engine) -> None:
    graph = residual()
    inputs, weights = make_inputs(graph, 2), make_weights(graph)
    for values in (*weights.values(), *inputs):
        values.flags.writeable = False
    found = engine.load(graph, weights).bind(*inputs).result()
    assert_near(found, infer(reference, graph, *inputs))


def test_onnxruntime_keeps_copies_of_weights_and_inputs() -> None:
    engine = engine_for(CASES["onnxruntime"])
    graph = residual()
    inputs, weights = make_inputs(graph, 2), make_weights(graph)
    bound = engine.load(graph, weights).bind(*inputs)
    expected = bound.result()
    for values in (*weights.values(), *inputs):
        values.fill(0)
    assert np.array_equal(bound.result(), expected)


def test_an_engine_tells_what_it_is_and_what_memory_is_left(engine: Engine) -> None:
    name, device = engine.title.split(", ")[:2]
    assert name.split()[0] in ENGINES
    assert name.split()[1].replace(".", "").isdigit()
    assert device == engine.device
    assert engine.free_bytes() > 1 << 20


@pytest.mark.parametrize(("threads", "told"), [(1, "1 thread"), (2, "2 threads")])
@pytest.mark.parametrize("name", cases("onnxruntime", "torch"))
def test_threads_are_told(name: str, threads: int, told: str) -> None:
    assert open_engine(EngineOptions(name, threads=threads)).title.endswith(f"cpu, {told}")
    open_engine(EngineOptions(name, threads=1))


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("onnxruntime", "onnxruntime", "workloads"),
        ("onnxruntime", "onnx", "workloads"),
        ("torch", "torch", "torch"),
        ("numpy", "numpy", "workloads"),
    ],
)
def test_a_missing_engine_names_the_extra_that_installs_it(
    name: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError) as error:
        open_engine(EngineOptions(name))
    assert str(error.value) == (
        f"--engine {name} needs {missing}, which is not installed: "
        f"fix: pip install 'wattui[{extra}]'"
    )


@pytest.mark.parametrize("name", ["onnxruntime", "numpy"])
def test_an_engine_of_the_processor_refuses_what_torch_alone_has(name: str) -> None:
    with pytest.raises(
        UsageError,
        match=f"--engine {name} runs only on the cpu here, not on cuda: fix: use",
    ):
        open_engine(EngineOptions(name, device="cuda"))
    with pytest.raises(UsageError, match="use --channels-last with --engine torch"):
        open_engine(EngineOptions(name, channels_last=True))


@needs_torch
@pytest.mark.parametrize(
    ("device", "built_for", "told"),
    [
        ("cuda", None, "this build of torch has no CUDA: fix: install one"),
        ("cuda", "13.0", "torch, built for CUDA 13.0, finds no usable GPU: fix: check nvidia"),
        ("mps", None, "torch finds no Apple GPU"),
    ],
)
def test_torch_says_why_a_device_is_not_there(
    device: str, built_for: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    with pytest.raises(UsageError, match=told):
        open_engine(EngineOptions("torch", device=device))


@needs_torch
def test_torch_keeps_32_bits_in_products() -> None:
    import torch

    torch.backends.cudnn.allow_tf32 = True
    open_engine(EngineOptions("torch"))
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_onnxruntime_is_told_to_tell_nobody_before_it_is_imported() -> None:
    program = (
        "import os, sys, workloads.engines\n"
        "print('onnxruntime' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output.split() == ["False", "1"]


def test_a_model_is_written_without_its_weights() -> None:
    from workloads.engines.onnx_model import write_model

    graph = lower(bundled("alexnet"))
    assert len(write_model(graph, [graph.output])) < 20_000 < graph.weight_bytes


def test_values_are_let_go_of_after_their_last_use() -> None:
    graph = residual()
    steps = steps_of(graph, lambda node: lambda *given: 0)
    assert set(run(steps, {"input": 0})) == {graph.output}
    done_at = {name: place for place, step in enumerate(steps) for name in step.done}
    for place, node in enumerate(graph.nodes):
        assert all(done_at[name] >= place for name in node.inputs)
    kept = run(steps_of(graph, lambda node: lambda *given: 0, keep=True), {"input": 0})
    assert set(kept) == {"input", *(node.name for node in graph.nodes)}


def test_a_value_that_nobody_takes_is_let_go_of_at_once() -> None:
    graph = residual().first(8)
    assert set(run(steps_of(graph, lambda node: lambda *given: 0), {"input": 0})) == {graph.output}
