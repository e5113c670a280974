"""Any command of a person's own, as the launch form asks for it. Pure, but for looking for it."""

from __future__ import annotations

import os
import shlex

from rich.text import Text

from wattui.capture.matching import compile_pattern
from wattui.capture.process import find_program
from wattui.errors import WattuiError
from wattui.tui.launching.order import FieldError, Given, Order, whole
from wattui.tui.widgets.field import FieldSpec

COMMAND, LABEL, INFERENCES = "command", "label", "inferences"
COUNT, PHASE = "count match", "phase match"


class CommandSubject:
    """Runs a command as it is, without a shell and without a terminal."""

    name = COMMAND
    title = "any command of your own"

    def fields(self) -> list[FieldSpec]:
        """The command, what to call it, and how its inferences are counted."""
        return [
            FieldSpec(
                COMMAND,
                "program and arguments, without a shell: for pipes and variables sh -c '…'",
                check=wrong_command,
                wide=True,
            ),
            FieldSpec(LABEL, "what to call it in the tables", placeholder="none"),
            FieldSpec(
                INFERENCES,
                "how many one run makes, for joules per inference",
                check=whole,
                placeholder="not counted",
            ),
        ]

    def folded(self) -> list[FieldSpec]:
        """How counts and phases are found in what it prints."""
        return [
            FieldSpec(
                COUNT,
                r"regular expression; its group counts: 'batch of (\d+)'",
                check=lambda text: _wrong_pattern(COUNT, text),
                wide=True,
            ),
            FieldSpec(
                PHASE,
                r"regular expression that begins a phase: '(?P<phase>warmup|running)'",
                check=lambda text: _wrong_pattern(PHASE, text),
                wide=True,
            ),
        ]

    def suggestions(self, given: Given) -> dict[str, str]:
        """Nothing holds by itself."""
        return {}

    def order(self, given: Given) -> Order:
        """The command as it was typed."""
        if COMMAND not in given:
            raise ValueError("which command? program and arguments, as in python infer.py")
        if INFERENCES in given and COUNT in given:
            raise FieldError(COUNT, "inferences and a count match both count: give one of them")
        argv = tuple(shlex.split(given[COMMAND]))
        text = Text.assemble(("A command of your own\n", "bold"))
        text.append(f"{find_program(argv[0], os.environ)}\n")
        if not {INFERENCES, COUNT} & set(given):
            text.append("inferences are counted where it calls wattui.count()\n")
        return Order(
            argv,
            text,
            label=given.get(LABEL, ""),
            inferences=int(given[INFERENCES]) if INFERENCES in given else None,
            count_match=compile_pattern(COUNT, given.get(COUNT)),
            phase_match=compile_pattern(PHASE, given.get(PHASE)),
        )


def wrong_command(text: str) -> str | None:
    """Why a command cannot run: quotes that are open, a program that is not there."""
    try:
        argv = shlex.split(text)
    except ValueError as error:
        return f"{str(error).lower()}: close the quotes"
    if not argv:
        return "give a program"
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
