"""`perf stat -e power/energy-pkg/,…`: joules as text or with `-x`, of intervals with `-I` or whole.

Energies are of all sockets together unless `--per-socket` is given. They have two decimals, in the
style of the locale. Source: man7.org/linux/man-pages/man1/perf-stat.1.html, "CSV format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import NamedTuple

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    Omissions,
    UnreadableError,
    told_why,
)
from wattui.analysis.importers.per_phase import REMARK, PhaseRow, read_phases
from wattui.analysis.importers.samples import Sample, Samples
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LineCount, LogText

NAME = "perf stat"
COLUMNS = "-e power/energy-pkg/, as text or with -x, and with -I or for a whole run"
RESOLUTION_NS = 1

_DOMAINS = {"pkg": "package", "cores": "core", "ram": "dram", "gpu": "uncore", "psys": "psys"}
_EVENT = r"power/energy-(pkg|cores|ram|gpu|psys)/"
_SOCKET = re.compile(r"S(\d+)(?:-D\d+)?")
_TIME = re.compile(r"\s*(\d+)[.,](\d{9})")
# 2,306.32 and 2.306,32: the last two digits are decimals.
_TEXT = re.compile(
    r"(\s*\d+[.,]\d{9}\s)?\s*(S\d+(?:-D\d+)?\s+\d+\s+)?"
    rf"(\d{{1,3}}(?:[.,]\d{{3}})*|\d+)[.,](\d\d)\s+Joules\s+{_EVENT}.*"
)
_CSV = re.compile(rf"(.*?)([,;\t|])Joules\2{_EVENT}.*")
_ELAPSED = re.compile(r"\s*(\d+)[.,](\d+)(?:\s*\+-.*?)?\s+seconds time elapsed.*")
_DURATION = re.compile(r"\s*(\d+)[,;\t|]ns[,;\t|]duration_time[,;\t|].*")
_RUNS = re.compile(r".*Performance counter stats for .*\((\d+) runs\)")
_BY_SOCKET = re.compile(r"(?:[\d.,\s;|]*)S\d+")
_MIXED = "it has joules of intervals and of a whole run: fix: split the file"
_FIRST = re.compile(
    r"# started on |\s*Performance counter stats for |#\s+time\s+(?:socket\s+cpus\s+)?counts unit"
)


class _Energy(NamedTuple):
    """The joules of one event: in an interval that ends at `time_ns`, or in all."""

    line: int
    time_ns: int | None
    channel: str
    joules: float


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its heading, or by an energy on its first line."""
    return bool(_FIRST.match(first) or _CSV.match(first) or _TEXT.match(first))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read perf's energies: a phase if they are of a whole run. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    found = _Found()
    energies = _energies(lines, found, left_out)
    first = next(energies, None)
    if first is None:
        raise UnreadableError(
            told_why("it has no joules of power/energy-pkg/ or another such event", left_out)
        )
    if first.time_ns is not None:
        sums_j: dict[str, float] = {}
        samples = Samples(_of_intervals(chain([first], energies), sums_j))
        channels = tuple(named(name, "J") for name in sums_j)
        return Log(NAME, channels, samples, lines.last, found.remarks(left_out))
    in_all = [first, *energies]
    if any(energy.time_ns is not None for energy in in_all):
        raise UnreadableError(_MIXED)
    return _whole(in_all, found, lines.last, found.remarks(left_out))


@dataclass(slots=True)
class _Found:
    """The facts in the lines beside the energies."""

    seconds: float | None = None
    runs: str = ""
    by_socket: bool = False

    def remarks(self, left_out: Omissions) -> tuple[str, ...]:
        """What is to be said of the energies."""
        return (
            *([f"energies and time are means of {self.runs} runs"] if self.runs else []),
            *([] if self.by_socket else ["energies are of all sockets together"]),
            *left_out.remarks(),
        )

    def take(self, line: str) -> None:
        """Take the time of the whole run, and how many runs it is the mean of."""
        seconds = None
        if found := _ELAPSED.fullmatch(line):
            seconds = float(f"{found[1]}.{found[2]}")
        elif found := _DURATION.fullmatch(line):
            seconds = int(found[1]) / SECOND_NS
        elif (found := _RUNS.match(line)) and not self.runs:
            self.runs = found[1]
        if self.seconds is None and seconds and 0 < seconds < SECOND_NS:
            self.seconds = seconds


