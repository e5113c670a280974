"""`wattui fit` and `wattui predict`, as a person uses them."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from recorders.runfile import json_path
from tests.support.made_runs import IDLE, Part, finished
from wattui.analysis.fit import FitPoint, FitRequest, fit_series, series_dict
from wattui.analysis.macs import command_macs, depthwise, model_macs, network_macs
from wattui.analysis.regression import Line
from wattui.commands import fit as fit_command
from wattui.commands import predict as predict_command
from wattui.errors import INCOMPLETE, UsageError
from wattui.runs.gauges import gauge_means
from wattui.show.fit import line_text

ALEXNET = ["python", "-m", "workloads", "alexnet", "--sizes", "64,112,224"]
# MACs of AlexNet at 64, 112 and 224 pixels; the last one is published.
ALEXNET_MACS = {"64": 98_144_960, "112": 204_446_912, "224": 714_188_480}
JOULES_PER_MAC = 1e-8
BASE_J = 2.0


def fit(*arguments: str) -> int:
    return fit_command.main(fit_command.parser().parse_args(arguments))


def predict(*arguments: str) -> int:
    return predict_command.main(predict_command.parser().parse_args(arguments))


def run(path: Path, joules: dict[str, float], argv: Sequence[str] = ()) -> str:
    """A run whose labels cost so many joules per inference."""
    parts = [Part("running", 10, 10 * j, label, 100) for label, j in joules.items()]
    about: dict[str, Any] = {"command": {"argv": list(argv)}}
    return str(finished(path, [IDLE, *parts], **about).csv)


def on_the_line(macs: dict[str, int]) -> dict[str, float]:
    return {label: BASE_J + JOULES_PER_MAC * n for label, n in macs.items()}


@pytest.fixture
def alexnet(tmp_path: Path) -> str:
    return run(tmp_path / "alexnet.csv", on_the_line(ALEXNET_MACS), ALEXNET)


@pytest.fixture
def fitted(alexnet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path = str(tmp_path / "fit.json")
    assert fit(alexnet, "--against", "macs", "--json", path) == 0
    capsys.readouterr()
    return path


def test_a_fit_recovers_the_line_that_the_runs_were_made_from(fitted: str) -> None:
    found = json.loads(Path(fitted).read_text())
    assert (found["version"], found["kind"], found["against"]) == (1, "fit", "macs")
    (series,) = found["series"]
    assert [point["x"] for point in series["points"]] == sorted(ALEXNET_MACS.values())
    for weights in ("ordinary", "relative"):
        line = series[weights]["line"]
        assert line["slope"] == pytest.approx(JOULES_PER_MAC, rel=1e-5)
        assert line["intercept"] == pytest.approx(BASE_J, rel=1e-4)
        assert series[weights]["left_out_point"]["mean"] < 1e-4
    assert series["ordinary"]["line"]["r2"] == pytest.approx(1)


def test_the_tables_name_figure_domain_and_origin(
    alexnet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(alexnet, "--against", "pixels", "--figure", "dynamic", "--domain", "package0") == 0
    shown = capsys.readouterr().out
    assert "dynamic energy per inference against pixels  package0, measured" in shown
    assert "J/pixel" in shown
    assert "50176" in shown
    assert "Spearman" in shown


def test_an_estimate_is_called_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [Part("running", 10, w, label, 10) for label, w in (("b1", 10), ("b2", 15), ("b4", 22))]
    csv = finished(tmp_path / "r.csv", [IDLE, *parts], ["est_cpu"]).csv
    assert fit(str(csv), "--against", "batch") == 0
    assert "est_cpu, estimated" in capsys.readouterr().out


def test_requests_at_once_are_a_quantity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [
        Part("running", 10, w, f"c{n} 512+128", counts={"tokens_out": 10 * n, "requests": n})
        for n, w in ((1, 10), (8, 15), (32, 22))
    ]
    csv = str(finished(tmp_path / "r.csv", [IDLE, *parts]).csv)
    assert fit(csv, "--against", "concurrency") == 0
    shown = capsys.readouterr().out
    assert "energy per output token against concurrency" in shown
    assert "energy per output token ± standard error" in shown
    assert "/request at once" in shown
    assert "layer" not in shown
    assert fit(csv, "--against", "concurrency", "--per", "requests", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["per"] == "requests"
    joules = [point["energy_j"] for point in found["series"][0]["points"]]
    assert joules == pytest.approx([100.0, 150 / 8, 220 / 32])


def test_a_fit_per_tokens_predicts_no_inference(tmp_path: Path) -> None:
    parts = [
        Part("running", 10, w, str(n), counts={"tokens_out": 10}) for n, w in ((112, 10), (224, 40))
    ]
    csv = str(finished(tmp_path / "r.csv", parts).csv)
    saved = tmp_path / "fit.json"
    alexnet = ("--against", "macs", "--network", "alexnet", "--json", str(saved))
    assert fit(csv, *alexnet) == 0
    with pytest.raises(UsageError, match="is a fit per tokens_out, not per inference"):
        predict("alexnet", "--fit", str(saved))


def test_macs_of_a_language_model_are_those_of_what_energy_is_stated_per(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpt = ["python", "-m", "workloads", "gpt", "--prompt", "8,32", "--output", "2"]
    of_requests = command_macs(gpt, "requests")[1]
    parts = [
        Part("running", 10, macs * 1e-6, label, counts={"tokens_out": 20, "requests": 10})
        for label, macs in of_requests.items()
    ]
    csv = str(finished(tmp_path / "r.csv", [IDLE, *parts], command={"argv": gpt}).csv)
    for per, tokens in (("tokens_out", 2), ("requests", 1)):
        assert fit(csv, "--against", "macs", "--per", per, "--json", "-") == 0
        series, *_ = json.loads(capsys.readouterr().out)["series"]
        macs = [n / tokens for n in of_requests.values()]
        assert [point["x"] for point in series["points"]] == pytest.approx(macs)
        assert series["ordinary"]["line"]["slope"] == pytest.approx(1e-6)


def test_labels_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = {"[/bold] 8": 1.0, "[/bold] 16": 2.0, "[red] 16": 2.0}
    assert fit(run(tmp_path / "r.csv", labels), "--against", "size") == 0
    assert "[/bold] 16" in capsys.readouterr().out


def test_networks_are_left_out_beside_the_published_errors(
    alexnet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = run(tmp_path / "other.csv", {"112": 20.0, "224": 20.0})
    assert fit(alexnet, f"mine={other}", "--against", "macs", "--network", "alexnet") == 0
    shown = capsys.readouterr().out
    assert "one network out," in shown
    assert "7.08 ± 6.0 % from macs" in shown
    assert "17.33 ± 12.2 % from macs, with mobilenet" in shown


def test_a_pattern_names_runs_and_a_group_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a1", "a2", "b1"):
        run(tmp_path / f"{name}.csv", {"32": 1.0, "64": 2.0, "128": 5.0})
    pattern = f"first={tmp_path}/a*.csv"
    assert fit(pattern, f"{tmp_path}/b1.csv", "--against", "size", "--json", "-") == 0
    points = json.loads(capsys.readouterr().out)["series"][0]["points"]
    assert {(p["run"], p["network"]) for p in points} == {
        ("a1", "first"),
        ("a2", "first"),
        ("b1", ""),
    }


def test_utilisation_and_memory_stand_in_the_matrices_where_they_were_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = Path(run(tmp_path / "r.csv", {"32": 1.0, "64": 2.0, "128": 5.0}))
    header, *lines = csv.read_text().splitlines()
    busy = {"32": 10, "64": 30, "128": 20}
    rows = [f"{line},{busy.get(line.split(',')[3], '')}" for line in lines]
    csv.write_text("\n".join([f"{header},gpu0_util_pct", *rows, rows[-1].rpartition(",")[0]]))
    assert gauge_means(csv) == {label: {"gpu0_util_pct": pct} for label, pct in busy.items()}
    assert fit(str(csv), "--against", "size", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)["correlation"]
    energy, util = found["names"].index("energy_J"), found["names"].index("gpu0_util_pct")
    assert found["spearman"][energy][util] == pytest.approx(0.5)
    assert found["spearman"][energy][found["names"].index("size")] == pytest.approx(1)


NETWORKS = ["python", "-m", "workloads", "networks", "--layerwise", "--networks"]
OF_THREE = {name: command_macs([*NETWORKS, name])[1] for name in ("squeezenet", "nin", "mobilenet")}
# 1 nJ, 1 nJ and 2 nJ a MAC, so that the first two predict each other and not the third.
PER_MAC = {"squeezenet": 1e-9, "nin": 1e-9, "mobilenet": 2e-9}


@pytest.fixture
def three(tmp_path: Path) -> str:
    """Three networks layer by layer: joules by their MACs, and 1 mJ for what makes none."""
    csv, time_s = tmp_path / "three.csv", 1
    lines = ["time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W"]
    lines.append("0.0,,,,,note:update_period_s package0=0.001,,0,")
    energy_j, count = 0.0, 0

    def row(label: str, event: str, phase: str = "running") -> None:
        lines.append(f"{time_s}.0,,{phase},{label},,{event},{count or ''},{energy_j!r},")

    for name, macs in OF_THREE.items():
        for label, n in macs.items():
            row(label, "begin")
            time_s, count = time_s + 1, count + 100
            energy_j += 100 * (n * PER_MAC[name] if n else 1e-3)
            row(label, "end")
            if label != name:
                row(label, f"note:part {label} of {name}", "")
            time_s += 1
    csv.write_text("\n".join(lines) + "\n")
    argv = [*NETWORKS, ",".join(OF_THREE)]
    json_path(csv).write_text(json.dumps({"status": "finished", "command": {"argv": argv}}))
    return str(csv)


def test_synergys_table_is_printed_beside_what_was_published(
    three: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert fit(three, "--against", "macs", "--through-origin") == 0
    shown = capsys.readouterr().out
    assert "each network as the sum of its layers, from the other networks" in shown
    assert "lines through the origin" in shown
    assert "all: 3 networks" in shown
    assert "without mobilenet: 2 networks" in shown
    assert "measured energy from macs  " in shown
    assert "7.08 ± 6.0" in shown
    assert "17.33 ± 12.2" in shown


def test_networks_are_predicted_from_those_that_cost_the_same_per_mac(
    three: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(three, "--against", "macs", "--through-origin", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["unit"], found["through_origin"]) == ("J", True)
    networks = found["networks"]
    assert networks["depthwise"] == ["mobilenet"]
    ordinary = {row["network"]: row for row in networks["every"][0]["rows"]}
    assert ordinary["mobilenet"]["error"] == pytest.approx(-0.5, rel=1e-6)
    assert ordinary["nin"]["x"] == OF_THREE["nin"]["nin"]
    assert [row["error"] for row in networks["others"][0]["rows"]] == [
        pytest.approx(0, abs=1e-9)
    ] * 2
    assert networks["wholes"].keys() == OF_THREE.keys()
    assert {point["network"] for point in found["series"][0]["points"]} == OF_THREE.keys()
    assert [each["size"] for each in found["shares"]] == list(OF_THREE)


def test_layers_of_some_types_and_some_networks_alone_are_fitted(
    three: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--layers", "depthwise, linear", "--without", "nin", "--json", "-"]
    with pytest.raises(UsageError, match="--without nin"):  # which has neither
        fit(three, "--against", "macs", *arguments)
    assert (
        fit(three, "--against", "macs", "--layers", "conv", "--without", "nin", "--json", "-") == 0
    )
    found = json.loads(capsys.readouterr().out)
    points = found["series"][0]["points"]
    assert {point["layer"].rstrip("0123456789") for point in points} == {"conv"}
    assert {point["network"] for point in points} == {"squeezenet", "mobilenet"}


def test_seconds_are_told_to_be_no_energy(three: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(three, "--against", "macs", "--figure", "seconds") == 0
    shown = capsys.readouterr().out
    assert "seconds per inference against macs" in shown
    assert "wall time, not energy" in shown
    assert "time, not energy" in shown
    assert "J/MAC" not in shown


def test_a_fit_through_the_origin_predicts_in_proportion(
    three: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "origin.json")
    options = ["--against", "macs", "--through-origin", "--without", "mobilenet"]
    assert fit(three, *options, "--json", path) == 0
    capsys.readouterr()
    assert predict("--macs", "5_000_000_000", "--fit", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["through_origin"]
    assert found["j_per_inference"] == pytest.approx(5, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", [["--through-origin"], []])
def test_a_network_has_the_interval_of_the_networks_left_out(
    form: list[str], three: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MobileNet costs twice as much as the others. The scatter of layers about the line said that
    a network is known to 5 %, of lines that are off by half."""
    path = str(tmp_path / "fit.json")
    assert fit(three, "--against", "macs", *form, "--json", path) == 0
    capsys.readouterr()
    for network, j_per_mac in (("nin", 1e-9), ("mobilenet", 2e-9)):
        assert predict(network, "--fit", path, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["interval_from"], found["macs"]) == ("networks", OF_THREE[network][network])
        assert found["layers"] > 1
        truth = OF_THREE[network][network] * j_per_mac
        assert abs(found["j_per_inference"] - truth) <= found["plus_minus_j"]
    assert predict("nin", "--fit", path) == 0
    assert "95 % prediction interval, from networks left out" in capsys.readouterr().out


