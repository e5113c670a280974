"""macOS's powermetrics, as text, on Apple silicon: a block of lines for each sample.

`*** Sampled system activity (Tue Jul 14 10:00:00 2026 -0700) (201.5ms elapsed) ***`, then `CPU
Power: 450 mW`, `GPU Power: 120 mW`, `ANE Power: 0 mW`: means over the time elapsed, so that their
products with it are energies. The processor is their sum, `Combined Power (CPU + GPU + ANE)`.
Source: powermetrics(1), and samples in public repositories.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    Omissions,
    UnreadableError,
    told_why,
)
from wattui.analysis.importers.samples import Sample, Samples
from wattui.analysis.importers.stamps import stamp_ns
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LineCount, LogText

NAME = "powermetrics"
COLUMNS = "*** Sampled system activity (…) (1000.00ms elapsed) ***, CPU Power: 450 mW"
RESOLUTION_NS = 10_000

_BEGIN = re.compile(
    r"\*\*\* Sampled system activity \((.{1,60}?)\) \((\d{1,9}(?:\.\d+)?) ?ms elapsed\)"
)
_POWER = re.compile(
    r"(?:(CPU|GPU|ANE) Power|(Combined) Power \(CPU \+ GPU \+ ANE\)): (\d{1,9}(?:\.\d+)?) ?mW\s*"
)
CHANNELS = {"Combined": "package0", "CPU": "core0", "GPU": "igpu0", "ANE": "npu0"}
# Dates are whole seconds; a sample this much later than the elapsed times say is after a pause.
_PAUSE_NS = 3 * SECOND_NS


@dataclass(slots=True)
class Block:
    """A sample: its line, when it ended, how long it took, and mean powers by channel."""

    line: int
    end_ns: int
    elapsed_ns: int
    powers_w: dict[str, float] = field(default_factory=dict)


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the line of the machine, or that of a sample."""
    return first.startswith(("Machine model: ", "*** Sampled system activity ("))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read powermetrics' samples. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    return of_blocks(_blocks(lines, left_out), left_out, lambda: lines.last)


def of_blocks(blocks: Iterable[Block], left_out: Omissions, last_line: Callable[[], int]) -> Log:
    """A log of energies summed over samples. Raises UnreadableError if none has a power."""
    sums = _Sums()
    samples = Samples(sums.of(block for block in blocks if _has_power(block, left_out)))
    if not samples:
        raise UnreadableError(
            told_why("no sample has a time and a power of CPU, GPU or ANE in mW", left_out)
        )
    channels = tuple(named(name, "J") for name in CHANNELS.values() if name in sums.joules)
    remarks = (
        "energies are the mean power of a sample times its length",
        *([] if "package0" in sums.joules else ["no combined power: the parts are not summed"]),
        *left_out.remarks(),
    )
    segments = frozenset(sums.segments_ns)
    return Log(NAME, channels, samples, last_line(), remarks, utc=True, segments_ns=segments)


class _Sums:
    """Energies since the first sample, and the times at which a segment begins after a pause."""

    def __init__(self) -> None:
        self.joules: dict[str, float] = {}
        self.segments_ns: list[int] = []

    def of(self, blocks: Iterable[Block]) -> Iterator[Sample]:
        """The energies at the ends of the samples, and at the start of each segment."""
        last_ns: int | None = None
        for block in blocks:
            begun = {name: 0.0 for name in block.powers_w if name not in self.joules}
            self.joules |= begun
            start_ns = block.end_ns - block.elapsed_ns
            if last_ns is None or start_ns - last_ns > _PAUSE_NS:
                self.segments_ns += [] if last_ns is None else [start_ns]
                yield Sample(block.line, start_ns, dict(self.joules))
            else:
                start_ns = last_ns
                if begun:
                    yield Sample(block.line, start_ns, begun)
            for name, power_w in block.powers_w.items():
                self.joules[name] += power_w * block.elapsed_ns / SECOND_NS
            last_ns = start_ns + block.elapsed_ns
            yield Sample(block.line, last_ns, {n: self.joules[n] for n in block.powers_w})


def _blocks(lines: LineCount, left_out: Omissions) -> Iterator[Block]:
    """The samples; of a power that is printed twice in one, the first."""
    block: Block | None = None
    for number, line in lines:
        if begin := _BEGIN.match(line):
            if block:
                yield block
            end_ns, elapsed_ns = _date_ns(begin[1]), round(float(begin[2]) * 1e6)
            block = None
            if end_ns is None or not elapsed_ns:
                left_out.add("no time", number)
            else:
                block = Block(number, end_ns, elapsed_ns)
        elif block and (power := _POWER.fullmatch(line)):
            power_w = float(power[3]) * 1e-3
            if power_w <= MOST["W"]:
                block.powers_w.setdefault(CHANNELS[power[1] or power[2]], power_w)
    if block:
        yield block


def _has_power(block: Block, left_out: Omissions) -> bool:
    if not block.powers_w:
        left_out.add("no power", block.line)
    return bool(block.powers_w)


def _date_ns(text: str) -> int | None:
    """`Tue Jul 14 10:00:00 2026 -0700`, in UTC."""
    try:
        moment = datetime.strptime(text, "%a %b %d %H:%M:%S %Y %z")
    except ValueError:
        return None
    return stamp_ns(f"{moment:%Y-%m-%d %H:%M:%S%z}")
