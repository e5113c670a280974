"""Writes a report: whole or not at all, and never in the place of a file that is there."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from recorders.drafts import discard, draft_name, write_draft
from wattui import outputs
from wattui.errors import UsageError
from wattui.outputs import OutputError
from wattui.report.document import Block
from wattui.report.markdown import markdown_page
from wattui.report.page import html_page


@dataclass(frozen=True, slots=True)
class Output:
    """A file with its text, and pictures by file name in the folder beside it; without a text, the
    pictures' own folder."""

    path: Path
    text: str
    pictures: Mapping[str, str]


def check(out: Path, csvs: Sequence[Path], suffixes: Collection[str], option: str) -> None:
    """Raise UsageError if a report cannot be drawn here, or written there."""
    if find_spec("matplotlib") is None:
        raise UsageError("reports need matplotlib: pip install 'wattui[report]'")
    reason = outputs.refusal(out, csvs, suffixes)
    if not reason and out.suffix == ".md":
        reason = outputs.refusal(figures_folder(out), csvs)
    if reason:
        said = reason if reason.startswith(str(out)) else f"{out}: {reason}"
        raise UsageError(f"{option} {said}")


def page_at(out: Path, blocks: Sequence[Block]) -> Output:
    """A report as Markdown or as a page, by the extension."""
    if out.suffix == ".md":
        return Output(out, *markdown_page(blocks, figures_folder(out).name))
    return Output(out, html_page(blocks), {})


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
