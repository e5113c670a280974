"""Specs: what is accepted, and one line with file, place and key for what is not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.layered import conv, embedding, linear, module, parallel, reshape
from workloads.errors import UsageError
from workloads.graph import lower
from workloads.layers import KINDS
from workloads.networks import bundled
from workloads.spec import Layer, Parallel, parse_spec, read_spec

RELU = module("ReLU")


def head(*layers: Any, **more: Any) -> dict[str, Any]:
    return {"layers": list(layers), **more}


def test_a_list_of_layers_is_a_spec() -> None:
    network = parse_spec([linear(4, 3), RELU], "a.json", "a")
    assert (network.name, network.input_shape, network.input_kind) == ("a", (4,), "float32")
    assert [entry.kind for entry in network.entries if isinstance(entry, Layer)] == [
        "Linear",
        "ReLU",
    ]


def test_a_head_tells_name_and_input() -> None:
    spec = head(embedding(9, 4, "token"), name="B", input_shape=[7], input_kind="tokens")
    network = parse_spec(spec, "a.json", "a")
    assert (network.name, network.input_shape, network.input_kind) == ("B", (7,), "tokens")


def test_a_reshape_in_front_tells_the_input() -> None:
    assert parse_spec([reshape(1, 3, 8, 9), RELU], "a.json", "a").input_shape == (3, 8, 9)


def test_defaults_are_those_of_torch() -> None:
    (entry,) = parse_spec([conv(3, 4, 5)], "a.json", "a").entries
    assert isinstance(entry, Layer)
    assert entry.options == {
        "in_channels": 3,
        "out_channels": 4,
        "kernel_size": (5, 5),
        "stride": (1, 1),
        "padding": (0, 0),
        "dilation": (1, 1),
        "groups": 1,
        "bias": True,
    }


@pytest.mark.parametrize("written", ["nn.ReLU", "torch.nn.ReLU", "ReLU"])
def test_a_module_may_be_written_with_or_without_its_package(written: str) -> None:
    (entry,) = parse_spec([{"torch_module": written}], "a.json", "a").entries
    assert isinstance(entry, Layer)
    assert entry.kind == "ReLU"


def test_resize_is_reshape() -> None:
    (entry,) = parse_spec([{"type": "resize", "reshape_dim": [1, 3, 8, 9]}], "a.json", "a").entries
    assert isinstance(entry, Layer)
    assert (entry.kind, entry.options["reshape_dim"]) == ("reshape", (1, 3, 8, 9))


def test_branches_know_their_place() -> None:
    (entry,) = parse_spec([parallel("add", [RELU], [], name="round")], "a.json", "a").entries
    assert isinstance(entry, Parallel)
    ((layer,), nothing) = entry.branches
    assert (entry.join, entry.name, nothing) == ("add", "round", ())
    assert layer.where == "a.json: layer 1: branch 1, layer 1"


POOL = {"type": "layer", "torch_module": "nn.MaxPool2d"}

BAD: dict[str, tuple[Any, str]] = {
    "no list": (3, "f.json: a spec must be a list of layers, or an object with 'layers'"),
    "no layers": ([], "f.json: 'layers' must be a list of at least one layer"),
    "layers no list": ({"layers": {}}, "f.json: 'layers' must be a list of at least one layer"),
    "unknown key of the head": (
        head(RELU, input_shpe=[3]),
        "f.json: unknown key 'input_shpe': did you mean 'input_shape'?",
    ),
    "input shape no list": (head(RELU, input_shape=3), "f.json: input: 3 is not a list"),
    "input shape of nothing": (
        head(RELU, input_shape=[0]),
        "f.json: input: 0 is not a whole number of 1 or more",
    ),
    "input kind": (
        head(RELU, input_kind="int8"),
        "f.json: input: 'int8' is not one of float32, tokens",
    ),
    "layer no object": ([RELU, 7], "f.json: layer 2: 7 is not an object with a 'type'"),
    "name no text": ([{**RELU, "name": 3}], "f.json: layer 1: 'name': 3 is not a text"),
    "unknown type": (
        [{"type": "pool"}],
        "f.json: layer 1: unknown type 'pool' "
        "(known: layer, parallel, select, reshape, resize, flatten)",
    ),
    "type no text": (
        [{"type": []}],
        "f.json: layer 1: unknown type [] "
        "(known: layer, parallel, select, reshape, resize, flatten)",
    ),
    "no module": ([{"type": "layer"}], "f.json: layer 1: 'torch_module' is missing"),
    "unknown module": (
        [{"torch_module": "nn.Conv3d"}],
        "f.json: layer 1: unknown torch_module 'nn.Conv3d': did you mean nn.Conv2d?",
    ),
    "type as a module": (
        [{"torch_module": "select"}],
        "f.json: layer 1: unknown torch_module 'select'",
    ),
    "missing option": (
        [RELU, {"torch_module": "nn.Linear", "in_features": 3}],
        "f.json: layer 2 (Linear): 'out_features' is missing",
    ),
    "unknown option": (
        [linear(3, 4, biass=True)],
        "f.json: layer 1: unknown key 'biass': did you mean 'bias'?",
    ),
    "unknown option like no other": (
        [{**RELU, "zz": 1}],
        "f.json: layer 1: unknown key 'zz' (known: type, torch_module, name)",
    ),
    "option no number": (
        [linear("3", 4)],
        "f.json: layer 1 (Linear): 'in_features': '3' is not a whole number of 1 or more",
    ),
    "truth for a number": (
        [linear(True, 4)],
        "f.json: layer 1 (Linear): 'in_features': True is not a whole number of 1 or more",
    ),
    "negative padding": (
        [{**POOL, "kernel_size": 2, "padding": -1}],
        "f.json: layer 1 (MaxPool2d): 'padding': -1 is not a whole number of 0 or more",
    ),
    "three of two": (
        [{**POOL, "kernel_size": [1, 2, 3]}],
        "f.json: layer 1 (MaxPool2d): 'kernel_size': [1, 2, 3] is not one value or two",
    ),
    "no truth": (
        [{**POOL, "kernel_size": 2, "ceil_mode": 1}],
        "f.json: layer 1 (MaxPool2d): 'ceil_mode': 1 is not true or false",
    ),
    "dimension": (
        [module("Softmax", dim=0.5)],
        "f.json: layer 1 (Softmax): 'dim': 0.5 is not a whole number",
    ),
    "not a number": (
        [module("LeakyReLU", negative_slope=float("nan"))],
        "f.json: layer 1 (LeakyReLU): 'negative_slope': nan is not a number",
    ),
    "no number": (
        [module("LeakyReLU", negative_slope="steep")],
        "f.json: layer 1 (LeakyReLU): 'negative_slope': 'steep' is not a number",
    ),
    "three sizes of four": (
        [reshape(3, 8, 8)],
        "f.json: layer 1 (reshape): 'reshape_dim': [3, 8, 8] does not have 4 values",
    ),
    "index": (
        [embedding(9, 4, "word")],
        "f.json: layer 1 (Embedding): 'index': 'word' is not one of token, position, zero",
    ),
    "groups": (
        [conv(3, 4, 1, groups=2)],
        "f.json: layer 1 (Conv2d): 3 and 4 channels do not divide into 2 groups",
    ),
    "one branch": (
        [parallel("add", [RELU])],
        "f.json: layer 1: 'branches' must be a list of at least two lists of layers",
    ),
    "branch no list": (
        [{"type": "parallel", "join": "add", "branches": [[], RELU]}],
        f"f.json: layer 1, branch 2: {RELU!r} is not a list of layers",
    ),
    "join": (
        [parallel("multiply", [], [])],
        "f.json: layer 1: 'join': 'multiply' is not one of add, concat",
    ),
    "unknown key of a parallel": (
        [parallel("add", [], [], branch=[])],
        "f.json: layer 1: unknown key 'branch': did you mean 'branches'?",
    ),
    "within a branch": (
        [RELU, parallel("add", [], [RELU, {"torch_module": "nn.Rlu"}])],
        "f.json: layer 2: branch 2, layer 2: unknown torch_module 'nn.Rlu': did you mean nn.ReLU?",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_told_with_its_place(what: str) -> None:
    data, told = BAD[what]
    with pytest.raises(UsageError) as error:
        parse_spec(data, "f.json", "f")
    assert str(error.value) == told


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    path.write_text(json.dumps([linear(4, 2)]), encoding="utf-8")
    assert read_spec(path).name == "two"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: no such file: check the name$"):
        read_spec(tmp_path / "none.json")


@pytest.mark.parametrize("content", [b"[{]", b"\xff\xfe", b""])
def test_a_file_that_is_not_json_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.json: not JSON: "):
        read_spec(path)


SPECS: list[Any] = [
    json.loads(json.dumps(spec))
    for spec in (
        head(linear(6, 4), RELU, linear(4, 2), name="small"),
        [
            reshape(1, 3, 9, 9),
            conv(3, 4, 3, padding=1, stride=2),
            module("BatchNorm2d", num_features=4),
            parallel("concat", [conv(4, 2, 1)], [], name="both"),
            module("MaxPool2d", kernel_size=2, ceil_mode=True),
            module("AvgPool2d", kernel_size=2, padding=1, count_include_pad=False),
            module("AdaptiveAvgPool2d", output_size=2),
            {"type": "flatten"},
            module("Softmax", dim=-1),
        ],
        head(
            parallel("add", [embedding(9, 4, "token")], [embedding(9, 4, "position")]),
            module("LayerNorm", normalized_shape=4),
            module("MultiheadAttention", embed_dim=4, num_heads=2),
            {"type": "select", "token": 1},
            module("LeakyReLU", negative_slope=0.1),
            input_shape=[5],
            input_kind="tokens",
        ),
    )
]

WORDS = st.sampled_from(
    ["layer", "parallel", "select", "reshape", "flatten", "add", "concat", "tokens", "float32"]
    + [f"nn.{kind}" for kind in KINDS]
    + sorted({key for kind in KINDS.values() for key in kind.options})
)
SCALARS = st.none() | st.booleans() | st.integers(-2, 12) | st.integers() | st.floats() | WORDS
JSON = st.recursive(
    SCALARS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indices."""
    found = []
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        found.append((data, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A spec that was right, with a few of its values changed, left out, repeated or added."""
    spec = copy.deepcopy(draw(st.sampled_from(SPECS)))
    for _ in range(draw(st.integers(1, 3))):
        if not (there := places(spec)):
            break
        container, key = draw(st.sampled_from(range(len(there))).map(there.__getitem__))
        what = draw(st.sampled_from(["change", "leave out", "add", "repeat"]))
        if what == "change":
            container[key] = draw(JSON)
        elif what == "leave out":
            del container[key]
        elif isinstance(container, list):
            container.insert(key, draw(JSON) if what == "add" else copy.deepcopy(container[key]))
        else:
            container[draw(WORDS)] = draw(JSON)
    return spec


@pytest.mark.slow
@given(spec=mutated())
@examples(400)
def test_no_spec_brings_the_program_down(spec: Any) -> None:
    try:
        graph = lower(parse_spec(spec, "f.json", "f"))
    except UsageError:
        return
    assert graph.macs >= 0
    assert graph.parameters >= 0
    assert graph.peak_bytes(2) > 0
    assert graph.vocabulary is None or graph.vocabulary > 0
    for node in graph.nodes:
        assert all(length > 0 for length in node.shape)
        assert graph.only(node).output_shape == node.shape


@pytest.mark.parametrize("name", ["lenet5", "alexnet"])
def test_bundled_specs_can_be_read(name: str) -> None:
    assert bundled(name).entries
