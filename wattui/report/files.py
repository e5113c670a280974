"""Writes a report: whole or not at all, and never in the place of a file that is there."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from recorders.drafts import discard, draft_name, write_draft
from wattui import outputs
from wattui.outputs import OutputError


def refusal(out: Path, csvs: Sequence[Path], suffixes: Collection[str]) -> str | None:
    """Why a report cannot be written there; None if it can."""
    reason = outputs.refusal(out, csvs, suffixes)
    if not reason and out.suffix == ".md":
        reason = outputs.refusal(figures_folder(out), csvs)
    if not reason:
        return None
    return f"-o {reason}" if reason.startswith(str(out)) else f"-o {out}: {reason}"


def figures_folder(out: Path) -> Path:
    """The folder for the pictures of a Markdown report."""
    return out.with_name(f"{out.stem}-figures")


def write(out: Path, text: str, pictures: Mapping[str, str]) -> None:
    """Write the report, and its pictures into a folder beside it. Raises OutputError."""
    folder = figures_folder(out)
    draft, draft_folder, made = None, draft_name(folder), False
    try:
        if pictures:
            draft_folder.mkdir()
            for name, svg in pictures.items():
                (draft_folder / name).write_text(svg, encoding="utf-8")
        draft = write_draft(out, text.encode())
        if pictures:
            draft_folder.rename(folder)
            made = True
        outputs.put(draft, out)
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise OutputError(outputs.failure(out, error)) from None
    finally:
        if draft:
            discard(draft)
        shutil.rmtree(draft_folder, ignore_errors=True)
