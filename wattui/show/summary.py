"""Summaries as Rich tables: the one renderer of joules per inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from recorders import channels
from recorders.counts import count_text, is_time, is_tokens, plural, short
from recorders.source import Origin, Refusal
from recorders.summary import figures
from recorders.summary.bases import BASES, ENERGY, TOTAL
from recorders.summary.budget import Budget
from recorders.summary.figures import (
    Answers,
    Coverage,
    Domain,
    Flag,
    Summary,
    Value,
    WallEstimate,
)
from wattui import clean
from wattui.analysis.cells import Cells, cells_of, costliest, is_mixed, left_out_text
from wattui.clean import name_of, one_line, texts
from wattui.runs.recorded import Run
from wattui.runs.run_json import RunJson
from wattui.show.budget import budgets_parts
from wattui.show.quantities import counted, number, prefix_for, with_uncertainty
from wattui.show.stacking import Fitting, plain_table

# The headline figure is the first of these that is known.
WHOLE_FIGURES = (TOTAL, ENERGY)
# Columns left out first on a narrow terminal.
RATE, PER_J, PER_MILLION = "inf/s", "tok/J", "Wh/M tok"
RATES = (PER_MILLION, PER_J, "s", "W", RATE)
# If something is measured, only sources missing beside it are listed.
WHOLE_SOURCES = ("powercap", "perf", "nvml", "estimate")
# Columns of a panel's edge beside its subtitle.
FRAME_COLUMNS = 6
# The longest text of a flag that is shown: labels in it may be long.
MOST_FLAG = 1000
# What the headline adds for these flags.
ENDINGS = {"failed_command": "command that FAILED", "stopped_command": "STOPPED command"}
STYLES: dict[Origin, str] = {
    "measured": "",
    "estimated": "yellow",
    "simulated": "magenta",
    "manual": "cyan",
}


def ending(summary: Summary) -> str | None:
    """How the command ended if its figures are not those of a whole run; None if they are."""
    return next((ENDINGS[flag.name] for flag in summary.flags if flag.name in ENDINGS), None)


def print_run(console: Console, run: Run) -> None:
    """Print the summary of a finished recording; a fleet's is in a folder."""
    files = [run.csv, run.csv.with_suffix(".json")] if run.csv.suffix else [run.csv]
    ended = []
    if run.about.exit_statuses:
        failed = [status for status in run.about.exit_statuses if status]
        ended = [f"exit {max(failed, default=0)}"]
    subtitle = " · ".join([*map(str, files), *ended])
    if cell_len(subtitle) > console.width - FRAME_COLUMNS:
        subtitle = " · ".join([*(file.name for file in files), *ended])
    parts = [*summary_parts(run.summary), *method_parts(run.about)]
    _print(console, run.about.command, subtitle, parts)


def print_summary(
    console: Console,
    summary: Summary,
    csv: Path,
    mixed: bool = False,
    budgets: Sequence[Budget] = (),
) -> None:
    """Print a recomputed summary, with what its ± are made of under the headline."""
    parts = list(summary_parts(summary, mixed))
    _print(console, str(csv), "", [*parts[:1], *budgets_parts(budgets), *parts[1:]])


def summary_parts(summary: Summary, mixed: bool = False) -> Iterator[Any]:
    """Headline, table of domains, tables of labels and repeats, and flags in words.

    Figures of several labels taken together are shown if requested (`mixed`).
    """
    if summary.running:
        yield headline(summary, mixed)
    yield from table_parts(summary, mixed)
    if summary.shares:
        yield shares_line(summary.shares)
    yield from map(flag_line, summary.flags)


def table_parts(summary: Summary, mixed: bool = False) -> Iterator[Any]:
    """Tables of domains, of labels and repeats, and of differences and sums.

    If there are very many labels, the costliest are shown, and the number of the others.
    """
    whole, summary = summary, _shown(summary)
    running = summary.running
    if running is None:
        return
    apart = is_mixed(summary) and not mixed
    yield Fitting(_power_table(running, apart))
    if covered := [*map(coverage_text, summary.coverage)]:
        yield Text("\n".join(covered))
    for estimate in summary.wall_estimates:
        yield Text(estimate_text(estimate, summary.per), STYLES["estimated"])
    if not apart and (table := _inference_table(running, summary.per)):
        yield Fitting(table)
    if others := list(_other_counts(summary, apart)):
        said = "also counted: "
        yield Text(said + (", " if apart else f"\n{' ' * len(said)}").join(others))
    if counters := counters_line(summary, apart):
        yield counters
    groups = summary.labels if apart else _many(summary.labels)
    groups = [*groups, *(() if apart else _many(summary.repeats))]
    if groups and summary.headline:
        gone = (RATES[:n] for n in range(len(RATES) + 1))
        channel, per = summary.headline, summary.per
        yield Fitting(*(_groups_table(groups, channel, per, titles) for titles in gone))
        yield from _left_out("labels", whole.labels, summary.labels)
        if not apart:
            yield from _left_out("repeats", whole.repeats, summary.repeats)
    if repeated := _repeated_line(summary, apart):
        yield repeated
    if (summary.differences or summary.sums) and summary.headline and summary.quoted:
        yield Fitting(_combined_table(summary, summary.headline, summary.quoted.origin))
        yield from _left_out("differences", whole.differences, summary.differences)
        yield from _left_out("sums", whole.sums, summary.sums)


