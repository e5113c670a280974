"""The figures of a summary as tables, the same as `wattui export` writes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wattui.analysis.cells import PER_INFERENCE, costliest, is_mixed
from wattui.analysis.regression import WEIGHTS
from wattui.analysis.run_fits import Fits
from wattui.report.document import Table
from wattui.runs.latencies import PERCENTILES, Distribution
from wattui.show.fit import line_text, mean_error
from wattui.show.quantities import energy_unit, minus, number
from wattui.show.summary import FIGURES, figure_text

Named = Sequence[tuple[str, Mapping[str, Any]]]


def tables_of(summary: Mapping[str, Any], domain: str | None) -> Iterator[Table]:
    """Of all domains, then of one domain by label and repeat, then differences and sums."""
    running = summary["running"]
    if not running:
        return
    apart = is_mixed(summary)
    yield _power(running["domains"], apart)
    if not apart and any(d[key] for d in running["domains"].values() for _, key in FIGURES):
        yield _per_inference("By channel", "channel", _domains(running["domains"]))
    if domain is None:
        return
    repeats = [] if apart else summary["repeats"]
    for what, groups in (("label", summary["labels"]), ("repeat", repeats)):
        known = [group for group in groups if domain in group["domains"]]
        shown = costliest(known, domain)
        if shown:
            named = [(str(group[what]), group) for group in shown]
            yield group_table(
                f"By {what}, channel {domain}{_few(shown, known)}", what, named, domain
            )
    combined = [each for each in _combined(summary) if domain in each["domains"]]
    if shown := costliest(combined, domain, PER_INFERENCE):
        caption = f"Differences and sums of labels, channel {domain}{_few(shown, combined)}"
        origin = running["domains"].get(domain, {}).get("origin", "measured")
        rows = [(each["name"], {**each["domains"][domain], "origin": origin}) for each in shown]
        yield _per_inference(caption, "labels", rows)


def group_table(caption: str, what: str, groups: Named, domain: str) -> Table:
    """Times, rates, power and energies of groups, in one domain."""
    domains = [(name, group["domains"][domain]) for name, group in groups]
    factor, unit = _unit([d for _, d in domains])
    head = (what, "s", "inferences", "inferences/s", "running W", *_titles(unit))
    rows = []
    for (name, group), (_, of_domain) in zip(groups, domains, strict=True):
        count = group["inferences"]
        rows.append(
            (
                name + _word(of_domain),
                number(group["seconds"]),
                "–" if count is None else f"{count:,}",
                number(group["inferences_per_s"]),
                number(of_domain["running_w"]),
                *(figure_text(dict(of_domain), key, factor) for _, key in FIGURES),
            )
        )
    return Table(caption, head, tuple(rows))


def latency_table(found: Sequence[Distribution]) -> Table:
    """Percentiles of the times of calls, ms."""
    head = ("label", "timed as", "calls", *(f"p{p} ms" for p in PERCENTILES), "largest ms")
    rows = tuple(
        (
            each.label or "–",
            each.kind,
            f"{each.calls:,}",
            *(number(each.at(p) * 1e3) for p in PERCENTILES),
            number(each.curve[-1][0] * 1e3),
        )
        for each in found
    )
    return Table("Times of calls", head, rows)


def fit_table(found: Fits) -> Table:
    """The lines with their standard errors, R², and how far off what was left out is."""
    rows = []
    for series in found.series:
        for fit in filter(None, map(series.fit, WEIGHTS)):
            r2 = "–" if fit.line.r2 is None else minus(f"{fit.line.r2:.4f}")
            errors = (r2, mean_error(fit.left_out_point))
            parts = ("",) if len(fit.lines) == 1 else (", before", ", after")
            for line, part in zip(fit.lines, parts, strict=True):
                text = line_text(line, found.asked)
                rows.append((series.name, f"{fit.line.weights}{part}", text, *errors))
                errors = ("", "")
    head = ("series", "least squares", "per inference ± standard error", "R²", "one left out %")
    return Table(f"Lines against {found.asked.against}", head, tuple(rows))


def _power(domains: Mapping[str, Mapping[str, Any]], apart: bool) -> Table:
    """Watts and joules by channel; of several labels no power that would mix them."""
    keys = ("idle_w",) if apart else ("idle_w", "armed_w", "running_w")
    rows = tuple(
        (
            name + _word(d),
            *(number(d[key]) for key in keys),
            figure_text(dict(d), "running_j", 1.0),
        )
        for name, d in domains.items()
    )
    energy = "energy while running J" + (", all labels" if apart else "")
    head = ("channel", *(key.replace("_w", " W") for key in keys), energy)
    return Table("Power and energy", head, rows)


def _per_inference(caption: str, what: str, domains: Named) -> Table:
    factor, unit = _unit([d for _, d in domains])
    rows = tuple(
        (name + _word(d), *(figure_text(dict(d), key, factor) for _, key in FIGURES))
        for name, d in domains
    )
    return Table(f"{caption}, per inference", (what, *_titles(unit)), rows)


def _domains(domains: Mapping[str, Mapping[str, Any]]) -> Named:
    return list(domains.items())


def _combined(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Differences and sums of labels by their names."""
    for each in summary["differences"]:
        yield {"name": f"{each['label']} − {each['minus']}", "domains": each["domains"]}
    for each in summary["sums"]:
        yield {"name": f"{each['parts']} parts of {each['whole']}", "domains": each["domains"]}


def _few(shown: Sequence[Any], known: Sequence[Any]) -> str:
    """Says of which a table has not all."""
    few = len(shown) < len(known)
    return f", the {len(shown)} of {len(known):,} that used most" if few else ""


def _unit(domains: Sequence[Mapping[str, Any]]) -> tuple[float, str]:
    return energy_unit([d[key]["value"] for d in domains for _, key in FIGURES if d[key]])


def _titles(unit: str) -> tuple[str, ...]:
    return tuple(f"{name} {unit}" for name, _ in FIGURES)


def _word(domain: Mapping[str, Any]) -> str:
    return "" if domain["origin"] == "measured" else f" ({domain['origin']})"
