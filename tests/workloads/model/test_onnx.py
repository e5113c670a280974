"""ONNX files as workloads: branching, quantised, with control flow; nodes with real inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="numpy is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from onnx import TensorProto, helper  # noqa: E402
from onnx.helper import make_node as node  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from tests.support.model_runs import checksums, macs, parts, planned, results  # noqa: E402
from tests.support.onnx_models import (  # noqa: E402
    FLOAT,
    INT64,
    model,
    saved,
    tensor,
    value,
    weight,
)
from workloads import cli  # noqa: E402
from workloads.engines.onnx import OnnxEngine  # noqa: E402
from workloads.errors import UsageError, WorkloadError  # noqa: E402
from workloads.model.labels import unique  # noqa: E402
from workloads.model.onnx_count import attribute  # noqa: E402
from workloads.model.onnx_inputs import make_inputs, rows_of  # noqa: E402
from workloads.model.onnx_parts import parts_of  # noqa: E402
from workloads.model.onnx_read import read_model  # noqa: E402
from workloads.model.onnx_sizes import resolve  # noqa: E402
from workloads.model.onnx_weights import parameters_of  # noqa: E402
from workloads.report import cell_lines  # noqa: E402

Sizes = Sequence[int | str | None]


def one(
    *nodes: Any, sizes: Sizes = ("N", 4), weights: Sequence[Any] = (), kind: int = FLOAT
) -> Any:
    """A model of a few nodes from x to y."""
    return model(list(nodes), [value("x", sizes, kind)], [value("y", ["a", "b"])], [*weights])


def residual() -> Any:
    """A residual block and two branches that are joined; its last shape is computed in it."""
    nodes = [
        node("Conv", ["x", "w1"], ["a"], name="stem", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["a", "scale", "shift", "mean", "var"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("Conv", ["c", "w2", "b2"], ["d"], pads=[1, 1, 1, 1], group=2),
        node("Dropout", ["d"], ["dropped"]),
        node("Add", ["dropped", "c"], ["e"]),
        node("Relu", ["e"], ["f"]),
        node("Concat", ["f", "c"], ["g"], axis=1),
        node("GlobalAveragePool", ["g"], ["h"]),
        node("Shape", ["h"], ["batch"], end=1),
        node("Constant", [], ["rest"], value_ints=[-1]),
        node("Concat", ["batch", "rest"], ["flat"], axis=0),
        node("Reshape", ["h", "flat"], ["i"]),
        node("Gemm", ["i", "w3", "b3"], ["y"], name="net", transB=1),
    ]
    weights = [
        weight("w1", 4, 3, 3, 3),
        *(tensor(name, [1, 2, 3, 4]) for name in ("scale", "shift", "mean", "var")),
        weight("w2", 4, 2, 3, 3),
        weight("b2", 4),
        weight("w3", 5, 8),
        weight("b3", 5),
    ]
    return model(nodes, [value("x", ["N", 3, "H", "W"])], [value("y", ["N", 5])], weights)


def transformer() -> Any:
    """Tokens and a mask through attention, and a choice at the end."""
    branches = {
        f"{name}_branch": helper.make_graph(
            [node(operator, ["o"], [name])], name, [], [value(name, ["b", "s", 8])]
        )
        for name, operator in (("then", "Relu"), ("else", "Neg"))
    }
    nodes = [
        node("Cast", ["mask"], ["real"], to=FLOAT),
        node("Unsqueeze", ["real", "axis"], ["column"]),
        node("Unsqueeze", ["ids", "first"], ["more"]),
        node("Squeeze", ["more", "first"], ["tokens"]),
        node("Gather", ["table", "tokens"], ["found"]),
        node("Mul", ["found", "column"], ["masked"]),
        node("MatMul", ["masked", "w"], ["query"]),
        node("Transpose", ["masked"], ["key"], perm=[0, 2, 1]),
        node("MatMul", ["query", "key"], ["scores"]),
        node("Softmax", ["scores"], ["shares"]),
        node("MatMul", ["shares", "masked"], ["o"]),
        node("ReduceMax", ["o"], ["most"], keepdims=0),
        node("Greater", ["most", "zero"], ["positive"]),
        node("If", ["positive"], ["y"], **branches),
    ]
    weights = [
        weight("table", 50, 8),
        weight("w", 8, 8),
        tensor("axis", [2], np.int64),
        tensor("first", [0], np.int64),
        tensor("zero", 0),
    ]
    inputs = [value("ids", ["b", "s"], INT64), value("mask", ["b", "s"], INT64)]
    return model(nodes, inputs, [value("y", ["b", "s", 8])], weights)


def quantised() -> Any:
    nodes = [
        node("QuantizeLinear", ["x", "step", "zero"], ["xq"]),
        node("DequantizeLinear", ["xq", "step", "zero"], ["xd"]),
        node("DequantizeLinear", ["w", "step", "zero"], ["wd"]),
        node("Conv", ["xd", "wd"], ["y"], name="conv"),
    ]
    numbers = np.random.default_rng(5).integers(-99, 99, (4, 3, 3, 3))
    weights = [tensor("w", numbers, np.int8), tensor("step", 0.05), tensor("zero", 0, np.int8)]
    return model(nodes, [value("x", ["N", 3, 8, 8])], [value("y", ["N", 4, 6, 6])], weights)


@pytest.fixture(scope="module")
def engine() -> OnnxEngine:
    return OnnxEngine()


def reference(proto: Any, given: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    """Sums of magnitudes of values, by onnx's own evaluator."""
    told = onnx.ModelProto()
    told.CopyFrom(proto)
    del told.graph.output[:]
    told.graph.output.extend(value(name, None) for name in names)
    values = ReferenceEvaluator(told).run(None, dict(given))
    return [float(np.abs(each.astype(np.float64)).sum()) for each in values]


