"""Imports `recorders` and `workloads` from beside `wattui`, whatever else has these names.

A program may have its own `recorders.py` beside it, or a `workloads/` package on PYTHONPATH.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder

OWN = ("recorders", "workloads")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class ShadowedError(ImportError):
    """One of the program's modules has the same name as one of wattui's packages."""


class _Finder:
    """Finds wattui's packages only, before any other finder."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The package beside `wattui`; None for every other module."""
        return PathFinder.find_spec(name, [ROOT]) if name in OWN and path is None else None


def prefer_own() -> None:
    """In wattui's own process, import its packages rather than others of the same name."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def check_not_shadowed(name: str) -> None:
    """Raise ShadowedError if `name` is, or would be, a package other than wattui's.

    For a process that belongs to the user's program, whose names must keep their meaning.
    """
    loaded = sys.modules.get(name)
    spec = loaded.__spec__ if loaded else PathFinder.find_spec(name)
    origin = str(spec.origin) if spec else ""
    own = os.path.join(ROOT, name, "__init__.py")
    if os.path.realpath(origin) != os.path.realpath(own):
        raise ShadowedError(
            f"{origin or name} hides wattui's package {name!r}: fix: rename it, or record with "
            "`wattui --headless --csv run.csv -- COMMAND`"
        )


def hidden_by(name: str, folders: Iterable[str]) -> str | None:
    """The module in these folders that `python -m NAME` would run in place of wattui's package."""
    spec = PathFinder.find_spec(name, list(folders))
    if spec is None or os.path.realpath(os.path.join(ROOT, name)) in map(
        os.path.realpath, spec.submodule_search_locations or ()
    ):
        return None
    return spec.origin or name
