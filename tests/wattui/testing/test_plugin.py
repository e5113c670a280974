"""The pytest plugin, in sessions of its own: measuring, skipping, saving, comparing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from recorders.client import RecorderError
from recorders.summary.summary import summarise
from tests.support.made_runs import Part, written
from wattui.analysis.results import group_rows
from wattui.analysis.results_file import ResultSet
from wattui.runs.reduce import reduce_csv
from wattui.testing import measure, session
from wattui.testing.measure import Joules, read_joules

pytest_plugins = ["pytester"]
TEST = """
def test_small(joules):
    found = joules(lambda: 42, target="2%")
    assert found.returned == 42
    print("found", found.joules)

def test_other(request):
    assert 1
"""
STEADY = (0.99, 1.0, 1.01)


@pytest.fixture
def here(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(test_it=TEST)
    return pytester


@pytest.fixture
def powers(
    here: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[[float, Sequence[float]], None]:
    """Lets rounds of 100 calls in 4 s have these powers, instead of measuring them."""

    def set_powers(watts: float, factors: Sequence[float] = STEADY) -> None:
        def measured(
            function: Callable[[], object], label: str, target: float, seconds: float, _: bool
        ) -> tuple[Joules, ResultSet]:
            parts = [
                Part("running", 4, watts * factor, label, 100, n)
                for n, factor in enumerate(factors, 1)
            ]
            summary = summarise(reduce_csv(written(here.path / "run.csv", parts)))
            found = read_joules(summary, label)
            assert found is not None
            values = {name: getattr(found, name) for name in Joules.__slots__}
            met = found.plus_minus is not None and found.plus_minus < target * found.joules
            rows = [row for row in group_rows(summary) if row.label == label]
            results = ResultSet(label, summary.headline, rows)
            return Joules(**{**values, "met": met, "returned": function()}), results

        monkeypatch.setattr(measure, "measure", measured)

    return set_powers


def test_a_table_says_what_a_call_costs(here: pytest.Pytester, powers: Callable[..., None]) -> None:
    powers(50.0)
    ended = here.runpytest("-s")
    ended.assert_outcomes(passed=2)
    ended.stdout.fnmatch_lines(["*found 2.0*", "*= joules =*", "test *per call*", "*"])
    ended.stdout.fnmatch_lines(["test_it.py::test_small *2.000 ± 0.050 J *40.0 ms *300 *3"])
    # 3 rounds: t = 4.303, sd 1 %
    ended.stdout.fnmatch_lines(["test_it.py::test_small: ± is 0.05 J after 10 s, 2 % was wanted"])


def test_a_clear_rise_above_saved_results_fails_the_session(
    here: pytest.Pytester, powers: Callable[..., None]
) -> None:
    powers(50.0)
    assert here.runpytest("--joules-save", "main").ret == 0
    saved = json.loads((here.path / ".joules/main.json").read_text())
    assert saved["kind"] == "results"
    against = ("--joules-compare", "main", "--joules-max-regression", "5%")
    assert here.runpytest(*against).ret == 0
    powers(52.5)
    within = here.runpytest(*against)
    assert within.ret == 0
    within.stdout.fnmatch_lines(["*1.050 (1.0* … 1.0*)*clear"])
    powers(60.0)
    worse = here.runpytest(*against)
    assert worse.ret == pytest.ExitCode.TESTS_FAILED
    worse.stdout.fnmatch_lines(["FAILED against main, *::test_small: total is worse by 20*"])


def test_without_a_sensor_a_test_is_skipped_with_the_reason(
    here: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise RecorderError("require", "powercap: no RAPL zones", "measured")

    monkeypatch.setattr(measure, "measure", refused)
    ended = here.runpytest("-rs")
    ended.assert_outcomes(passed=1, skipped=1)
    ended.stdout.fnmatch_lines(["*no power sensor (powercap: no RAPL zones): fix: --joules-est*"])
    ended.stdout.no_fnmatch_line("*= joules =*")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--joules-compare", "none"], "*none.json: No such file*fix: --joules-save none first*"),
        (["--joules-save", "../x"], "*--joules-save ../x: fix: use letters*"),
        (["--joules-save", ""], "*--joules-save : fix: use letters*"),
        (["--joules-max-regression", "5%"], "*needs --joules-compare NAME*"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    here: pytest.Pytester, options: list[str], why: str
) -> None:
    ended = here.runpytest(*options)
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines([why])


def test_a_second_measurement_of_a_test_needs_a_name(
    here: pytest.Pytester, powers: Callable[..., None]
) -> None:
    powers(50.0)
    here.makepyfile(
        test_it="""
        import pytest
        def test_two(joules):
            joules(int)
            joules(int, name="again")
            with pytest.raises(ValueError, match="measured before"):
                joules(int)
        """
    )
    ended = here.runpytest()
    ended.assert_outcomes(passed=1)
    ended.stdout.fnmatch_lines(["test_it.py::test_two *", "test_it.py::test_two again *"])


def test_results_of_several_processes_are_in_one_table(tmp_path: Path) -> None:
    parts = [Part("running", 4, 50.0, "a", 100, n) for n in (1, 2)]
    summary = summarise(reduce_csv(written(tmp_path / "run.csv", parts)))
    worker, whole = session.Session(tmp_path), session.Session(tmp_path)
    worker.results["a"] = ResultSet("a", "total", group_rows(summary))
    whole.take(json.loads(json.dumps(worker.to_dict())))
    lines = list(whole.lines())
    assert lines[1].startswith("a")
    assert "2.00000 ± 0.00035 J" in lines[1]
    assert "several processes" in lines[2]


def test_a_function_is_measured_in_rounds_of_its_own(here: pytest.Pytester) -> None:
    here.makepyfile(
        test_it="""
        def test_one(joules):
            calls = []
            found = joules(lambda: calls.append(sum(range(10_000))), "90%", seconds=30)
            assert found.met
            assert found.origin in ("measured", "estimated")
            assert found.calls == len(calls) - 1
            assert 3 <= len(found.samples) < 30  # it ended long before 30 s
            assert found.joules > 0
        """
    )
    ended = here.runpytest("--joules-estimate")
    ended.assert_outcomes(passed=1)