OUTPUTS = {
    "net": "y",
    "stem": "a",
    "BatchNormalization1": "b",
    "Relu1": "c",
    "Conv2": "d",
    "Add1": "e",
    "Relu2": "f",
    "Concat1": "g",
    "GlobalAveragePool1": "h",
    "net#2": "y",
}


def test_residual_network_counts_what_is_known(tmp_path: Path) -> None:
    plan = planned(saved(tmp_path, residual()), layerwise=True, input=(3, 8, 6), batch=2)
    stem, second, last = 48 * 4 * 27, 48 * 4 * 18, 5 * 8
    counted = {"net": stem + second + last, "stem": stem, "Conv2": second, "net#2": last}
    assert macs(plan) == dict.fromkeys(OUTPUTS, 0) | counted
    assert sum(cell.macs or 0 for cell in parts(plan)) == plan.cells[0].macs
    parameters = {cell.label: cell.parameters for cell in plan.cells}
    weights = {"stem": 108, "BatchNormalization1": 8, "Conv2": 76, "net#2": 45}
    assert parameters == dict.fromkeys(OUTPUTS, 0) | weights | {"net": sum(weights.values())}
    assert {cell.part_of for cell in parts(plan)} == {"net"}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("beside", [False, True])
def test_all_cells_compute_what_they_do_in_the_whole(
    batch: int, beside: bool, tmp_path: Path, engine: OnnxEngine
) -> None:
    proto = residual()
    how = {"save_as_external_data": True, "size_threshold": 0, "location": "weights"}
    (tmp_path / "folder").mkdir()
    path = saved(tmp_path / "folder", proto, **how if beside else {})
    plan = planned(path, layerwise=True, input=(3, 8, 6), batch=batch)
    given = make_inputs(read_model(path, (3, 8, 6), batch), 1, None)
    expected = dict(zip(OUTPUTS, reference(residual(), given, list(OUTPUTS.values())), strict=True))
    found = results(plan, engine)
    assert {label: each.checksum for label, each in found.items()} == pytest.approx(
        expected, rel=1e-4
    )
    assert {each.inferences for each in found.values()} == {batch}
    assert given["x"].shape == (batch, 3, 8, 6)


