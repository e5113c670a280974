"""Modules loaded at start: few inside users' programs, few on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "numpy",
    "polars",
    "rich",
    "textual",
    "psutil",
    "pynvml",
    "pyRAPL",
    "torch",
    "platformdirs",
}
# What only a job of several nodes, or a server of language models, needs.
OF_FLEETS_AND_SERVERS = ("wattui.fleet.", "wattui.tokens", "recorders.servers", "asyncio", "httpx")
RECORDED = Path(__file__).parents[1] / "figures" / "recorded" / "bench.csv"


def loaded_by(*statements: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after the statements."""
    return {name.partition(".")[0] for name in every_module(*statements)}


def every_module(*statements: str) -> set[str]:
    script = "\n".join([*statements, "import sys; print(*sys.modules, file=sys.stderr)"])
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    return set(ended.stderr.split())


def foreign(modules: set[str]) -> set[str]:
    return modules - loaded_by() - set(sys.stdlib_module_names)


def test_importing_wattui_loads_the_standard_library_only() -> None:
    assert foreign(loaded_by("import wattui")) == {"wattui"}


def test_importing_wattui_loads_little_even_of_the_standard_library() -> None:
    assert len(loaded_by("import wattui") - loaded_by()) <= 3


def test_the_command_line_loads_no_name_that_a_user_may_have_before_it_prefers_its_own() -> None:
    assert foreign(loaded_by("import wattui.cli")) == {"wattui"}


def test_the_status_line_loads_the_standard_library_only() -> None:
    modules = loaded_by(
        "import wattui.cli", "from wattui.commands import status", "status.parser()"
    )
    assert foreign(modules) == {"recorders", "wattui"}


def test_the_pytest_plugin_loads_nothing_before_a_test_uses_it() -> None:
    before = loaded_by("import pytest")
    assert loaded_by("import pytest", "import wattui.pytest_plugin") - before <= {"wattui"}


def test_the_callbacks_of_trainers_load_the_standard_library_only() -> None:
    modules = loaded_by(
        "import wattui.training.huggingface as huggingface, wattui.training.lightning as lightning",
        "huggingface.EnergyCallback()",
        "lightning.lightning_callbacks()",
    )
    assert foreign(modules) == {"wattui"}


def test_counting_outside_a_recording_loads_the_standard_library_only() -> None:
    modules = loaded_by("import wattui", "wattui.count()", "with wattui.phase('running'): pass")
    assert foreign(modules) == {"wattui"}


def test_importing_the_recorders_loads_no_screen_and_no_numbers_library() -> None:
    assert not loaded_by("import recorders") & HEAVY
    # Only a meter that speaks SCPI loads this one; its library loads numpy.
    everything = (
        "import pkgutil, importlib, recorders",
        "for m in pkgutil.walk_packages(recorders.__path__, 'recorders.'):",
        "    m.name == 'recorders.meters.scpi' or importlib.import_module(m.name)",
    )
    modules = loaded_by(*everything)
    assert not modules & {"wattui", "workloads", "rich", "textual", "numpy", "polars"}
    assert "psutil" in modules


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["summary", "--help"]])
def test_help_loads_none_of_the_large_libraries(arguments: list[str]) -> None:
    modules = loaded_by(
        "import contextlib, runpy, sys",
        f"sys.argv = ['wattui', *{arguments!r}]",
        "with contextlib.suppress(SystemExit):",
        "    runpy.run_module('wattui', run_name='__main__')",
    )
    assert "argparse" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize(
    "statements",
    [
        ("from wattui.cli import main", f"main(['summary', {str(RECORDED)!r}])"),
        ("import recorders.recording",),
        ("import wattui.tui.start",),
    ],
)
def test_one_machine_loads_nothing_of_fleets_and_servers(statements: tuple[str, ...]) -> None:
    found = every_module(*statements) - every_module()
    too_many = {name for name in found if name.startswith(OF_FLEETS_AND_SERVERS)}
    assert too_many <= {"wattui.fleet.folder"}


def test_a_mark_from_a_shell_loads_none_of_the_large_libraries() -> None:
    modules = loaded_by("from wattui.cli import main", "main(['mark', 'running'])")
    assert not modules & HEAVY


def test_the_public_names_are_there_and_no_others() -> None:
    import wattui

    for name in wattui.__all__:
        assert callable(getattr(wattui, name))
    with pytest.raises(AttributeError, match="dance"):
        _ = wattui.dance
