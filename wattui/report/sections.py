"""The sections of a report about one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorders.counts import count_text, plural, singular
from recorders.summary.bases import BASES, TOTAL, Basis
from recorders.summary.figures import Group
from wattui.analysis.cells import to_quote
from wattui.analysis.rates import rates_of
from wattui.analysis.results_file import Note
from wattui.analysis.run_fits import DRAWN, Fits, FitSource, choose_against, fits_of
from wattui.analysis.sizes import sizes_of
from wattui.report.costs import cost_blocks
from wattui.report.document import Block, Heading, Headline, Notes, Words
from wattui.report.facts import facts_of, missing_of
from wattui.report.joules import rows_of
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.report.methods import methods_text
from wattui.report.numbers_table import MEANINGS, fit_table, latency_table, tables_of
from wattui.report.pictures import (
    budget_picture,
    fit_picture,
    joules_picture,
    latency_picture,
    rates_picture,
    traces_picture,
)
from wattui.report.size_figures import size_blocks
from wattui.show.budget import cure_text, unknown_texts
from wattui.show.quantities import counted, energy_unit, number
from wattui.show.remedies import notes_of
from wattui.show.summary import coverage_text, estimate_text, figure_text, token_rates

ORIGIN_WORDS = {
    "measured": "measured",
    "estimated": "ESTIMATED from utilisation, not measured",
    "simulated": "SIMULATED, not a measurement",
    "manual": "read by hand from a meter",
}


def run_blocks(loaded: ReportRun, wish: ReportOptions) -> Iterator[Block]:
    """Everything about one run; unknown parts are named and left out."""
    yield from key_blocks(loaded, wish)
    yield from _notes(loaded)
    yield from _power(loaded)
    yield from _joules(loaded, wish)
    yield from _uncertainty(loaded)
    yield from fit_blocks(fits_for([loaded], wish), wish.against is not None)
    yield from _sizes(loaded, wish)
    yield from _times(loaded)
    yield Heading(3, "Tables")
    yield from tables_of(loaded.summary, loaded.domain(wish))
    beside = [
        *map(coverage_text, loaded.summary.coverage),
        *(estimate_text(each, loaded.summary.per) for each in loaded.summary.wall_estimates),
    ]
    yield from (Words(f"{text[0].upper()}{text[1:]}.") for text in beside)
    if loaded.latencies:
        yield latency_table(loaded.latencies)
    yield MEANINGS
    yield from cost_blocks(loaded, wish)
    yield Heading(3, "Methods")
    yield Words(methods_text(loaded.run.about, loaded.summary, loaded.domain(wish)))
    yield Heading(3, "Recording")
    yield facts_of(loaded.run.about, loaded.csv.name, loaded.traces.first_utc)


def key_blocks(loaded: ReportRun, wish: ReportOptions) -> Iterator[Block]:
    """The headline figure with its ± and origin, or why there is none."""
    running, domain = loaded.summary.running, loaded.domain(wish)
    if running is None:
        yield Words("Nothing was marked as running: there is no energy to report.")
        return
    if domain is None:
        wanted = wish.domain or "energy"
        yield Words(f"No headline figure: {wanted} was not recorded while running.")
        return
    for words, group in to_quote(loaded.summary, domain, basis=wish.basis):
        if group is None:
            yield Words(f"No headline figure: the energy is unknown{words}.")
        else:
            yield _key(loaded, wish, group, words)


def _key(loaded: ReportRun, wish: ReportOptions, group: Group, words: str) -> Block:
    """The headline figure of all running phases, or of a label."""
    domain = loaded.domain(wish) or ""
    found, origin = group.domains[domain], loaded.domains[domain].origin
    basis = wish.basis or TOTAL
    per = loaded.summary.per
    value, what = basis.of(found), f"per {singular(per)}, {basis.name}"
    if value is None and wish.basis is None:
        value, what = found.running_j, "while running"
    if value is None:
        return Words(
            f"The {basis.name} energy per {singular(per)} of channel {domain} is unknown{words}."
        )
    factor, unit = energy_unit([value.value])
    text = figure_text(value, found.origin, factor)
    made_from = [f"{number(group.seconds)} s running"]
    if group.inferences:
        made_from.append(count_text(group.inferences, per))
        made_from.append(f"{number(group.inferences_per_s)} {plural(per)}/s")
        if said := token_rates(per, TOTAL.of(found), found.origin):
            made_from.append(said)
    if found.running_w is not None:
        made_from.append(f"{number(found.running_w)} W")
    if loaded.summary.repeats:
        made_from.append(f"{counted(len(loaded.summary.repeats), 'repeat')}, ± is a 95 % interval")
    contents = loaded.summary.contents if domain == loaded.summary.headline else ""
    return Headline(
        f"{text} {unit} {what}{words}",
        f"channel {domain}, {ORIGIN_WORDS[origin]}" + (f": {contents}" if contents else ""),
        " · ".join(made_from),
        origin != "measured" or bool(contents),
    )


def fits_for(runs: Sequence[ReportRun], wish: ReportOptions) -> Fits | None:
    """Lines through the points of runs; None if their labels carry no quantity."""
    sources = [source_of(run) for run in runs]
    against = wish.against or choose_against(sources)
    domain = next((name for run in runs if (name := run.domain(wish))), None)
    if against is None or domain is None:
        return None
    origins = {run.domains[domain].origin for run in runs if run.domain(wish) == domain}
    origin = origins.pop() if len(origins) == 1 else "mixed"
    return fits_of(sources, against, wish.figure or "total", domain, origin)


def source_of(run: ReportRun) -> FitSource:
    """The data for lines and sizes."""
    return FitSource(run.network, run.name, run.summary, run.macs)


def fit_blocks(found: Fits | None, asked: bool) -> Iterator[Block]:
    """The lines with their residuals; why there are none only if they were requested."""
    picture = fit_picture(found) if found else None
    if found is None or (picture is None and not asked):
        return
    yield Heading(3, f"Energy against {found.asked.against}")
    if picture:
        yield picture
        yield fit_table(found)
    if found.remarks:
        yield Notes.of_texts("About the lines", found.remarks)


def _notes(loaded: ReportRun) -> Iterator[Block]:
    flags = notes_of(loaded.summary.flags)
    remarks = dict.fromkeys([*loaded.run.remarks, *loaded.traces.remarks])
    flags += tuple(Note("file", "", text, "") for text in remarks)
    if loaded.no_latencies:
        flags += (Note("latencies", "", loaded.no_latencies, ""),)
    if flags:
        yield Notes("Before you quote these figures", flags)
    if missing := missing_of(loaded.run.about):
        yield Notes("Not recorded", missing)


def _power(loaded: ReportRun) -> Iterator[Block]:
    yield Heading(3, "Power over time")
    picture = traces_picture(loaded.traces, loaded.summary.phases)
    yield picture or Words("No power was recorded.")


def _joules(loaded: ReportRun, wish: ReportOptions) -> Iterator[Block]:
    yield Heading(3, f"Energy per {singular(loaded.summary.per)}")
    running, domain = loaded.summary.running, loaded.domain(wish)
    labels = loaded.summary.labels
    if running is None or domain is None:
        yield Words("Unknown.")
        return
    per, groups = "label", [(group.label, group) for group in labels]
    if len(labels) < 2 and len(loaded.summary.repeats) > 1:
        per = "repeat"
        groups = [(f"repeat {group.repeat}", group) for group in loaded.summary.repeats]
    elif not labels:
        per, groups = "run", [("running", running)]
    found = rows_of(groups, domain, wish.figure, loaded.summary.per)
    missing = [basis for basis in BASES if basis.of(running.domains[domain]) is None]
    if found is not None and (picture := joules_picture(found, per)):
        yield picture
    if missing and wish.figure is None:
        yield Words(_why_unknown(running.inferences, missing))


def _uncertainty(loaded: ReportRun) -> Iterator[Block]:
    """What the ± of the headline is made of, and what would halve it."""
    if loaded.budgets:
        yield Heading(3, "Uncertainty")
    for budget in loaded.budgets:
        if any(part.plus_minus for part in budget.parts):
            yield budget_picture(budget)
        said = [*unknown_texts(budget), cure_text(budget)]
        said.append(f"not in ±: {budget.not_covered}" if budget.not_covered else "")
        for text in filter(None, said):
            yield Words(f"{text[0].upper()}{text[1:]}.")


def _why_unknown(inferences: int | None, missing: Sequence[Basis]) -> str:
    if not inferences:
        return "Unknown: no inferences were counted."
    baselines = {
        "": "the energy was not read",
        "idle": "no idle baseline was recorded",
        "armed": "no armed phase was recorded",
    }
    reasons = [f"{basis.name} ({baselines[basis.baseline]})" for basis in missing]
    return f"Unknown: {', '.join(reasons)}."


def _sizes(loaded: ReportRun, wish: ReportOptions) -> Iterator[Block]:
    source = source_of(loaded)
    against = wish.against or choose_against([source], DRAWN)
    if against is None:
        return
    found = sizes_of(source, against, wish.figure or "total", loaded.domain(wish))
    if found is not None:
        yield Heading(3, f"Against {found.of_what}")
        yield from size_blocks(found)


def _times(loaded: ReportRun) -> Iterator[Block]:
    rates = rates_of(loaded.summary.phases, loaded.summary.per)
    if not loaded.latencies and not rates:
        return
    yield Heading(3, "Latency and throughput")
    if loaded.latencies:
        yield latency_picture(loaded.latencies)
    repeated = len(loaded.summary.repeats) > 1
    if (repeated or not loaded.latencies) and (picture := rates_picture(rates)):
        yield picture
