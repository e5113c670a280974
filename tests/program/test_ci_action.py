"""The composite action for CI: its steps, run as a runner would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

import recorders

CI = Path(recorders.__file__).parents[1] / "ci"
ACTION: dict[str, Any] = yaml.safe_load((CI / "action.yml").read_text())
QUICK = "--idle 0 --cooldown 0 --quiet"


def given(inputs: dict[str, str], text: str) -> str:
    """A text with the action's inputs filled in."""
    values = {name: each.get("default", "") for name, each in ACTION["inputs"].items()} | inputs
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], text)


def run_action(
    place: Path, programs: Path = Path(sys.executable).parent, **inputs: str
) -> tuple[int, dict[str, str], str]:
    """Run every step; gives the status, the outputs and the step's page."""
    page, output = place / "page.md", place / "output"
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        environ = {name: given(inputs, text) for name, text in step.get("env", {}).items()}
        environ |= {"GITHUB_STEP_SUMMARY": str(page), "GITHUB_OUTPUT": str(output)}
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=place,
            env={**os.environ, **environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ended.returncode:
            break
    lines = output.read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return ended.returncode, found, page.read_text() if page.exists() else ""


def test_the_action_records_two_commands_in_turn_and_comments(tmp_path: Path) -> None:
    status, outputs, page = run_action(
        tmp_path, command="sleep 0.1; echo noise", against="sleep 0.1", repeats="2", options=QUICK
    )
    assert status in (0, 4)
    assert (tmp_path / outputs["csv"]).exists()
    assert (tmp_path / outputs["comment"]).read_text() == page
    assert page.startswith("### Energy check: ")
    assert "| time, ms | " in page


def test_the_action_ends_with_the_status_of_wattui_and_passes_all_inputs_on(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "wattui"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor each; do echo "[$each]"; done\nexit 4\n')
    program.chmod(0o755)
    asked = {"command": "a 'b c'", "baseline": "x/*.csv y.csv", "options": "--idle 3"}
    status, outputs, _ = run_action(tmp_path, program.parent, **asked)
    assert status == 4
    words = (tmp_path / outputs["comment"]).read_text().split("\n")
    assert words[-5:] == ["[--]", "[bash]", "[-c]", "[a 'b c']", ""]
    assert words[words.index("[--baseline]") + 1 :][:2] == ["[x/*.csv]", "[y.csv]"]
    assert words[words.index("[--idle]") + 1] == "[3]"


def test_the_example_names_inputs_that_the_action_has() -> None:
    example = yaml.safe_load((CI / "github-example.yml").read_text())
    steps = example["jobs"]["energy"]["steps"]
    (own,) = (step for step in steps if "wattui/ci@" in step.get("uses", ""))
    assert set(own["with"]) <= set(ACTION["inputs"])
    assert "command" in own["with"]
