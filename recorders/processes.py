"""Ends a command and what it has started."""

from __future__ import annotations

import contextlib


def end_tree(pid: int, grace_s: float) -> None:
    """Ask a process and its descendants to end, and kill them after the time (0: at once)."""
    import psutil

    try:
        process = psutil.Process(pid)
        processes = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    ways = (psutil.Process.terminate, psutil.Process.kill) if grace_s else (psutil.Process.kill,)
    for way in ways:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                way(process)
        if grace_s:
            _, processes = psutil.wait_procs(processes, timeout=grace_s)