def _energies(lines: LineCount, found: _Found, left_out: Omissions) -> Iterator[_Energy]:
    for number, line in lines:
        if not re.search(_EVENT, line) or line.startswith("#"):
            found.take(line)
            continue
        energy = _from_csv(number, line) or _from_text(number, line)
        if energy and energy.joules <= MOST["J"]:
            found.by_socket |= bool(_BY_SOCKET.match(line))
            yield energy
        else:
            left_out.add("no figure before 'Joules'", number)


def _from_csv(number: int, line: str) -> _Energy | None:
    """`1.001048308,S0,1,19.63,Joules,power/energy-pkg/,…`; None where the figure's comma separates
    too."""
    found = _CSV.fullmatch(line)
    if not found:
        return None
    *before, joules = found[1].split(found[2])
    if not re.fullmatch(r"\s*\d+\.\d+" if found[2] == "," else r"\s*\d+[.,]\d+", joules):
        return None
    time = before[0] if before else ""
    socket = next((cell for cell in before if _SOCKET.fullmatch(cell.strip())), "")
    return _energy(number, time, socket, joules.replace(",", "."), found[3])


def _from_text(number: int, line: str) -> _Energy | None:
    found = _TEXT.fullmatch(line)
    if not found:
        return None
    time, socket, whole, decimals, domain = found.groups()
    joules = f"{re.sub('[.,]', '', whole)}.{decimals}"
    return _energy(number, time or "", socket or "", joules, domain)


def _energy(number: int, time: str, socket: str, joules: str, domain: str) -> _Energy:
    at = _TIME.match(time)
    time_ns = int(at[1]) * SECOND_NS + int(at[2]) if at else None
    of_socket = _SOCKET.match(socket.strip())
    name = _DOMAINS[domain]
    channel = name if name == "psys" else f"{name}{int(of_socket[1]) if of_socket else 0}"
    return _Energy(number, time_ns, channel, float(joules))


def _of_intervals(energies: Iterable[_Energy], sums_j: dict[str, float]) -> Iterator[Sample]:
    """Sums of the intervals, each from 0 at the start of its first."""
    rows = groupby(energies, key=lambda energy: energy.time_ns)
    before_ns = 0
    for time_ns, row in rows:
        interval = list(row)
        line = interval[0].line
        if time_ns is None:
            raise UnreadableError(_MIXED)
        if time_ns <= before_ns:
            raise UnreadableError(
                f"line {line}: the time starts again: fix: split the file at this line"
            )
        begun = {each.channel: 0.0 for each in interval if each.channel not in sums_j}
        if begun:
            yield Sample(line, before_ns, begun)
        before_ns = time_ns
        sums_j |= begun
        for energy in interval:
            sums_j[energy.channel] += energy.joules
        yield Sample(line, time_ns, {energy.channel: sums_j[energy.channel] for energy in interval})


def _whole(energies: list[_Energy], found: _Found, last_line: int, remarks: tuple[str, ...]) -> Log:
    """One running phase. Raises UnreadableError if its time is not in the log."""
    joules = {energy.channel: energy.joules for energy in energies}
    if len(joules) < len(energies):
        raise UnreadableError(
            f"line {energies[len(joules)].line}: another run begins here: fix: split the file"
        )
    if found.seconds is None:
        raise UnreadableError(
            "it does not say how long the run took: fix: record with -I 1000, or add "
            "-e duration_time"
        )
    channels = tuple(named(name, "J") for name in joules)
    row = PhaseRow(energies[0].line, "", None, found.seconds, joules)
    samples, stretches = read_phases(channels, [row], None)
    return Log(NAME, channels, samples, last_line, (*remarks, REMARK), stretches, per_phase=True)