def _shown(summary: Summary) -> Summary:
    """The part of a summary that the tables show, with every text on one line."""
    shown, channel = replace(summary, phases=[]), summary.headline
    if channel is not None:
        shown = replace(
            shown,
            labels=costliest(summary.labels, lambda group: ENERGY.of(group.domains[channel])),
            repeats=costliest(summary.repeats, lambda group: ENERGY.of(group.domains[channel])),
            differences=costliest(summary.differences, lambda d: TOTAL.of(d.domains[channel])),
            sums=costliest(summary.sums, lambda found: TOTAL.of(found.domains[channel])),
        )
    return texts(shown, name_of)


def _left_out(what: str, whole: Sequence[object], shown: Sequence[object]) -> Iterator[Text]:
    """A line on what a table of the costliest leaves out."""
    if text := left_out_text(len(whole) - len(shown), what):
        yield Text(text, "dim")


def shares_line(shares: Sequence[figures.CommandShare]) -> Text:
    """The command's share of the time of each device, and the GPU memory that it held."""
    words = []
    for share in texts(list(shares)):
        time, memory = share.time_pct, share.memory_mib
        device = "CPU" if share.device == "cpu" else share.device
        parts = [f"{number(time, 2)} % of {device} time"] if time is not None else []
        parts += [f"{memory:,.0f} MiB of {device}"] if memory is not None else []
        words.append(", ".join(parts))
    return Text(f"share of the command while running: {' · '.join(words)}", "dim")


def flag_line(flag: Flag) -> Text:
    """A flag: its name, what it is about, and what it means."""
    where = f" {name_of(flag.where)}" if flag.where else ""
    name, text = one_line(flag.name), clean.short(one_line(flag.text), MOST_FLAG)
    return Text.assemble(("! ", "bold yellow"), (f"{name}{where}", "bold"), f"  {text}")


def machine_line(about: RunJson) -> Text:
    """The machine and the versions behind a recording, as far as known."""
    host, versions = texts(about.host, name_of), texts(about.versions, name_of)
    words = [host.get("name"), host.get("processor")]
    if "logical_cpus" in host:
        words.append(f"{host['logical_cpus']} CPUs")
    words.append(host.get("system"))
    if "governor" in host:
        words.append(f"governor {host['governor']}")
    words += ["virtual machine" if "virtual_machine" in host else None, host.get("container")]
    words += [f"{name} {versions[name]}" for name in ("wattui", "python") if name in versions]
    return Text(" · ".join(word for word in words if word), "dim")


def method_parts(about: RunJson) -> Iterator[Text]:
    """Missing sources with their fixes, and how it was measured, as far as known."""
    yield from map(_missing_line, texts(missing(about)))
    if said := sampling_text(about):
        yield Text(said, "dim")


def missing(about: RunJson) -> list[Refusal]:
    """The sources that are missing; where something is measured, only those beside it."""
    return [
        refusal
        for refusal in about.missing
        if not about.is_measured or refusal.source not in WHOLE_SOURCES
    ]


def sampling_text(about: RunJson) -> str:
    """How it was measured; empty if not known."""
    sampling = about.sampling
    if sampling is None:
        return ""
    late_ms, own_pct = sampling.late_p99_ms, sampling.own_cpu_pct_of_core
    readers = ", ".join(about.energy_readers)
    return (
        f"{number(sampling.rate_achieved_hz, 3)} of {sampling.rate_asked_hz:g} Hz"
        + (f" · late {late_ms:.1f} ms p99" if late_ms is not None else "")
        + (f" · recorder {own_pct:.1f} % of a core" if own_pct is not None else "")
        + (f" · {readers}" if readers else "")
    )


def _many(groups: list[figures.Group]) -> list[figures.Group]:
    return groups if len(groups) > 1 else []