def test_attention_is_counted_and_control_flow_only_in_the_whole(
    tmp_path: Path, engine: OnnxEngine
) -> None:
    proto = transformer()
    path = saved(tmp_path, proto)
    plan = planned(path, layerwise=True, input=(5,), batch=2)
    labels = ["net", "Gather1", "Mul1", "MatMul1", "Transpose1", "MatMul2", "Softmax1"]
    assert list(macs(plan)) == [*labels, "MatMul3", "ReduceMax1", "Greater1"]
    assert plan.cells[0].macs == 5 * 8 * 8 + 2 * 5 * 5 * 8
    assert plan.cells[0].parameters == 50 * 8 + 8 * 8
    assert plan.remarks == ("run only as part of the whole: If (1)",)
    names = ["y", "found", "masked", "query", "key", "scores", "shares", "o", "most", "positive"]
    given = make_inputs(read_model(path, (5,), 2), 1, None)
    expected = dict(zip(macs(plan), reference(proto, given, names), strict=True))
    assert checksums(plan, engine) == pytest.approx(expected, rel=1e-4)


def test_quantised_weights_are_parameters_and_stay_in_their_layer(
    tmp_path: Path, engine: OnnxEngine
) -> None:
    plan = planned(saved(tmp_path, quantised()), layerwise=True)
    assert [(cell.label, cell.macs, cell.parameters) for cell in plan.cells] == [
        ("net", 36 * 4 * 27, 108),
        ("QuantizeLinear1", 0, 0),
        ("DequantizeLinear1", 0, 0),
        ("conv", 36 * 4 * 27, 108),
    ]
    assert plan.remarks[0].startswith("quantised: a layer alone computes in float32")
    found = checksums(plan, engine)
    assert found["conv"] == pytest.approx(found["net"], rel=0.02)


@pytest.mark.parametrize(
    ("made", "sizes", "weights", "expected"),
    [
        (node("Gemm", ["x", "w"], ["y"], transB=1), ["N", 6], [weight("w", 5, 6)], 30),
        (node("MatMul", ["x", "w"], ["y"]), ["N", 3, 6], [weight("w", 6, 5)], 90),
        (node("MatMul", ["w", "x"], ["y"]), ["N", 6, 3], [weight("w", 5, 6)], 90),
        (node("Conv", ["x", "w"], ["y"], strides=[2]), ["N", 2, 9], [weight("w", 3, 2, 3)], 72),
        (
            node("Conv", ["x", "w"], ["y"], group=4),
            ["N", 4, 5, 5, 5],
            [weight("w", 8, 1, 3, 3, 3)],
            27 * 8 * 27,
        ),
        (
            node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], group=2),
            ["N", 4, 5, 5],
            [weight("w", 4, 3, 3, 3)],
            25 * 4 * 3 * 9,
        ),
        (
            node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft"),
            ["N", 3, 6],
            [weight("w", 6, 5)],
            90,
        ),
        (
            node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft", transA=1),
            ["N", 6, 3],
            [weight("w", 6, 5)],
            90,
        ),
        (
            node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft", transB=1),
            ["N", 3, 6],
            [weight("w", 5, 6)],
            90,
        ),
        (
            node("ConvInteger", ["x", "w"], ["y"]),
            ["N", 2, 5, 5],
            [tensor("w", np.ones((3, 2, 3, 3)), np.uint8)],
            9 * 3 * 18,
        ),
        (
            node("MatMulInteger", ["x", "w"], ["y"]),
            ["N", 4],
            [tensor("w", np.ones((4, 3)), np.uint8)],
            12,
        ),
    ],
)
def test_each_kind_of_product(
    made: Any,
    sizes: Sizes,
    weights: list[Any],
    expected: int,
    tmp_path: Path,
    engine: OnnxEngine,
) -> None:
    whole = made.op_type.endswith("Integer")
    inputs = [value("x", sizes, TensorProto.UINT8 if whole else FLOAT)]
    outputs = [value("y", ["a"] * len(sizes), TensorProto.INT32 if whole else FLOAT)]
    plan = planned(saved(tmp_path, model([made], inputs, outputs, weights)), batch=2)
    assert plan.cells[0].macs == expected
    assert plan.cells[0].parameters == math.prod(weights[0].dims)
    assert results(plan, engine)["net"].checksum


