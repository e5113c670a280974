"""The counts of hardware counters, and how completely, as noted in a recording. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from recorders.channels import COUNTER
from recorders.summary.figures import Flag
from recorders.summary.reduction import Reduction
from recorders.summary.spans import Span
from recorders.summary.stats import total
from recorders.texts import OwnNote

# What was counted, in the summary, by the note that says so.
OF = {
    OwnNote.OF_MACHINE: "machine",
    OwnNote.OF_COMMAND: "command",
    OwnNote.IN_USER_MODE: "command in user mode",
}
_BESIDE = "the joules are the whole machine's, but only the command's processes were counted"
_WORDS = {
    OwnNote.OF_COMMAND: _BESIDE,
    OwnNote.IN_USER_MODE: f"{_BESIDE}, and not what the kernel did for them",
}
_FIX = "; to count the machine, run: sudo sysctl kernel.perf_event_paranoid=0"
# It is the command's by definition.
_TASK_CLOCK = f"{COUNTER}task_clock"


# A machine does nothing without moving these, but a command may only wait for others.
_ALWAYS_MOVE = frozenset(f"{COUNTER}{name}" for name in ("instructions", "cycles", "branches"))


def is_still(channel: str, count: float | None, of: str) -> bool:
    """Whether a counter stood still that cannot, so that its count is unknown and not 0."""
    return count == 0 and channel in _ALWAYS_MOVE and of == OF[OwnNote.OF_MACHINE]


def counted_of(reduction: Reduction) -> dict[str, str]:
    """Whose events each counter counted: the machine's, or those of the command's processes."""
    return {name: OF[note] for note in OF for name in reduction.noted(note)}


def counter_flags(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for counts that are not of the whole machine, were scaled, or stood still."""
    running = [span.energy_j for span in everything if span.phase == "running"]
    counted = counted_of(reduction)
    still = [
        name.removeprefix(COUNTER)
        for name in reduction.counters
        if running and is_still(name, total(e.get(name) for e in running), counted.get(name, ""))
    ]
    if still:
        text = (
            "stood still while something ran, so it is not really counted here, as in some virtual "
            "machines: its count is unknown"
        )
        yield Flag("still_counter", ", ".join(still), text)
    for note, text in _WORDS.items():
        noted = dict.fromkeys(name for name in reduction.noted(note) if name != _TASK_CLOCK)
        if names := [name.removeprefix(COUNTER) for name in noted]:
            yield Flag("counted_command", ", ".join(names), text + _FIX)
    shares: dict[str, float] = {}
    for channel, _, percent in (t.partition("=") for t in reduction.noted(OwnNote.MULTIPLEXED)):
        with suppress(ValueError):
            shares[channel.removeprefix(COUNTER)] = float(percent)
    if shares:
        least, most = min(shares.values()), max(shares.values())
        share = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        yield Flag(
            "multiplexed",
            ", ".join(shares),
            f"the counters took turns: each counted {share} % of the time, and is scaled from that",
        )
