"""The launch form's fields for any command. Pure, apart from looking up the program."""

from __future__ import annotations

import os
import shlex

from rich.text import Text

from wattui.capture.matching import compile_pattern
from wattui.capture.process import find_program
from wattui.errors import WattuiError
from wattui.tui.launching.order import FieldError, FormValues, LaunchPlan, whole
from wattui.tui.widgets.field import FieldSpec

COMMAND, LABEL, INFERENCES = "command", "label", "inferences"
COUNT, PHASE = "count match", "phase match"


class ProgramSubject:
    """Runs a command directly, without a shell or terminal."""

    name = COMMAND
    title = "any other command"

    def fields(self) -> list[FieldSpec]:
        """The command, its label, and how its inferences are counted."""
        return [
            FieldSpec(
                COMMAND,
                "program and arguments; for pipes or variables, use sh -c '…'",
                check=wrong_command,
                wide=True,
            ),
            FieldSpec(LABEL, "name for the results tables", placeholder="none"),
            FieldSpec(
                INFERENCES,
                "inferences per run, for joules per inference",
                check=whole,
                placeholder="not counted",
            ),
        ]

    def folded(self) -> list[FieldSpec]:
        """Patterns that find counts and phases in its output."""
        return [
            FieldSpec(
                COUNT,
                r"regular expression; its group is the count: 'batch of (\d+)'",
                check=lambda text: _wrong_pattern(COUNT, text),
                wide=True,
            ),
            FieldSpec(
                PHASE,
                r"regular expression that starts a phase: '(?P<phase>warmup|running)'",
                check=lambda text: _wrong_pattern(PHASE, text),
                wide=True,
            ),
        ]

    def suggestions(self, given: FormValues) -> dict[str, str]:
        """No suggestions."""
        return {}

    def order(self, given: FormValues) -> LaunchPlan:
        """The command as it was typed."""
        if COMMAND not in given:
            raise ValueError("Enter a command: a program and its arguments, like python infer.py")
        if INFERENCES in given and COUNT in given:
            raise FieldError(
                COUNT, "inferences and a count match both count: fix: use only one of them"
            )
        argv = tuple(shlex.split(given[COMMAND]))
        text = Text.assemble(("Any other command\n", "bold"))
        text.append(f"{find_program(argv[0], os.environ)}\n")
        if not {INFERENCES, COUNT} & set(given):
            text.append("Inferences are counted only if it calls wattui.count().\n")
        return LaunchPlan(
            argv,
            text,
            label=given.get(LABEL, ""),
            inferences=int(given[INFERENCES]) if INFERENCES in given else None,
            count_match=compile_pattern(COUNT, given.get(COUNT)),
            phase_match=compile_pattern(PHASE, given.get(PHASE)),
        )


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
        compile_pattern(name, text)
    except WattuiError as error:
        return str(error)
    return None