def headline(summary: Summary, mixed: bool = False) -> Text:
    """The headline figure, with its origin, and what it was made from.

    For several labels, the best and the worst, unless a mixture of all is requested.
    """
    running, quoted = summary.running, summary.quoted
    cells = None if mixed else cells_of(summary)
    text = Text()
    if quoted and cells:
        text = _cells_headline(summary, quoted, cells)
    elif quoted:
        text = _whole_headline(summary, quoted)
    for flag in summary.flags:
        if flag.name in ENDINGS:
            text.append(f"  of a {ENDINGS[flag.name]}", "bold red")
    if running is None:
        return text
    text.append(f"\n{number(running.seconds)} s running", "dim")
    if running.inferences:
        text.append(f" · {count_text(running.inferences, summary.per)}", "dim")
        rate = f" · {number(running.inferences_per_s)} {plural(summary.per)}/s"
        text.append(" over all labels" if cells else rate, "dim")
    if quoted and not cells and (said := token_rates(summary.per, TOTAL.of(quoted), quoted.origin)):
        text.append(f" · {said}", "dim")
    return text


def token_rates(per: str, each: Value | None, origin: Origin) -> str:
    """The usual figures of a language model, from its energy per token; empty for other counts."""
    if each is None or not is_tokens(per) or each.value <= 0:
        return ""
    of_joule, of_million = each.reciprocal(1.0), per_million(each)
    return (
        f"{figure_text(of_joule, origin)} tokens/J · {figure_text(of_million, origin)} Wh per "
        "million tokens"
    )


def per_million(each: Value) -> Value:
    """Wh per million tokens, from J per token."""
    return each.times(1e6 / 3600)


def _whole_headline(summary: Summary, quoted: Domain) -> Text:
    """The figure of all running phases, of one label or mixed."""
    text = Text()
    for basis in WHOLE_FIGURES:
        if value := basis.of(quoted):
            factor, prefix = prefix_for([value.value])
            per = basis.words(summary.per)
            figure = f"{figure_text(value, quoted.origin, factor)} {prefix}J {per}"
            if is_mixed(summary):
                figure += ", all labels mixed"
            text.append(figure, _headline_style(summary))
            break
    else:
        text.append("– J while running", "bold yellow")
    return text.append(*_word(summary, quoted))


def _cells_headline(summary: Summary, quoted: Domain, cells: Cells) -> Text:
    """The best and the worst of several labels, or the only label."""
    text = Text()
    ends = cells.ends
    words = ("best", "worst") if cells.basis is TOTAL else ("least", "most")
    factor, prefix = prefix_for([value.value for _, value in ends])
    for word, (group, value) in zip(words, ends, strict=False):
        figure = figure_text(value, quoted.origin, factor)
        text.append(f"{word:6}" if len(ends) > 1 else "", "bold")
        per = cells.basis.words(summary.per)
        text.append(f"{figure} {prefix}J {per}", _headline_style(summary))
        text.append(f"  {name_of(group.label)}\n", "bold")
    if not ends:
        text.append("energy unknown\n", "bold yellow")
    unknown = cells.count - len(cells.ranked)
    said = counted(cells.count, "label")
    said += f", {unknown} unknown" if unknown and ends else ""
    text.append(said, "dim")
    return text.append(*_word(summary, quoted))


def _headline_style(summary: Summary) -> str:
    """Green for a figure that contains everything."""
    return "bold yellow" if summary.contents else "bold green"


def _word(summary: Summary, quoted: Domain) -> tuple[str, str]:
    """The origin of the headline figure, what it contains, and its style."""
    channel, contents = one_line(summary.headline or ""), one_line(summary.contents)
    origin = quoted.origin
    if origin == "estimated":
        return "  ESTIMATED, not measured", STYLES[origin]
    if contents:
        return f"  {origin}: {contents} (channel {channel})", "bold yellow"
    return f"  {origin} (channel {channel})", STYLES[origin]


def _power_table(running: figures.Group, apart: bool) -> Table:
    """Watts and joules by channel; no mean power over several labels."""
    titles, powers_w = powers(apart)
    table = plain_table("domain", *titles, "energy J, all labels" if apart else "energy J")
    for channel, domain in running.domains.items():
        cells = [*map(number, powers_w(domain)), figure_text(domain.running_j, domain.origin)]
        table.add_row(_name(channel, domain), *cells, style=STYLES[domain.origin])
    return table


