"""The catalogue: light to import, options as data, presets, other packages' workloads."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads import catalogue as module
from workloads.arguments import AS_REPEAT, RepeatChild, again, parse
from workloads.catalogue import catalogue
from workloads.errors import UsageError
from workloads.plan import Plan
from workloads.workload import Option, Workload, shared_count

HEAVY = {"numpy", "onnx", "onnxruntime", "torch", "rich", "polars", "psutil", "recorders.recorder"}


def test_the_catalogue_and_every_plan_of_a_network_load_neither_numpy_nor_an_engine() -> None:
    script = (
        "import sys\n"
        "from workloads.catalogue import catalogue\n"
        "for name in ('kws', 'lenet', 'alexnet', 'resnet50', 'bert', 'networks'):\n"
        "    workload = catalogue()[name]\n"
        "    assert workload.plan(workload.values({})).cells\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    assert HEAVY.isdisjoint(loaded)


def test_the_bundled_workloads_are_there() -> None:
    names = ["kws", "lenet", "alexnet", "resnet50", "bert", "gpt", "networks", "model", "command"]
    assert list(catalogue())[:9] == names


def planned(name: str, **given: Any) -> Plan:
    workload = catalogue()[name]
    return workload.plan(workload.values(given))


@pytest.mark.parametrize("name", ["kws", "lenet", "alexnet", "resnet50", "bert", "gpt", "networks"])
def test_every_preset_can_be_planned(name: str) -> None:
    workload = catalogue()[name]
    for preset in workload.presets:
        assert workload.plan(workload.values({}, preset)).cells


def test_presets_lie_over_defaults_and_under_what_is_given() -> None:
    alexnet = catalogue()["alexnet"]
    assert alexnet.values({}, "quick")["seconds"] == 10
    assert alexnet.values({"seconds": 3.0}, "quick")["seconds"] == 3
    with pytest.raises(UsageError, match=r"no preset 'slow'.*quick, paper"):
        alexnet.values({}, "slow")


def test_labels_are_unique_in_every_plan() -> None:
    for name in ("kws", "lenet", "alexnet", "resnet50", "bert", "gpt", "networks"):
        labels = [cell.label for cell in planned(name).cells]
        assert len(labels) == len(set(labels))


def test_alexnet_has_the_20_sizes_and_the_counts_of_the_paper() -> None:
    alexnet = catalogue()["alexnet"]
    cells = alexnet.plan(alexnet.values({}, "paper")).cells
    assert [cell.label for cell in cells] == [str(112 * k) for k in range(1, 21)]
    assert [cell.count for cell in cells] == [int(40000 / k) for k in range(1, 21)]
    assert alexnet.values({}, "paper")["repeats"] == 10
    assert cells[1].macs == 714_188_480
    assert {cell.parameters for cell in cells} == {61_100_840}


def test_resnet_runs_fewer_of_the_largest() -> None:
    resnet50 = catalogue()["resnet50"]
    cells = resnet50.plan(resnet50.values({}, "paper")).cells
    assert [(cells[0].label, cells[0].count), (cells[-1].label, cells[-1].count)] == [
        ("8", 5000),
        ("4096", 1000),
    ]


def test_bert_has_ten_lengths() -> None:
    cells = planned("bert").cells
    assert [cell.label for cell in cells] == [str(n) for n in range(50, 501, 50)]
    assert {cell.parameters for cell in cells} == {109_482_240}


def test_kws_cells_are_networks_by_batches() -> None:
    cells = planned("kws", bsize=(1, 8), neurons=(1, 2)).cells
    assert [cell.label for cell in cells] == ["b1", "b8", "b1 2x", "b8 2x"]
    assert [cell.macs for cell in cells][:2] == [172_800] * 2
    assert cells[2].parameters > 2 * cells[0].parameters  # type: ignore[operator]


def test_a_count_alone_bounds_no_time() -> None:
    (counted,) = planned("kws", count=5).cells
    assert (counted.count, counted.seconds) == (5, 0)
    (timed,) = planned("kws").cells
    assert (timed.count, timed.seconds) == (0, 10)


def test_lenet_batches_keep_to_the_memory_budget() -> None:
    for megabytes in (1, 64):
        for cell in planned("lenet", memory=megabytes).cells:
            assert cell.batch == 1 or cell.needed_bytes <= (200 + 1 + megabytes) << 20
    (text,) = planned("lenet", memory=64).remarks
    assert "64 MiB" in text


def test_lenet_layers_alone_have_the_macs_of_their_input() -> None:
    macs = {cell.label: cell.macs for cell in planned("lenet", sizes=(32, 64)).cells}
    assert macs["conv1 32x32"] == 117_600
    assert macs["conv2 32x32"] == 240_000
    assert macs["linear1 32x32"] == 32 * 48_000
    assert macs["linear1 64x64"] == 64 * 48_000
    assert len(macs) == 22


def test_lenet_cumulative_cells_grow_to_the_whole_network() -> None:
    cells = planned("lenet", sizes=(32,), method="cumulative").cells
    assert cells[0].minus is None
    assert [cell.minus for cell in cells[1:]] == [cell.label for cell in cells[:-1]]
    assert (cells[-1].macs, cells[-1].parameters) == (416_520, 61_706)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        (
            "alexnet",
            {"sizes": (16,)},
            r"--sizes 16: .*pool2.*a window of 3 does not fit into 1, but relu2 gives 192×1×1",
        ),
        ("bert", {"sizes": (600,)}, r"--sizes 600: .*512 positions"),
        ("lenet", {"sizes": (4,)}, r"--sizes 4: .*conv1"),
        ("alexnet", {"count": (1, 2)}, r"--count has 2 values for 20 sizes"),
        ("model", {}, "which model"),
        ("model", {"path": "net.txt"}, "net.txt: no such model"),
        ("command", {}, "no command: fix: put it after --"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(
    name: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        planned(name, **given)


def test_counts_are_shared_or_one_each() -> None:
    assert shared_count((1, 2, 3), (5,), "sizes") == (5, 5, 5)
    assert shared_count((1, 2), (5, 6), "sizes") == (5, 6)


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (Option("n", "whole", 1, ""), "10_000", 10_000),
        (Option("n", "wholes", (1,), ""), "1, 8,64", (1, 8, 64)),
        (Option("n", "shapes", None, ""), "3,8 s=2,1", {"": (3, 8), "s": (2, 1)}),
        (Option("n", "seconds", 1.0, ""), "2.5", 2.5),
        (Option("n", "choice", "a", "", choices=("a", "b")), "b", "b"),
        (Option("n", "text", "", ""), "x y", "x y"),
    ],
)
def test_a_text_becomes_a_value(option: Option, text: str, value: object) -> None:
    assert option.parse(text) == value


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        (Option("n", "whole", 1, ""), "0", "0 is below 1"),
        (Option("n", "wholes", (1,), ""), "1,,2", "'' is not a whole number"),
        (Option("n", "seconds", 1.0, ""), "nan", "not a number of seconds"),
        (Option("n", "seconds", 1.0, ""), "soon", "not a number of seconds"),
        (Option("n", "choice", "", "", choices=("torch", "numpy")), "toch", "did you mean torch"),
    ],
)
def test_a_wrong_text_is_refused_in_words(option: Option, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        option.parse(text)


@given(
    st.text(max_size=20),
    st.sampled_from(["whole", "wholes", "shapes", "seconds", "choice", "text"]),
)
def test_any_text_is_a_value_or_a_value_error(text: str, kind: Any) -> None:
    with contextlib.suppress(ValueError):
        Option("n", kind, None, "", choices=("a",)).parse(text)


OTHER = Workload("other", "another package's", (), lambda values: Plan("other", ()))


def entry_point(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name, value, module.ENTRY_POINTS)
    monkeypatch.setattr(module, "entry_points", lambda group: [point])


def test_another_package_adds_a_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "other_package", sys.modules[__name__])
    entry_point(monkeypatch, "other", "other_package:OTHER")
    assert catalogue()["other"] is OTHER


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kws", "other_package:OTHER", "workload kws of .*another workload has this name"),
        ("more", "no_such_package:W", "workload more of .*ModuleNotFoundError"),
        ("more", "other_package:HEAVY", "workload more of .*is not a Workload"),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setitem(sys.modules, "other_package", sys.modules[__name__])
    entry_point(monkeypatch, name, value)
    with pytest.raises(UsageError, match=words):
        catalogue()


def test_a_command_line_becomes_values() -> None:
    asked = parse(["kws", "--bsize", "1,8", "--seconds", "5"], catalogue())
    assert asked.workload.name == "kws"
    assert (asked.values["bsize"], asked.values["seconds"]) == ((1, 8), 5.0)
    assert asked.values["threads"] == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["kw"], r"invalid choice: 'kw'"),
        (["kws", "--bsize", "one"], "argument --bsize: 'one' is not a whole number"),
        (
            ["kws", "--engine", "toch"],
            "argument --engine: invalid choice 'toch': did you mean torch",
        ),
        (["kws", "--sizes", "1"], "unrecognized arguments: --sizes 1"),
        (["kws", "--", "ls"], "kws runs no command"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(argv: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        parse(argv, catalogue())
    assert "\n" not in str(refused.value)


def test_what_follows_the_dashes_is_the_command_untouched() -> None:
    asked = parse(["command", "--repeats", "2", "--", "ls", "--", "-l"], catalogue())
    assert asked.values["argv"] == ("ls", "--", "-l")
    part = RepeatChild(1, 7)
    argv = again(asked, part)
    assert argv == ["command", "--repeats", "2", f"--{AS_REPEAT}", "1", "7", "--", "ls", "--", "-l"]
    assert parse(argv, catalogue()).part == part