def test_macs_of_bundled_networks_are_known_by_name() -> None:
    labels = ["conv1", "SqueezeNet 1.1", "relu1", "other"]
    found = network_macs("squeezenet", labels)
    assert found == {"conv1": 21_290_688, "SqueezeNet 1.1": 349_151_936, "relu1": 0}
    argv = ["python", "-m", "workloads", "model", "squeezenet", "--layerwise"]
    assert command_macs(argv)[1].items() >= found.items()
    assert depthwise(["mobilenet", "MobileNet v2", "alexnet", "unknown"]) == [
        "mobilenet",
        "MobileNet v2",
    ]


def test_what_could_not_be_used_is_said_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = run(tmp_path / "r.csv", {"warm": 1.0, "32": 1.0, "64": 2.0})
    assert fit(csv, "--against", "size") == 0
    told = capsys.readouterr()
    assert "r: warm: no size in the label" in told.err
    assert "two points: a line always goes through both" in told.out


def test_one_point_is_shown_without_a_line_and_the_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = run(tmp_path / "r.csv", {"32": 1.0})
    assert fit(csv, "--against", "size") == INCOMPLETE
    assert "a line needs two points, there is one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{none}.csv", "--against", "size"], "no such file"),
        (["{text}", "--against", "size"], "is not a run file"),
        (["{run}", "--against", "tokens", "--domain", "gpu7"], "use one of package0, total"),
        (["{run}", "--against", "batch"], "nothing to fit: .*no batch in the label"),
        (["{run}", "--against", "macs"], r"nothing to fit \(--network"),
        (["{run}", "--against", "macs", "--network", "vgg"], "no network 'vgg'"),
        (["{run}", "--against", "size", "--layers", "conv"], "--layers conv: the points have"),
        (["{run}", "--against", "size", "--without", "vgg"], "--without vgg: the points have"),
        (
            ["{run}", "--against", "macs", "--network", "{none}.json"],
            "no such file: check the name",
        ),
        (["{run}", "--against", "size", "--json", "{json}"], "the recording itself"),
        (["{run}", "--against", "size", "--json", "{text}"], "exists"),
        (["{run}", "--against", "size", "--json", "{none}/fit.json"], "no such folder"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    csv = run(tmp_path / "r.csv", {"32": 1.0, "64": 2.0})
    text = tmp_path / "text.csv"
    text.write_text("hello\n")
    places = {"run": csv, "text": text, "none": tmp_path / "no", "json": json_path(Path(csv))}
    with pytest.raises(UsageError, match=said) as raised:
        fit(*[argument.format(**places) for argument in arguments])
    assert "\n" not in str(raised.value)


def test_an_existing_fit_is_replaced_on_request_alone(alexnet: str, fitted: str) -> None:
    with pytest.raises(UsageError, match="--force"):
        fit(alexnet, "--against", "macs", "--json", fitted)
    assert fit(alexnet, "--against", "size", "--json", fitted, "--force") == 0
    assert json.loads(Path(fitted).read_text())["against"] == "size"


def test_an_unseen_model_is_predicted_from_its_macs(
    fitted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("alexnet", "--input", "3,160,160", "--fit", fitted, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["macs"] == sum(model_macs("alexnet", (3, 160, 160))[1])
    assert found["j_per_inference"] == pytest.approx(
        BASE_J + JOULES_PER_MAC * found["macs"], rel=1e-4
    )
    assert found["plus_minus_j"] is not None
    assert not found["extrapolated"]


def test_a_model_beyond_the_fitted_ones_is_an_extrapolation(
    fitted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("resnet50", "--fit", fitted) == 0
    shown = capsys.readouterr().out
    assert "ResNet-50 at 3×224×224: 4,089,184,256 MACs" in shown
    assert "42.89" in shown
    assert "95 % prediction interval" in shown
    assert "! extrapolated: the fit covers 98,144,960 to 714,188,480 MACs" in shown


@pytest.mark.parametrize("macs", [98_144_960, 300_000_000, 714_188_480])
def test_what_is_within_the_fitted_ones_is_no_extrapolation(
    fitted: str, capsys: pytest.CaptureFixture[str], macs: int
) -> None:
    assert predict("--macs", str(macs), "--fit", fitted) == 0
    assert "extrapolated" not in capsys.readouterr().out


def test_where_one_line_does_not_do_the_side_of_the_bend_predicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = [64 + 16 * k for k in range(12)]
    macs = network_macs("alexnet", [str(size) for size in sizes])
    bend = sorted(macs.values())[5]
    joules = {label: 3 + max(0.0, 1e-8 * (n - bend)) for label, n in macs.items()}
    argv = [*ALEXNET[:-1], ",".join(map(str, sizes))]
    csv, path = run(tmp_path / "r.csv", joules, argv), str(tmp_path / "fit.json")
    assert fit(csv, "--against", "macs", "--json", path) == 0
    assert "a single line does not fit; the slope changes at" in capsys.readouterr().out
    assert predict("--macs", str(min(macs.values())), "--fit", path, "--json") == 0
    below = json.loads(capsys.readouterr().out)
    assert predict("--macs", str(max(macs.values())), "--fit", path, "--json") == 0
    above = json.loads(capsys.readouterr().out)
    assert (below["part"], above["part"]) == ("before", "after")
    assert below["j_per_inference"] == pytest.approx(3, rel=1e-3)
    assert above["j_per_inference"] == pytest.approx(max(joules.values()), rel=1e-3)


def test_the_prediction_interval_holds_19_of_20_measurements() -> None:
    # 95 %, known from 300 made-up fits of ten points and one more measurement each.
    import random

    from wattui.analysis.regression import fit_line

    made, held = random.Random(3), 0
    for _ in range(300):
        xs = [float(x) for x in range(1, 11)]
        ys = [10 + 2 * x + made.gauss(0, 1) for x in xs]
        line, new_x = fit_line(xs, ys), made.uniform(1, 10)
        half = line.plus_minus(new_x)
        assert half is not None
        held += abs(10 + 2 * new_x + made.gauss(0, 1) - line.at(new_x)) <= half
    assert held / 300 == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fit", "{fit}"], "which model"),
        (["alexnet", "--macs", "9", "--fit", "{fit}"], "either MODEL or --macs"),
        (["--macs", "9", "--input", "3,2,2", "--fit", "{fit}"], "one of the two"),
        (["vgg", "--fit", "{fit}"], "no network 'vgg'"),
        (["alexnet", "--fit", "{time}"], "of time, not energy"),
        (["nothing.json", "--fit", "{fit}"], "no such file: check the name"),
        (["alexnet", "--input", "1,9", "--fit", "{fit}"], "channels"),
        (["alexnet", "--fit", "nothing.json"], "no such file"),
        (["alexnet", "--fit", "{text}"], "not JSON"),
        (["alexnet", "--fit", "{run}"], "not a fit"),
        (["alexnet", "--fit", "{size}"], "against size"),
        (["alexnet", "--fit", "{fit}", "--series", "conv9"], "there are all"),
    ],
)
def test_a_prediction_that_cannot_be_is_one_line(
    alexnet: str, fitted: str, tmp_path: Path, arguments: list[str], said: str
) -> None:
    text, size = tmp_path / "text.json", str(tmp_path / "size.json")
    text.write_text("hello")
    fit(alexnet, "--against", "size", "--json", size)
    time = str(tmp_path / "time.json")
    fit(alexnet, "--against", "macs", "--figure", "seconds", "--json", time)
    places = {"fit": fitted, "text": text, "run": json_path(Path(alexnet)), "size": size}
    places["time"] = time
    with pytest.raises(UsageError, match=said) as raised:
        predict(*[argument.format(**places) for argument in arguments])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["0", "-3", "nan", "inf", "1.5", "many", "1e30"])
def test_a_number_of_macs_is_a_whole_number_above_zero(fitted: str, text: str) -> None:
    with pytest.raises(UsageError, match="not a number of MACs"):
        predict(f"--macs={text}", "--fit", fitted)


def paths(inside: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of everything in a JSON."""
    pairs = inside.items() if isinstance(inside, dict) else enumerate(inside)
    found = []
    for key, below in pairs:
        found.append((*before, key))
        if isinstance(below, dict | list):
            found += paths(below, (*before, key))
    return found


MACS = FitRequest("macs", "total", "total")
POINTS = [
    FitPoint(network, "run", f"{network} {x:g}", "", x, 1 + 2 * x + 0.1 * (-1) ** x, 0.1)
    for network, xs in (("a", (1, 2, 3, 4, 5)), ("b", (6, 7, 8, 9, 10)))
    for x in map(float, xs)
]
WHOLE: dict[str, Any] = {
    "version": 1,
    "kind": "fit",
    "against": "macs",
    "figure": "total",
    "domain": "total",
    "origin": "measured",
    "series": [series_dict(fit_series(POINTS)[0], MACS)],
}
DAMAGE = (None, True, -1, 0.0, 1e308, float("nan"), float("inf"), "x", [], {}, [3])


@pytest.mark.slow
@pytest.mark.parametrize("value", DAMAGE, ids=repr)
def test_no_damage_to_a_fit_breaks_a_prediction(
    tmp_path: Path, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown_by(*arguments: str) -> str:
        assert predict(*arguments) == 0
        return capsys.readouterr().out

    whole, path = json.loads(json.dumps(WHOLE)), tmp_path / "fit.json"
    path.write_text(json.dumps(whole))
    assert "15.0" in shown_by("--macs", "7", "--fit", str(path))
    for *above, last in paths(whole):
        damaged = copy.deepcopy(whole)
        inside: Any = damaged
        for key in above:
            inside = inside[key]
        inside[last] = value
        path.write_text(json.dumps(damaged))
        try:
            shown = [shown_by("--macs", "5", "--fit", str(path), *f) for f in ((), ("--json",))]
        except UsageError:
            continue
        found = json.loads(shown[1], parse_constant=pytest.fail)
        assert math.isfinite(found["j_per_inference"])


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (7, "series: not a list"),
        ([{}], "series: name is missing"),
        ([WHOLE["series"][0] | {"points": []}], "series: points: there are none"),
        ([WHOLE["series"][0] | {"ordinary": {"line": {}}}], "ordinary: line: weights is missing"),
    ],
)
def test_of_a_damaged_fit_it_is_said_what_is_missing(
    tmp_path: Path, series: Any, said: str
) -> None:
    path = tmp_path / "fit.json"
    path.write_text(json.dumps({**WHOLE, "series": series}))
    with pytest.raises(UsageError, match=said):
        predict("--macs", "5", "--fit", str(path))


def test_macs_are_of_one_of_what_is_counted() -> None:
    gpt = ["python", "-m", "workloads", "gpt", "--batch", "4", "--prompt", "8", "--output", "3"]
    # Prefill of 8 tokens, and decodes with a context of 9 and of 10.
    macs = 8 * 12 * 6 * 192**2 + 8 * 8 * 2304 + 256 * 192 + 2 * 2_703_360 + 19 * 2304
    assert command_macs(gpt, "requests")[1]["b4 p8 o3"] == macs
    assert command_macs(gpt, "tokens_out")[1]["b4 p8 o3"] == round(macs / 3)
    assert command_macs(gpt) == ("gpt", {})  # it counts no inferences


def test_macs_come_from_the_recorded_command() -> None:
    assert command_macs(ALEXNET) == ("alexnet", ALEXNET_MACS)
    for own in (["/opt/bin/wattui"], ["python", "-P", "-m", "wattui"]):
        assert command_macs([*own, *ALEXNET[2:]]) == ("alexnet", ALEXNET_MACS)
    name, macs = command_macs(["python", "-m", "workloads", "lenet", "--sizes", "32"])
    assert name == "lenet"
    assert (macs["conv1 32x32"], macs["conv2 32x32"], macs["relu1 32x32"]) == (117_600, 240_000, 0)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["python", "infer.py"],
        ["python", "-m", "workloads"],
        ["python", "-m", "workloads", "--"],
        ["python", "-m", "workloads", "--help"],
        ["python", "-m", "workloads", "nothing"],
        ["python", "-m", "workloads", "model", "no-such-spec.json"],
        ["python", "-m", "workloads", "alexnet", "--sizes", "1"],
    ],
)
def test_a_command_that_tells_no_macs_has_none(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_macs(argv) == ("", {})
    assert capsys.readouterr().out == ""


def test_a_recorded_module_is_not_run_for_its_macs(tmp_path: Path) -> None:
    argv = ["python", "-m", "workloads", "model", "no_such_module:Net"]
    assert command_macs(argv) == ("model", {})


def test_macs_of_labels_by_a_named_network_or_spec(tmp_path: Path) -> None:
    assert network_macs("alexnet", ["224", "x"]) == {"224": 714_188_480}
    assert network_macs("lenet5", ["conv1 32x32"]) == {"conv1 32x32": 117_600}
    assert network_macs("kws", ["b8"]) == {"b8": 172_800}
    spec = tmp_path / "net.json"
    conv = {"torch_module": "nn.Conv2d", "name": "c", "in_channels": 1, "out_channels": 2}
    layers = [{**conv, "kernel_size": 1}, {"torch_module": "nn.ReLU", "name": "r"}]
    spec.write_text(json.dumps({"name": "Net", "input_shape": [1, 4, 4], "layers": layers}))
    labels = ["Net", "c", "r", "8", "c 8x8", "other", "b4"]
    assert network_macs(str(spec), labels) == {
        "Net": 32, "c": 32, "r": 0, "8": 128, "c 8x8": 128, "b4": 32,
    }  # fmt: skip


def test_neither_a_fit_nor_a_prediction_loads_an_engine(alexnet: str, tmp_path: Path) -> None:
    path = str(tmp_path / "fit.json")
    script = (
        "import sys; from wattui.commands import fit as f, predict as p;"
        f"f.main(f.parser().parse_args([{alexnet!r}, '--against', 'macs', '--json', {path!r}]));"
        f"p.main(p.parser().parse_args(['bert', '--fit', {path!r}]));"
        "print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(ended.stderr.split())
    assert "workloads.graph" in loaded
    assert not loaded & {"numpy", "onnx", "onnxruntime", "torch", "textual"}


def test_a_coefficient_has_no_more_digits_than_its_error_allows() -> None:
    line = Line("ordinary", 3, 382e-6, -38.2e-6, 0.0307, 0.00307, 0.1, 1.0, 3.0, 2.0, 1.0)
    text = line_text(line, FitRequest("pixels", "total", "package0"))
    assert text == "0 ± 31 mJ − 0.0 ± 3.1 mJ/pixel"