def estimate_text(found: WallEstimate, per: str) -> str:
    """The energy at the wall, as a fit of this machine estimates it."""
    idle = "" if found.idle_w is None else f"{number(found.idle_w)} W idle"
    ran = f"{figure_text(found.running_j, 'estimated')} J running" if found.running_j else ""
    each = found.total_j_per_inference
    of_one = f"{figure_text(each, 'estimated')} J {TOTAL.words(per)}" if each else ""
    known = ", ".join(filter(None, (idle, ran, of_one))) or "–"
    return f"{one_line(found.meter)}, estimated from total and not measured: {known}"


def coverage_text(found: Coverage) -> str:
    """How much of a meter's energy the sensors inside the machine measure."""
    idle = "" if found.idle is None else f"{number(100 * found.idle)} % idle"
    ran = f"{figure_text(found.running, 'measured', 0.01)} % running" if found.running else ""
    shares = ", ".join(filter(None, (ran, idle)))
    return f"coverage: total is {shares} of {one_line(found.meter)}"


def powers(apart: bool) -> tuple[tuple[str, ...], Callable[[Domain], tuple[float | None, ...]]]:
    """Headings of powers and the powers of a channel, watts; of several labels the idle one alone,
    as the others would mix them.
    """
    if apart:
        return ("idle W",), lambda domain: (domain.idle_w,)
    return (
        ("idle W", "armed W", "running W"),
        lambda domain: (domain.idle_w, domain.armed_w, domain.running_w),
    )


def _inference_table(running: figures.Group, per: str) -> Table | None:
    domains = running.domains
    factor, prefix, titles = _per_inference(domains.values())
    if not titles:
        return None
    table = plain_table(f"{prefix}J {TOTAL.words(per)}", *titles)
    for channel, domain in domains.items():
        cells = answer_texts(domain, domain.origin, factor)
        table.add_row(_name(channel, domain), *cells, style=STYLES[domain.origin])
    return table


def _other_counts(summary: Summary, apart: bool) -> Iterator[str]:
    """What else was counted while something ran, with the energy of each in the headline channel;
    of several labels, how many alone."""
    running, channel = summary.running, summary.headline or ""
    for name, found in running.counts.items() if running else ():
        if not found.count or name == summary.per or is_time(name):
            continue
        words = [count_text(found.count, name)]
        each = None if apart else found.domains[channel].total_j if channel else None
        if not apart:
            words.append(f"{number(found.per_s)}/s")
        if each and running:
            factor, prefix = prefix_for([each.value])
            figure = figure_text(each, running.domains[channel].origin, factor)
            words.append(f"{figure} {prefix}J each")
        yield " · ".join(words)


def _per_inference(domains: Iterable[Domain | Answers]) -> tuple[float, str, tuple[str, ...]]:
    """Factor, prefix and titles of the figures per inference; no titles if nothing is known."""
    known = known_j(domains)
    factor, prefix = prefix_for(known)
    return factor, prefix, tuple(basis.name for basis in BASES) if known else ()


def _name(channel: str, domain: Domain) -> Text:
    name = Text(channel, "bold" if channel == channels.TOTAL else "")
    return name.append(origin_word(domain.origin))


def origin_word(origin: Origin) -> str:
    """The words after the name of a channel that is not measured."""
    return "" if origin == "measured" else f" ({origin})"


def counters_line(summary: Summary, apart: bool) -> Text | None:
    """The counts of hardware counters per inference, or in all; of several labels from the least to
    the most."""
    running = summary.running
    if running is None or not running.counters:
        return None
    groups = summary.labels if apart else [running]
    per_inference = bool(running.inferences)
    texts = []
    for name in running.counters:
        found = [group.counters[name] for group in groups]
        known = [each.per_inference if per_inference else each.count for each in found]
        ends = sorted(value for value in known if value is not None)
        factor, prefix = prefix_for(ends)
        shown = dict.fromkeys(ends[:1] + ends[-1:])
        figure = " to ".join(f"{number(end / factor)} {prefix}".rstrip() for end in shown)
        texts.append(f"{name} {figure or '–'}")
    of = " and ".join(dict.fromkeys(each.of for each in running.counters.values() if each.of))
    where = f" of the {of}" if of else ""
    per = f" {TOTAL.words(summary.per)}" if per_inference else ""
    return Text(f"counted{per}{where}: {' · '.join(texts)}")


