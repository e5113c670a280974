"""The plan of a workload: groups of cells that share a loaded model. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workloads.engine import Work

if TYPE_CHECKING:
    from workloads.engine import Engine
    from workloads.graph import Graph

# Covers the engine itself, its weight copies, and values beyond the live ones. It gives 0.8
# (LeNet-5's layers at 1024 px) to 1.6 times (AlexNet at 2240) the peak of onnxruntime 1.31.
ENGINE_BYTES = 200 << 20
WEIGHTS_FACTOR, VALUES_FACTOR = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured point: runs until both `count` inferences and `seconds` are reached.

    `batch` inferences are made by each call (0: the cell counts for itself), of `macs`
    multiply-accumulates each, or of more if `macs_at_least`, as not all could be counted. `minus`
    is the label of the cell that this one contains; `part_of` that of the cell that contains it.
    `counts` is what a call counts into a recording, by name; empty: its inferences.
    """

    label: str
    batch: int
    macs: int | None
    parameters: int | None
    needed_bytes: int
    count: int = 0
    seconds: float = 0.0
    minus: str | None = None
    part_of: str | None = None
    macs_at_least: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    def macs_per(self, of: str) -> int | None:
        """MACs of one of what it counts, to the nearest; None if not known, or not counted."""
        count = (self.counts or {"inferences": self.batch}).get(of)
        if not count or self.macs is None:
            return None
        return (self.macs * self.batch + count // 2) // count


Bind = Callable[[Cell], Work]


@dataclass(frozen=True, slots=True)
class ModelCells:
    """Cells of one model, which `load` prepares on an engine."""

    name: str
    cells: tuple[Cell, ...]
    load: Callable[[Engine], Bind]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a workload runs.

    `real_time_hz` is the rate that live input needs; `remarks` are printed before the start;
    `check` is run instead of groups, and returns lines to print. `engine` is the required one;
    None: any.
    """

    title: str
    groups: tuple[ModelCells, ...]
    real_time_hz: float | None = None
    remarks: tuple[str, ...] = ()
    check: Callable[[Engine], list[str]] | None = None
    engine: str | None = None

    @property
    def cells(self) -> list[Cell]:
        """All cells in order."""
        return [cell for group in self.groups for cell in group.cells]


def cell_of(
    graph: Graph,
    label: str,
    batch: int,
    count: int,
    seconds: float,
    minus: str | None = None,
    part_of: str | None = None,
) -> Cell:
    """The cell that runs a graph."""
    memory_bytes = needed_bytes(graph.weight_bytes, graph.peak_bytes(batch))
    sizes = graph.macs, graph.parameters, memory_bytes
    return Cell(label, batch, *sizes, count, seconds, minus, part_of)


def needed_bytes(weight_bytes: int, peak_bytes: int) -> int:
    """Estimated memory of a cell, from its weights and peak live values."""
    return int(ENGINE_BYTES + WEIGHTS_FACTOR * weight_bytes + VALUES_FACTOR * peak_bytes)
