"""The table of channels: the meaning of names, and which channel contains which."""

from __future__ import annotations

import random
import re

import pytest

from recorders.channels import (
    KINDS,
    column_order,
    contains,
    is_measured,
    kind_of,
    kind_of_column,
    node_of,
    number_of,
    short_name,
    without_node,
)
from recorders.source import Channel

# In the order of the run file's columns.
NAMES = [
    *("package0_die0", "package0_die1", "package1", "package10", "core0", "core1", "uncore0"),
    *("dram0", "dram1_die1", "psys", "psys1", "gpu0", "gpu0_util", "gpu0_mem", "gpu0_temp"),
    *("gpu0_clock", "gpu2", "gpu10", "gpu10_temp", "cpu_util", "cpu_freq", "cpu_temp"),
    *("command_cpu", "est_cpu", "est_ram", "meter_wall", "sim_cpu", "total", "turbine_2"),
]


def test_columns_stand_device_by_device_and_numbers_as_numbers() -> None:
    mixed = random.Random(3).sample(NAMES, len(NAMES))
    assert sorted(mixed, key=column_order) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_of_one_kind(name: str) -> None:
    fitting = [kind.name for kind in KINDS if re.fullmatch(kind.pattern, name)]
    kind = kind_of(name)
    assert fitting[0] == kind.name
    # An estimate of the processor is one of estimates; everything is of some kind.
    assert set(fitting[1:]) <= {"est", "other"}


def test_a_meter_outside_is_no_sensor_of_the_machine() -> None:
    names = ("package0", "psys", "meter_wall")
    assert [is_measured(Channel(name, "J")) for name in names] == [True, True, False]
    assert not is_measured(Channel("est_cpu", "J", "estimated"))


def test_rows_and_graphs_are_there_once() -> None:
    graphs = {kind.graph for kind in KINDS if kind.graph}
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len({graph.place for graph in graphs}) == len({graph.title for graph in graphs})
    assert all(kind.nouns[0] and kind.nouns[1] for kind in KINDS if kind.in_total)
    assert {name for kind in KINDS for name in kind.inside} <= {kind.name for kind in KINDS}


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("package0", {"core0", "uncore0"}),
        ("psys", {"package0", "core0", "uncore0", "dram0"}),
        ("est_cpu", {"package0", "core0", "uncore0", "dram0"}),
        ("meter_wall", {"package0", "core0", "uncore0", "dram0", "gpu0", "psys", "est_cpu"}),
        ("total", set()),
        ("gpu0", set()),
    ],
)
def test_what_contains_what(whole: str, parts: set[str]) -> None:
    names = ["package0", "core0", "uncore0", "dram0", "psys", "gpu0", "est_cpu", "meter_wall"]
    assert {name for name in names if contains(whole, name)} == parts


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("gpu0_W", "gpu"),
        ("gpu0_J", "other"),
        ("gpu0_temp_C", "gpu_temp"),
        ("cpu_util_pct", "cpu_util"),
        ("command_cpu_pct", "command_cpu"),
        ("event", "other"),
        ("W", "other"),
    ],
)
def test_a_column_is_of_the_kind_that_its_unit_allows(column: str, kind: str) -> None:
    assert kind_of_column(column).name == kind


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("package0_die1", "pkg0_die1"),
        ("gpu1_util", "gpu1"),
        ("cpu_util", "all"),
        ("cpu_temp", "cpu"),
        ("command_cpu", "command"),
        ("est_cpu", "estimated"),
        ("sim_cpu", "simulated"),
        ("meter_wall", "meter_wall"),
    ],
)
def test_what_a_graph_calls_it(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize("name", [name for name in NAMES if name != "total"])
def test_a_node_has_the_kinds_of_a_machine_alone(name: str) -> None:
    there = f"node12_{name}"
    assert (kind_of(there), node_of(there), without_node(there)) == (kind_of(name), "node12", name)
    assert number_of(there) == number_of(name)


def test_columns_of_nodes_stand_node_by_node_and_their_sum_last() -> None:
    names = [f"node{n}_{name}" for n in (0, 2, 10) for name in ("package0", "package1", "gpu0")]
    shuffled = random.Random(1).sample(names, len(names))
    assert sorted(shuffled, key=column_order) == names


def test_a_channel_contains_only_what_is_on_its_own_node() -> None:
    assert contains("node1_psys", "node1_package0")
    assert not contains("node1_psys", "node0_package0")
    assert contains("psys", "node0_package0"), "the sum over nodes"
    assert contains("node1_package0", "node1_core0")
    assert not contains("node1_package0", "node2_core0")


def test_names_in_graphs_say_the_node() -> None:
    names = ("node3_package0", "node0_gpu1_temp", "node2_command_gpu0")
    assert [short_name(name) for name in names] == [
        "node3 pkg0",
        "node0 gpu1",
        "node2 command gpu0",
    ]
    assert kind_of_column("node4_gpu0_util_pct").name == "gpu_util"
    assert node_of("node_W") == node_of("nodes") == ""
