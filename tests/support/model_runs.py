"""Plans a model as the command line does, and runs all its cells once."""

from __future__ import annotations

from typing import Any

from workloads.engine import Engine
from workloads.model import MODEL
from workloads.plan import Cell, Plan
from workloads.result import CellResult
from workloads.runner import Runner, RunSettings
from workloads.stop import Stop


class Nobody:
    def begins(self, *_: Any) -> None: ...

    def took(self, *_: Any) -> None: ...

    def ended(self, *_: Any) -> None: ...


def planned(path: object, **given: Any) -> Plan:
    return MODEL.plan(MODEL.values({"path": str(path), "count": 1, **given}))


def results(plan: Plan, engine: Engine) -> dict[str, CellResult]:
    runner = Runner(engine, RunSettings(0, 0, 0), Stop(), Nobody())
    return {result.label: result for result in runner.run(plan)}


def checksums(plan: Plan, engine: Engine) -> dict[str, float | None]:
    return {label: result.checksum for label, result in results(plan, engine).items()}


def macs(plan: Plan) -> dict[str, int | None]:
    return {cell.label: cell.macs for cell in plan.cells}


def parts(plan: Plan) -> list[Cell]:
    return [cell for cell in plan.cells if cell.part_of is not None]
