"""Phases and counts of a load, through the public marks. They have a thread of their own, so that a
phase edge, which waits until the counters were read, delays no answer of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from wattui import marks


class RecordedMarks:
    """Passes phases and counts to the recording that the program runs in, if there is one."""

    def __init__(self) -> None:
        # One thread: its context has the open phase, and everything stays in order.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="marks")
        self._phase: marks.phase | None = None

    async def begin(self, phase: str, label: str = "", repeat: int | None = None) -> None:
        """End the open phase, and begin this one."""
        await self._run(lambda: self._begin(phase, label, repeat))

    async def end(self) -> None:
        """End the open phase."""
        await self._run(self._end)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counts of the open phase."""
        self._thread.submit(_count, counts)

    async def note(self, text: str) -> None:
        """Write a note, after everything before it."""
        await self._run(lambda: marks.note(text))

    def close(self) -> None:
        """Wait until everything was passed on."""
        self._thread.shutdown()

    def _begin(self, phase: str, label: str, repeat: int | None) -> None:
        self._end()
        self._phase = marks.phase(phase, label, None, repeat, drain=False)
        self._phase.__enter__()

    def _end(self) -> None:
        if self._phase is not None:
            self._phase.__exit__(None, None, None)
            self._phase = None

    async def _run(self, step: Callable[[], None]) -> None:
        # A mark that has begun is finished, even if the load is interrupted.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, step))


def _count(counts: Mapping[str, int]) -> None:
    for name, n in counts.items():
        marks.count(n, of=name)
