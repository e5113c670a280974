"""The cell magic, in a shell that has what IPython's has, and in a real Jupyter kernel."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from wattui.errors import UsageError
from wattui.notebook.magic import load_ipython_extension, record_cell

QUIET = "--idle 0"


class Compiler:
    """As IPython's: code and syntax trees."""

    def cache(self, source: str, number: int, raw_code: str) -> str:
        return f"<cell {number}>"

    def ast_parse(self, source: str, filename: str) -> ast.Module:
        return ast.parse(source, filename)

    def __call__(self, tree: ast.Module, name: str, symbol: str) -> Any:
        return compile(tree, name, symbol)


class Shell:
    """The part of IPython's shell that the magic uses."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {"n": 1000}
        self.compile = Compiler()
        self.execution_count = 7
        self.magics: dict[str, Any] = {}

    def transform_cell(self, cell: str) -> str:
        return cell

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        self.magics[f"{kind} {name}"] = function


def test_a_cell_is_recorded_in_the_names_of_the_notebook(tmp_path: Path) -> None:
    shell, csv = Shell(), tmp_path / "cell.csv"
    line = f"--csv '{csv}' --idle 0.2 --label sums --inferences 5"
    run = record_cell(shell, line, "import time\nx = sum(range(n))\ntime.sleep(0.2)")
    assert shell.user_ns["x"] == 499500
    assert run.csv == csv
    assert [phase.phase for phase in run.summary.phases] == ["idle", "running"]
    assert [(each.label, each.inferences) for each in run.summary.labels] == [("sums", 5)]


def test_a_cell_that_fails_raises_its_own_error_and_is_recorded(tmp_path: Path) -> None:
    csv = tmp_path / "cell.csv"
    with pytest.raises(KeyError, match="mine"):
        record_cell(Shell(), f"--csv '{csv}' {QUIET}", "raise KeyError('mine')")
    assert csv.exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--nonsense", "nonsense"),
        ("--csv 'a.csv", "No closing quotation"),
        ("--inferences -3", "--inferences -3: must be 1 or more"),
        ("--idle -1", "--idle -1: must be 0 or more"),
        ("--idle nan", "--idle nan: must be 0 or more"),
        ("--rate 0", "out of range; use 0.1 to 1000 Hz"),
    ],
)
def test_options_that_cannot_be_followed_are_refused_before_the_cell_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell()
    with pytest.raises(UsageError, match=why):
        record_cell(shell, line, "x = 1")
    assert "x" not in shell.user_ns
    assert not [*tmp_path.iterdir()]


def test_the_extension_adds_the_magic() -> None:
    import wattui

    shell = Shell()
    assert wattui.load_ipython_extension is load_ipython_extension
    wattui.load_ipython_extension(shell)
    assert list(shell.magics) == ["cell wattui"]


def test_in_a_real_kernel_the_magic_shows_the_run(tmp_path: Path) -> None:
    if missing := [n for n in ("ipykernel", "jupyter_client") if not importlib.util.find_spec(n)]:
        pytest.skip(f"{missing[0]} is not installed: pip install ipykernel")
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        outputs: list[dict[str, Any]] = []
        for code in ("%load_ext wattui", "%%wattui --csv a.csv --idle 0\nx = 40 + 2", "x"):
            client.execute_interactive(code, timeout=60, output_hook=outputs.append)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    shown = [each["content"]["data"] for each in outputs if each["msg_type"] == "execute_result"]
    assert "<h4>a.csv</h4>" in shown[0]["text/html"]
    assert shown[1]["text/plain"] == "42"
