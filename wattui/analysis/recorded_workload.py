"""The bundled workload that a recorded command ran, with its options, without an engine."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workloads.arguments import ParsedArguments


def asked_of(argv: Sequence[str]) -> ParsedArguments | None:
    """The workload and its options; None if the command is not one, or its options are wrong."""
    arguments = _arguments(argv)
    if not arguments:
        return None
    from workloads.arguments import parse
    from workloads.catalogue import catalogue
    from workloads.errors import WorkloadError

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # a recorded --help would print it
            return parse(arguments, catalogue())
    except (WorkloadError, SystemExit):
        return None


def _arguments(argv: Sequence[str]) -> list[str]:
    """The part of a command after `wattui workloads` or `-m workloads`."""
    for place, word in enumerate(argv[1:], 1):
        if word == "workloads" and os.path.basename(argv[place - 1]) in ("wattui", "-m"):
            return list(argv[place + 1 :])
    return []
