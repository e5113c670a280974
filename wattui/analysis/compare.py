"""Two summaries side by side: figure by figure, with what their errors leave of the difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Summary = Mapping[str, Any]
Verdict = Literal["clear", "within the error", "unknown"]

# Keys of a summary's domain, what a person calls them, and their unit.
FIGURES = (
    ("running_w", "power", "W"),
    ("running_j", "energy", "J"),
    ("total_j_per_inference", "total", "J/inference"),
    ("dynamic_j_per_inference", "dynamic", "J/inference"),
    ("marginal_j_per_inference", "marginal", "J/inference"),
)
# Rates of sampling further apart than this see other things.
SAME_RATE = 0.05


@dataclass(frozen=True, slots=True)
class Known:
    """A figure and its ± (None: not known)."""

    value: float
    plus_minus: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one domain in both runs; `label` is empty for all running phases together."""

    label: str
    domain: str
    figure: str
    unit: str
    origins: tuple[str, str]
    a: Known
    b: Known

    @property
    def origin(self) -> str:
        """Where both figures come from, in words."""
        return " and ".join(dict.fromkeys(self.origins))

    @property
    def difference(self) -> Known:
        """b − a, with both errors in quadrature."""
        errors = (self.a.plus_minus, self.b.plus_minus)
        known = None if None in errors else math.hypot(*(e for e in errors if e is not None))
        return Known(self.b.value - self.a.value, known)

    @property
    def ratio(self) -> float | None:
        """b / a; None where a is not above zero."""
        return self.b.value / self.a.value if self.a.value > 0 else None

    @property
    def verdict(self) -> Verdict:
        """Whether the difference is more than its error."""
        difference = self.difference
        if difference.plus_minus is None:
            return "unknown"
        return "clear" if abs(difference.value) > difference.plus_minus else "within the error"


def compare(a: Summary, b: Summary) -> list[Row]:
    """The figures that both summaries have: those of all running phases, then label by label."""
    groups_a, groups_b = _groups(a), _groups(b)
    return [
        row
        for label in groups_a
        if label in groups_b
        for row in _rows(label, groups_a[label]["domains"], groups_b[label]["domains"])
    ]


def only_in_one(a: Summary, b: Summary) -> Iterator[str]:
    """What one of the two has and the other has not, in words."""
    for name, one, other in (("A", a, b), ("B", b, a)):
        groups, others = _groups(one), _groups(other)
        if labels := [label for label in groups if label not in others and label]:
            yield f"only in {name}: {', '.join(labels)}"
        if "" in groups and "" not in others:
            yield f"only {name} has a running phase"
        elif "" in groups:
            others_domains = others[""]["domains"]
            domains = [
                f"{domain} ({known['origin']})"
                for domain, known in groups[""]["domains"].items()
                if domain not in others_domains
            ]
            if domains:
                yield f"only in {name}: {', '.join(domains)}"


def doubts(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """What makes it doubtful to compare two runs (the content of their run.json), in words."""
    for words, keys in (
        ("other machines", ("host", "name")),
        ("other processors", ("host", "processor")),
        ("other governors", ("host", "governor")),
    ):
        first, second = _at(a, keys), _at(b, keys)
        if first != second and first is not None and second is not None:
            yield f"{words}: {first}, {second}"
    rates = _at(a, ("sampling", "rate_asked_hz")), _at(b, ("sampling", "rate_asked_hz"))
    if all(rates) and abs(rates[0] / rates[1] - 1) > SAME_RATE:
        yield f"other sampling rates: {rates[0]:g} Hz, {rates[1]:g} Hz"
    readers = _readers(a), _readers(b)
    if readers[0] != readers[1] and all(readers):
        yield f"other readers: {', '.join(readers[0])}; {', '.join(readers[1])}"
    for name, run in (("A", a), ("B", b)):
        asked, achieved = (_at(run, ("sampling", f"rate_{x}_hz")) for x in ("asked", "achieved"))
        if asked and achieved is not None and achieved < (1 - SAME_RATE) * asked:
            yield f"{name} was sampled at {achieved:.3g} Hz, not the {asked:g} Hz that were asked"
    origins = _headline_origin(a), _headline_origin(b)
    if origins[0] != origins[1] and None not in origins:
        yield f"A is {origins[0]}, B is {origins[1]}: these are not the same kind of figure"
    for name, run in (("A", a), ("B", b)):
        if flags := [flag["name"] for flag in run["summary"]["flags"]]:
            yield f"flags of {name}: {', '.join(dict.fromkeys(flags))}"


def _groups(summary: Summary) -> dict[str, Mapping[str, Any]]:
    """All running phases together under an empty label, then each label."""
    whole = {"": summary["running"]} if summary["running"] else {}
    return whole | {group["label"]: group for group in summary["labels"]}


def _rows(label: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Row]:
    for domain in a:
        if domain not in b:
            continue
        for key, figure, unit in FIGURES:
            first, second = _known(a[domain][key]), _known(b[domain][key])
            if first is not None and second is not None:
                origins = a[domain]["origin"], b[domain]["origin"]
                yield Row(label, domain, figure, unit, origins, first, second)


def _known(value: float | Mapping[str, Any] | None) -> Known | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return Known(value["value"], value["plus_minus"])
    return Known(value, None)


def _at(run: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    found: Any = run
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _readers(run: Mapping[str, Any]) -> list[str]:
    """Sources of energy, and how each was read."""
    return [
        f"{source['name']} by {source['reader']}"
        for source in run.get("sources", [])
        if any(channel["unit"] in ("J", "W") for channel in source["channels"])
    ]


def _headline_origin(run: Mapping[str, Any]) -> str | None:
    summary = run["summary"]
    if not summary["running"] or summary["headline"] is None:
        return None
    return str(summary["running"]["domains"][summary["headline"]]["origin"])
