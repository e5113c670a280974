"""Spec files as workloads: the whole and every layer alone, with their real inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="numpy is not installed")

import workloads.networks  # noqa: E402
from tests.support.layered import conv, linear, module, parallel  # noqa: E402
from tests.support.model_runs import checksums, macs, parts, planned, results  # noqa: E402
from workloads import cli  # noqa: E402
from workloads.engines.numpy import NumpyEngine  # noqa: E402
from workloads.errors import UsageError  # noqa: E402
from workloads.graph import lower  # noqa: E402
from workloads.model import MODEL  # noqa: E402
from workloads.spec import read_spec  # noqa: E402
from workloads.weights import make_inputs, make_weights  # noqa: E402

LENET5 = Path(workloads.networks.__file__).with_name("lenet5.json")
BRANCHING = [
    conv(2, 4, 3, padding=1, name="stem"),
    parallel("add", [], [module("ReLU"), conv(4, 4, 3, padding=1)], name="sum"),
    parallel("concat", [conv(4, 3, 1)], [module("MaxPool2d", kernel_size=3, stride=1, padding=1)]),
    module("Dropout"),
    {"type": "flatten"},
    linear(7 * 30, 5, name="out"),
]


@pytest.fixture
def branching(tmp_path: Path) -> Path:
    path = tmp_path / "branching.json"
    path.write_text(json.dumps({"input_shape": [2, 5, 6], "layers": BRANCHING}))
    return path


def magnitude(values: Any) -> float:
    return float(np.abs(values.astype(np.float64)).sum())


def test_lenet5_layer_by_layer() -> None:
    plan = planned(LENET5, layerwise=True)
    whole, *layers = plan.cells
    # Two convolutions of 5×5, of which C3 sees all maps, and three layers of 120, 84 and 10.
    expected = [28 * 28 * 6 * 25, 100 * 16 * 150, 400 * 120, 120 * 84, 84 * 10]
    assert [cell.macs for cell in layers if cell.macs] == expected
    assert whole.macs == sum(expected)
    assert whole.parameters == sum(cell.parameters or 0 for cell in layers) == 61_706
    assert {cell.part_of for cell in layers} == {whole.label}
    assert whole.part_of is None


def test_a_bundled_network_is_given_by_its_name() -> None:
    by_name, by_file = planned("lenet5", layerwise=True), planned(LENET5, layerwise=True)
    assert [(c.label, c.macs) for c in by_name.cells] == [(c.label, c.macs) for c in by_file.cells]


def test_branches_and_joins_are_cells(branching: Path) -> None:
    plan = planned(branching, layerwise=True)
    counted = {"stem": 30 * 4 * 18, "conv1": 30 * 4 * 36, "conv2": 30 * 3 * 4, "out": 210 * 5}
    labels = ["branching", "stem", "relu1", "conv1", "sum", "conv2", "pool1", "concat1", "out"]
    assert macs(plan) == dict.fromkeys(labels, 0) | counted | {"branching": sum(counted.values())}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ["lenet5", "branching"])
def test_cells_compute_what_they_do_in_the_whole(name: str, batch: int, branching: Path) -> None:
    path, engine = LENET5 if name == "lenet5" else branching, NumpyEngine()
    plan = planned(path, layerwise=True, batch=batch)
    graph = lower(read_spec(path))
    values = engine.values(graph, make_weights(graph, 1), *make_inputs(graph, batch, 1))
    found = results(plan, engine)
    assert found.keys() - values.keys() == {plan.cells[0].label}
    for label, result in found.items():
        expected = magnitude(values.get(label, values[graph.output]))
        assert result.checksum == pytest.approx(expected, rel=1e-6), label
        assert result.inferences == batch


def test_without_layerwise_there_is_only_the_whole(branching: Path) -> None:
    plan = planned(branching)
    assert [cell.label for cell in plan.cells] == ["branching"]
    assert parts(plan) == []


def test_the_seed_makes_the_numbers(branching: Path) -> None:
    engine = NumpyEngine()
    first, again, other = (
        checksums(planned(branching, seed=seed), engine)["branching"] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_another_input_size_is_another_network() -> None:
    path = LENET5.with_name("alexnet.json")
    small, large = (planned(path, input=(3, size, size)).cells[0] for size in (64, 224))
    assert (small.macs or 0) < (large.macs or 0)
    assert small.needed_bytes < large.needed_bytes
    with pytest.raises(UsageError, match=r"alexnet\.json"):
        planned(path, input=(1, 64, 64))


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        (None, {}, "which model? use lenet5, alexnet, "),
        ("model.txt", {}, "model.txt: no such model: use lenet5, alexnet, "),
        ("squeeznet", {}, "squeeznet: no such model: did you mean squeezenet?"),
        (str(LENET5), {"tokens": 5}, "a spec defines its tokens: fix: omit --tokens"),
        ("none.json", {}, "none.json: no such file: check the name"),
    ],
)
def test_what_cannot_be(path: str | None, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        MODEL.plan(MODEL.values({"path": path, **given}))
    assert message in str(refused.value)


def test_the_time_of_a_cell_is_asked_for_or_ten_seconds(branching: Path) -> None:
    def seconds(**given: Any) -> float:
        return planned(branching, **{"count": 0, **given}).cells[0].seconds

    assert (seconds(), seconds(count=5), seconds(seconds=2.0)) == (10.0, 0.0, 2.0)


def test_the_command_line(branching: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--engine", "numpy", "--layerwise", "--count", "1", "--warmup", "0"]
    assert cli.main(["model", str(branching), *arguments]) == 0
    shown = capsys.readouterr()
    assert "branching · numpy " in shown.err
    assert "sum of 8 single layers" in shown.out


def test_a_layer_may_be_called_as_its_network_is(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps([linear(3, 2, name="net")]))
    assert [cell.label for cell in planned(path, layerwise=True).cells] == ["net as a whole", "net"]
