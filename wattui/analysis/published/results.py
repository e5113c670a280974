"""Published figures in the form of our own results, for comparison. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recorders.summary.figures import Value
from wattui.analysis.published import published
from wattui.analysis.results import Level, ResultRow
from wattui.analysis.results_file import ResultSet

# The domain of a published figure; its real name is not always given.
DOMAIN, ORIGIN = "published", "published"


def published_results(name: str) -> tuple[str, list[ResultSet]]:
    """The source of a publication's figures, and its devices or networks as results.

    Raises KeyError for one that published no energy or rate: see RESULTS.
    """
    tables = published(name)
    return str(tables["source"]), list(RESULTS[name](tables))


def _kws(tables: Mapping[str, Any]) -> Iterator[ResultSet]:
    sweep = tables["batch_sweep"]
    for device in tables["devices"]:
        name = device["device"]
        rows = [
            _row("b1", "power_w", device["running_w"]),
            _row("b1", "dynamic_j_per_inference", device["dynamic_j_per_inference"]),
        ]
        rates = sweep["inferences_per_s"].get(name, [])
        by_batch = dict(zip(sweep["batches"], rates, strict=False))
        by_batch[1] = device["inferences_per_s"]
        rows += [_row(f"b{n}", "inferences_per_s", by_batch[n]) for n in sorted(by_batch)]
        yield ResultSet(name, DOMAIN, rows)


def _deepmeter(tables: Mapping[str, Any]) -> Iterator[ResultSet]:
    rows = [
        _row(f"{table['layer']} {side}x{side}", "total_j_per_inference", mj * 1e-3)
        for table in tables["individual"]
        for side, mj in zip(
            table.get("side_pixels") or table["rows"], table["mj_per_image"], strict=True
        )
    ]
    yield ResultSet("DeepMeter", DOMAIN, rows)


def _aipowermeter(tables: Mapping[str, Any]) -> Iterator[ResultSet]:
    found = tables["one_inference"]
    for row in found["rows"]:
        name = f"{row['network']} b{row['batch']}, {found['device']}"
        yield ResultSet(name, DOMAIN, [_row("", "total_j_per_inference", row["j_per_inference"])])


def _row(label: str, figure: str, value: float) -> ResultRow:
    domain = "" if figure == "inferences_per_s" else DOMAIN
    level: Level = "label" if label else "run"
    known = Value(float(value))
    return ResultRow(level, "running", label, None, None, domain, ORIGIN, figure, known)


RESULTS: dict[str, Callable[[Mapping[str, Any]], Iterator[ResultSet]]] = {
    "kws": _kws,
    "deepmeter": _deepmeter,
    "aipowermeter": _aipowermeter,
}
