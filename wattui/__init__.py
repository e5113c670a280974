"""wattui: energy of neural-network inference. Marks for use inside your own program.

    import wattui
    with wattui.phase("running", label="b32"):
        for batch in data: model(batch); wattui.count(len(batch))

All calls are no-ops outside a recording. Nothing is imported until it is used.
"""

from __future__ import annotations

from wattui.version import __version__ as __version__

__all__ = ["count", "load", "mark", "note", "phase", "record", "recording", "repeat"]
# What these need is above everything else in wattui: it is imported by name.
NOTEBOOK = {"load": "wattui.notebook.loaded", "load_ipython_extension": "wattui.notebook.magic"}

TYPE_CHECKING = False  # type checkers know this name; importing typing costs 4 ms
if TYPE_CHECKING:
    from typing import Any

    from wattui.capture.library import record
    from wattui.marks import count, mark, note, phase, recording
    from wattui.marks.repeating import repeat
    from wattui.notebook.loaded import load


def __getattr__(name: str) -> Any:
    if name not in __all__ and name not in NOTEBOOK:
        raise AttributeError(f"module 'wattui' has no attribute {name!r}")
    found: Any
    if name == "record" or name in NOTEBOOK:
        from wattui.own_packages import check_not_shadowed

        check_not_shadowed("recorders")
    if name == "record":
        from wattui.capture.library import record

        found = record
    elif name in NOTEBOOK:
        from importlib import import_module

        found = getattr(import_module(NOTEBOOK[name]), name)
    elif name == "repeat":
        from wattui.marks.repeating import repeat

        found = repeat
    else:
        import wattui.marks

        found = getattr(wattui.marks, name)
    globals()[name] = found
    return found
