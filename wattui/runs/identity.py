"""Tells whether a run file is the one that a fingerprint was taken of, in either format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorders import fingerprint
from wattui.runs.run_file import NotARunFileError, is_parquet

# The part of a fingerprint of Parquet about the CSV with the same rows.
TEXT = "text"


def identity(path: Path) -> dict[str, Any]:
    """The fingerprint of a run file; of Parquet with that of its text. Raises OSError."""
    return fingerprint.fingerprint(path) | ({TEXT: found} if (found := _text_of(path)) else {})


def is_same(path: Path, found: Mapping[str, Any]) -> bool:
    """Whether a run file has this fingerprint, or the same text as the file that has it.

    Raises OSError.
    """
    if fingerprint.is_same(path, found):
        return True
    text = found.get(TEXT, {})
    if not is_parquet(path):
        return bool(text) and fingerprint.is_same(path, text)
    return _text_of(path) in (text, {name: found.get(name) for name in ("bytes", "blake2b")})


def _text_of(path: Path) -> Mapping[str, Any] | None:
    """Length and digest of the CSV that a run in Parquet was made from, if it has all of it."""
    if not is_parquet(path):
        return None
    from wattui.runs.parquet import about

    try:
        return about(path).get(TEXT)
    except NotARunFileError:
        return None