def test_what_cannot_be_counted_is_told(tmp_path: Path) -> None:
    proto = model(
        [
            node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=2),
            node("Einsum", ["h", "h", "h"], ["e"], equation="abc,abc,abc->ab"),
            node("CDist", ["e", "e"], ["y"], domain="com.microsoft"),
        ],
        [value("x", ["N", 3, 4])],
        [value("y", ["a", "b"])],
        [weight("w", 1, 8, 4), weight("r", 1, 8, 2)],
    )
    plan = planned(saved(tmp_path, proto), layerwise=True)
    assert macs(plan) == {"net": 144, "LSTM1": 144, "Einsum1": None, "CDist1": None}
    assert plan.remarks == ("MACs not counted for: Einsum (1), CDist (1)",)
    assert [cell.parameters for cell in plan.cells] == [48, 48, 0, 0]
    lines = list(cell_lines(plan))
    assert " ≥144 " in lines[1]
    assert all("≥" not in line for line in lines[2:])


def test_shared_weights_count_once_in_the_whole(tmp_path: Path) -> None:
    nodes = [
        node("Identity", ["w"], ["same"]),
        node("MatMul", ["x", "w"], ["a"]),
        node("MatMul", ["a", "same"], ["y"]),
    ]
    plan = planned(saved(tmp_path, one(*nodes, weights=[weight("w", 4, 4)])), layerwise=True)
    assert [(cell.label, cell.parameters) for cell in plan.cells] == [
        ("net", 16),
        ("MatMul1", 16),
        ("MatMul2", 16),
    ]


def test_settings_and_statistics_are_no_parameters(tmp_path: Path) -> None:
    nodes = [
        node("Resize", ["x", "", "scales"], ["bigger"]),
        node("Clip", ["bigger", "low"], ["y"]),
    ]
    proto = one(*nodes, weights=[tensor("scales", [1, 2]), tensor("low", 0)])
    read = read_model(saved(tmp_path, proto), None, 1)
    assert parameters_of(read, read.nodes) == 0
    assert attribute(read.nodes[0], "mode", "none") == "none"


def test_local_functions_are_opened(tmp_path: Path, engine: OnnxEngine) -> None:
    opsets = [helper.make_opsetid("", 17)]
    inside = [node("MatMul", ["a", "b"], ["c"]), node("Relu", ["c"], ["d"])]
    proto = one(node("Dense", ["x", "w"], ["y"], domain="own"), weights=[weight("w", 4, 3)])
    proto.functions.append(helper.make_function("own", "Dense", ["a", "b"], ["d"], inside, opsets))
    proto.opset_import.append(helper.make_opsetid("own", 1))
    plan = planned(saved(tmp_path, proto), layerwise=True)
    assert [cell.macs for cell in plan.cells] == [12, 12, 0]
    assert all(results(plan, engine)[cell.label].checksum for cell in plan.cells)


def known(folder: Path, proto: Any, **given: Any) -> int | None:
    """MACs of the whole, after a run of all its cells."""
    plan = planned(saved(folder, proto), **given)
    assert results(plan, OnnxEngine())
    return plan.cells[0].macs


