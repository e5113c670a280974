"""Bundled networks: published counts, ordinary numbers, and the workload that runs them."""

from __future__ import annotations

import pytest

from workloads import networks
from workloads.catalogue import catalogue
from workloads.classifiers import QUICK
from workloads.errors import UsageError
from workloads.graph import Graph, lower
from workloads.networks import BUNDLED, CLASSIFIERS, bundled
from workloads.plan import Plan


def graph(name: str) -> Graph:
    return lower(bundled(name))


def planned(preset: str | None = None, **given: object) -> Plan:
    workload = catalogue()["networks"]
    return workload.plan(workload.values(given, preset))


# Parameters and MACs of torchvision 0.29's models of these names (by torch.utils.flop_counter),
# and for those that it has not: MobileNet's paper, table 4 (569 million, 4.2 million), GoogLeNet's
# and NiN's as their authors' released models have them, All-CNN-C's paper, table 1.
@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [
        ("lenet5", 416_520, 61_706),
        ("alexnet", 714_188_480, 61_100_840),
        ("all-cnn-c", 270_798_336, 1_369_738),
        ("nin", 222_486_528, 966_986),
        ("squeezenet", 349_151_936, 1_235_496),
        ("googlenet", 1_582_671_872, 6_998_552),
        ("inception-v3", 5_713_216_096, 23_834_568),
        ("vgg11", 7_609_090_048, 132_863_336),
        ("vgg16", 15_470_264_320, 138_357_544),
        ("mobilenet", 568_740_352, 4_231_976),
        ("mobilenet-v2", 300_774_272, 3_504_872),
        ("resnet18", 1_814_073_344, 11_689_512),
        ("resnet50", 4_089_184_256, 25_557_032),
    ],
)
def test_macs_and_parameters_are_those_published(name: str, macs: int, parameters: int) -> None:
    found = graph(name)
    assert (found.macs, found.parameters) == (macs, parameters)


def test_classifiers_make_a_number_for_every_class() -> None:
    classes = {name: graph(name).output_shape for name in CLASSIFIERS}
    small = ("lenet5", "all-cnn-c", "nin")
    assert classes == {name: (10 if name in small else 1000,) for name in CLASSIFIERS}


def test_googlenet_has_the_maps_of_its_table() -> None:
    shapes = [node.shape for node in graph("googlenet").nodes if node.kind == "concat"]
    channels = [256, 480, 512, 512, 512, 528, 832, 832, 1024]
    sides = [28] * 2 + [14] * 5 + [7] * 2
    assert shapes == [(c, s, s) for c, s in zip(channels, sides, strict=True)]


def test_depthwise_convolutions_are_called_so_and_are_in_groups() -> None:
    for name, count in (("mobilenet", 13), ("mobilenet-v2", 17)):
        nodes = graph(name).nodes
        named = [node for node in nodes if node.name.startswith("depthwise")]
        assert named == [node for node in nodes if node.options.get("groups", 1) > 1]
        assert len(named) == count


def test_a_network_that_is_not_there_is_told_with_one_that_is() -> None:
    with pytest.raises(UsageError, match=r"no network 'squeeznet': did you mean squeezenet\?"):
        bundled("squeeznet")
    with pytest.raises(UsageError, match="there are lenet5, alexnet"):
        bundled("?")


def test_every_bundled_network_has_another_title() -> None:
    assert len({bundled(name).name for name in BUNDLED}) == len(BUNDLED)


def test_labels_are_networks_and_their_layers() -> None:
    plan = planned(networks="squeezenet, lenet5", layerwise=True)
    assert [group.cells[0].label for group in plan.groups] == ["squeezenet", "lenet5"]
    for group, name in zip(plan.groups, ("squeezenet", "lenet5"), strict=True):
        whole, *layers = group.cells
        assert whole.part_of is None
        assert {cell.part_of for cell in layers} == {name}
        assert all(cell.label.startswith(f"{name}/") for cell in layers)
        assert sum(cell.macs or 0 for cell in layers) == whole.macs == graph(name).macs


def test_without_layerwise_there_are_the_whole_networks_alone() -> None:
    assert [cell.label for cell in planned().cells] == list(CLASSIFIERS)


def test_the_presets_have_nine_networks_and_more_layer_by_layer() -> None:
    assert len(QUICK) >= 9
    quick, paper = planned("quick"), planned("paper")
    assert len(quick.groups) == len(QUICK)
    assert len(paper.groups) == len(CLASSIFIERS)
    assert all(len(group.cells) > 1 for group in (*quick.groups, *paper.groups))
    assert catalogue()["networks"].values({}, "paper")["repeats"] == 5
    assert sum(cell.seconds for cell in quick.cells) < 200


def test_an_unknown_network_is_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match=r"--networks vgg: there are lenet5, alexnet"):
        planned(networks="alexnet,vgg")


# VGG takes images of 224 alone, and half a gigabyte of weights.
@pytest.mark.slow
@pytest.mark.needs_workloads
@pytest.mark.parametrize("name", [n for n in CLASSIFIERS if n not in ("vgg11", "vgg16")])
def test_numbers_stay_ordinary_in_every_layer(name: str) -> None:
    # Denormal numbers would cost many times the energy of ordinary ones.
    import numpy as np

    from workloads.engines import EngineOptions, open_engine
    from workloads.weights import make_inputs, make_weights

    smaller = {"alexnet": 96, "inception-v3": 96}
    network = networks.bundled(name)
    assert network.input_shape is not None
    channels, side, _ = network.input_shape
    side = smaller.get(name, min(side, 64))
    found = lower(network, (channels, side, side))
    values = open_engine(EngineOptions()).values(
        found, make_weights(found, 1), *make_inputs(found, 1, 1)
    )
    for node, array in values.items():
        sizes = np.abs(array[array != 0])
        assert np.isfinite(array).all(), node
        assert sizes.size, node
        assert (sizes >= np.finfo(np.float32).tiny).all(), node
        assert 1e-6 < sizes.mean() < 1e6, node
