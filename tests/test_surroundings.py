"""Guarantees that tests/conftest.py gives to every test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SETTINGS = Path(__file__).parents[1] / "pyproject.toml"

LEAVES_A_PROCESS = """
import subprocess
import conftest
conftest.END_BOUND_S = 2.0
def test_leaves_an_orphan():
    subprocess.run(["sh", "-c", "sleep 61 </dev/null >/dev/null 2>&1 &"], env={})
def test_leaves_nothing():
    subprocess.run(["sh", "-c", "true &"])
"""
NEEDS_TORCH = """
import pytest
@pytest.mark.needs_torch
def test_needs_it():
    import torch
"""
SEARCHES = """
from hypothesis import given, strategies as st
seen = []
@given(st.integers())
def test_property(number):
    seen.append(number)
def test_that_is_none():
    pass
"""

TAKES_LONG = """
import pytest
async def test_the_dashboard():
    pass
@pytest.mark.slow
def test_that_takes_long():
    pass
def test_that_does_not():
    pass
"""


def pytest_on(folder: Path, source: str, *options: str, **environment: str) -> str:
    """The report of a pytest with that conftest on a file of these tests."""
    (folder / "test_one.py").write_text(source)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-c", str(SETTINGS), *options]
    done = subprocess.run(
        [*argv, "--rootdir", str(folder), str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.stdout


def test_the_persons_environment_home_and_signals_are_left_behind(tmp_path: Path) -> None:
    source = """
import os, signal
def test_plain():
    assert not set(os.environ) & {"COLUMNS", "HISTFILE", "LC_ALL", "TMUX", "WATTUI_CONFIG"}
    assert os.listdir(os.environ["HOME"]) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
"""
    theirs = dict.fromkeys(("COLUMNS", "HISTFILE", "LC_ALL", "TMUX", "WATTUI_CONFIG"), "x")
    before = [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGHUP)]
    try:
        assert "1 passed" in pytest_on(tmp_path, source, HOME="/", **theirs)
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGHUP, before[1])


def test_a_process_left_behind_fails_its_test_and_is_ended(tmp_path: Path) -> None:
    report = pytest_on(tmp_path, LEAVES_A_PROCESS)
    assert "2 passed, 1 error" in report
    assert "ERROR at teardown of test_leaves_an_orphan" in report
    (pid,) = set(re.findall(r"processes left behind: \['(\d+): sleep 61 '\]", report))
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("required", "reported"), [("", "1 skipped"), ("required", "1 error"), ("no", "1 skipped")]
)
def test_a_missing_extra_skips_unless_it_is_required(
    tmp_path: Path, required: str, reported: str
) -> None:
    hidden = "import sys, importlib.util as u\nfind = u.find_spec\n"
    hidden += "u.find_spec = lambda name, *more: None if name == 'torch' else find(name, *more)\n"
    report = pytest_on(tmp_path, hidden + NEEDS_TORCH, "-rs", WATTUI_TORCH=required)
    assert reported in report
    assert "torch is not installed: pip install 'wattui[torch]'" in report


def test_a_search_runs_only_the_property_tests_with_other_examples(tmp_path: Path) -> None:
    source = SEARCHES + "\nimport atexit; atexit.register(lambda: print(hash(tuple(seen))))\n"
    reports = [pytest_on(tmp_path, source, *options) for options in ((), ("--search", "3")) * 2]
    fixed, searched = reports[::2], reports[1::2]
    assert all("2 passed" in report for report in fixed)
    assert all("3 passed, 1 deselected" in report for report in searched)
    assert len({report.splitlines()[-1] for report in fixed}) == 1
    assert len({report.splitlines()[-1] for report in searched}) == 2


def test_quick_leaves_out_what_takes_long(tmp_path: Path) -> None:
    assert "3 passed" in pytest_on(tmp_path, TAKES_LONG)
    assert "1 passed, 2 deselected" in pytest_on(tmp_path, TAKES_LONG, "--quick")