def test_nodes_out_of_order_run_as_in_order(tmp_path: Path, engine: OnnxEngine) -> None:
    proto = one(
        node("MatMul", ["x", "w1"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("MatMul", ["b", "w2"], ["y"]),
        weights=[weight("w1", 4, 8), weight("w2", 8, 2)],
    )
    ordered = checksums(planned(saved(tmp_path, proto, "ordered")), engine)["ordered"]
    nodes = [proto.graph.node[place] for place in (2, 0, 1)]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    plan = planned(saved(tmp_path, proto, "mixed"))
    assert macs(plan) == {"mixed": 48}
    assert checksums(plan, engine)["mixed"] == ordered


def test_nodes_in_a_circle_are_refused(tmp_path: Path) -> None:
    proto = one(
        node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])
    )
    with pytest.raises(UsageError, match="not a valid model"):
        planned(saved(tmp_path, proto))


@pytest.mark.parametrize("listed", [True, False])
def test_weights_of_ir_3_are_constants(tmp_path: Path, listed: bool) -> None:
    # Grouped: 2·6·6 places of 4 channels, each of 9 · 4/2 weights; then 4 · 36 · 3 of the product.
    proto = model(
        [
            node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], group=2),
            node("Reshape", ["a", "flat"], ["b"]),
            node("MatMul", ["b", "v"], ["y"]),
        ],
        [value("x", ["N", 4, 6, 6])],
        [value("y", ["N", 3])],
        [weight("w", 4, 2, 3, 3), tensor("flat", [-1, 144], np.int64), weight("v", 144, 3)],
    )
    if listed:
        proto.graph.input.extend(
            value(each.name, each.dims, each.data_type) for each in proto.graph.initializer
        )
    proto.ir_version = 3
    assert known(tmp_path, proto) == 36 * 4 * 18 + 144 * 3


def test_sizes_inferred_as_minus_one_are_open(tmp_path: Path) -> None:
    proto = one(
        node("MatMul", ["x", "w"], ["a"]), node("Relu", ["a"], ["y"]), weights=[weight("w", 4, 2)]
    )
    proto.graph.value_info.append(value("a", [-1, 2]))
    assert known(tmp_path, proto) == 8
    proto.graph.value_info[0].CopyFrom(value("a", [7, 2]))
    assert known(tmp_path, proto) == 8, "inferred for another batch"


def test_a_shape_that_is_computed_is_known(tmp_path: Path) -> None:
    """Reshaped to sizes from the model's own arithmetic, and padded by computed pads."""
    proto = model(
        [
            node("Shape", ["x"], ["all"]),
            node("Slice", ["all", "0", "1"], ["batch"]),
            node("Slice", ["all", "1", "2"], ["width"]),
            node("Div", ["width", "2"], ["half"]),
            node("Concat", ["batch", "2", "half"], ["shape"], axis=0),
            node("Reshape", ["x", "shape"], ["a"]),
            node("ConstantOfShape", ["6"], ["none"]),
            node("Concat", ["none"], ["none2"], axis=0),
            node("Cast", ["none2"], ["pads"], to=INT64),
            node("Pad", ["a", "pads"], ["b"]),
            node("MatMul", ["b", "w"], ["y"]),
        ],
        [value("x", ["N", "W"])],
        [value("y", [None, None, None])],
        [*(tensor(n, [int(n)], np.int64) for n in "0126"), weight("w", 4, 3)],
    )
    assert known(tmp_path, proto, input=(8,)) == 2 * 4 * 3


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_meet_their_weights_at_each_step(
    tmp_path: Path, operator: str, gates: int
) -> None:
    proto = model(
        [node(operator, ["x", "w", "r"], ["y"], hidden_size=5)],
        [value("x", [7, "N", 3])],
        [value("y", [7, 1, "N", 5])],
        [weight("w", 1, gates * 5, 3), weight("r", 1, gates * 5, 5)],
    )
    steps = planned(saved(tmp_path, proto), batch=7, input=(1, 3))
    assert steps.cells[0].macs == gates * 5 * (3 + 5)


