"""Setup for every test: a plain environment, checks for extras, no process left behind."""

from __future__ import annotations

import ctypes
import importlib.util
import inspect
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

# Modules of each extra; pyproject.toml registers a marker needs_NAME for each of them.
EXTRAS = {
    "workloads": ("numpy", "onnx", "onnxruntime"),
    "torch": ("numpy", "torch"),
    "report": ("matplotlib",),
    "web": ("textual_serve",),
    "prometheus": ("prometheus_client",),
    "otlp": ("opentelemetry.exporter.otlp.proto.http",),
    "tokens": ("httpx", "prometheus_client"),
}

# Examples have no deadline: machines are busy with other work. They are the same in every run, so
# that a red run is red again; --search looks for new ones.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=10)
settings.load_profile("fixed")

# All that tests take from the environment of the person who starts them.
KEPT = {"PATH", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
KEPT_HEADS = ("PYTEST_", "WATTUI_BENCH", "WATTUI_GOLDEN", "WATTUI_TEST", "WATTUI_TORCH")

# How often a test marked quiet is repeated.
QUIET_REPEATS = 2

# Rooms of tests whose recordings take their time.
LONG_ROOMS = {"bench", "figures", "program"}

PR_SET_CHILD_SUBREAPER = 36
END_BOUND_S = 15.0

_home = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --search, and how long and by which seed the dashboard and recordings are tried."""
    parser.addoption(
        "--fuzz-seconds",
        type=float,
        default=20.0,
        metavar="S",
        help="try the dashboard by random hands for so long (default: 20)",
    )
    parser.addoption(
        "--fuzz-seed",
        type=int,
        default=1,
        metavar="N",
        help="which hands these are (default: 1)",
    )
    parser.addoption(
        "--quick",
        action="store_true",
        help="leave out the tests that take long: those of the whole program, those that drive the "
        "dashboard or draw a report, and those marked slow; property tests try 10 examples",
    )
    parser.addoption(
        "--search",
        type=int,
        metavar="N",
        help="run the property tests alone, N times each, with new examples every time",
    )
    parser.addoption(
        "--chaos-seconds",
        type=float,
        default=60.0,
        metavar="S",
        help="kill, stop, freeze and fill recordings for so long (default: 60)",
    )
    parser.addoption(
        "--chaos-seed",
        type=int,
        default=1,
        metavar="N",
        help="what is drawn for that (default: 1)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Leave the person's environment, home and ignored signals (nohup) behind."""
    for profile in ("search", "quick"):
        if config.getoption(profile):
            settings.load_profile(profile)
    config.stash[_home] = tempfile.mkdtemp(prefix="home-")
    kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(KEPT_HEADS)}
    os.environ.clear()
    os.environ.update(kept, HOME=config.stash[_home], LANG="C.UTF-8", TERM="xterm-256color")
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Orphans become children of this process, where left_behind finds them.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home."""
    shutil.rmtree(config.stash[_home], ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every property test its rounds of --search."""
    if (rounds := metafunc.config.getoption("search")) and is_hypothesis_test(metafunc.function):
        metafunc.fixturenames.append("search_round")
        metafunc.parametrize("search_round", range(rounds))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave in the list what --search (the property tests) and --quick ask for; bound the repeats
    of tests marked quiet."""
    for item in items:
        if item.get_closest_marker("quiet"):
            item.add_marker(pytest.mark.flaky(reruns=QUIET_REPEATS))
    others = set()
    if config.getoption("search"):
        others |= {item for item in items if not is_hypothesis_test(getattr(item, "obj", None))}
    if config.getoption("quick"):
        others |= {item for item in items if _takes_long(item)}
    if others:
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=list(others))


def _takes_long(item: pytest.Item) -> bool:
    """Whether a test is left out by --quick: a coroutine is one that drives the dashboard."""
    rooms = set(item.path.relative_to(item.config.rootpath).parts)
    drives = inspect.iscoroutinefunction(getattr(item, "obj", None))
    marked = any(item.get_closest_marker(name) for name in ("slow", "needs_report", "needs_torch"))
    return bool(rooms & LONG_ROOMS) or drives or marked


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test without the extra that it needs, or fail where WATTUI_EXTRA=required."""
    for extra, modules in EXTRAS.items():
        if not item.get_closest_marker(f"needs_{extra}"):
            continue
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            reason = f"{missing[0]} is not installed: pip install 'wattui[{extra}]'"
            if os.environ.get(f"WATTUI_{extra.upper()}") == "required":
                pytest.fail(reason)
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def left_behind() -> Iterator[None]:
    """End the processes that a test leaves running, and fail it."""
    before = _children()
    yield
    deadline = time.monotonic() + END_BOUND_S
    while (left := _running(_children() - before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    told = [f"{pid}: {_command_line(pid)}" for pid in left]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert not told, f"processes left behind: {told}"


def _children() -> set[int]:
    """This process's children, orphans that it adopted included."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # that thread has just ended
            found |= {int(pid) for pid in path.read_text().split()}
    return found


def _running(pids: set[int]) -> list[int]:
    """Those that have not ended; one that has is taken off the process table."""
    return [pid for pid in pids if not _has_ended(pid)]


def _has_ended(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""
