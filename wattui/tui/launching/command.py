"""The launch form's fields for any command. Pure, apart from looking up the program."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from recorders.phases import RUNNING
from wattui.capture.matching import compile_pattern, count_pattern
from wattui.capture.process import find_program
from wattui.errors import WattuiError
from wattui.tui.launching.order import FieldError, FormValues, LaunchPlan, Step, whole
from wattui.tui.widgets.field import FieldSpec

COMMAND, LABEL, INFERENCES = "command", "label", "inferences"
COUNT, PHASE = "count match", "phase match"
MOST_STEM = 40
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|julia|Rscript|lua|(ba|z|da|k)?sh)[\d.]*")
_SCRIPTS = frozenset({".py", ".sh", ".pl", ".rb", ".js", ".mjs", ".jl", ".R", ".r", ".lua"})
_ODD = re.compile(r"[^\w.-]+")


class ProgramSubject:
    """Runs a command directly, without a shell or terminal."""

    name = COMMAND
    title = "any other command"

    def __init__(self, recall: Sequence[str] = ()) -> None:
        self._recall = tuple(recall)

    def fields(self) -> list[FieldSpec]:
        """The command, its label, and how its inferences are counted."""
        return [
            FieldSpec(
                COMMAND,
                "program and arguments; for pipes or variables, use sh -c '…'",
                label="Command",
                check=wrong_command,
                wide=True,
                group="What",
                recall=self._recall,
            ),
            FieldSpec(
                LABEL,
                "name for the results tables",
                label="Label",
                placeholder="none",
                group="What",
            ),
            FieldSpec(
                INFERENCES,
                "inferences per run, for joules per inference",
                label="Inferences",
                check=whole,
                placeholder="not counted",
                group="Length",
            ),
        ]

    def folded(self) -> list[FieldSpec]:
        """Patterns that find counts and phases in its output."""
        return [
            FieldSpec(
                COUNT,
                r"regular expression; its group is the count: 'batch of (\d+)'",
                label="Count lines like",
                check=lambda text: _wrong_pattern(COUNT, text),
                wide=True,
            ),
            FieldSpec(
                PHASE,
                r"regular expression that starts a phase: '(?P<phase>warmup|running)'",
                label="Phase lines like",
                check=lambda text: _wrong_pattern(PHASE, text),
                wide=True,
            ),
        ]

    def suggestions(self, given: FormValues) -> dict[str, str]:
        """No suggestions."""
        return {}

    def stem(self, given: FormValues) -> str:
        """The name of the script, or else of the program."""
        try:
            argv = shlex.split(given.get(COMMAND, ""))
        except ValueError:
            argv = []
        return script_stem(argv) or self.name

    def order(self, given: FormValues) -> LaunchPlan:
        """The command as it was typed."""
        if COMMAND not in given:
            raise ValueError("Enter a command: a program and its arguments, like python infer.py")
        if INFERENCES in given and COUNT in given:
            raise FieldError(COUNT, "both this and Inferences count: fix: use only one of them")
        argv = tuple(shlex.split(given[COMMAND]))
        text = Text.assemble(("Any other command\n", "bold"))
        text.append(f"{find_program(argv[0], os.environ)}\n")
        if not {INFERENCES, COUNT} & set(given):
            text.append("Inferences are counted only if it calls wattui.count().\n")
        return LaunchPlan(
            argv,
            text,
            steps=(Step(RUNNING, "running …"),),
            label=given.get(LABEL, ""),
            inferences=int(given[INFERENCES]) if INFERENCES in given else None,
            count_match=count_pattern(COUNT, given.get(COUNT)),
            phase_match=compile_pattern(PHASE, given.get(PHASE)),
        )


def script_stem(argv: Sequence[str]) -> str:
    """The name that a command's run file begins with: of the script or module that an interpreter
    runs, else of the program; empty if there is none."""
    program, words = (Path(argv[0]).name, argv[1:]) if argv else ("", ())
    named = program
    if _INTERPRETER.fullmatch(program):
        if "-m" in words[:-1]:
            named = words[list(words).index("-m") + 1].rpartition(".")[2]
        elif script := next((word for word in words if Path(word).suffix in _SCRIPTS), ""):
            named = script
    return _ODD.sub("-", Path(named).stem).strip("-.")[:MOST_STEM]


def wrong_command(text: str) -> str | None:
    """Why a command cannot run: unclosed quotes, or a missing program."""
    try:
        argv = shlex.split(text)
    except ValueError as error:
        return f"{str(error).lower()}: close the quotes"
    if not argv:
        return "enter a program"
    try:
        find_program(argv[0], os.environ)
    except WattuiError as error:
        return str(error)
    return None


def _wrong_pattern(name: str, text: str) -> str | None:
    try:
        (count_pattern if name == COUNT else compile_pattern)(name, text)
    except WattuiError as error:
        return str(error)
    return None