def test_a_transposed_convolution_in_groups(tmp_path: Path) -> None:
    proto = model(
        [node("ConvTranspose", ["x", "w"], ["y"], group=2, strides=[2, 2])],
        [value("x", ["N", 4, 5, 5])],
        [value("y", ["N", 6, 11, 11])],
        [weight("w", 4, 3, 3, 3)],
    )
    assert known(tmp_path, proto) == 4 * 5 * 5 * 3 * 9


def choosing() -> Any:
    """Doubles its state where `rate` is 16, and multiplies it by a matrix elsewhere."""
    double = helper.make_graph(
        [node("Add", ["state", "state"], ["t"])], "double", [], [value("t", [2, None, 3])]
    )
    other = helper.make_graph(
        [node("MatMul", ["state", "w"], ["e"])], "other", [], [value("e", [2, None, 3])]
    )
    nodes = [
        node("Equal", ["rate", "16"], ["is 16"]),
        node("If", ["is 16"], ["a"], then_branch=double, else_branch=other),
        node("Identity", ["a"], ["y"]),
    ]
    inputs = [value("state", [2, None, 3]), value("rate", [], INT64)]
    return model(
        nodes, inputs, [value("y", [2, None, 3])], [tensor("16", 16, np.int64), weight("w", 3, 3)]
    )


def test_states_and_single_numbers_are_given_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path, choosing())
    with pytest.raises(UsageError, match="fixed to a batch of 2"):
        planned(path)
    given = {"state": (2, 1, 3)}
    assert planned(path, input=given).cells[0].macs_at_least
    plan = planned(path, input=given | {"rate": (16,)})
    assert (plan.cells[0].macs, plan.cells[0].macs_at_least) == (0, False)
    assert results(plan, OnnxEngine())
    assert planned(path, input=given | {"rate": (8,)}).cells[0].macs == 2 * 3 * 3
    for wrong, words in (
        ({"state": (3, 1, 3)}, r"input state is 2×\?×3, which 3×1×3 does not fit"),
        ({"stat": (2, 1, 3)}, "it has no input stat: it has state, rate"),
    ):
        with pytest.raises(UsageError, match=words):
            planned(path, input=wrong)


def test_an_output_that_is_declared_wrongly_is_run_all_the_same(
    tmp_path: Path, engine: OnnxEngine
) -> None:
    """onnxruntime refuses it at the second call."""
    nodes = [node("NonZero", ["x"], ["places"]), node("Cast", ["places"], ["y"], to=FLOAT)]
    proto = model(nodes, [value("x", ["N", 4])], [value("y", [2, 3])], [])
    assert results(planned(saved(tmp_path, proto), count=3), engine)["net"].inferences == 3


def test_inputs_by_type_and_use(tmp_path: Path) -> None:
    nodes = [
        node("Gather", ["table", "ids"], ["rows"]),
        node("Cast", ["mask"], ["m"], to=FLOAT),
        node("Cast", ["flag"], ["f"], to=FLOAT),
        node("Cast", ["image"], ["i"], to=FLOAT),
        node("Cast", ["half"], ["h"], to=FLOAT),
        node("Sum", ["m", "f", "i", "h"], ["y"]),
    ]
    kinds = {
        "ids": INT64,
        "mask": TensorProto.INT32,
        "flag": TensorProto.BOOL,
        "image": TensorProto.UINT8,
        "half": TensorProto.FLOAT16,
    }
    inputs = [value(name, ["N", 400], kind) for name, kind in kinds.items()]
    outputs = [value("y", ["N", 400]), value("rows", ["N", 400, 2])]
    proto = model(nodes, inputs, outputs, [weight("table", 30, 2)])
    read = read_model(saved(tmp_path, proto), None, 2)
    found = make_inputs(read, 1, None)
    assert {name: str(array.dtype) for name, array in found.items()} == {
        "ids": "int64",
        "mask": "int32",
        "flag": "bool",
        "image": "uint8",
        "half": "float16",
    }
    assert (found["ids"].min(), found["ids"].max()) == (0, 29)
    assert (found["mask"].min(), found["mask"].max()) == (0, 1)
    assert (found["image"].min(), found["image"].max()) == (0, 255)
    assert (rows_of(read, "ids"), rows_of(read, "mask")) == (30, None)
    fewer = make_inputs(read, 1, 7)
    assert (fewer["ids"].max(), fewer["mask"].max()) == (6, 6)
    assert all(np.array_equal(found[name], make_inputs(read, 1, None)[name]) for name in found)


