"""Energy and latency against size in a report, against the example of AIPowerMeter's protocol."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Origin
from recorders.summary.figures import Summary
from tests.support.made_runs import IDLE, Part, finished
from wattui.analysis.repeats import Repeats, correlation, repeats_of
from wattui.analysis.run_fits import FitSource
from wattui.analysis.sizes import Sizes, devices_of, sizes_of
from wattui.commands import report as report_command
from wattui.report.draw.style import WIDE_MM
from wattui.report.size_figures import (
    correlation_text,
    energy_picture,
    latency_picture,
    size_table,
)
from wattui.runs.recorded import Run

pytestmark = pytest.mark.needs_report

EXAMPLE = Path(__file__).parents[3] / "examples" / "alexnet_protocol.py"
ALEXNET = {"argv": ["python", "-m", "workloads", "alexnet", "--preset", "quick"]}
SECONDS = {"112": 2, "224": 4, "336": 9}
# One repeat of 224 pixels was disturbed.
WATTS = {"112": (40.0, 41.0, 42.0), "224": (50.0, 50.0, 900.0), "336": (55.0, 54.0, 53.0)}


def recorded(path: Path, channels: list[str], **about: Any) -> Run:
    """Ten inferences a size and repeat."""
    parts = [IDLE]
    for repeat in (1, 2, 3):
        parts += [
            Part("running", SECONDS[label], watts[repeat - 1], label, 10, repeat)
            for label, watts in WATTS.items()
        ]
    return finished(path, parts, channels, **about)


def sizes(run: Run, network: str = "", **wanted: Any) -> Sizes:
    wanted = {"against": "pixels", "figure": "total", "domain": "total", **wanted}
    found = sizes_of(FitSource(network, "run", run.summary, {}), **wanted)
    assert found is not None
    return found


@pytest.fixture
def measured(tmp_path: Path) -> Run:
    return recorded(tmp_path / "r.csv", ["package0", "dram0", "gpu0"])


def test_medians_over_repeats_are_those_of_the_powers(measured: Run) -> None:
    table = size_table(sizes(measured))
    assert table.head == (
        "label", "pixels", "repeats", "latency ms", "GPU (gpu0) J", "CPU (package0 + dram0) J",
    )  # fmt: skip
    assert table.rows == (
        ("112", "12,544", "3", "200.0", "8.200", "16.40"),  # 2 s and 41 W, of ten inferences
        ("224", "50,176", "3", "400.0", "20.00", "40.00"),
        ("336", "112,896", "3", "900.0", "48.60", "97.20"),
    )


def test_requests_at_once_are_a_curve_but_no_line(tmp_path: Path) -> None:
    loads = [
        Part("running", 4, watts, f"c{at_once}", 0, repeat, {"tokens_out": 100 * at_once})
        for repeat in (1, 2)
        for at_once, watts in ((1, 50.0), (8, 80.0), (32, 120.0))
    ]
    run = finished(tmp_path / "r.csv", [IDLE, *loads], ["package0", "gpu0"])
    out = tmp_path / "r.md"
    options = report_command.parser().parse_args([str(run.csv), "-o", str(out)])
    assert report_command.main(options) == 0
    text = out.read_text()
    assert "### Energy per output token" in text
    assert "Total energy per output token against concurrency" in text
    assert "inference" not in text.partition("### Methods")[0]
    assert "### Against concurrency" in text
    assert "Latency and energy" not in text
    assert "time per output token" in text
    assert "### Energy against" not in text
    table = size_table(sizes(run.by(), against="concurrency"))
    # 4 s of 50, 80 and 120 W each in a GPU and a processor, over 100, 800 and 3,200 tokens.
    assert [row[1:] for row in table.rows] == [
        ("1", "2", "40.00", "2.000", "2.000"),
        ("8", "2", "5.000", "0.4000", "0.4000"),
        ("32", "2", "1.250", "0.1500", "0.1500"),
    ]


def test_the_report_and_the_example_say_the_same(tmp_path: Path) -> None:
    csv = recorded(tmp_path / "r.csv", ["package0", "gpu0"], command=ALEXNET).csv
    printed = subprocess.run(
        [sys.executable, str(EXAMPLE), str(csv)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    _, head, *lines = printed.splitlines()
    assert head.split() == ["size", "latency", "s", "package0", "J", "gpu0", "J", "total", "J"]
    example = {
        label: (1e3 * float(latency_s), float(cpu_j), float(gpu_j))
        for label, latency_s, cpu_j, gpu_j, _ in (line.split() for line in lines[:3])
    }
    out = tmp_path / "r.md"
    options = report_command.parser().parse_args([str(csv), "-o", str(out)])
    assert report_command.main(options) == 0
    text = out.read_text()
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    first = next(n for n, row in enumerate(cells) if "latency ms" in row)
    shown = {row[0]: row[3:] for row in cells[first + 1 : first + 4]}
    for label, (latency_ms, cpu_j, gpu_j) in example.items():
        assert [float(cell) for cell in shown[label]] == pytest.approx([latency_ms, gpu_j, cpu_j])
    rs = re.findall(r"Pearson's r of latency and (?:package0|gpu0) J, measured: ([0-9.]+)", printed)
    assert len(rs) == 2
    assert len(set(rs)) == 1
    assert f"GPU (gpu0): r = {rs[0]}" in text
    assert f"CPU (package0): r = {rs[0]}" in text
    source = 'AIPowerMeter, "deep learning benchmark": 0.98'
    assert f"published by {source}" in printed
    assert f"Published by {source}" in text


def test_r_is_of_the_medians(measured: Run) -> None:
    # Latencies 0.2, 0.4 and 0.9 s, energies 8.2, 20 and 48.6 J.
    latency_s, energy_j = [0.2, 0.4, 0.9], [8.2, 20.0, 48.6]
    mean_s, mean_j = sum(latency_s) / 3, sum(energy_j) / 3
    pairs = [(s - mean_s, j - mean_j) for s, j in zip(latency_s, energy_j, strict=True)]
    wanted = (
        sum(s * j for s, j in pairs)
        / (sum(s * s for s, _ in pairs) * sum(j * j for _, j in pairs)) ** 0.5
    )
    found = sizes(measured)
    assert found.families[0].correlation(found.devices[0]) == pytest.approx(wanted)
    assert f"r = {wanted:.3f}" in correlation_text(found)
    assert "0.98" not in correlation_text(found), "published for AlexNet alone"


def test_an_estimate_says_so_and_that_its_r_is_no_evidence(tmp_path: Path) -> None:
    found = sizes(recorded(tmp_path / "r.csv", ["est_cpu"]), domain="est_cpu")
    assert [(d.title, d.origin) for d in found.devices] == [("CPU, estimated", "estimated")]
    for picture in (energy_picture(found), latency_picture(found)):
        assert "(estimated, not measured)" in picture.title
        assert "CPU, estimated" in picture.svg(WIDE_MM)
        assert "estimated total energy" in picture.svg(WIDE_MM)
        assert "CPU, estimated" in picture.caption
    assert "its r is not evidence" in latency_picture(found).caption
    measured = sizes(recorded(tmp_path / "m.csv", ["gpu0"]), domain="gpu0")
    assert "not evidence" not in latency_picture(measured).caption


def test_beside_a_measured_gpu_the_processor_is_estimated(tmp_path: Path) -> None:
    found = sizes(recorded(tmp_path / "r.csv", ["gpu0", "gpu1", "est_cpu"]))
    assert [d.title for d in found.devices] == ["2 GPUs (gpu0 + gpu1)", "CPU, estimated"]
    assert "partly estimated, not measured" in energy_picture(found).title
    assert found.families[0].sizes[0].repeats.median_j(("gpu0", "gpu1")) == pytest.approx(16.4)


def test_a_measured_processor_is_not_estimated_beside(tmp_path: Path) -> None:
    found = sizes(recorded(tmp_path / "r.csv", ["package0", "est_cpu"]))
    assert [d.title for d in found.devices] == ["CPU (package0)"]


@pytest.mark.parametrize(
    ("channel", "origin", "title"),
    [
        ("meter_wall", "manual", "meter_wall, read by hand"),
        ("meter_wall", "measured", "meter_wall"),
        ("psys", "measured", "psys"),
        ("sim_cpu", "simulated", "CPU, simulated"),
    ],
)
def test_what_else_was_recorded_is_drawn_where_nothing_better_was(
    measured: Run, channel: str, origin: Origin, title: str
) -> None:
    given = [size.repeats for size in sizes(measured).families[0].sizes]
    labels = {
        str(n): Repeats(r.latency_s, {channel: r.energy_j["gpu0"]}) for n, r in enumerate(given)
    }
    found = sizes(measured).families[0].sizes
    named = [type(s)(s.label, s.x, r) for s, r in zip(found, labels.values(), strict=True)]
    assert [d.title for d in devices_of({channel: origin}, named, channel)] == [title]


def test_an_energy_that_is_known_of_some_repeats_is_of_none() -> None:
    some = Repeats((1.0, 2.0), {"package0": (1.0, 2.0), "dram0": (1.0,)})
    assert some.energies_j(("package0", "dram0")) == ()
    assert some.median_j(("package0", "gpu0")) is None
    assert some.median_j(("package0",)) == 1.5


@given(st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 10)), min_size=3, max_size=6))
def test_r_does_not_know_an_absent_energy(pairs: list[tuple[float, float]]) -> None:
    labels = {str(n): Repeats((s,), {"gpu0": (j,)}) for n, (s, j) in enumerate(pairs)}
    more = {**labels, "absent": Repeats((99.0,))}
    assert correlation(more, ("gpu0",)) == correlation(labels, ("gpu0",))


def test_under_three_sizes_r_is_unknown(tmp_path: Path) -> None:
    parts = [IDLE, *(Part("running", 4, 50.0, label, 10) for label in ("112", "224"))]
    found = sizes(finished(tmp_path / "r.csv", parts))
    assert "unknown (three different sizes are needed)" in latency_picture(found).caption
    assert "one value per size" in energy_picture(found).caption


@pytest.mark.parametrize("labels", [("112", "112 "), ("a", "b"), ("224",)])
def test_one_size_is_no_figure(tmp_path: Path, labels: tuple[str, ...]) -> None:
    parts = [IDLE, *(Part("running", 4, 50.0, label, 10) for label in labels)]
    run = finished(tmp_path / "r.csv", parts)
    source = FitSource("", "run", run.summary, {})
    assert sizes_of(source, "pixels", "total", "total") is None


def test_without_inferences_there_is_no_latency(tmp_path: Path) -> None:
    parts = [IDLE, *(Part("running", 4, 50.0, label, 0) for label in ("112", "224"))]
    assert repeats_of(finished(tmp_path / "r.csv", parts).summary) == {}


def test_layers_have_a_curve_each_and_r_is_of_one(tmp_path: Path) -> None:
    parts = [IDLE]
    for watts, layer in ((40.0, "conv1"), (400.0, "conv2")):
        for side in (16, 32, 64):
            parts.append(Part("running", side // 8, watts, f"{layer} {side}x{side}", 10))
    found = sizes(finished(tmp_path / "r.csv", parts, ["package0", "gpu0"]))
    assert [family.name for family in found.families] == ["conv1", "conv2"]
    picture = energy_picture(found)
    for name in ("conv1, GPU", "conv1, CPU", "conv2, GPU", "conv2, CPU"):
        assert f">{name}<" in picture.svg(WIDE_MM)
    assert found.costliest.name == "conv2"
    assert "Only conv2 of 2 layers is drawn" in latency_picture(found).caption


def test_of_many_layers_some_are_drawn_and_that_is_said(tmp_path: Path) -> None:
    parts = [IDLE]
    for number in range(9):
        for side in (16, 32):
            parts.append(Part("running", 1, 10.0 + number, f"l{chr(97 + number)} {side}x{side}", 1))
    picture = energy_picture(sizes(finished(tmp_path / "r.csv", parts)))
    assert "The 7 costliest of 9 curves are drawn" in picture.caption
    assert "la, CPU" not in picture.svg(WIDE_MM)
    assert "li, CPU" in picture.svg(WIDE_MM)


def test_different_layers_at_their_macs_are_not_joined(measured: Run) -> None:
    macs = {"112": 1_000, "224": 2_000, "336": 9_000}
    source = FitSource("net", "run", measured.summary, macs)
    joined = sizes_of(source, "macs", "total", None)
    assert joined is not None
    assert joined.families[0].joined, "one thing at several sizes"
    layers = renamed(measured.summary)
    source = FitSource("net", "run", layers, dict(zip("abc", macs.values(), strict=True)))
    found = sizes_of(source, "macs", "total", None)
    assert found is not None
    assert not found.families[0].joined
    assert [size.label for size in found.families[0].sizes] == ["a", "b", "c"]


def renamed(summary: Summary) -> Summary:
    names = dict(zip(SECONDS, "abc", strict=True))
    return replace(
        summary,
        labels=[replace(group, label=names.get(group.label, "")) for group in summary.labels],
        phases=[replace(phase, label=names.get(phase.label, "")) for phase in summary.phases],
    )


def test_axes_are_logarithmic_over_two_decades_alone(tmp_path: Path, measured: Run) -> None:
    from wattui.report.draw.sizes import draw_energies, draw_latency

    even = sizes(measured)
    parts = [IDLE, *(Part("running", s, 50.0, str(64 * s), 10) for s in (1, 4, 11))]
    wide = sizes(finished(tmp_path / "w.csv", parts))
    for draw in (draw_energies, draw_latency):
        assert {axes.get_yscale() for axes in draw(WIDE_MM, even).axes} == {"linear"}
        found = draw(WIDE_MM, wide).axes
        assert {scale for axes in found for scale in (axes.get_xscale(), axes.get_yscale())} == {
            "log"
        }


def test_energies_below_zero_keep_their_even_axis(measured: Run) -> None:
    from wattui.report.draw.sizes import draw_energies

    below = sizes(measured, figure="dynamic")
    (family,) = below.families
    sized = tuple(
        replace(size, x=1000.0**n, repeats=Repeats((1.0,), {"gpu0": (-1.0 + n,)}))
        for n, size in enumerate(family.sizes)
    )
    odd = replace(below, devices=below.devices[:1], families=(replace(family, sizes=sized),))
    (axes,) = draw_energies(WIDE_MM, odd).axes
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] < -1.0
