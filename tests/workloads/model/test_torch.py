"""Torch modules as workloads: residual, branching, recurrent; layers with their real inputs."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs_torch
torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'wattui[torch]'")
np = pytest.importorskip("numpy")

from torch import nn  # noqa: E402

from tests.support.model_runs import checksums, macs, parts, planned, results  # noqa: E402
from workloads import cli  # noqa: E402
from workloads.engines.torch import TorchEngine  # noqa: E402
from workloads.errors import UsageError, WorkloadError  # noqa: E402
from workloads.model.torch_find import find  # noqa: E402
from workloads.model.torch_layers import capture  # noqa: E402
from workloads.model.torch_run import make_input  # noqa: E402


class Residual(nn.Module):
    """Two convolutions around a shortcut that has its own; one ReLU, called twice, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.second = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.short = nn.Conv2d(3, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout()
        self.out = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(self.relu(self.first(x)))
        y += self.short(x)
        return self.out(self.drop(self.relu(y)).mean((2, 3)))


class Inception(nn.Module):
    """Three branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                nn.Conv2d(2, 3, 1),
                nn.Sequential(nn.Conv2d(2, 2, 1), nn.Tanh(), nn.Conv2d(2, 4, 3, padding=1)),
                nn.MaxPool2d(3, 1, 1),
            ]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Text(nn.Module):
    """An embedding, attention with named arguments, an LSTM; returns a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.lstm = nn.LSTM(8, 6, batch_first=True)

    def forward(self, x: torch.Tensor) -> dict[str, object]:
        x = self.table(x)
        x, _ = self.attention(x, key=x, value=x, need_weights=False)
        states, last = self.lstm(x)
        return {"states": states, "last": last}


class Encoder(nn.TransformerEncoderLayer):
    def __init__(self) -> None:
        super().__init__(8, 2, 16, batch_first=True)


class Product(nn.Module):
    """A product of matrices outside of its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) @ x.mT


class Overwriting(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(0.5)


class OneAtATime(nn.Linear):
    def __init__(self) -> None:
        super().__init__(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.view(1, 4))


class Turning(nn.Module):
    """Which layer it calls depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x) if len(x) == 1 else self.second(x)


class InPlace(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 4), nn.SiLU(inplace=True))


def made() -> nn.Module:
    return nn.Linear(4, 2)


def needing(width: int) -> nn.Module:
    return nn.Linear(width, 2)


def failing() -> nn.Module:
    raise OSError("no weights here\nand a second line")


def number() -> int:
    return 3


ready = nn.Linear(4, 2)
constant = 7
IMAGE = {"input": (3, 8, 6)}


@pytest.fixture
def engine() -> TorchEngine:
    return TorchEngine()


def here(name: str) -> str:
    return f"{__name__}:{name}"


def direct(name: str, shape: tuple[int, ...], batch: int, tokens: int | None = None) -> float:
    """The sum of the magnitudes of a module's output, without any of the code under test."""
    torch.manual_seed(1)
    module = getattr(sys.modules[__name__], name)().eval()
    with torch.no_grad():
        return float(module(make_input(module, shape, batch, 1, tokens)).double().abs().sum())


def test_residual_network_counts_what_is_known() -> None:
    plan = planned(here("Residual"), layerwise=True, **IMAGE)
    assert macs(plan) == {
        "Residual": 48 * (4 * 27 + 4 * 18 + 4 * 3) + 20,
        "first.0": 48 * 4 * 27,
        "first.1": 0,
        "relu": 0,
        "second": 48 * 4 * 18,
        "short": 48 * 4 * 3,
        "relu#2": 0,
        "out": 20,
    }
    assert plan.cells[0].parameters == 108 + 8 + 72 + 4 + 12 + 4 + 25
    assert [cell.parameters for cell in parts(plan)] == [108, 8, 0, 76, 16, 0, 25]
    assert {cell.part_of for cell in parts(plan)} == {"Residual"}
    assert plan.remarks == ()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Residual", IMAGE),
        ("Inception", {"input": (2, 5, 5)}),
        ("Text", {"input": (7,), "tokens": 11}),
        ("Encoder", {"input": (7, 8)}),
    ],
)
def test_the_layers_macs_are_the_wholes(name: str, given: dict[str, object]) -> None:
    plan = planned(here(name), layerwise=True, **given)
    assert sum(cell.macs or 0 for cell in parts(plan)) == plan.cells[0].macs
    assert len(parts(plan)) > 2


