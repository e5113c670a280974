"""wattui: energy of neural-network inference. Marks for use inside your own program.

    import wattui
    with wattui.phase("running", label="b32"):
        for batch in data: model(batch); wattui.count(len(batch))

All calls are no-ops outside a recording. Nothing is imported until it is used.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["count", "mark", "note", "phase", "record", "recording", "repeat"]

TYPE_CHECKING = False  # type checkers know this name; importing typing costs 4 ms
if TYPE_CHECKING:
    from typing import Any

    from wattui.capture.library import record
    from wattui.marks import count, mark, note, phase, recording
    from wattui.marks.repeating import repeat


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wattui' has no attribute {name!r}")
    found: Any
    if name == "record":
        from wattui.own_packages import check_not_shadowed

        check_not_shadowed("recorders")
        from wattui.capture.library import record

        found = record
    elif name == "repeat":
        from wattui.marks.repeating import repeat

        found = repeat
    else:
        import wattui.marks

        found = getattr(wattui.marks, name)
    globals()[name] = found
    return found
