"""MACs and parameters are those of the network, however its file was made: quantised, optimised,
with weights left out, or with branches."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="numpy is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from onnx import helper  # noqa: E402
from onnx.helper import make_node as node  # noqa: E402
from onnxruntime import quantization  # noqa: E402

from tests.support.model_runs import planned, results  # noqa: E402
from tests.support.onnx_models import INT64, model, saved, tensor, value, weight  # noqa: E402
from workloads.engines.onnx import OnnxEngine  # noqa: E402
from workloads.errors import WorkloadError  # noqa: E402

BATCH = 2
# Convolutions over 8×8 (the second in two groups), a recurrent layer over eight steps, a product.
NETWORK_MACS = 64 * 4 * 27 + 64 * 8 * 18 + 8 * 4 * 6 * (8 + 6) + 5 * 48
NETWORK_PARAMETERS = (4 * 27 + 4) + (8 * 18 + 8) + 4 * 6 * (8 + 6) + (5 * 48 + 5) + 5


def network(recurrent: bool = True) -> Any:
    """Convolutions with SiLU and a sum, an LSTM over the columns, a product, a scale."""
    padded = {"pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["a"], **padded),
        node("Sigmoid", ["a"], ["s"]),
        node("Mul", ["a", "s"], ["c"]),
        node("Conv", ["c", "w2", "b2"], ["d"], group=2, **padded),
        node("Relu", ["d"], ["e"]),
        node("Concat", ["c", "c"], ["cc"], axis=1),
        node("Add", ["e", "cc"], ["f"]),
        node("ReduceMean", ["f"], ["g"], axes=[2], keepdims=0),
        node("Transpose", ["g"], ["rows"], perm=[2, 0, 1]),
        node("LSTM", ["rows", "wl", "rl"], ["h"], hidden_size=6),
        node("Squeeze", ["h", "one"], ["steps"]),
        node("Transpose", ["steps"], ["sequences"], perm=[1, 0, 2]),
        node("Reshape", ["sequences", "flat"], ["i"]),
        node("Gemm", ["i", "w3", "b3"], ["j"], transB=1),
        node("Sigmoid", ["j"], ["k"]),
        node("Mul", ["k", "scale"], ["y"]),
    ]
    weights = [
        weight("w1", 4, 3, 3, 3),
        weight("b1", 4),
        weight("w2", 8, 2, 3, 3),
        weight("b2", 8),
        weight("wl", 1, 24, 8),
        weight("rl", 1, 24, 6),
        weight("w3", 5, 48),
        weight("b3", 5),
        tensor("scale", [1, 2, 3, 4, 5]),
        tensor("one", [1], np.int64),
        tensor("flat", [BATCH, 48], np.int64),
    ]
    return model(nodes, [value("x", [BATCH, 3, 8, 8])], [value("y", [BATCH, 5])], weights)


class Once(quantization.CalibrationDataReader):  # type: ignore[misc]
    """One random input, to calibrate with."""

    def __init__(self) -> None:
        numbers = np.random.default_rng(1).standard_normal((BATCH, 3, 8, 8), np.float32)
        self._inputs: Iterator[dict[str, Any]] = iter([{"x": numbers}])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)


def dynamic(given: Path, made: Path) -> None:
    quantization.quantize_dynamic(given, made, weight_type=quantization.QuantType.QUInt8)


def around_nodes(given: Path, made: Path) -> None:
    quantization.quantize_static(given, made, Once(), quant_format=quantization.QuantFormat.QDQ)


def in_nodes(given: Path, made: Path) -> None:
    form = quantization.QuantFormat.QOperator
    quantization.quantize_static(given, made, Once(), quant_format=form)


def optimised(given: Path, made: Path, level: str = "EXTENDED") -> None:
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = getattr(levels, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(made)
    onnxruntime.InferenceSession(str(given), options, providers=["CPUExecutionProvider"])


def quantised_and_optimised(given: Path, made: Path) -> None:
    between = made.with_stem("between")
    around_nodes(given, between)
    optimised(between, made)


def dynamic_and_optimised(given: Path, made: Path) -> None:
    between = made.with_stem("between")
    dynamic(given, between)
    optimised(between, made)


# An operator that each has, as onnxruntime makes it.
MAKERS: dict[Callable[[Path, Path], None], str] = {
    dynamic: "DynamicQuantizeLSTM",
    around_nodes: "DequantizeLinear",
    in_nodes: "QGemm",
    optimised: "FusedConv",
    quantised_and_optimised: "QGemm",
    dynamic_and_optimised: "DynamicQuantizeMatMul",
}


@pytest.mark.parametrize("make", MAKERS)
def test_a_network_counts_the_same_however_onnxruntime_writes_it(
    make: Callable[[Path, Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    made = tmp_path / "net.onnx"
    make(saved(tmp_path, network(), "plain"), made)
    assert MAKERS[make] in {each.op_type for each in onnx.load(made).graph.node}
    plan = planned(made, batch=BATCH)
    whole = plan.cells[0]
    assert (whole.macs, whole.macs_at_least) == (NETWORK_MACS, False)
    assert whole.parameters == NETWORK_PARAMETERS
    assert results(plan, OnnxEngine())["net"].checksum


def test_a_file_for_one_processor_is_not_counted(tmp_path: Path) -> None:
    """Its channels are filled up to blocks, which would count too."""
    made = tmp_path / "net.onnx"
    optimised(saved(tmp_path, network(), "plain"), made, "ALL")
    plan = planned(made, batch=BATCH)
    if not any(each.domain == "com.microsoft.nchwc" for each in onnx.load(made).graph.node):
        pytest.skip("onnxruntime has no blocked convolutions for this processor")
    assert plan.cells[0].macs_at_least
    assert (plan.cells[0].macs or 0) < NETWORK_MACS
    assert any("those of the file it was made from" in remark for remark in plan.remarks)
    assert results(plan, OnnxEngine())["net"].checksum


@pytest.mark.parametrize("beside", [False, True])
def test_a_layer_normalisation_older_than_onnx_has_it(beside: bool, tmp_path: Path) -> None:
    """onnxruntime writes it into models of any opset, and runs it in all of them."""
    nodes = [
        node("LayerNormalization", ["x", "scale", "shift"], ["a"], axis=-1),
        node("MatMul", ["a", "w"], ["y"]),
    ]
    weights = [weight("scale", 4), weight("shift", 4), weight("w", 4, 3)]
    proto = model(nodes, [value("x", ["N", 4])], [value("y", ["N", 3])], weights, opset=12)
    how = {"save_as_external_data": True, "size_threshold": 0, "location": "weights"}
    path = saved(tmp_path, proto, **how if beside else {})
    plan = planned(path, batch=2, layerwise=True)
    assert [(cell.macs, cell.parameters) for cell in plan.cells] == [(12, 20), (0, 8), (12, 12)]
    assert results(plan, OnnxEngine())["net"].checksum


def test_weights_that_the_file_leaves_out_are_parameters(tmp_path: Path) -> None:
    """A file has one number and a size for them; a state that starts from zero is none."""
    nodes = [
        node("ConstantOfShape", ["size"], ["w"], value=tensor("", [0.5])),
        node("ConstantOfShape", ["state size"], ["zeros"]),
        node("MatMul", ["x", "w"], ["a"]),
        node("Unsqueeze", ["a", "first"], ["step"]),
        node("LSTM", ["step", "wl", "rl", "", "", "zeros"], ["", "h"], hidden_size=2),
        node("Squeeze", ["h", "first"], ["y"]),
    ]
    weights = [
        tensor("size", [4, 300], np.int64),
        tensor("state size", [1, 1, 2], np.int64),
        tensor("first", [0], np.int64),
        weight("wl", 1, 8, 300),
        weight("rl", 1, 8, 2),
    ]
    proto = model(nodes, [value("x", [1, 4])], [value("y", [1, 2])], weights)
    plan = planned(saved(tmp_path, proto), layerwise=True)
    recurrent = 8 * 300 + 8 * 2
    assert {cell.label: cell.parameters for cell in plan.cells} == {
        "net": 1200 + recurrent,
        "MatMul1": 1200,
        "LSTM1": recurrent,
    }
    assert results(plan, OnnxEngine())["net"].inferences == 1


@pytest.mark.parametrize(
    ("equation", "sizes", "shape", "macs"),
    [
        ("nab,bc->nac", [5, 3], [3, 4], 5 * 3 * 4),  # a product of matrices
        ("ntgi,gih->ntgh", [5, 4, 3], [4, 3, 2], 5 * 4 * 3 * 2),  # one in each of four groups
        ("...ab,...bc->...ac", [6, 5, 3], [1, 1, 3, 4], 6 * 5 * 3 * 4),
        ("nab, bc", [5, 3], [3, 4], 5 * 3 * 4),  # the result is the indices that come once
        ("nab,ab->nab", [5, 3], [5, 3], 0),  # nothing is summed
        ("nab,c->nabc", [5, 3], [4], 0),
        ("nab,nab->n", [5, 3], [1, 5, 3], 5 * 3),
    ],
)
def test_sums_of_products_of_any_indices(
    equation: str, sizes: list[int], shape: list[int], macs: int, tmp_path: Path
) -> None:
    made = node("Einsum", ["x", "w"], ["e"], equation=equation)
    nodes = [made, node("Flatten", ["e"], ["y"], axis=0)]
    proto = model(nodes, [value("x", [1, *sizes])], [value("y", [1, None])], [weight("w", *shape)])
    plan = planned(saved(tmp_path, proto))
    assert (plan.cells[0].macs, plan.cells[0].macs_at_least) == (macs, False)
    assert results(plan, OnnxEngine())["net"].inferences == 1


LENGTH, SIZE, HEADS = 5, 8, 2
OWN = {"domain": "com.microsoft", "num_heads": HEADS}
# Every query meets every key, and every score every value.
SCORES = 2 * LENGTH * LENGTH * SIZE


@pytest.mark.parametrize(
    ("attention", "more", "macs"),
    [
        (node("Attention", ["x", "qkv", "bias"], ["a"], **OWN), LENGTH * SIZE * 3 * SIZE, SCORES),
        (node("MultiHeadAttention", ["x", "x", "x"], ["a"], **OWN), 0, SCORES),
        (
            node("Attention", ["x", "x", "x"], ["a"], q_num_heads=HEADS, kv_num_heads=HEADS),
            0,
            SCORES,
        ),
        # One head of keys and values for two of queries.
        (
            node("Attention", ["x", "half", "half"], ["a"], q_num_heads=HEADS, kv_num_heads=1),
            LENGTH * SIZE * SIZE // 2,
            SCORES,
        ),
    ],
    ids=["joined", "multi-head", "standard", "grouped"],
)
def test_an_attention_in_one_operator(attention: Any, more: int, macs: int, tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "narrow"], ["half"]),
        attention,
        node("SkipLayerNormalization", ["a", "x", "scale"], ["b"], domain="com.microsoft"),
        node("MatMul", ["b", "w"], ["y"]),
    ]
    if "half" not in attention.input:
        del nodes[0]
    weights = [
        weight("narrow", SIZE, SIZE // 2),
        weight("qkv", SIZE, 3 * SIZE),
        weight("bias", 3 * SIZE),
        weight("scale", SIZE),
        weight("w", SIZE, 3),
    ]
    shapes = [value("x", ["N", LENGTH, SIZE])], [value("y", ["N", LENGTH, 3])]
    proto = model(nodes, *shapes, weights, opset=23)
    plan = planned(saved(tmp_path, proto), batch=2)
    assert (plan.cells[0].macs, plan.cells[0].macs_at_least) == (more + macs + LENGTH * SIZE * 3, 0)
    assert results(plan, OnnxEngine())["net"].checksum


def test_an_attention_with_a_past_is_named(tmp_path: Path) -> None:
    own = {"domain": "com.microsoft", "num_heads": HEADS}
    past = node("Attention", ["x", "qkv", "bias", "", "past"], ["y", "present"], **own)
    size = [2, 1, HEADS, 3, SIZE // HEADS]
    inputs = [value("x", [1, LENGTH, SIZE]), value("past", size)]
    weights = [weight("qkv", SIZE, 3 * SIZE), weight("bias", 3 * SIZE)]
    proto = model([past], inputs, [value("y", [1, LENGTH, SIZE])], weights)
    plan = planned(saved(tmp_path, proto))
    assert (plan.cells[0].macs, plan.cells[0].macs_at_least) == (0, True)
    assert plan.remarks == ("MACs not counted for: Attention (1)",)


@pytest.mark.parametrize(
    ("operator", "given"),
    [
        ("Attention", {"num_heads": 2}),
        ("MultiHeadAttention", {"num_heads": 2}),
        ("FusedMatMul", {}),
        ("QGemm", {}),
        ("DynamicQuantizeLSTM", {"hidden_size": 2}),
    ],
)
@pytest.mark.parametrize("sizes", [[], [4], [4, 4], [1, 2, 4, 4]])
def test_an_operator_of_impossible_sizes_is_left_to_onnxruntime(
    operator: str, given: dict[str, int], sizes: list[int], tmp_path: Path
) -> None:
    made = node(operator, ["x"] * 4, ["y"], domain="com.microsoft", **given)
    proto = model([made], [value("x", [1, *sizes])], [value("y", ["a"])], [])
    plan = planned(saved(tmp_path, proto))
    assert plan.cells[0].parameters == 0
    with contextlib.suppress(WorkloadError):
        results(plan, OnnxEngine())


def branching(then: list[Any], otherwise: list[Any], weights: list[Any]) -> Any:
    """x through one of two branches, by the sign of its sum."""
    graphs = {
        name: helper.make_graph(nodes, name, [], [value("out", [1, 3])])
        for name, nodes in (("then_branch", then), ("else_branch", otherwise))
    }
    nodes = [
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["is positive"]),
        node("If", ["is positive"], ["y"], **graphs),
    ]
    shapes = [value("x", [1, 3])], [value("y", [1, 3])]
    return model(nodes, *shapes, [tensor("zero", 0), *weights])


def product(weights: str) -> Any:
    return node("MatMul", ["x", weights], ["out"])


def test_branches_that_are_chosen_by_the_input(tmp_path: Path) -> None:
    one, two = weight("one", 3, 3), weight("two", 3, 3)
    same = planned(saved(tmp_path, branching([product("one")], [product("two")], [one, two])))
    assert (same.cells[0].macs, same.cells[0].macs_at_least) == (9, False)
    assert same.cells[0].parameters == 18
    assert not same.remarks

    lone = branching([product("one")], [node("Neg", ["x"], ["out"])], [one])
    plan = planned(saved(tmp_path, lone))
    assert (plan.cells[0].macs, plan.cells[0].macs_at_least) == (0, True)
    assert plan.cells[0].parameters == 9
    assert plan.remarks == ("MACs depend on the input: an If has 0 or 9, and 0 are counted",)
    assert results(plan, OnnxEngine())["net"].checksum


def test_a_weight_inside_a_branch_is_a_parameter(tmp_path: Path) -> None:
    inside = node("Constant", [], ["w"], value=weight("w", 3, 3))
    proto = branching([inside, product("w")], [node("Neg", ["x"], ["out"])], [])
    plan = planned(saved(tmp_path, proto))
    assert plan.cells[0].parameters == 9
    assert results(plan, OnnxEngine())["net"].checksum


def shuffle_net_v2() -> Any:
    """ShuffleNet v2 1.0×: Ma et al. 2018, 1807.11164, table 5."""
    nodes: list[Any] = []
    weights: list[Any] = []

    def conv(given: str, ins: int, outs: int, size: int, **how: Any) -> str:
        name = f"{len(nodes)}"
        kernel = tensor(f"w{name}", np.zeros((outs, ins // how.get("group", 1), size, size)))
        statistics = [tensor(f"{kind}{name}", np.ones(outs)) for kind in "sbmv"]
        weights.extend((kernel, *statistics))
        pads = [size // 2] * 4
        nodes.append(node("Conv", [given, kernel.name], [f"c{name}"], pads=pads, **how))
        normalised = [f"c{name}", *(each.name for each in statistics)]
        nodes.append(node("BatchNormalization", normalised, [f"n{name}"]))
        return f"n{name}"

    def relu(given: str) -> str:
        nodes.append(node("Relu", [given], [f"relu {given}"]))
        return f"relu {given}"

    def branch(given: str, ins: int, outs: int, stride: int) -> str:
        wide = relu(conv(given, ins, outs, 1))
        deep = conv(wide, outs, outs, 3, group=outs, strides=[stride, stride])
        return relu(conv(deep, outs, outs, 1))

    def unit(given: str, ins: int, outs: int, stride: int) -> str:
        half, name = outs // 2, f"{len(nodes)}"
        if stride == 1:
            left, right = f"left{name}", f"right{name}"
            nodes.append(node("Split", [given], [left, right], axis=1))
        else:
            deep = conv(given, ins, ins, 3, group=ins, strides=[2, 2])
            left, right = relu(conv(deep, ins, half, 1)), given
        right = branch(right, half if stride == 1 else ins, half, stride)
        shuffle = helper.make_tensor(f"groups{name}", INT64, [5], [1, 2, half, -1, 1])
        flat = helper.make_tensor(f"flat{name}", INT64, [4], [1, outs, SIDES[outs], SIDES[outs]])
        weights.extend((shuffle, flat))
        nodes.extend(
            (
                node("Concat", [left, right], [f"both{name}"], axis=1),
                node("Reshape", [f"both{name}", shuffle.name], [f"grouped{name}"]),
                node("Transpose", [f"grouped{name}"], [f"mixed{name}"], perm=[0, 2, 1, 3, 4]),
                node("Reshape", [f"mixed{name}", flat.name], [f"out{name}"]),
            )
        )
        return f"out{name}"

    nodes_in = relu(conv("x", 3, 24, 3, strides=[2, 2]))
    pool = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes.append(node("MaxPool", [nodes_in], ["pooled"], **pool))
    last, ins = "pooled", 24
    for outs, repeats in ((116, 4), (232, 8), (464, 4)):
        for number in range(repeats):
            last = unit(last, ins, outs, 1 if number else 2)
            ins = outs
    last = relu(conv(last, 464, 1024, 1))
    nodes.append(node("GlobalAveragePool", [last], ["mean"]))
    nodes.append(node("Flatten", ["mean"], ["features"]))
    weights.extend((tensor("wl", np.zeros((1000, 1024))), tensor("bl", np.zeros(1000))))
    nodes.append(node("Gemm", ["features", "wl", "bl"], ["y"], transB=1))
    return model(nodes, [value("x", [1, 3, 224, 224])], [value("y", [1, 1000])], weights)


SIDES = {116: 28, 232: 14, 464: 7}


def test_shuffle_net_v2_has_its_published_size(tmp_path: Path) -> None:
    """2,278,604 parameters (torchvision's shufflenet_v2_x1_0), 146 million operations (the paper),
    of which 144.9 million are products."""
    whole = planned(saved(tmp_path, shuffle_net_v2())).cells[0]
    assert whole.parameters == 2_278_604
    assert whole.macs == pytest.approx(144.9e6, rel=1e-3)


LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [
        # Convolutions and products as onnx-tool 1.0.1 counts them, without its additions of a bias;
        # parameters as there, without running statistics and sizes of reshapes.
        ("bvlc_alexnet", 654_560_384, 60_965_224),
        ("densenet121", 2_834_161_664, 8_062_504),
        ("inception_v1", 1_431_556_352, 6_998_552),
        ("inception_v2", 2_018_851_840, 11_214_888),
        ("resnet50", 4_089_184_256, 25_557_032),
        ("shufflenet", 124_664_528, 1_393_320),
        ("squeezenet", 349_151_936, 1_235_496),
        ("vgg19", 19_632_062_464, 143_667_240),
        ("zfnet512", 1_481_727_008, 87_250_536),
    ],
)
def test_models_that_onnx_ships(name: str, macs: int, parameters: int) -> None:
    path = LIGHT / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip(f"this version of onnx does not ship {path.name}")
    whole = planned(path).cells[0]
    assert (whole.macs, whole.parameters) == (macs, parameters)
    assert not whole.macs_at_least
