"""Runs the body of a loop until its energy is known well enough."""

from __future__ import annotations

import time

from wattui.marks import count as count_inferences
from wattui.marks import phase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wattui.marks import Sync

# How long a loop runs if nothing is said, and at most if it has a target.
USUAL_S, MOST_S = 5.0, 60.0
# When the recorder is asked for the first time.
FIRST_ASK_S = 0.3


def repeat(
    name: str = "running",
    seconds: float | None = None,
    label: str = "",
    target: str | float | None = None,
    count: int = 1,
    sync: Sync | Callable[[], object] = "auto",
) -> Iterator[int]:
    """Run a loop's body again and again in one phase: `for _ in wattui.repeat("running"): …`.

    It runs for `seconds` (5 by default), or until the ± of joules per pass is below `target` ("1%"
    or 0.01), for which `seconds` is the most it may take (60 by default). Each pass counts as
    `count` inferences. What is reached, and how long it will take, is in the recording's notes.
    Without a recording there is no ±, and it runs for `seconds`. `name`, `label` and `sync` are
    those of `wattui.phase`. Gives the number of passes so far.

    Let it end by itself: a loop left by `break` or an error has the energy of its last pass, but
    not its inferences, and the summary then says so.

    Raises ValueError for a target that is no share between 0 and 1, seconds below 0, a count below
    1 or an invalid name.
    """
    if seconds is not None and not (isinstance(seconds, int | float) and seconds >= 0):
        raise ValueError(f"seconds {seconds!r}: a number, at least 0")
    if not (isinstance(count, int) and count >= 1):
        raise ValueError(f"count {count!r}: a whole number, at least 1")
    share = None if target is None else share_of(target)
    return _passes(phase(name, label, sync), seconds, share, count)


def share_of(target: str | float) -> float:
    """A target as a share. Raises ValueError."""
    text = str(target).strip()
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ValueError(f"{target!r}: expected a share between 0 and 1, or per cent, as '1%'")
    return share


def _passes(mark: phase, seconds: float | None, share: float | None, n: int) -> Iterator[int]:
    with mark:
        share = share if mark.is_recorded else None
        begun_s = time.monotonic()
        end_s = begun_s + (seconds if seconds is not None else MOST_S if share else USUAL_S)
        ask_s = min(end_s, begun_s + FIRST_ASK_S) if share else end_s
        passes = 0
        while True:
            try:
                yield passes
            except GeneratorExit:
                mark.ask(do="left")
                raise
            count_inferences(n)
            passes += 1
            if (now_s := time.monotonic()) < ask_s:
                continue
            answer = mark.ask(do="target", share=share, last=now_s >= end_s) if share else {}
            if now_s >= end_s or answer.get("reached"):
                return
            wait_s = answer.get("wait_s")
            if wait_s is None:
                share, end_s = None, end_s if seconds is not None else begun_s + USUAL_S
            ask_s = min(end_s, now_s + (wait_s or 0.0)) if share else end_s
