"""Words on the command line that mean nothing, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

RUN_FILES = (".csv", ".parquet")


def refusal(
    words: Sequence[str], program: str, options: Collection[str], commands: Collection[str] = ()
) -> str:
    """One line about the first of `words`, which `program` does not know."""
    word = " ".join(words[0].split())
    help_line = f"see `{program} --help`"
    if word.startswith("-"):
        given = word.partition("=")[0]
        near = difflib.get_close_matches(given, [name for name in options if len(name) > 2], 1, 0.7)
        return f"unknown option {word}: {_meant(near) or help_line}"
    told = f"unexpected argument {word!r}"
    if not commands:
        return f"{told}: {help_line}"
    if word.endswith(RUN_FILES):
        return f"{told}: for a run file, use `{program} summary FILE` or `{program} --replay FILE`"
    near = difflib.get_close_matches(word, commands, 1, 0.7)
    meant = _meant([f"`{program} {name}`" for name in near])
    return f"{told}: {meant or f'a command goes after --: {help_line}'}"


def _meant(near: Sequence[str]) -> str:
    return f"did you mean {near[0]}?" if near else ""
