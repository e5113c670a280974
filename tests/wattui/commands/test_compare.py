"""`wattui compare` on runs of known powers: tables, JSON, exit statuses, refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.made_runs import B1, B8, IDLE, TOKENS, Part, finished, written
from wattui.cli import main
from wattui.errors import REGRESSED, USAGE


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    return tmp_path


def make(
    name: str,
    factors: Sequence[float] = (0.99, 1.0, 1.01),
    labels: Sequence[Part] = (B1, B8),
    channels: Sequence[str] = ("package0",),
    **about: Any,
) -> str:
    """A run in which every label has these powers over its own, by repeat."""
    parts = [IDLE]
    for n, factor in enumerate(factors, 1):
        repeat = n if len(factors) > 1 else None
        parts += [p._replace(watts=p.watts * factor, repeat=repeat) for p in labels]
    path = Path(f"{name}.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    finished(path, parts, channels, **about)
    return str(path)


def compared(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["compare", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def row(found: dict[str, Any], **where: str) -> dict[str, Any]:
    rows = [r for r in found["comparisons"] if all(r[k] == v for k, v in where.items())]
    assert len(rows) == 1
    return dict(rows[0])


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["compare", *arguments]) == USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_labels_of_two_runs_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, make("a"), make("b", (1.09, 1.1, 1.11)))
    b1 = row(found, label="b1", figure="total")
    assert (b1["value_a"]["value"], b1["value_b"]["value"]) == pytest.approx((2.0, 2.2))
    assert b1["ratio"] == pytest.approx(1.1)
    assert b1["verdict"] == "clear"
    assert b1["mann_whitney_p"] == pytest.approx(0.1)
    assert b1["value_a"]["samples"] == pytest.approx([1.98, 2.0, 2.02])
    # sd 0.02 on both sides, 4 degrees
    assert b1["difference_plus_minus"] == pytest.approx(2.776445 * 0.02 * (2 / 3) ** 0.5, rel=1e-3)
    assert found["a"] == "a"
    assert {r["b"] for r in found["comparisons"]} == {"b"}


def in_turn(name: str, a: Sequence[float], b: Sequence[float]) -> str:
    """A run of two commands in turn at these powers, 100 inferences in 4 s each."""
    parts = [IDLE]
    for n, watts in enumerate(zip(a, b, strict=True), 1):
        two = [B1._replace(watts=w, label=x, repeat=n) for w, x in zip(watts, "AB", strict=True)]
        parts += two if n % 2 else two[::-1]
    finished(Path(f"{name}.csv"), parts)
    return f"{name}.csv"


def test_a_run_of_two_commands_in_turn_is_compared_pair_by_pair(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Drift of 20 W over the run, 3 W between the two: clear only pair by pair."""
    run = in_turn("ab", (50, 57, 61, 69), (53, 60, 64.5, 71.5))
    total = row(compared(capsys, run), figure="total")
    assert (total["pairs"], total["verdict"]) == (4, "clear")
    assert total["difference"] == pytest.approx(3 * 0.04)
    assert main(["compare", run]) == 0
    assert "B against A, total: +5.06 % (" in (said := capsys.readouterr().out)
    assert said.rstrip().endswith(", 4 pairs: clear")
    assert main(["compare", run, "--max-regression", "1%"]) == REGRESSED
    assert main(["compare", run, "--max-regression", "10%", "--strict"]) == 0


def test_pairs_that_are_not_clear_say_their_p(capsys: pytest.CaptureFixture[str]) -> None:
    run = in_turn("ab", (50, 50, 50, 50), (55, 46, 53, 50))
    assert main(["compare", run]) == 0
    assert "4 pairs: not clear, p = 0.6" in capsys.readouterr().out
    assert main(["compare", run, "--max-regression", "1%"]) == 0
    assert main(["compare", run, "--max-regression", "1%", "--strict"]) == REGRESSED


def test_the_table_says_what_the_json_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", make("a"), make("b", (1.09, 1.1, 1.11))]) == 0
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if line.startswith("b1")]
    assert " ".join(line.split()) == (
        "b1 2.000 ± 0.050 2.200 ± 0.050 0.200 ± 0.045 1.100 (1.076 … 1.124) 0.00051 clear"
    )


