"""Folders of a fleet's run that grow: nodes of known powers, as their recorders write them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorders.counts import column_of
from recorders.rows import FIXED_COLUMNS
from recorders.summary.summary import summarise
from wattui.runs.convert import write_parquet
from wattui.runs.recorded import reduce_run

COLUMNS = ("package0_J", "package0_W", "total_J", "total_W")
START_S = 1_795_962_600.0  # 2026-11-29 14:30:00 UTC


@dataclass
class GrowingNode:
    """A node in `folder`/node=NAME; `record` appends rows of its power, while it runs with `batch`
    inferences each, or `batch` of what `counts` names."""

    folder: Path
    name: str
    watts: float
    rank: int = 0
    batch: int = 0
    counts: str = "inferences"
    starts_s: float = 0.0
    columns: Sequence[str] = COLUMNS
    host: str = ""
    notes: Sequence[str] = ()
    rate_hz: int = 10
    time_s: float = 0.0
    energy_j: float = 0.0
    count: int = 0
    phase: str = ""
    label: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = self.folder / f"node={self.name}"
        self.path.mkdir(parents=True)
        self._is_named = self.counts != "inferences"
        named = (column_of(self.counts),) if self._is_named else ()
        self.journal.write_text(",".join((*FIXED_COLUMNS, *self.columns, *named)) + "\n")
        self.write_run()
        for note in self.notes:
            self._write([self._row(f"note:{note}")])

    @property
    def journal(self) -> Path:
        return self.path / "journal.csv"

    def write_run(self, **more: Any) -> None:
        run = {
            "host": {"name": self.host or self.name},
            "clock": {"start_utc_ns": int((START_S + self.starts_s) * 1e9)},
            "fleet": {"ranks": [{"rank": self.rank}], "missing_ranks": 0, "clock": {}},
        }
        (self.path / "run.json").write_text(json.dumps({**run, **self.about, **more}))

    def begin(self, phase: str, label: str = "") -> None:
        self.end()
        self.phase, self.label = phase, label
        self._write([self._row("begin")])

    def end(self) -> None:
        if self.phase:
            self._write([self._row("end")])
            self.phase = self.label = ""

    def record(self, seconds: float) -> None:
        rows = []
        for _ in range(round(seconds * self.rate_hz)):
            self.time_s = round(self.time_s + 1 / self.rate_hz, 6)
            self.energy_j += self.watts / self.rate_hz
            self.count += self.batch if self.phase == "running" else 0
            rows.append(self._row())
        self._write(rows)

    def finish(self, **about: Any) -> None:
        """End as a publisher does: as Parquet, with a summary and what is given for run.json."""
        self.end()
        write_parquet(self.journal, self.path / "part.parquet")
        self.write_run(summary=summarise(reduce_run(self.journal)).to_dict(), **about)
        self.journal.unlink()

    def _write(self, rows: Sequence[str]) -> None:
        with self.journal.open("a") as file:
            file.writelines(rows)
        os.utime(self.journal, (START_S + self.starts_s + self.time_s,) * 2)

    def _row(self, event: str = "") -> str:
        utc = time.strftime(
            "%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START_S + self.starts_s + self.time_s)
        )
        count = self.count if self.batch else ""
        own = "" if self._is_named else count
        fixed = f"{self.time_s:.6f},{utc},{self.phase},{self.label},,{event},{own}"
        pairs = (f"{self.energy_j:.6f},{self.watts:.3f}",) * (len(self.columns) // 2)
        named = (f"{count}",) if self._is_named else ()
        return ",".join((fixed, *pairs, *named)) + "\n"
