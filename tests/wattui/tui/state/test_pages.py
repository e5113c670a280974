"""Pages of graphs and presets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattui.config import Layout
from wattui.show.graphs import graphs
from wattui.tui.state.pages import (
    PRESET_NAMES,
    Pages,
    fitting,
    layout_refusal,
    of_layout,
    of_preset,
    saved,
)

COLUMNS = ["package0_W", "dram0_W", "gpu0_W", "gpu0_util_pct", "cpu_util_pct", "battery_W"]


def test_so_many_graphs_fit_each_screen() -> None:
    sizes = [(60, 16), (80, 24), (120, 35), (200, 49), (200, 50), (250, 70)]
    assert [fitting(*size)[0] for size in sizes] == [1, 1, 4, 4, 6, 9]


def test_presets_show_their_graphs() -> None:
    specs = graphs(COLUMNS)
    shown = {name: [s.title for s in of_preset(name, specs)] for name in PRESET_NAMES}
    assert shown["power"] == ["CPU package", "GPU board", "DRAM", "Battery"]
    assert shown["gpu"] == ["GPU board", "GPU utilisation"]
    assert shown["cpu"] == ["CPU package", "DRAM", "CPU utilisation"]
    assert shown["all"] == [spec.title for spec in specs]
    assert of_preset("gpu", graphs(["package0_W"])) == []


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 40))
def test_every_graph_is_on_exactly_one_page(graphs: int, size: int, turns: int) -> None:
    pages = Pages(graphs, size)
    seen = [place for number in range(pages.count) for place in pages.turned(number).places]
    assert seen == list(range(graphs))
    for place in range(graphs):
        assert place in pages.at(place).places
    turned = pages.turned(turns)
    assert turned.places.start in turned.of(graphs, max(1, size - 1)).places


def test_a_layout_has_its_graphs_in_order_without_those_that_are_missing() -> None:
    specs = graphs(["package0_W", "dram0_W", "gpu0_W"])
    layout = Layout("mine", ("DRAM", "Battery", "CPU package"))
    assert [spec.title for spec in of_layout(layout, specs)] == ["DRAM", "CPU package"]


def test_a_layout_that_is_typed_again_replaces_the_first_and_goes_without_graphs() -> None:
    first, other = Layout("a", ("DRAM",)), Layout("b", ("GPU board",))
    changed = saved([first, other], "a: GPU board, DRAM")
    assert changed == [other, Layout("a", ("GPU board", "DRAM"))]
    assert saved(changed, "a:") == [other]


def test_what_cannot_be_a_layout_is_told() -> None:
    specs = graphs(["package0_W", "dram0_W"])
    assert layout_refusal("mine", specs) == "begin with a name and a colon"
    told = "there is no graph 'CPU pakage': did you mean CPU package?"
    assert layout_refusal("mine: DRAM, CPU pakage", specs) == told
    assert layout_refusal("mine: CPU package, DRAM", specs) is None
    assert layout_refusal("mine:", specs) is None
