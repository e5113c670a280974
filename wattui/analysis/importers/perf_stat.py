"""`perf stat -e power/energy-pkg/,…`: joules as text or with `-x`, of intervals with `-I` or whole.

Energies are of all sockets together unless `--per-socket` is given. They have two decimals, in the
style of the locale. Source: man7.org/linux/man-pages/man1/perf-stat.1.html, "CSV format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from recorders.channels import named
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, Sample, UnreadableError
from wattui.analysis.importers.per_phase import REMARK, PhaseRow, read_phases
from wattui.analysis.importers.table import MOST

NAME = "perf stat"
COLUMNS = "-e power/energy-pkg/, as text or with -x, and with -I or for a whole run"

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
_FIRST = re.compile(
    r"# started on |\s*Performance counter stats for |#\s+time\s+(?:socket\s+cpus\s+)?counts unit"
)


class _Energy(NamedTuple):
    """The joules of one event: in an interval that ends at `time_ns`, or in all."""

    line: int
    time_ns: int | None
    channel: str
    joules: float


def recognises(first: str) -> bool:
    """Recognise it by its heading, or by an energy on its first line."""
    return bool(_FIRST.match(first) or _CSV.match(first) or _TEXT.match(first))


def read(text: str) -> Log:
    """Read perf's energies: a phase if they are of a whole run. Raises UnreadableError."""
    lines = text.splitlines()
    left_out = Omissions()
    energies = list(_energies(lines, left_out))
    if not energies:
        raise UnreadableError("it has no joules of power/energy-pkg/ or another such event")
    by_socket = any(re.match(r"(?:[\d.,\s;|]*)S\d+", lines[each.line - 1]) for each in energies)
    remarks = (
        *([] if by_socket else ["energies are of all sockets together"]),
        *left_out.remarks(),
    )
    in_all = [energy for energy in energies if energy.time_ns is None]
    if not in_all:
        return _of_intervals(energies, len(lines), remarks)
    if len(in_all) < len(energies):
        raise UnreadableError("it has joules of intervals and of a whole run: fix: split the file")
    return _whole(in_all, _seconds(lines), len(lines), (*_runs(lines), *remarks))


def _energies(lines: list[str], left_out: Omissions) -> Iterator[_Energy]:
    for number, line in enumerate(lines, 1):
        if not re.search(_EVENT, line) or line.startswith("#"):
            continue
        found = _from_csv(number, line) or _from_text(number, line)
        if found and found.joules <= MOST["J"]:
            yield found
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


def _of_intervals(energies: list[_Energy], last_line: int, remarks: tuple[str, ...]) -> Log:
    """Sums of the intervals, from the start at 0."""
    sums_j = {energy.channel: 0.0 for energy in energies}
    samples = [Sample(energies[0].line, 0, dict(sums_j))]
    for line, time_ns, channel, joules in energies:
        before = samples[-1]
        if time_ns is None or time_ns < before.time_ns or time_ns == 0:
            raise UnreadableError(
                f"line {line}: the time starts again: fix: split the file at this line"
            )
        sums_j[channel] += joules
        if time_ns == before.time_ns:
            before.values[channel] = sums_j[channel]
        else:
            samples.append(Sample(line, time_ns, {channel: sums_j[channel]}))
    channels = tuple(named(name, "J") for name in sums_j)
    return Log(NAME, channels, tuple(samples), last_line, remarks)


def _whole(
    energies: list[_Energy], seconds: float, last_line: int, remarks: tuple[str, ...]
) -> Log:
    """One running phase."""
    joules = {energy.channel: energy.joules for energy in energies}
    if len(joules) < len(energies):
        raise UnreadableError(
            f"line {energies[len(joules)].line}: another run begins here: fix: split the file"
        )
    channels = tuple(named(name, "J") for name in joules)
    row = PhaseRow(energies[0].line, "", None, seconds, joules)
    samples, stretches = read_phases(channels, [row], None)
    return Log(NAME, channels, samples, last_line, (*remarks, REMARK), stretches, per_phase=True)


def _seconds(lines: list[str]) -> float:
    """The time of a whole run. Raises UnreadableError if it is not in the log."""
    for line in lines:
        if found := _ELAPSED.fullmatch(line):
            seconds = float(f"{found[1]}.{found[2]}")
        elif found := _DURATION.fullmatch(line):
            seconds = int(found[1]) / SECOND_NS
        else:
            continue
        if 0 < seconds < SECOND_NS:
            return seconds
    raise UnreadableError(
        "it does not say how long the run took: fix: record with -I 1000, or add -e duration_time"
    )


def _runs(lines: list[str]) -> list[str]:
    """A remark on a mean over several runs (`-r`)."""
    found = next((match for line in lines if (match := _RUNS.match(line))), None)
    return [f"energies and time are means of {found[1]} runs"] if found else []
