"""Writes a report: whole or not at all, and never in the place of a file that is there."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from recorders.drafts import discard, draft_name, write_draft
from wattui import outputs
from wattui.outputs import OutputError


@dataclass(frozen=True, slots=True)
class Output:
    """A file with its text, and pictures by file name in the folder beside it; without a text, the
    pictures' own folder."""

    path: Path
    text: str
    pictures: Mapping[str, str]


def refusal(out: Path, csvs: Sequence[Path], suffixes: Collection[str], option: str) -> str | None:
    """Why an output cannot be written there; None if it can."""
    reason = outputs.refusal(out, csvs, suffixes)
    if not reason and out.suffix == ".md":
        reason = outputs.refusal(figures_folder(out), csvs)
    if not reason:
        return None
    return f"{option} {reason}" if reason.startswith(str(out)) else f"{option} {out}: {reason}"


def figures_folder(out: Path) -> Path:
    """The folder for the pictures of a Markdown report."""
    return out.with_name(f"{out.stem}-figures")


def write(made: Sequence[Output]) -> None:
    """Write all outputs, or none of them. Raises OutputError."""
    with ExitStack() as undo:
        for each in made:
            try:
                _write(each, undo)
            except OSError as error:
                raise OutputError(outputs.failure(each.path, error)) from None
        undo.pop_all()


def _write(each: Output, undo: ExitStack) -> None:
    """Write one; `undo` removes it again. Raises OSError or OutputError."""
    if each.pictures or not each.text:
        folder = figures_folder(each.path) if each.text else each.path
        _write_folder(folder, each.pictures)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
    if each.text:
        draft = write_draft(each.path, each.text.encode())
        try:
            outputs.put(draft, each.path)
        finally:
            discard(draft)
        undo.callback(each.path.unlink, missing_ok=True)


def _write_folder(folder: Path, pictures: Mapping[str, str]) -> None:
    draft = draft_name(folder)
    try:
        draft.mkdir()
        for name, svg in pictures.items():
            (draft / name).write_text(svg, encoding="utf-8")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