def test_ids_are_followed_to_their_table(tmp_path: Path) -> None:
    read = read_model(saved(tmp_path, transformer()), (5,), 2)
    assert (rows_of(read, "ids"), rows_of(read, "mask")) == (50, None)


def test_what_is_the_same_for_every_input_is_no_part(tmp_path: Path) -> None:
    parts_found = parts_of(read_model(saved(tmp_path, residual()), (3, 8, 6), 2))
    assert [part.label for part in parts_found] == [label for label in OUTPUTS if label != "net"]
    last = parts_found[-1]
    assert (last.inputs, last.constants) == (("i",), ("w3", "b3"))


@pytest.mark.parametrize(
    ("inputs", "shape", "batch", "expected"),
    [
        ({"x": ["N", 3, "H", "W"]}, (3, 8, 6), 2, {"x": (2, 3, 8, 6)}),
        ({"x": [1, 3, 8, 6]}, None, 1, {"x": (1, 3, 8, 6)}),
        ({"x": [None, 3]}, None, 5, {"x": (5, 3)}),
        ({"x": ["N", "S"], "m": ["N", "S"]}, (7,), 2, {"x": (2, 7), "m": (2, 7)}),
        ({"x": ["N", "S"], "m": ["N", 1, "S", "S"]}, (7,), 2, {"x": (2, 7), "m": (2, 1, 7, 7)}),
        ({"x": [None, None], "m": [None, None]}, (7,), 2, {"x": (2, 7), "m": (2, 7)}),
        ({"x": ["N", 4], "size": [2], "n": []}, None, 3, {"x": (3, 4), "size": (2,), "n": ()}),
    ],
)
def test_open_sizes(
    inputs: dict[str, Sizes], shape: Any, batch: int, expected: dict[str, tuple[int, ...]]
) -> None:
    assert resolve(inputs, shape, batch)[0] == expected


