"""`wattui fit --prefill-decode` on run files of known costs."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.made_runs import Part, finished
from wattui import cli

# Joules per prompt and per output token with 1 and with 8 requests at once; watts while waiting.
COSTS = {1: (0.004, 0.5), 8: (0.003, 0.1)}
ARMED_W, PREFILL_S, DECODE_S = 60.0, 0.0005, 0.03
MIXES = ((512, 128), (64, 512), (2048, 16))
SECONDS = 60


def load(slots: int, mix: tuple[int, int], repeat: int, noise_w: float = 0.0) -> Part:
    """A window of requests of one kind that keep every slot busy."""
    requests = SECONDS * slots / (mix[0] * PREFILL_S + mix[1] * DECODE_S)
    n_in, n_out = (round(requests * tokens) for tokens in mix)
    prefill_j, decode_j = COSTS[slots]
    power_w = ARMED_W + noise_w + (prefill_j * n_in + decode_j * n_out) / SECONDS
    counts = {"tokens_out": n_out, "tokens_in": n_in, "requests": round(requests)}
    return Part("running", SECONDS, power_w, f"c{slots} {mix[0]}+{mix[1]}", 0, repeat, counts)


def recorded(folder: Path, loads: Sequence[Part]) -> str:
    waiting = [Part("idle", 20, 25.0), Part("armed", 20, ARMED_W)]
    return str(finished(folder / "llm.csv", [*waiting, *loads]).csv)


def fitted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert cli.main(["fit", "--prefill-decode", *arguments, "--json", "-"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_marginal_energy_gives_the_costs_of_each_concurrency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(4)
    csv = recorded(
        tmp_path,
        [load(s, mix, r, draw.gauss(0, 0.5)) for r in (1, 2, 3) for s in COSTS for mix in MIXES],
    )
    found = fitted(capsys, csv, "--figure", "marginal")
    loads = found["loads"]
    assert isinstance(loads, list)
    assert [(each["concurrency"], each["method"]) for each in loads] == [
        ("c1", "regression"),
        ("c8", "regression"),
    ]
    for each, truths in zip(loads, COSTS.values(), strict=True):
        for kind, truth in zip(("prefill", "decode"), truths, strict=True):
            cost = each[kind]
            assert cost["interval95"] is not None
            assert abs(cost["value"] - truth) <= cost["interval95"]
            assert cost["interval95"] < 0.5 * truth
        assert (each["windows"], each["is_collinear"]) == (9, False)


def test_the_table_names_methods_and_what_cannot_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = recorded(tmp_path, [load(8, mix, r) for r in (1, 2) for mix in MIXES])
    assert cli.main(["fit", "--prefill-decode", csv, "--width", "100"]) == 0
    shown = capsys.readouterr().out
    assert "total energy per token, prefill and decode apart  total, measured" in shown
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert any(row.startswith("c8 regression 6 ") for row in rows)
    assert any(row.startswith("c8 regression with a base 6 – – –") for row in rows)
    assert "! c8, regression with a base: prompt tokens" in shown


def test_one_proportion_alone_is_no_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = recorded(tmp_path, [load(8, MIXES[0], r) for r in (1, 2, 3)])
    assert cli.main(["fit", "--prefill-decode", csv]) == 1
    err = capsys.readouterr().err
    assert "c8: no regression of 3 windows" in err
    assert "fix: record windows with other proportions too" in err


def test_times_of_the_server_give_time_shares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loads = [load(1, MIXES[0], repeat) for repeat in (1, 2)]
    timed = [
        part._replace(counts={**part.counts, "prefill_ms": 4000, "decode_ms": 56000})
        for part in loads
    ]
    assert cli.main(["fit", "--prefill-decode", recorded(tmp_path, timed), "--json", "-"]) == 0
    [shares] = json.loads(capsys.readouterr().out)["loads"]
    assert shares["method"] == "time shares"
    energy_j = timed[0].watts * SECONDS
    n_in, n_out = (timed[0].counts[name] for name in ("tokens_in", "tokens_out"))
    assert shares["prefill"]["value"] == pytest.approx(energy_j / 15 / n_in)
    assert shares["decode"]["value"] == pytest.approx(energy_j * 14 / 15 / n_out)


@pytest.mark.parametrize(
    ("part", "options", "why"),
    [
        (Part("running", 9, 50.0, "c1", 10), (), "no running phase has tokens_in and tokens_out"),
        (load(1, MIXES[0], 1), ("--figure", "seconds"), "tells energies apart"),
        (load(1, MIXES[0], 1), ("--against", "tokens"), "not allowed with argument"),
        (load(1, MIXES[0], 1), ("--domain", "gpu7"), "gpu7 was not recorded"),
    ],
)
def test_what_cannot_be_fitted_says_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    part: Part,
    options: tuple[str, ...],
    why: str,
) -> None:
    assert cli.main(["fit", "--prefill-decode", recorded(tmp_path, [part]), *options]) == 2
    assert why in capsys.readouterr().err
