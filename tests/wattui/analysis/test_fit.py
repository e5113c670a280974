"""Points, series, shares and published tables: what a summary gives, and what it lacks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.summary.figures import Difference, Group, Sum, Summary, Value
from tests.support.made_runs import B1, IDLE, Part, finished
from wattui.analysis.fit import (
    ALL,
    FitPoint,
    FitRequest,
    fit_networks,
    fit_series,
    read_points,
    series_dict,
    wholes,
)
from wattui.analysis.fit_json import read_fit
from wattui.analysis.label_numbers import AGAINST, Against, carried
from wattui.analysis.parts import parts_of
from wattui.analysis.published import NAMES, published
from wattui.analysis.shares import LayerCost, layer_cells, layer_type, negative_cells, shares

TOTAL = FitRequest("pixels", "total", "total")
DOCUMENT = {
    "version": 1,
    "kind": "fit",
    "against": "macs",
    "figure": "total",
    "domain": "total",
    "origin": "measured",
}


def point(x: float, energy_j: float, family: str = "", network: str = "") -> FitPoint:
    return FitPoint(network, "run", f"{family} {x:g}".strip(), family, x, energy_j, None)


def joules(group: Group) -> float | None:
    value = TOTAL.value(group)
    return value[0] if value else None


def sizes(path: Path, watts: Sequence[float] = (30.0, 40.0, 60.0)) -> Summary:
    """A run of 10 s and 100 inferences at 32, 64 and 128 pixels: 3, 4 and 6 J each."""
    parts = [
        Part("running", 10, w, label, 100)
        for w, label in zip(watts, ("32x32", "64x64", "128x128"), strict=False)
    ]
    return finished(path, [IDLE, *parts]).summary


@pytest.mark.parametrize(
    ("label", "against", "number", "family"),
    [
        ("224", "pixels", 224**2, ""),
        ("224", "size", 224, ""),
        ("224", "tokens", 224, ""),
        ("224", "batch", None, "224"),
        ("conv1 64x64", "pixels", 64 * 64, "conv1"),
        ("conv1 64×48", "pixels", 64 * 48, "conv1"),
        ("conv1 64x48", "size", None, "conv1 64x48"),
        ("conv1 64x64", "size", 64, "conv1"),
        ("to conv1 64x64", "pixels", 64 * 64, "to conv1"),
        ("b32", "batch", 32, ""),
        ("b32 2x", "batch", 32, "2x"),
        ("b32", "pixels", None, "b32"),
        ("t128", "tokens", 128, ""),
        ("b8 t128", "tokens", 128, "b8"),
        ("t128", "pixels", None, "t128"),
        ("32 64", "pixels", None, "32 64"),
        ("conv1", "pixels", None, "conv1"),
        ("resnet50", "size", None, "resnet50"),
        ("0", "pixels", None, "0"),
        ("٣٢", "size", None, "٣٢"),
        ("", "size", None, ""),
        ("conv1 64x64", "macs", None, "conv1"),
        ("224", "macs", None, ""),
        ("c8", "concurrency", 8, ""),
        ("c8 512+128", "concurrency", 8, "512+128"),
        ("c1 32x32", "pixels", 32 * 32, "c1"),
        ("c1 32x32", "macs", None, "c1"),
        ("b8", "concurrency", None, "b8"),
    ],
)
def test_labels_carry_numbers(
    label: str, against: Against, number: float | None, family: str
) -> None:
    assert carried(label, against) == (number, family)


@given(st.text(max_size=30), st.sampled_from(AGAINST))
def test_no_label_breaks_the_reading_of_its_number(label: str, against: Against) -> None:
    number, _ = carried(label, against)
    assert number is None or number > 0


def test_points_are_the_joules_that_were_recorded(tmp_path: Path) -> None:
    points, missing = read_points("net", "run", sizes(tmp_path / "run.csv"), TOTAL)
    assert missing == []
    assert [p.x for p in points] == [32**2, 64**2, 128**2]
    assert [p.y for p in points] == [pytest.approx(j) for j in (3, 4, 6)]
    assert all(p.plus_minus is not None for p in points)


def test_dynamic_points_are_less_by_the_idle_power(tmp_path: Path) -> None:
    asked = FitRequest("pixels", "dynamic", "total")
    points, _ = read_points("net", "run", sizes(tmp_path / "run.csv"), asked)
    assert [p.y for p in points] == [pytest.approx(j) for j in (2, 3, 5)]


@pytest.mark.parametrize(
    ("parts", "asked", "said"),
    [
        ([IDLE], TOTAL, "nothing was marked as running"),
        ([B1], TOTAL, "run: b1: no pixels in the label, as in 224 or 64x64"),
        ([B1], FitRequest("batch", "dynamic", "total"), "run: b1: there is no idle baseline"),
        ([B1], FitRequest("batch", "marginal", "total"), "run: b1: there is no armed baseline"),
        ([B1], FitRequest("batch", "total", "gpu0"), "run: b1: gpu0 was not recorded"),
        (
            [B1._replace(count=0)],
            FitRequest("batch", "total", "total"),
            "no inferences were counted",
        ),
        ([B1], FitRequest("macs", "total", "total"), "run: b1: its MACs are not known"),
        ([B1._replace(label="")], TOTAL, "run: running: no pixels"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, parts: list[Part], asked: FitRequest, said: str
) -> None:
    summary = finished(tmp_path / "run.csv", parts).summary
    points, missing = read_points("", "run", summary, asked)
    assert points == []
    assert said in "; ".join(missing)


def test_labels_without_a_number_are_told_together_and_the_others_are_fitted(
    tmp_path: Path,
) -> None:
    parts = [Part("running", 2, 50.0, label, 10) for label in ("a", "32", "b", "64")]
    points, missing = read_points("", "run", finished(tmp_path / "r.csv", parts).summary, TOTAL)
    assert [p.label for p in points] == ["32", "64"]
    assert missing == ["run: a, b: no pixels in the label, as in 224 or 64x64"]


def test_layers_without_macs_are_not_layers_of_unknown_macs(tmp_path: Path) -> None:
    summary = finished(tmp_path / "r.csv", [B1._replace(label="relu1")]).summary
    _, missing = read_points("", "r", summary, FitRequest("macs", "total", "total"), {"relu1": 0})
    assert missing == ["r: relu1: it has no MACs"]


def test_an_energy_that_is_not_a_number_is_left_out(tmp_path: Path) -> None:
    summary = sizes(tmp_path / "run.csv")
    domains = summary.labels[0].domains
    domains["total"] = replace(domains["total"], total_j_per_inference=Value(math.nan))
    points, missing = read_points("", "run", summary, TOTAL)
    assert len(points) == 2
    assert missing == ["run: 32x32: its energy is nan"]


def test_all_points_then_every_layer_apart() -> None:
    points = [point(x, 1 + x, "conv1") for x in (1, 2, 3)]
    points += [point(x, 5 + 2 * x, "conv2") for x in (1, 2, 3)]
    everything, first, second = fit_series(points)
    assert (everything.name, first.name, second.name) == (ALL, "conv1", "conv2")
    assert everything.group_kind == "layer"
    assert everything.ordinary is not None
    assert everything.ordinary.left_out_group is not None
    assert everything.ordinary.left_out_group.groups == ("conv1", "conv2")
    assert first.ordinary is not None
    assert first.ordinary.line.slope == pytest.approx(1)
    assert second.relative is not None
    assert second.relative.line.intercept == pytest.approx(5)


def test_networks_are_left_out_before_layers() -> None:
    points = [point(x, x, "conv1", "a") for x in (1, 2, 3)]
    points += [point(x, 2 * x, "conv1", "b") for x in (1, 2, 3)]
    everything, *apart = fit_series(points)
    assert everything.ordinary is not None
    assert everything.ordinary.left_out_group is not None
    assert everything.ordinary.left_out_group.groups == ("a", "b")
    # b from a: x for 2x, short by half; a from b: 2x for x, over by all of it.
    assert everything.ordinary.left_out_group.mean == pytest.approx(0.75)
    assert [series.name for series in apart] == ["a conv1", "b conv1"]


def test_one_network_of_one_layer_is_one_series() -> None:
    (only,) = fit_series([point(x, x, network="a") for x in (1, 2, 3)])
    assert only.name == ALL
    assert only.ordinary is not None
    assert only.ordinary.left_out_group is None


@pytest.mark.parametrize(
    ("points", "ordinary", "relative", "said"),
    [
        ([point(1, 1)], False, False, "there is one"),
        ([point(1, 1), point(2, 2)], True, True, "two points"),
        ([point(1, 1), point(1, 2), point(1, 3)], False, False, "all 3 points have 1"),
        ([point(1, -1), point(2, 2), point(3, 3)], True, False, "above zero, the least is -1"),
        ([point(1, 0), point(2, 2), point(3, 3)], True, False, "above zero: 1"),
        ([point(1, 1), point(2, 2), point(3, 3)], True, True, "3 points: at least"),
    ],
)
def test_what_cannot_be_fitted_is_said_and_the_rest_is_fitted(
    points: list[FitPoint], ordinary: bool, relative: bool, said: str
) -> None:
    (series,) = fit_series(points)
    assert (series.ordinary is not None, series.relative is not None) == (ordinary, relative)
    assert said in "; ".join(series.remarks)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(-10, 10)), min_size=1, max_size=12), st.data()
)
def test_any_points_give_json_and_their_order_does_not_matter(
    values: list[tuple[int, float]], data: st.DataObject
) -> None:
    points = [point(x, y, "a" if x % 2 else "b") for x, y in values]
    found = {series.name: series_dict(series, TOTAL) for series in fit_series(points)}
    text = json.dumps({**DOCUMENT, "series": list(found.values())}, allow_nan=False)
    assert read_fit(json.loads(text)).series == tuple(fit_series(points))
    shuffled = fit_series(data.draw(st.permutations(points)))
    assert {
        series.name: series_dict(series, TOTAL)["ordinary"] for series in shuffled
    }.keys() == found.keys()
    for series in shuffled:
        line = series.ordinary and series.ordinary.line.slope
        before = found[series.name]["ordinary"]
        assert line == (before and before["line"]["slope"])


def test_shares_by_layer_and_by_type() -> None:
    cells = [
        LayerCost("conv1", "32x32", 3.0),
        LayerCost("conv2", "32x32", 5.0),
        LayerCost("pool1", "32x32", 2.0),
    ]
    (found,) = shares([*cells, LayerCost("conv1", "64x64", 1.0)])
    assert [(s.name, s.share) for s in found.layers] == [
        ("conv1", pytest.approx(0.3)),
        ("conv2", pytest.approx(0.5)),
        ("pool1", pytest.approx(0.2)),
    ]
    assert [(s.name, s.value, s.share) for s in found.types] == [
        ("conv", 8.0, pytest.approx(0.8)),
        ("pool", 2.0, pytest.approx(0.2)),
    ]
    assert found.negative == ()


@pytest.mark.parametrize(
    ("layer", "kind"),
    [("conv1", "conv"), ("relu6_2", "relu6"), ("conv1#2", "conv"), ("pool", "pool")],
)
def test_the_type_of_a_layer_is_its_name_without_its_number(layer: str, kind: str) -> None:
    assert layer_type(layer) == kind


def test_layers_that_ran_alone_are_cells_and_a_whole_network_is_none(tmp_path: Path) -> None:
    labels = ("LeNet-5", "conv1", "relu1", "b32")
    parts = [Part("running", 2, 50.0, label, 10) for label in labels]
    summary = finished(tmp_path / "r.csv", [IDLE, *parts]).summary
    summary = replace(summary, sums=[Sum("LeNet-5", 2, {})])
    cells = layer_cells(summary, joules)
    assert [(cell.layer, cell.size) for cell in cells] == [("conv1", ""), ("relu1", "")]


def cumulative(path: Path, watts: Sequence[float]) -> list[LayerCost]:
    """A cumulative table: the first layers together, beside those before them."""
    labels = ["to conv1 32x32", "to relu1 32x32", "to conv2 32x32"]
    parts = [Part("running", 10, w, label, 100) for w, label in zip(watts, labels, strict=True)]
    summary = finished(path, [IDLE, *parts]).summary
    pairs = [Difference(more, less, {}) for less, more in pairwise(labels)]
    return layer_cells(replace(summary, differences=pairs), joules)


def test_a_cumulative_table_is_differenced_layer_by_layer(tmp_path: Path) -> None:
    cells = cumulative(tmp_path / "r.csv", (30.0, 40.0, 70.0))
    assert [(c.layer, c.size, c.value) for c in cells] == [
        ("conv1", "32x32", pytest.approx(3)),
        ("relu1", "32x32", pytest.approx(1)),
        ("conv2", "32x32", pytest.approx(3)),
    ]
    assert negative_cells(shares(cells)) is None


def test_negative_cells_of_a_cumulative_table_are_flagged_and_stay_negative(
    tmp_path: Path,
) -> None:
    cells = cumulative(tmp_path / "r.csv", (40.0, 30.0, 70.0))
    (found,) = shares(cells)
    assert found.negative == ("relu1",)
    assert [s.share for s in found.layers] == [pytest.approx(s) for s in (4 / 7, -1 / 7, 4 / 7)]
    said = negative_cells([found])
    assert said is not None
    assert said.startswith("1 of 3 cells are below zero: relu1 32x32:")


LAYERS = ("conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "linear1", "linear2")
SIDES = (32, 64, 128, 256, 512, 1024)


def test_a_cumulative_table_of_48_cells_names_its_13_negative_ones(tmp_path: Path) -> None:
    # The size of DeepMeter's table, of which its count of negative cells is published, not its
    # rows: these totals fall 13 times from one layer to the next.
    published_counts = published("deepmeter")["cumulative"]
    assert len(LAYERS) * len(SIDES) == published_counts["cells"] == 48
    falls = {(SIDES[k % 6], LAYERS[1 + k % 7]) for k in range(published_counts["negative_cells"])}
    parts, pairs = [], []
    for side in SIDES:
        watts = 50.0
        labels = [f"to {layer} {side}x{side}" for layer in LAYERS]
        for layer, label in zip(LAYERS, labels, strict=True):
            watts += -5 if (side, layer) in falls else 7
            parts.append(Part("running", 2, watts, label, 20))
        pairs += [Difference(b, a, {}) for a, b in pairwise(labels)]
    summary = replace(finished(tmp_path / "r.csv", [IDLE, *parts]).summary, differences=pairs)
    found = shares(layer_cells(summary, joules))
    assert sum(len(each.layers) for each in found) == 48
    assert {(int(s.size.split("x")[0]), n) for s in found for n in s.negative} == falls
    assert len(falls) == 13
    assert (negative_cells(found) or "").startswith("13 of 48 cells are below zero: ")


def test_there_are_no_shares_of_nothing() -> None:
    (found,) = shares([LayerCost("a", "", -1.0), LayerCost("b", "", 0.5)])
    assert [s.share for s in found.layers] == [None, None]


def test_there_are_no_other_published_tables() -> None:
    with pytest.raises(KeyError):
        published("../fit")


@pytest.mark.parametrize("name", NAMES)
def test_every_published_table_names_its_source(name: str) -> None:
    assert published(name)["source"]


@pytest.mark.parametrize("row", published("kws")["devices"], ids=lambda row: row["device"])
def test_the_published_keyword_spotter_rows_recompute(row: dict[str, Any]) -> None:
    dynamic_w = row["running_w"] - row["idle_w"]
    assert dynamic_w == pytest.approx(row["dynamic_w"], abs=5e-4)
    wanted = row.get("recomputed_dynamic_j_per_inference", row["dynamic_j_per_inference"])
    digits = 2 if wanted < 0.01 else 4
    assert dynamic_w / row["inferences_per_s"] == pytest.approx(wanted, rel=10 ** (1 - digits) / 2)


def test_published_totals_are_those_of_their_parts() -> None:
    lenet = published("deepmeter")["network"]
    assert sum(lenet["macs"].values()) == lenet["total_macs"]
    alexnet = published("aipowermeter")["alexnet"]
    classifier = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert sum(alexnet["macs_at_224"].values()) + classifier == alexnet["total_macs_at_224"]
    for row in published("deepmeter")["individual"][:1]:
        assert [side**2 for side in row["side_pixels"]] == row["pixels"]
    rows = published("deepmeter")["individual"][1]
    assert [count * rows["features_per_row"] for count in rows["rows"]] == rows["elements"]


def test_errors_that_synergy_published() -> None:
    rows = {row["from"]: row for row in published("synergy")["relative_test_errors"]}
    assert (rows["macs"]["mean_pct"], rows["macs"]["sd_pct"]) == (7.08, 6.0)
    other = rows["macs, with mobilenet"]
    assert (other["mean_pct"], other["sd_pct"]) == (17.33, 12.2)


def two_networks(path: Path, per_mac: Sequence[float] = (1e-6, 2e-6)) -> Summary:
    """Two networks of two layers and a pooling; every layer costs so many joules a MAC."""
    labels = {"a": 9.0, "b": 9.0}
    for network, joules_a_mac in zip("ab", per_mac, strict=True):
        labels |= {f"{network}/{layer}": n * joules_a_mac for layer, n in CONVOLUTIONS.items()}
        labels[f"{network}/pool1"] = 0.5
    parts = [Part("running", 10, 10 * j, label, 100) for label, j in labels.items()]
    summary = finished(path, [IDLE, *parts]).summary
    return replace(summary, sums=[Sum(whole, 3, {}) for whole in "ab"])


CONVOLUTIONS = {"conv1": 1_000_000, "conv2": 3_000_000}
MACS = {f"{network}/{layer}": n for network in "ab" for layer, n in CONVOLUTIONS.items()}
OF_MACS = FitRequest("macs", "total", "total", through_origin=True)


def test_a_label_of_a_network_and_its_layer_is_a_point_of_that_network(tmp_path: Path) -> None:
    macs = MACS | {"a": 4_000_000, "b": 4_000_000}
    points, _ = read_points("", "r", two_networks(tmp_path / "r.csv"), OF_MACS, macs)
    assert [(p.network, p.layer, p.x) for p in points] == [
        (network, layer, n) for network in "ab" for layer, n in CONVOLUTIONS.items()
    ]
    assert [series.name for series in fit_series(points)] == [ALL, "a", "b"]


def test_networks_are_predicted_as_the_sums_of_their_layers_from_the_others(
    tmp_path: Path,
) -> None:
    points, _ = read_points("", "r", two_networks(tmp_path / "r.csv"), OF_MACS, MACS)
    for errors in fit_networks(points, through_origin=True):
        # 1 and 2 µJ a MAC: a is predicted at twice its 4 J, b at half of its 8 J.
        first, second = errors.rows
        assert (first.network, first.layers, first.x) == ("a", 2, 4_000_000)
        assert (first.measured, first.predicted) == (pytest.approx(4), pytest.approx(8))
        assert (first.error, second.error) == (pytest.approx(1), pytest.approx(-0.5))
        assert errors.mean == pytest.approx(0.75)
        assert errors.sd == pytest.approx(0.5 / 2**0.5)
    assert fit_networks(points, through_origin=True, without=["b"]) == []


def test_a_whole_is_told_beside_its_layers(tmp_path: Path) -> None:
    found = wholes("", two_networks(tmp_path / "r.csv"), OF_MACS)
    assert found == {"a": pytest.approx(9), "b": pytest.approx(9)}


def test_the_shares_of_several_networks_are_kept_apart(tmp_path: Path) -> None:
    first, second = shares(layer_cells(two_networks(tmp_path / "r.csv"), joules))
    assert (first.size, second.size) == ("a", "b")
    assert {row.name: row.share for row in first.types} == {
        "conv": pytest.approx(4 / 4.5),
        "pool": pytest.approx(0.5 / 4.5),
    }


def test_seconds_are_those_of_the_clock_and_need_no_energy(tmp_path: Path) -> None:
    summary = sizes(tmp_path / "run.csv")
    summary = replace(summary, labels=[replace(group, domains={}) for group in summary.labels])
    asked = FitRequest("pixels", "seconds", "")
    points, missing = read_points("", "run", summary, asked)
    assert (missing, [(p.y, p.plus_minus) for p in points]) == ([], [(0.1, None)] * 3)
    (series,) = fit_series(points)
    found = series_dict(series, asked)["points"][0]
    assert found["seconds"] == 0.1
    assert "energy_j" not in found


def test_a_label_with_a_slash_is_a_layer_only_of_a_network_that_ran(tmp_path: Path) -> None:
    parts = [Part("running", 2, 50.0, label, 10) for label in ("a", "a/conv1", "c/conv1")]
    summary = finished(tmp_path / "r.csv", [IDLE, *parts]).summary
    summary = replace(summary, sums=[Sum("a", 1, {})])
    assert parts_of(summary) == {"a/conv1": ("a", "conv1")}


def test_one_whole_alone_has_all_other_labels_as_its_layers(tmp_path: Path) -> None:
    parts = [Part("running", 2, 50.0, label, 10) for label in ("Net", "conv1", "conv2")]
    summary = finished(tmp_path / "r.csv", [IDLE, *parts]).summary
    summary = replace(summary, sums=[Sum("Net", 2, {})])
    macs = {"Net": 3, "conv1": 1, "conv2": 2}
    points, _ = read_points("", "r", summary, OF_MACS, macs)
    assert [(p.network, p.layer, p.x) for p in points] == [("Net", "conv1", 1), ("Net", "conv2", 2)]
    points, _ = read_points("mine", "r", summary, OF_MACS, macs)
    assert {p.network for p in points} == {"mine"}