def test_attention_and_lstm_count_though_torch_does_not() -> None:
    attention, lstm = 7 * 8 * 8 * 4 + 2 * 7 * 7 * 8, 7 * (4 * 6) * (8 + 6)
    plan = planned(here("Text"), input=(7,), tokens=11, layerwise=True)
    assert macs(plan) == {
        "Text": attention + lstm,
        "table": 0,
        "attention": attention,
        "lstm": lstm,
    }
    encoder = planned(here("Encoder"), input=(7, 8))
    assert macs(encoder) == {"Encoder": attention + 2 * 7 * 8 * 16}


def test_branches_are_told_by_their_names() -> None:
    labels = [
        cell.label for cell in planned(here("Inception"), layerwise=True, input=(2, 5, 5)).cells
    ]
    assert labels == [
        "Inception",
        "branches.0",
        "branches.1.0",
        "branches.1.1",
        "branches.1.2",
        "branches.2",
    ]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("name", "shape"), [("Residual", (3, 8, 6)), ("Inception", (2, 5, 5))])
def test_the_whole_is_the_module_itself(
    name: str, shape: tuple[int, ...], batch: int, engine: TorchEngine
) -> None:
    plan = planned(here(name), input=shape, batch=batch)
    found = results(plan, engine)[name]
    assert found.checksum == pytest.approx(direct(name, shape, batch), rel=1e-5)
    assert found.inferences == batch


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("name", "shape"), [("Residual", (3, 8, 6)), ("Inception", (2, 5, 5))])
def test_layers_alone_compute_what_they_do_in_the_whole(
    name: str, shape: tuple[int, ...], batch: int, engine: TorchEngine
) -> None:
    plan = planned(here(name), input=shape, batch=batch, layerwise=True)
    module = find(here(name), 1)
    outputs: dict[str, float] = {}

    def remember(label: str, layer: nn.Module, args: object, output: torch.Tensor) -> None:
        label = f"{label}#2" if label in outputs else label
        outputs[label] = float(output.double().abs().sum())

    for label, layer in module.named_modules():
        layer.register_forward_hook(partial(remember, label))
    with torch.no_grad():
        module(make_input(module, shape, batch, 1, None))
    found = checksums(plan, engine)
    assert len(found) > 5
    for label in found.keys() - {name}:
        assert found[label] == pytest.approx(outputs[label], rel=1e-5), label


def test_captured_inputs_are_the_real_values() -> None:
    module = find(here("Residual"), 1)
    x = make_input(module, (3, 8, 6), 2, 1, None)
    with torch.inference_mode():
        normed = module.first(x)
        summed = module.second(normed.relu()) + module.short(x)
        expected = {
            "first.0": x,
            "first.1": module.first[0](x),
            "relu": normed,
            "second": normed.relu(),
            "short": x,
            "relu#2": summed,
            "out": summed.relu().mean((2, 3)),
        }
    calls = capture(module, x)
    assert [name for name, _ in calls] == [label.partition("#")[0] for label in expected]
    for (name, call), value in zip(calls, expected.values(), strict=True):
        assert torch.allclose(call.args[0], value, atol=1e-6), name


def test_named_arguments_are_captured_too(engine: TorchEngine) -> None:
    plan = planned(here("Text"), input=(7,), tokens=11, batch=2, layerwise=True)
    found = checksums(plan, engine)
    assert found["lstm"] == pytest.approx(found["Text"], rel=1e-5)
    _, attention, _ = capture(find(here("Text"), 1), torch.zeros((2, 7), dtype=torch.int64))
    assert attention[1].kwargs["need_weights"] is False
    assert attention[1].kwargs["key"] is attention[1].args[0]


def test_a_layer_in_place_finds_its_input_again_and_again(engine: TorchEngine) -> None:
    once = planned(here("InPlace"), input=(4,), layerwise=True)
    often = planned(here("InPlace"), input=(4,), layerwise=True, count=50)
    assert checksums(once, engine) == checksums(often, engine)


def test_channels_last_reaches_weights_and_inputs() -> None:
    engine = TorchEngine(channels_last=True)
    module = engine.place_module(find(here("Residual"), 1))
    x = engine.place_tensor(make_input(module, (3, 8, 6), 2, 1, None))
    formats = [
        call.args[0].is_contiguous(memory_format=torch.channels_last)
        for name, call in capture(module, x)
        if name in ("first.0", "second", "short")
    ]
    assert formats == [True] * 3
    plan = planned(here("Residual"), **IMAGE)
    assert checksums(plan, engine) == pytest.approx(checksums(plan, TorchEngine()), rel=1e-5)