def _groups_table(
    groups: Sequence[figures.Group], channel: str, per: str, left_out: Sequence[str] = ()
) -> Table:
    """Labels and repeats with their rates and figures, without those left out."""
    factor, prefix, titles = _per_inference(group.domains[channel] for group in groups)
    titles = tuple(f"{title} {prefix}J" for title in titles)
    are_counted = bool(titles)
    rate, of_tokens = f"{short(per)}/s", (PER_J, PER_MILLION) if is_tokens(per) else ()
    left_out = [rate if title == RATE else title for title in left_out]
    shown = [title for title in ("s", rate, "W", *of_tokens) if title not in left_out]
    table = plain_table(f"running, channel {channel}", *shown, *(titles or ("energy J",)))
    for group in groups:
        domain = group.domains[channel]
        rates = {"s": group.seconds, rate: group.inferences_per_s, "W": domain.running_w}
        each = TOTAL.of(domain)
        if each and each.value > 0:
            rates |= {PER_J: 1 / each.value, PER_MILLION: per_million(each).value}
        cells = [number(rates.get(title)) for title in shown]
        if are_counted:
            cells += answer_texts(domain, domain.origin, factor)
        else:
            cells.append(figure_text(domain.running_j, domain.origin))
        name = group.label or f"repeat {group.repeat}"
        name += " (shared)" if group.shared else ""
        table.add_row(Text(name), *cells, style=STYLES[domain.origin])
    return table


def _combined_table(summary: Summary, channel: str, origin: Origin) -> Table:
    """The cost of parts by difference, which may be negative, and their sum."""
    rows = combined(summary, channel)
    factor, prefix, titles = _per_inference(answers for _, answers in rows)
    what = "difference" if summary.differences else "sum"
    table = plain_table(f"{what}, channel {channel}", *(f"{title} {prefix}J" for title in titles))
    for name, answers in rows:
        cells = answer_texts(answers, origin, factor) if titles else ()
        table.add_row(Text(name), *cells, style=STYLES[origin])
    return table


def combined(summary: Summary, channel: str) -> list[tuple[str, Answers]]:
    """Differences and sums of labels by name, in one channel."""
    return [
        *((f"{d.label} − {d.minus}", d.domains[channel]) for d in summary.differences),
        *((f"{s.parts} parts of {s.whole}", s.domains[channel]) for s in summary.sums),
    ]


def _repeated_line(summary: Summary, apart: bool) -> Text | None:
    """Mean, median and interval of the headline figure over the repeats."""
    if apart:
        count = len(summary.repeats)
        return Text(f"{count} repeats: ± is their 95 % interval") if count > 1 else None
    for basis in WHOLE_FIGURES:
        if figure := summary.over_repeats.get(basis.key):
            factor, prefix = prefix_for([figure.mean])
            mean = with_uncertainty(figure.mean, figure.interval95, factor)
            per = basis.words(summary.per)
            return Text(
                f"{len(summary.repeats)} repeats: mean {mean} {prefix}J {per} "
                f"(95 % interval), median {number(figure.median / factor)} {prefix}J"
            )
    return None


def figure_text(value: Value | None, origin: Origin, factor: float = 1.0) -> str:
    """A figure with its ±; `± ?` where that is unknown, but for an estimate, which has none."""
    if value is None:
        return "–"
    figure = with_uncertainty(value.value, value.plus_minus, factor)
    return f"{figure} ± ?" if value.plus_minus is None and origin != "estimated" else figure


def answer_texts(figures: Domain | Answers, origin: Origin, factor: float) -> list[str]:
    """Total, dynamic and marginal joules per inference, each with its ±."""
    return [figure_text(basis.of(figures), origin, factor) for basis in BASES]


def known_j(domains: Iterable[Domain | Answers]) -> list[float]:
    """All joules per inference that are known."""
    return [value.value for each in domains for basis in BASES if (value := basis.of(each))]


def _missing_line(refusal: Refusal) -> Text:
    text = Text.assemble(("– ", "dim"), (refusal.source, "bold"), f"  {refusal.reason}")
    if refusal.remedy:
        text.append(f"\n  fix: {refusal.remedy}", "dim")
    return text


TABLES = (Table, Fitting)


def _print(console: Console, title: str, subtitle: str, parts: list[Any]) -> None:
    spaced: list[Any] = []
    for part in parts:
        if spaced and (isinstance(part, TABLES) or isinstance(spaced[-1], TABLES)):
            spaced.append(Text())
        spaced.append(part)
    console.print(
        Panel(
            Group(*spaced),
            title=Text(one_line(title), "bold", overflow="ellipsis", no_wrap=True),
            subtitle=Text(one_line(subtitle), "dim") if subtitle else None,
            title_align="left",
            subtitle_align="left",
            border_style="dim",
            padding=(0, 1),
            expand=False,
        )
    )