@pytest.mark.parametrize(
    ("factors", "options", "status"),
    [
        ((1.09, 1.1, 1.11), ("--max-regression", "5%"), REGRESSED),
        ((1.09, 1.1, 1.11), ("--max-regression", "15%"), 0),
        ((0.89, 0.9, 0.91), ("--max-regression", "0%"), 0),
        # On average worse by 10 %, but they scatter by 30 %.
        ((0.8, 1.1, 1.4), ("--max-regression", "5%"), 0),
        ((0.8, 1.1, 1.4), ("--max-regression", "5%", "--strict"), REGRESSED),
        # As quick as before, whatever it took.
        ((1.5, 1.5, 1.51), ("--max-regression", "5%", "--figure", "rate"), 0),
    ],
)
def test_a_pull_request_can_fail_on_energy(
    factors: Sequence[float],
    options: Sequence[str],
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["compare", make("a"), make("b", factors), *options]) == status
    told = [line for line in capsys.readouterr().err.splitlines() if "worse by" in line]
    assert all("not clearly" in line for line in told if status == 0)
    assert bool(told) == (status == REGRESSED or factors[0] == 0.8)


def test_fewer_inferences_per_second_are_a_regression_of_the_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = [part._replace(count=part.count // 2) for part in (B1, B8)]
    arguments = [make("a"), make("b", labels=slow), "--figure", "rate", "--max-regression", "5%"]
    assert main(["compare", *arguments]) == REGRESSED
    assert "b, b1: rate is worse by 50.0 %" in capsys.readouterr().err


def test_a_label_that_is_gone_is_told_and_fails_where_it_is_strict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [make("a"), make("b", labels=[B1]), "--max-regression", "50%"]
    assert main(["compare", *arguments]) == 0
    assert "b has no label b8" in capsys.readouterr().err
    assert main(["compare", *arguments, "--strict"]) == REGRESSED


@pytest.mark.parametrize("factors", [[0.2, 0.21, 0.19], [9.0, 9.1, 8.9]])
def test_runs_without_a_common_label_pass_no_limit(
    factors: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = [part._replace(label=f"new-{part.label}") for part in (B1, B8)]
    arguments = [make("a"), make("b", factors, labels=renamed), "--max-regression", "5%"]
    assert main(["compare", *arguments]) == USAGE
    line = capsys.readouterr().err.splitlines()[-1]
    assert "no label in common: a has b1, b8; b has new-b1, new-b8: fix: --mixed" in line


def test_labels_of_different_names_are_judged_together_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The remedy of the refusal works, with one label on each side or several."""
    x, ddp = make("x", labels=[B1]), make("ddp", labels=[B1._replace(label="b1-ddp")])
    dear = make("dear", labels=[B1._replace(label="dear", watts=100.0)])
    assert main(["compare", x, ddp, "--max-regression", "5%"]) == USAGE
    said = capsys.readouterr().err
    assert "no label in common: x has b1; ddp has b1-ddp: fix: --mixed takes" in said
    for b, status in ((ddp, 0), (dear, REGRESSED)):
        assert main(["compare", x, b, "--max-regression", "5%", "--mixed"]) == status
    others = make("others", labels=[B1._replace(label="y"), B8._replace(label="z")])
    two = make("two")
    capsys.readouterr()
    assert "two has b1, b8; others has y, z: fix: --mixed" in refused(
        capsys, two, others, "--figure", "total"
    )
    assert main(["compare", two, others, "--figure", "total", "--mixed"]) == 0


def test_runs_without_repeats_say_that_their_scatter_is_not_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["compare", make("a", [1.0]), make("b", [1.1])]) == 0
    said = capsys.readouterr()
    assert "not the variation between runs: record with --repeats 5" in said.err
    assert "unclear: one run each" in said.out
    assert "clear" not in said.out.replace("unclear", "")


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.01, 1.5])
def test_a_limit_does_not_judge_one_run_against_one(
    factor: float, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = make("a", [1.0]), make("b", [factor])
    for strict in ((), ("--strict",)):
        assert main(["compare", a, b, "--max-regression", "5%", *strict]) == USAGE
    said = capsys.readouterr()
    assert "B / A" in said.out
    differ = f"differ by {'+' if factor > 1 else '−'}{100 * abs(factor - 1):.3g} %"
    seen = differ if factor != 1 else "are equal"
    told = f"b, b1: total: no verdict from one run each: these two {seen}"
    assert any(told in line for line in said.err.splitlines())
    assert "record both sides with --repeats 5, or add --single-runs" in said.err


@pytest.mark.parametrize(("factor", "status"), [(1.01, 0), (1.5, REGRESSED)])
def test_on_request_single_runs_are_judged_by_the_instrument_alone(
    factor: float, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = make("a", [1.0]), make("b", [factor])
    assert main(["compare", a, b, "--max-regression", "5%", "--single-runs"]) == status
    told = [line for line in capsys.readouterr().err.splitlines() if "worse by" in line]
    assert all("by the instrument's error alone" in line for line in told)
    assert bool(told) == bool(status)


def test_a_limit_does_not_judge_one_run_beside_repeats(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b = make("a"), make("b", [1.5])
    for sides in ([a, b], [b, a]):
        assert main(["compare", *sides, "--max-regression", "5%", "--strict"]) == USAGE
        said = capsys.readouterr()
        assert "unclear: one run" in said.out
        assert "no verdict from one run: these two differ by" in said.err
        assert "± of one run covers the uncertainty of instrument and baseline" in said.err
        assert said.err.splitlines()[-1].endswith("by the scatter of the other side's repeats")
    assert main(["compare", a, b, "--max-regression", "5%", "--single-runs"]) == REGRESSED
    assert "by the scatter of the other side's repeats" in capsys.readouterr().err
    # 2 % more than repeats that scatter by 1 % may be by chance.
    arguments = [a, make("c", [1.02]), "--max-regression", "0%", "--single-runs"]
    assert main(["compare", *arguments]) == 0


def test_a_run_of_two_phases_is_its_own_total_beside_repeats(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """200 J a repeat; 20 + 2000 J of one run in phases that differ, which are not its scatter."""
    short, long = B1._replace(seconds=1, watts=20.0, count=10), B1._replace(seconds=40)
    b = make("b", [1.0], [short, long])
    energy = row(compared(capsys, make("a", labels=[B1]), b, "--figure", "energy"), label="b1")
    assert energy["value_a"]["value"] == pytest.approx(200.0)
    value = energy["value_b"]
    assert (value["value"], value["samples"]) == (pytest.approx(2020.0), [])
    # Four edges with at most an update of 1 ms each: far below a joule.
    assert 0 < value["plus_minus"] < 0.5
    assert (energy["verdict"], energy["p"]) == ("unclear: one run", None)
    assert main(["compare", "a.csv", b, "--max-regression", "5%"]) == USAGE
    capsys.readouterr()
    again = make("c", [1.0], [short, long])
    for figure, expected in (("energy", 2020.0), ("total", 2020.0 / 110)):
        both = row(compared(capsys, b, again, "--figure", figure), label="b1")
        for each in (both["value_a"], both["value_b"]):
            assert each["value"] == pytest.approx(expected)
            assert each["plus_minus"] < 1e-3 * expected
        assert both["difference_plus_minus"] < 1e-3 * expected
        assert both["verdict"] == "unclear: one run each"


def test_phases_of_a_label_without_repeats_are_none_beside_a_label_with_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run has repeats of one label only: those of the other are still its phases."""
    for name in "ab":
        warm = [Part("running", 5, watts, "warm", 10) for watts in (20.0, 30.0)]
        tests = [B1._replace(watts=50.0 + n, repeat=n) for n in (1, 2)]
        finished(Path(f"{name}.csv"), [IDLE, *warm, *tests])
    found = compared(capsys, "a.csv", "b.csv", "--figure", "energy")
    warm_j = row(found, label="warm")
    assert warm_j["value_a"]["value"] == pytest.approx(250.0)
    assert warm_j["verdict"] == "unclear: one run each"
    assert row(found, label="b1")["value_a"]["samples"] == pytest.approx([204.0, 208.0])


def test_labels_of_one_run_have_their_phases_as_samples(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts = [p._replace(watts=p.watts + n) for p in (B1, B8) for n in range(3)]
    run = make("a", [1.0], parts)
    total = row(compared(capsys, run), figure="total")
    assert total["value_a"]["samples"] == pytest.approx([2.0, 2.04, 2.08])
    assert total["verdict"] == "clear"
    energy = row(compared(capsys, run, "--figure", "energy"))
    assert energy["value_a"]["value"] == pytest.approx(4 * (50 + 51 + 52))
    assert energy["value_a"]["samples"] == []


def test_a_file_given_twice_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    a = make("a")
    assert main(["export", a, "there.json"]) == 0
    Path("link.csv").symlink_to(a)
    told = "a.csv is given more than once: it is compared with itself"
    for given in ([a, a], ["x=a.csv", "y=a.csv"], [a, "link.csv"], ["*.csv", "a.csv"]):
        assert main(["compare", *given]) == 0
        assert told in capsys.readouterr().err
    assert main(["compare", "there.json", "there.json"]) == 0
    assert "there.json is given more than once" in capsys.readouterr().err
    assert main(["compare", a, make("b")]) == 0
    assert "more than once" not in capsys.readouterr().err


def test_phases_of_one_run_are_no_repeats_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """They tell nothing of how far the next run would be."""
    parts = [B1._replace(watts=50.0 + n) for n in range(4)]
    a, b = make("a", [1.0], parts), make("b", [1.5], parts)
    b1 = row(compared(capsys, a, b), label="b1", figure="total")
    assert (b1["verdict"], b1["mann_whitney_p"]) == ("unclear: one run each", None)
    # Nor do they beside three repeats.
    one_more = row(compared(capsys, make("c"), a), label="b1", figure="total")
    assert one_more["value_b"]["samples"] == []
    assert one_more["verdict"] == "unclear: one run"


@pytest.mark.parametrize("columns", [60, 80])
def test_errors_p_and_verdict_are_there_at_any_width(
    columns: int, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = make("a"), make("b", (1.09, 1.1, 1.11))
    for arguments in ([a, b], [a, b, "c=b.csv"]):
        assert main(["compare", *arguments, "--width", str(columns)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= columns
        said = " ".join(" ".join(lines).split())
        for figure in ("2.000 ± 0.050", "2.200 ± 0.050", "0.200 ± 0.045", "(1.076 … 1.124)"):
            assert figure in said
        assert "0.00051" in said
        assert "clear" in said


def test_a_width_is_a_number_of_columns(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, make("a"), make("b"), "--width", "wide")
    assert "'wide' is not a number of columns" in said


def test_estimates_have_no_error_and_so_no_verdict_without_repeats(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b = (make(name, [f], channels=["est_cpu"]) for name, f in (("a", 1.0), ("b", 2.0)))
    judged = ["compare", a, b, "--max-regression", "5%"]
    assert main(judged) == USAGE
    assert "(estimated)" in capsys.readouterr().out
    assert main([*judged, "--single-runs"]) == 0
    assert "its error is not known" in capsys.readouterr().err
    assert main([*judged, "--single-runs", "--strict"]) == REGRESSED


def test_measured_and_estimated_are_not_compared_unless_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b = make("a"), make("b", channels=["est_cpu"])
    assert "a is measured, b is estimated" in refused(capsys, a, b)
    found = compared(capsys, a, b, "--allow-mixed")
    assert row(found, label="b1", figure="total")["origins"] == ["measured", "estimated"]


def test_all_that_ran_has_the_labels_that_ran_once(capsys: pytest.CaptureFixture[str]) -> None:
    """100 and 110 J in two repeats of one label; 5 kJ or 20 kJ of another that ran once."""
    for name, seconds in (("a", 100), ("b", 400)):
        twice = [Part("running", 10, watts, "test", 0, n) for n, watts in ((1, 10.0), (2, 11.0))]
        finished(Path(f"{name}.csv"), [*twice, Part("running", seconds, 50.0, "big")])
    found = compared(capsys, "a.csv", "b.csv")
    whole = row(found, label="", figure="energy")
    assert (whole["value_a"]["value"], whole["value_b"]["value"]) == pytest.approx((5210, 20210))
    assert whole["value_a"]["samples"] == []
    twice_j = row(found, label="test", figure="energy")["value_a"]
    assert twice_j["samples"] == pytest.approx([100, 110])
    assert row(found, label="big", figure="energy")["ratio"] == pytest.approx(4)


def test_a_group_is_one_sample_per_run(capsys: pytest.CaptureFixture[str]) -> None:
    for n, factor in enumerate((0.98, 1.0, 1.02)):
        make(f"runs/a{n}", (factor, factor))
        make(f"runs/b{n}", (1.1 * factor, 1.1 * factor))
    found = compared(capsys, "old=runs/a*.csv", "new=runs/b*.csv")
    b1 = row(found, label="b1", figure="total")
    assert found["a"] == "old"
    assert b1["value_a"]["samples"] == pytest.approx([1.96, 2.0, 2.04])
    assert b1["ratio"] == pytest.approx(1.1)


def test_a_pattern_alone_puts_every_run_beside_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for n in (1, 2, 10):
        make(f"runs/r{n}", [1 + n / 10])
    found = compared(capsys, "runs/*.csv", "--figure", "total", "--label", "b1")
    assert found["a"] == "runs/r1.csv"
    ratios = {r["b"]: r["ratio"] for r in found["comparisons"]}
    assert ratios == pytest.approx({"runs/r2.csv": 1.2 / 1.1, "runs/r10.csv": 2.0 / 1.1})
    assert main(["compare", "runs/*.csv"]) == 0
    assert "runs/r10.csv" in capsys.readouterr().out


def test_one_run_alone_is_compared_label_by_label(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, make("a"))
    total = row(found, figure="total")
    assert (found["a"], total["b"], total["ratio"]) == ("b1", "b8", pytest.approx(2.0))
    assert "one run without labels" in refused(capsys, make("b", labels=[B1._replace(label="")]))


def test_two_runs_of_one_name_keep_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, make("x/run"), make("y/run"))
    assert (found["a"], found["comparisons"][0]["b"]) == ("x/run.csv", "y/run.csv")


def test_beside_the_devices_of_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    """29.8 mJ of the Quadro K4000 beside 1.6 J of this one."""
    found = compared(capsys, make("mine"), "--published", "kws")
    devices = {r["b"]: r for r in found["comparisons"] if r["figure"] == "dynamic"}
    assert len(devices) == 5
    quadro = devices["GPU Quadro K4000"]
    assert (quadro["label"], quadro["ratio"]) == ("b1", pytest.approx(0.0298 / 1.6))
    assert main(["compare", make("again"), "--published", "kws"]) == 0
    said = capsys.readouterr().out
    assert "Loihi" in said
    assert "arXiv 1812.01739" in said


def test_rest_between_repeats_is_advised_for_recordings_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A results table may be of a test session, which has no --cooldown."""
    monkeypatch.chdir(tmp_path)
    rising = [Part("running", 4, 50.0 + n, "b1", 100, n + 1) for n in range(12)]
    finished(Path("a.csv"), [IDLE, *rising])
    assert main(["export", "a.csv", "t.json"]) == 0
    main(["compare", "a.csv", "b=a.csv"])
    assert "depends on the one before: fix: --cooldown 60: b1 (12 count" in capsys.readouterr().err
    main(["compare", "t.json", "b=t.json"])
    assert "depends on the one before: b1 (12 count" in capsys.readouterr().err


def test_what_was_exported_is_compared_as_the_recording_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b = make("a"), make("b", (1.09, 1.1, 1.11))
    assert main(["export", b, "there.json"]) == 0
    recorded = row(compared(capsys, a, b), label="b1", figure="total")
    exported = row(compared(capsys, a, "b=there.json"), label="b1", figure="total")
    assert exported == recorded


def test_damaged_and_foreign_json_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run = make("a")
    Path("bad.json").write_text("{")
    Path("other.json").write_text('{"kind": "fit", "version": 1}')
    Path("torn.json").write_text('{"kind": "results", "version": 1, "runs": [{}], "rows": []}')
    assert "bad.json: it is not JSON" in refused(capsys, run, "bad.json")
    assert "other.json: it is not a results table" in refused(capsys, run, "other.json")
    assert "torn.json: it is damaged" in refused(capsys, run, "torn.json")
    twice = [{"name": "a", "headline": None, "command": [], "machine": "", "flags": []}] * 2
    found = {"kind": "results", "version": 1, "runs": twice, "rows": []}
    Path("twice.json").write_text(json.dumps(found))
    assert "two runs have the same name" in refused(capsys, run, "twice.json")
    assert "absent.json: no such file" in refused(capsys, run, "absent.json")


def test_what_is_wrong_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    a, other = make("a"), make("b", labels=[B1._replace(label="x"), B8._replace(label="y")])
    written(Path("idle.csv"), [IDLE])
    assert "--label b9: a has no such label: it has b1, b8" in refused(
        capsys, a, other, "--label", "b9"
    )
    assert "--domain gpu0: a has no such domain" in refused(capsys, a, other, "--domain", "gpu0")
    assert "no total figure in common: fix: record a running phase in both" in refused(
        capsys, a, "idle.csv", "--figure", "total"
    )
    assert "no marginal figure in common: fix: --figure total, which both have" in refused(
        capsys, a, make("c"), "--figure", "marginal"
    )
    assert "'5' is not a percentage" in refused(capsys, a, other, "--max-regression", "5")
    assert "no such file" in refused(capsys, a, "absent.csv")


def test_doubts_about_other_machines_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    a = make("a")
    b = make("b", host={"name": "elsewhere", "processor": "Other 1", "logical_cpus": 4})
    assert main(["compare", a, b]) == 0
    assert "different machines: bench, elsewhere" in capsys.readouterr().err


def test_a_difference_of_one_of_many_labels_is_clear_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By itself 2 % more has p = 0.03; as one of four labels, one of which differs that much by
    chance one time in ten, it is nothing to report."""
    labels = [B1._replace(label=f"b{n}") for n in range(4)]
    parts = [IDLE]
    for repeat, factor in enumerate((0.99, 1.0, 1.01), 1):
        for label in labels:
            more = 0.025 if label.label == "b2" else 0.0
            watts = label.watts * (factor + more)
            parts.append(label._replace(watts=watts, repeat=repeat))
    finished(Path("b.csv"), parts, ("package0",))
    a = make("a", labels=labels)
    b2 = row(compared(capsys, a, "b.csv"), label="b2", figure="total")
    assert b2["p"] < 0.05 < b2["p_of_all_labels"] == pytest.approx(4 * b2["p"])
    assert b2["verdict"] == "clear alone"
    assert main(["compare", a, "b.csv"]) == 0
    assert "clear alone" in capsys.readouterr().out
    at_a_tenth = compared(capsys, a, "b.csv", "--alpha", "0.2")
    assert at_a_tenth["alpha"] == 0.2
    assert row(at_a_tenth, label="b2", figure="total")["verdict"] == "clear"
    alone = compared(capsys, a, "b.csv", "--label", "b2")
    assert row(alone, figure="total")["verdict"] == "clear"


@pytest.mark.parametrize("alpha", ["0", "1", "5%", "nan", "x"])
def test_a_level_is_a_probability(alpha: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "example: 0.01" in refused(capsys, make("a"), make("b"), "--alpha", alpha)


def test_labels_have_a_geometric_mean_whose_interval_counts_a_slow_repeat_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A repeat that is slow is slow for both labels: two of them know no more than one."""
    found = compared(capsys, make("a"), make("b", (1.09, 1.1, 1.11)))
    (mean,) = [each for each in found["geometric_means"] if each["figure"] == "total"]
    assert (mean["labels"], mean["ratio"]) == (2, pytest.approx(1.1, rel=1e-3))
    # t of 4 degrees times √(2/3) of the relative scatter, 1 % and 0.91 %.
    half = 2.776 * (0.01**2 / 3 + (0.01 / 1.1) ** 2 / 3) ** 0.5
    assert mean["ratio_high95"] / mean["ratio"] == pytest.approx(1 + half, rel=1e-3)
    assert main(["compare", make("a"), make("b", (1.09, 1.1, 1.11))]) == 0
    assert "geometric mean" in capsys.readouterr().out
    single = compared(capsys, make("one", (1.0,)), make("other", (1.1,)))
    assert {each["ratio_low95"] for each in single["geometric_means"]} == {None}


def test_what_is_not_clear_says_how_many_repeats_show_5_percent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    factors = (0.95, 1.0, 1.05)
    assert main(["compare", make("a", factors, [B1]), make("b", factors[::-1], [B1])]) == 0
    said = capsys.readouterr().err
    assert "b1: total: 17 repeats on each side show a difference of 5 %" in said
    assert main(["compare", make("a", labels=[B1]), make("b", (1.2, 1.21), [B1])]) == 0
    assert "repeats on each side" not in capsys.readouterr().err


def test_repeats_that_are_not_of_one_thing_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    steady = (1.0, 1.001, 0.999, 1.0, 1.002, 0.998)
    heating = (1.0, 1.01, 1.02, 1.03, 1.04, 1.05)
    assert main(["compare", make("a", (*steady[:5], 1.4), [B1]), make("b", heating, [B1])]) == 0
    said = capsys.readouterr().err
    assert "a, b1: repeat 6 of 6 is an outlier: 2.8 J/inference, the median is 2" in said
    assert "b: each repeat depends on the one before: fix: --cooldown 60: b1 (6 count as" in said
    assert main(["compare", make("a", steady, [B1]), make("b", steady[::-1], [B1])]) == 0
    said = capsys.readouterr().err
    assert "outlier" not in said
    assert "depends" not in said


def test_a_ratio_that_may_be_anything_is_unbounded_on_both_sides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Repeats of 1 and 3 W: neither mean is clearly different from zero."""
    assert main(["compare", make("a", (0.02, 0.06)), make("b", (0.06, 0.02)), "--label", "b1"]) == 0
    assert "1.000 (−∞ … ∞)" in capsys.readouterr().out


def test_runs_of_tokens_are_compared_per_token(capsys: pytest.CaptureFixture[str]) -> None:
    a = make("a", labels=[TOKENS])
    b = make("b", labels=[TOKENS._replace(watts=40.0)])
    found = compared(capsys, a, b)
    assert found["per"] == "tokens_out"
    total = row(found, figure="total", label="c1", domain="total")
    assert total["unit"] == "J/output token"
    assert total["value_a"]["value"] == pytest.approx(2.0)
    assert total["ratio"] == pytest.approx(0.8)
    assert main(["compare", a, b]) == 0
    text = capsys.readouterr().out
    assert "energy per output token, all energy used while running" in text
    assert "inference" not in text


def test_per_chooses_the_count_that_runs_are_compared_by(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = TOKENS._replace(count=50)
    found = compared(capsys, make("a", labels=[both]), make("b", labels=[TOKENS]))
    assert found["per"] == "tokens_out"  # what both have
    found = compared(capsys, "a.csv", "b.csv", "--per", "requests")
    assert row(found, figure="total", label="c1")["value_a"]["value"] == pytest.approx(20.0)
    said = refused(capsys, "a.csv", "b.csv", "--per", "images")
    assert "--per images: nothing here counted images: there is inferences, requests" in said


def test_a_side_without_the_count_has_no_energy_per_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its energy per inference is not that per token."""
    images = TOKENS._replace(count=50, counts={})
    a, b = make("a", labels=[images]), make("b", labels=[TOKENS])
    found = compared(capsys, a, b, "--per", "tokens_out")
    assert {row["figure"] for row in found["comparisons"]} == {"energy", "power"}
    assert "only b counted output tokens" in found["remarks"]


def test_energy_per_token_is_not_mixed_with_that_per_inference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = TOKENS._replace(count=50)
    found = compared(capsys, make("a", labels=[both]), make("b", labels=[TOKENS]))
    total = row(found, figure="total", label="c1")
    assert total["value_a"] == total["value_b"]
    assert total["value_a"]["samples"] == pytest.approx([1.98, 2.0, 2.02])


def test_exported_results_are_compared_per_token(capsys: pytest.CaptureFixture[str]) -> None:
    make("a", labels=[TOKENS])
    assert main(["export", "a.csv", "results.json"]) == 0
    capsys.readouterr()
    found = compared(capsys, "results.json", "x=a.csv")
    assert row(found, figure="total", label="c1")["ratio"] == pytest.approx(1.0)
    assert row(found, figure="total", label="c1")["unit"] == "J/output token"