def test_seeds_make_weights_and_input(engine: TorchEngine) -> None:
    first, again, other = (
        checksums(planned(here("made"), input=(4,), seed=seed), engine)["made"]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_smaller_batch_is_the_beginning_of_a_larger_one() -> None:
    module = made()
    small, large = (make_input(module, (4,), batch, 1, None) for batch in (2, 5))
    assert torch.equal(large[:2], small)


def test_inputs_have_the_weights_type_or_are_tokens() -> None:
    assert make_input(made().half(), (4,), 1, 1, None).dtype == torch.float16
    tokens = make_input(made(), (500,), 1, 1, 3)
    assert tokens.dtype == torch.int64
    assert set(tokens.unique().tolist()) == {0, 1, 2}


@pytest.mark.parametrize("name", ["made", "ready", "Overwriting"])
def test_functions_modules_and_classes(name: str, engine: TorchEngine) -> None:
    assert results(planned(here(name), input=(4,)), engine)[name].checksum


def test_what_is_not_in_the_layers_is_told() -> None:
    assert planned(here("Product"), input=(3, 6), layerwise=True).remarks == (
        "54 of 162 MACs are outside its layers",
    )
    assert planned(here("Product"), input=(3, 6)).remarks == ()
    assert planned(here("made"), input=(4,), layerwise=True).remarks == (
        "8 of 8 MACs are outside its layers",
        "it calls no layers: only the whole is run",
    )


def test_a_module_that_writes_into_its_input_is_told() -> None:
    (remark,) = planned(here("Overwriting"), input=(4,)).remarks
    assert remark.startswith("it overwrites its input")


def test_memory_grows_with_batch_and_layers() -> None:
    one, many, layers = (
        planned(here("Residual"), **IMAGE, **given).cells[0].needed_bytes
        for given in ({}, {"batch": 100}, {"batch": 100, "layerwise": True})
    )
    assert one < many < layers
    assert many - one > 99 * 2 * 4 * 48 * 4


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("Residual", {"input": None}, "its input shape is needed: fix: --input"),
        ("Residual", {"engine": "numpy"}, "--engine numpy: a torch module runs only in torch"),
        ("Residual", {"input": (4, 8, 6)}, "an input of 1×4×8×6 does not fit: RuntimeError: "),
        ("Nothing", {}, "has no 'Nothing'"),
        ("needing", {}, "calling it raises TypeError: needing() missing 1 required"),
        ("failing", {}, "calling it raises OSError: no weights here"),
        ("number", {}, "is int, not an nn.Module"),
        ("constant", {}, "is int, not an nn.Module"),
    ],
)
def test_what_cannot_be(name: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        planned(here(name), **{**IMAGE, **given})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_modules_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: TorchEngine
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("broken_nets.py").write_text("import no_such_thing_at_all\n")
    Path("wrong_nets.py").write_text("1 / 0\n")
    Path("good_nets.py").write_text(
        "import torch\ntorch.rand(3)\n"
        "class Net(torch.nn.Linear):\n    def __init__(self): super().__init__(4, 2)\n"
    )
    with pytest.raises(UsageError, match="no module 'nowhere_nets' in the current folder"):
        planned("nowhere_nets.deep:Net", input=(4,))
    with pytest.raises(UsageError, match=r"broken_nets cannot be imported: ModuleNotFoundError: "):
        planned("broken_nets:Net", input=(4,))
    with pytest.raises(UsageError, match=r"wrong_nets cannot be imported: ZeroDivisionError: "):
        planned("wrong_nets:Net", input=(4,))
    first = checksums(planned("good_nets:Net", input=(4,)), engine)
    assert first == checksums(planned("good_nets:Net", input=(4,)), engine)


def test_a_batch_that_does_not_fit_is_one_line(engine: TorchEngine) -> None:
    with pytest.raises(WorkloadError, match=r"an input of 2×4: RuntimeError: ") as refused:
        results(planned(here("OneAtATime"), input=(4,), batch=2), engine)
    assert "\n" not in str(refused.value)


def test_a_layer_that_a_larger_batch_leaves_out_is_told(engine: TorchEngine) -> None:
    with pytest.raises(WorkloadError, match="first is not called for a batch of 2"):
        results(planned(here("Turning"), input=(4,), batch=2, layerwise=True), engine)


def test_the_command_line_takes_torch_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--input", "3,8,6", "--count", "1", "--warmup", "0", "--layerwise"]
    assert cli.main(["model", here("Residual"), *arguments]) == 0
    shown = capsys.readouterr()
    assert "· torch " in shown.err
    assert "relu#2" in shown.out
    assert "sum of 7 single layers" in shown.out
    assert cli.main(["model", here("Residual"), *arguments, "--engine", "onnxruntime"]) == 2
    assert capsys.readouterr().err == (
        "workloads: --engine onnxruntime: a torch module runs only in torch: fix: omit --engine\n"
    )
