"""Shared folders as the nodes of a job leave them, with powers in closed form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from recorders.rows import FIXED_COLUMNS, UtcText
from recorders.summary.located import LOCATED, located_text
from wattui.runs.convert import write_parquet

START_UTC_NS = 1_764_400_000_000_000_000
STEP_S = 0.1


class Marked(NamedTuple):
    """A phase on one node, in true seconds."""

    phase: str
    begin_s: float
    end_s: float
    label: str = ""
    count: int = 0
    repeat: int | None = None


@dataclass
class MadeNode:
    """A node: watts of each channel by phase name and label (`*`: in any other time), its phases,
    and when it starts to record; `ahead_s` is how far its clocks are ahead of the true time."""

    boot_id: str
    phases: Sequence[Marked]
    watts: Mapping[str, Mapping[str, float]]
    start_s: float = 0.0
    end_s: float = 0.0
    ahead_s: float = 0.0
    knows_offset: bool = True
    lost: bool = False
    notes: Sequence[str] = ()
    located: bool = True
    rank: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)

    def watts_at(self, channel: str, time_s: float) -> float:
        """The power of a channel at a true time."""
        here = self.watts[channel]
        for each in reversed(self.phases):
            if each.begin_s <= time_s < each.end_s:
                return here.get(f"{each.phase} {each.label}".rstrip(), here["*"])
        return here["*"]

    def joules(self, channel: str, time_s: float) -> float:
        """The energy of a channel since it started, in closed form."""
        edges = {self.start_s, time_s}
        edges |= {edge for each in self.phases for edge in (each.begin_s, each.end_s)}
        inside = sorted(edge for edge in edges if self.start_s <= edge <= time_s)
        return sum(self.watts_at(channel, (a + b) / 2) * (b - a) for a, b in pairwise(inside))

    def text(self) -> str:
        """Its run file."""
        measured = [name for name in self.watts if name.startswith(("package", "dram", "gpu"))]
        names = [*self.watts, *(["total"] if measured else [])]
        lines = [",".join((*FIXED_COLUMNS, *(f"{n}_{u}" for n in names for u in "JW")))]
        utc = UtcText()

        def add(time_s: float, event: str, where: str, count: int, filled: bool = True) -> None:
            energies = {name: self.joules(name, time_s) for name in self.watts}
            powers = {name: self.watts_at(name, time_s) for name in self.watts}
            for found in (energies, powers):
                found["total"] = sum(found[name] for name in measured)
            cells = ",".join(f"{energies[n]:.6f},{powers[n]:.3f}" if filled else "," for n in names)
            at = utc(START_UTC_NS + round((time_s + self.ahead_s) * 1e9))
            lines.append(f"{time_s - self.start_s:.6f},{at},{where},{event},{count},{cells}")

        end_s = self.end_s or max(each.end_s for each in self.phases) + 1
        periods = " ".join(f"{name}=0.001" for name in self.watts)
        add(self.start_s, f"note:update_period_s {periods}", ",,", 0)
        for note in self.notes:
            add(self.start_s, note, ",,", 0)
        edges = [(e.begin_s, 1, "begin", e) for e in self.phases]
        edges += [(e.end_s, 0, "end", e) for e in self.phases]
        ticks = [self.start_s + n * STEP_S for n in range(int((end_s - self.start_s) / STEP_S) + 1)]
        rows: list[tuple[float, int, str, Marked | None]] = [*edges]
        rows += [(time_s + 0.0005, 2, "", None) for time_s in ticks]
        count, here = 0, ",,"
        open_now: list[Marked] = []
        beside: list[Marked] = []
        for time_s, _, event, each in sorted(rows, key=lambda row: row[:2]):
            if not self.start_s <= time_s <= end_s:
                continue
            if each is None:
                add(time_s, "", here, count)
                continue
            own = f"{each.phase},{each.label},{'' if each.repeat is None else each.repeat}"
            if event == "begin":
                if open_now:  # another rank's, so neither is inside the other
                    beside += [each, *open_now]
                    add(time_s, "span:0", own, count)
                open_now.append(each)
            else:
                open_now.remove(each)
                count += each.count
                if each in beside:
                    add(time_s, f"count:{each.count}", own, count)
            add(time_s, event, own, count)
            here = own if event == "begin" else ",,"
            if self.located:
                found = (located_text(n, self.joules(n, time_s), 0.01) for n in self.watts)
                text = f"{LOCATED}{time_s - self.start_s:.6f} {' '.join(found)}"
                add(time_s, text, own, count, filled=False)
        return "\n".join(lines) + "\n"

    def run_json(self) -> dict[str, Any]:
        """Its run.json, as after its end."""
        # CLOCK_MONOTONIC of a node begins with its boot, so differs by far more than clocks do.
        monotonic_ns = round((1000 + 77 * self.rank + self.start_s) * 1e9)
        clock: dict[str, Any] = {"host": f"host{self.rank}"}
        if self.rank == 0:
            clock["is_reference"] = True
        elif self.knows_offset:
            offset_ns = round((-77 * self.rank + self.ahead_s) * 1e9)
            one = {"at_ns": monotonic_ns, "offset_ns": offset_ns, "error_ns": 20_000.0}
            line = {"at_ns": monotonic_ns, "offset_ns": offset_ns, "drift_ppm": 0.0}
            clock |= {"is_reference": False, "offsets": [one], "line": line}
        return {
            "status": "finished",
            "versions": {"wattui": "1.0"},
            "host": {"name": f"host{self.rank}"},
            "clock": {
                "start_monotonic_ns": monotonic_ns,
                "start_utc_ns": START_UTC_NS + round((self.start_s + self.ahead_s) * 1e9),
            },
            "command": {"argv": ["python", "train.py"]},
            "sources": [
                {
                    "name": "powercap",
                    "reader": "os.pread",
                    "channels": [
                        {"name": name, "unit": "J", "origin": "measured"} for name in self.watts
                    ],
                }
            ],
            "fleet": {
                "run": "1",
                "node": {"boot_id": self.boot_id, "rank": self.rank},
                "world_size": None,
                "ranks": [{"rank": self.rank, "exit_status": 0, "lost": False}],
                "clock": clock,
            },
            **self.about,
        }


def publish(folder: Path, nodes: Sequence[MadeNode], run: str = "1") -> Path:
    """Write the folder of a run; returns it."""
    for node in nodes:
        place = folder / f"run={run}" / f"node={node.boot_id}"
        place.mkdir(parents=True)
        csv = place / "journal.csv"
        csv.write_text(node.text())
        (place / "run.json").write_text(json.dumps(node.run_json()))
        if not node.lost:
            write_parquet(csv, place / "part.parquet")
            csv.unlink()
    return folder / f"run={run}"