@pytest.mark.parametrize(
    ("inputs", "shape", "batch", "message"),
    [
        (
            {"x": ["N", 3, "H", None]},
            None,
            1,
            r"input x is N×3×H×\?: fix: set its open sizes",
        ),
        ({"x": ["N", 3, "H", "W"]}, (3, 8), 1, "N×3×H×W, which batch×3×8 does not fit"),
        ({"x": ["N", 3, "H", "W"]}, (4, 8, 8), 1, "N×3×H×W, which batch×4×8×8 does not fit"),
        ({"x": [8, 3]}, None, 1, "input x is fixed to a batch of 8: fix: --batch 8"),
        ({"x": ["N", "S"], "m": ["N", "T", 2]}, (7,), 1, "input m is N×T×2: fix: set its open"),
    ],
)
def test_sizes_that_do_not_fit(
    inputs: dict[str, Sizes], shape: Any, batch: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(inputs, shape, batch)


def refusal(path: Path, **given: Any) -> str:
    with pytest.raises(UsageError) as refused:
        planned(path, **given)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello, this is not a model", b"\x08\x07"])
def test_files_that_are_no_models(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    assert refusal(path) == f"{path}: not an ONNX file, or one without nodes".removesuffix(
        ", or one without nodes" if content.startswith(b"hello") else ""
    )


def test_models_that_cannot_be(tmp_path: Path) -> None:
    relu = node("Relu", ["x"], ["y"])
    assert "none.onnx: no such file: check the name" in refusal(tmp_path / "none.onnx")
    unknown = saved(tmp_path, one(node("Reluu", ["x"], ["y"])))
    assert "not a valid model: " in refusal(unknown)
    cast = node("Cast", ["x"], ["y"], to=FLOAT)
    text = saved(tmp_path, one(cast, kind=TensorProto.STRING))
    assert refusal(text).endswith("input x has type STRING, which cannot be generated")
    apart = [node("MatMul", ["x", "w"], ["y"])]
    wrong = saved(tmp_path, one(*apart, weights=[weight("w", 5, 3)]))
    assert "shapes or types do not fit: " in refusal(wrong)
    open_sizes = saved(tmp_path, one(relu, sizes=("N", "C")))
    assert "input x is N×C: fix: set its open sizes" in refusal(open_sizes)
    fine = saved(tmp_path, one(relu))
    assert "--engine torch: an .onnx file runs only in onnxruntime" in refusal(fine, engine="torch")
    assert "--device cuda: an .onnx file runs only on the cpu" in refusal(fine, device="cuda")
    split = [node("SplitToSequence", ["x"], ["y"])]
    sequence = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    many = saved(tmp_path, model(split, [value("x", ["N", 4])], [sequence], []))
    assert "y is not a tensor" in refusal(many)


def test_missing_weights_beside_it_are_told(tmp_path: Path) -> None:
    proto = one(node("MatMul", ["x", "w"], ["y"]), weights=[weight("w", 4, 3)])
    how = {"save_as_external_data": True, "size_threshold": 0, "location": "weights"}
    path = saved(tmp_path, proto, **how)
    (tmp_path / "weights").unlink()
    assert "not a valid model: " in refusal(path)


def test_what_onnxruntime_refuses_is_one_line(tmp_path: Path, engine: OnnxEngine) -> None:
    unknown = one(node("Nonsense", ["x"], ["y"], domain="com.microsoft"))
    with pytest.raises(WorkloadError, match=r"net.onnx: onnxruntime: ") as refused:
        results(planned(saved(tmp_path, unknown)), engine)
    assert "\n" not in str(refused.value)


def test_sequences_stay_in_the_whole(tmp_path: Path, engine: OnnxEngine) -> None:
    nodes = [
        node("SequenceConstruct", ["x", "x"], ["both"]),
        node("ConcatFromSequence", ["both"], ["wide"], axis=1),
        node("Relu", ["wide"], ["y"]),
    ]
    plan = planned(saved(tmp_path, one(*nodes)), layerwise=True)
    assert list(macs(plan)) == ["net", "Relu1"]
    assert plan.remarks == (
        "run only as part of the whole: SequenceConstruct (1), ConcatFromSequence (1)",
    )
    found = checksums(plan, engine)
    assert found["Relu1"] == found["net"]


def test_memory_grows_with_batch_weights_and_layers(tmp_path: Path) -> None:
    path = saved(tmp_path, residual())
    one_image, many, layers = (
        planned(path, input=(3, 8, 6), **given).cells[0].needed_bytes
        for given in ({}, {"batch": 100}, {"batch": 100, "layerwise": True})
    )
    assert one_image < many < layers
    assert many - one_image > 99 * 3 * 4 * 48 * 4


def test_labels_are_told_apart() -> None:
    assert unique(["a", "b", "a", "a#2", "a", "net"], ["net"]) == [
        "a",
        "b",
        "a#2",
        "a#2#2",
        "a#3",
        "net#2",
    ]


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, residual())
    arguments = ["--input", "3,8,6", "--count", "1", "--warmup", "0", "--layerwise"]
    assert cli.main(["model", str(path), *arguments]) == 0
    shown = capsys.readouterr()
    assert "net · onnxruntime " in shown.err
    assert "sum of 9 single layers" in shown.out
    assert cli.main(["model", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"workloads: {path}: input x is N×3×H×W: fix")
