"""Writes a report: whole or not at all, and never over an existing file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from recorders.drafts import discard, draft_name, write_draft
from recorders.runfile import json_path


class NotWrittenError(Exception):
    """The report cannot be written; the text says why, in a line."""


def refusal(out: Path, csvs: list[Path], suffixes: tuple[str, ...]) -> str | None:
    """Why a report cannot be written there; None if it can."""
    if out.suffix not in suffixes:
        return f"-o {out}: fix: use one of the extensions {', '.join(suffixes)}"
    if out.resolve() in {p.resolve() for csv in csvs for p in (csv, json_path(csv))}:
        return f"-o {out} is a recording: fix: use another name"
    taken = [out, *([figures_folder(out)] if out.suffix == ".md" else [])]
    for path in taken:
        if os.path.lexists(path):
            return f"{path} exists: fix: use another name"
    if not out.absolute().parent.is_dir():
        return f"-o {out}: no such folder: {out.parent}"
    return None


def figures_folder(out: Path) -> Path:
    """The folder for the pictures of a Markdown report."""
    return out.with_name(f"{out.stem}-figures")


def write(out: Path, text: str, pictures: Mapping[str, str]) -> None:
    """Write the report, and its pictures into a folder beside it. Raises NotWrittenError."""
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
        _put(draft, out)
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        reason = "it already exists" if isinstance(error, FileExistsError) else error.strerror
        raise NotWrittenError(f"{out} cannot be written ({reason})") from None
    finally:
        if draft:
            discard(draft)
        shutil.rmtree(draft_folder, ignore_errors=True)


def _put(draft: Path, out: Path) -> None:
    """Rename a complete file; the new name must be free."""
    try:
        os.link(draft, out)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(out):
            raise FileExistsError(f"{out} exists") from None
        draft.rename(out)
