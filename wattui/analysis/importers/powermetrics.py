"""macOS's powermetrics, as text, on Apple silicon: a block of lines for each sample.

`*** Sampled system activity (Tue Jul 14 10:00:00 2026 -0700) (201.5ms elapsed) ***`, then `CPU
Power: 450 mW`, `GPU Power: 120 mW`, `ANE Power: 0 mW`: means over the time elapsed, so that their
products with it are energies. The processor is their sum, `Combined Power (CPU + GPU + ANE)`.
Source: powermetrics(1), and samples in public repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from recorders.channels import named
from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    Omissions,
    Sample,
    UnreadableError,
)
from wattui.analysis.importers.stamps import stamp_ns
from wattui.analysis.importers.table import MOST

NAME = "powermetrics"
COLUMNS = "*** Sampled system activity (…) (1000.00ms elapsed) ***, CPU Power: 450 mW"

_BEGIN = re.compile(
    r"\*\*\* Sampled system activity \((.{1,60}?)\) \((\d{1,9}(?:\.\d+)?) ?ms elapsed\)"
)
_POWER = re.compile(
    r"(?:(CPU|GPU|ANE) Power|(Combined) Power \(CPU \+ GPU \+ ANE\)): (\d{1,9}(?:\.\d+)?) ?mW\s*"
)
_CHANNELS = {"Combined": "package0", "CPU": "core0", "GPU": "igpu0", "ANE": "npu0"}
# Dates are whole seconds; a sample this much later than the elapsed times say is after a pause.
_PAUSE_NS = 3 * SECOND_NS


@dataclass(slots=True)
class _Block:
    """A sample: its line, when it ended, how long it took, and mean powers by channel."""

    line: int
    end_ns: int
    elapsed_ns: int
    powers_w: dict[str, float] = field(default_factory=dict)


def recognises(first: str) -> bool:
    """Recognise it by the line of the machine, or that of a sample."""
    return first.startswith(("Machine model: ", "*** Sampled system activity ("))


def read(text: str) -> Log:
    """Read powermetrics' samples. Raises UnreadableError."""
    left_out = Omissions()
    lines = text.splitlines()
    blocks = [block for block in _blocks(lines, left_out) if _has_power(block, left_out)]
    if not blocks:
        raise UnreadableError("no sample has a time and a power of CPU, GPU or ANE in mW")
    sums_j = {name: 0.0 for block in blocks for name in block.powers_w}
    samples: list[Sample] = []
    segments = []
    for block in blocks:
        start_ns = samples[-1].time_ns if samples else 0
        if not samples or block.end_ns - start_ns - block.elapsed_ns > _PAUSE_NS:
            start_ns = block.end_ns - block.elapsed_ns
            segments += [start_ns] if samples else []
            samples.append(Sample(block.line, start_ns, dict(sums_j)))
        for name, power_w in block.powers_w.items():
            sums_j[name] += power_w * block.elapsed_ns / SECOND_NS
        values = {name: sums_j[name] for name in block.powers_w}
        samples.append(Sample(block.line, start_ns + block.elapsed_ns, values))
    channels = tuple(named(name, "J") for name in _CHANNELS.values() if name in sums_j)
    remarks = (
        "energies are the mean power of a sample times its length",
        *([] if "package0" in sums_j else ["no combined power: the parts are not summed"]),
        *left_out.remarks(),
    )
    return Log(
        NAME,
        channels,
        tuple(samples),
        len(lines),
        remarks,
        utc=True,
        segments_ns=frozenset(segments),
    )


def _blocks(lines: list[str], left_out: Omissions) -> Iterator[_Block]:
    """The samples; of a power that is printed twice in one, the first."""
    block: _Block | None = None
    for number, line in enumerate(lines, 1):
        if begin := _BEGIN.match(line):
            if block:
                yield block
            end_ns, elapsed_ns = _date_ns(begin[1]), round(float(begin[2]) * 1e6)
            block = None
            if end_ns is None or not elapsed_ns:
                left_out.add("no time", number)
            else:
                block = _Block(number, end_ns, elapsed_ns)
        elif block and (power := _POWER.fullmatch(line)):
            power_w = float(power[3]) * 1e-3
            if power_w <= MOST["W"]:
                block.powers_w.setdefault(_CHANNELS[power[1] or power[2]], power_w)
    if block:
        yield block


def _has_power(block: _Block, left_out: Omissions) -> bool:
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
