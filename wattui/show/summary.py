"""Summaries as Rich tables: the one renderer of joules per inference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from recorders.channels import TOTAL
from wattui.analysis.cells import (
    PER_INFERENCE,
    WHILE_RUNNING,
    Cells,
    cells_of,
    costliest,
    is_mixed,
    left_out_text,
)
from wattui.clean import one_line, texts
from wattui.runs.forms import PARTS, fits
from wattui.show.quantities import number, prefix_for, with_uncertainty
from wattui.show.stacking import Fitting

FIGURES = (
    ("total", "total_j_per_inference"),
    ("dynamic", "dynamic_j_per_inference"),
    ("marginal", "marginal_j_per_inference"),
)
# The figure to quote is the first of these that is known.
WHOLE_FIGURES = ((PER_INFERENCE, "per inference"), (WHILE_RUNNING, "while running"))
# What a table may leave out, and by which figure.
SHOWN = {
    "labels": WHILE_RUNNING,
    "repeats": WHILE_RUNNING,
    "differences": PER_INFERENCE,
    "sums": PER_INFERENCE,
}
# What is left out first where the terminal is narrow.
RATES = ("s", "W", "inf/s")
MEANINGS = {
    "total": "all that was used while it ran",
    "dynamic": "beyond the idle machine",
    "marginal": "beyond the loaded, waiting model",
}
# Where something is measured, only what is missing beside it is told.
WHOLE_SOURCES = ("powercap", "nvml", "estimate")
# Of a panel's edge, beside its subtitle.
FRAME_COLUMNS = 6
_STYLES = {"measured": "", "estimated": "yellow", "simulated": "magenta", "manual": "cyan"}


def print_run(console: Console, run: dict[str, Any], csv: Path) -> None:
    """Print the summary of a finished recording."""
    command = run["command"]
    files = [csv, csv.with_suffix(".json")]
    ended = []
    if command.get("exit_statuses"):
        statuses = {status for status in command["exit_statuses"] if status}
        ended = [f"exit {max(statuses) if statuses else 0}"]
    subtitle = " · ".join([*map(str, files), *ended])
    if cell_len(subtitle) > console.width - FRAME_COLUMNS:
        subtitle = " · ".join([*(file.name for file in files), *ended])
    parts = [*summary_parts(run["summary"]), *method_parts(run)]
    _print(console, " ".join(command.get("argv", [])), subtitle, parts)


def print_summary(
    console: Console, summary: dict[str, Any], csv: Path, mixed: bool = False
) -> None:
    """Print a recomputed summary."""
    _print(console, str(csv), "", list(summary_parts(summary, mixed)))


def summary_parts(summary: dict[str, Any], mixed: bool = False) -> Iterator[Any]:
    """Headline, table of domains, tables of labels and repeats, and the flags in words.

    Figures of several labels taken together are shown where they are asked for (`mixed`).
    """
    if summary["running"]:
        yield headline(summary, mixed)
    yield from table_parts(summary, mixed)
    yield from map(flag_line, summary["flags"])


def table_parts(summary: dict[str, Any], mixed: bool = False) -> Iterator[Any]:
    """Tables of domains, of labels and repeats, and of differences and sums.

    Of very many labels the costliest are shown, and the number of the others is said.
    """
    if not summary["running"]:
        return
    whole, summary = summary, _shown(summary)
    running = summary["running"]
    left_out = {what: len(whole[what]) - len(summary[what]) for what in SHOWN}
    apart = is_mixed(summary) and not mixed
    yield Fitting(_power_table(running, apart))
    if not apart and (table := _inference_table(running)):
        yield Fitting(table)
    groups = summary["labels"] if apart else _many(summary["labels"])
    groups = [*groups, *(() if apart else _many(summary["repeats"]))]
    if groups and summary["headline"]:
        gone = (RATES[:n] for n in range(len(RATES) + 1))
        yield Fitting(*(_groups_table(groups, summary["headline"], titles) for titles in gone))
        yield from _left_out(left_out, "labels", *(() if apart else ("repeats",)))
    if repeated := _repeated_line(summary, apart):
        yield repeated
    if (summary["differences"] or summary["sums"]) and summary["headline"]:
        yield Fitting(_combined_table(summary))
        yield from _left_out(left_out, "differences", "sums")


def _shown(summary: dict[str, Any]) -> dict[str, Any]:
    """What the tables show of a summary, every text of it in one line."""
    channel = summary["headline"]
    short = {**summary, "phases": []}
    for what, figure in SHOWN.items():
        short[what] = costliest(summary[what], channel, figure) if channel else summary[what]
    return texts(short)


def _left_out(left_out: dict[str, int], *kinds: str) -> Iterator[Text]:
    """What a table of the costliest leaves out, in words."""
    for what in kinds:
        if text := left_out_text(left_out[what], what):
            yield Text(text, "dim")


def flag_line(flag: dict[str, str]) -> Text:
    """A doubt by name, what it is about, and what it means."""
    flag = texts(flag)
    where = f" {flag['where']}" if flag["where"] else ""
    return Text.assemble(
        ("! ", "bold yellow"), (f"{flag['name']}{where}", "bold"), f"  {flag['text']}"
    )


def machine_line(run: dict[str, Any]) -> Text:
    """The machine and the versions that made a recording, as far as they are known."""
    host, versions = texts(_texts(run, "host")), texts(_texts(run, "versions"))
    words = [host.get("name"), host.get("processor")]
    if "logical_cpus" in host:
        words.append(f"{host['logical_cpus']} CPUs")
    words.append(host.get("system"))
    if "governor" in host:
        words.append(f"governor {host['governor']}")
    words += ["virtual machine" if "virtual_machine" in host else None, host.get("container")]
    words += [f"{name} {versions[name]}" for name in ("wattui", "python") if name in versions]
    return Text(" · ".join(word for word in words if word), "dim")


def method_parts(run: dict[str, Any]) -> Iterator[Text]:
    """What is missing and what mends it, and how it was measured, as far as it is known."""
    measured = any(
        _is_power(channel) for source in _right(run, "sources") for channel in source["channels"]
    )
    for refusal in texts(_right(run, "missing")):
        if not measured or refusal["source"] not in WHOLE_SOURCES:
            yield _missing_line(refusal)
    sampling = run.get("sampling")
    if sampling and fits(sampling, PARTS["sampling"]):
        yield _sampling_line(run)


def _texts(run: dict[str, Any], part: str) -> dict[str, str]:
    """What is known in a part of run.json: texts, whole numbers, and what is true."""
    found = run.get(part)
    items = found.items() if isinstance(found, dict) else ()
    return {str(k): str(value) for k, value in items if isinstance(value, str | int) and value}


def _right(run: dict[str, Any], part: str) -> list[Any]:
    """The entries of a list of run.json that have the form that they should have."""
    found = run.get(part)
    entries = found if isinstance(found, list) else []
    return [entry for entry in entries if fits([entry], PARTS[part])]


def _many(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return groups if len(groups) > 1 else []


def headline(summary: dict[str, Any], mixed: bool = False) -> Text:
    """The figure to quote, with its origin, and what it was made from.

    Of several labels the best and the worst, unless a mixture of all is asked for.
    """
    running, name = summary["running"], summary["headline"]
    domain = running["domains"].get(name) if name else None
    cells = None if mixed else cells_of(summary)
    text = Text()
    if domain and cells:
        text = _cells_headline(summary, cells)
    elif domain:
        text = _whole_headline(summary, domain)
    if any(flag["name"] == "failed_command" for flag in summary["flags"]):
        text.append("  of a command that FAILED", "bold red")
    text.append(f"\n{number(running['seconds'])} s running", "dim")
    if running["inferences"]:
        text.append(f" · {running['inferences']:,} inferences", "dim")
        rate = f" · {number(running['inferences_per_s'])} inferences/s"
        text.append(" of all labels" if cells else rate, "dim")
    return text


def _whole_headline(summary: dict[str, Any], domain: dict[str, Any]) -> Text:
    """The figure of all that ran, of one kind or mixed."""
    text = Text()
    for key, what in WHOLE_FIGURES:
        if domain[key]:
            factor, prefix = prefix_for([domain[key]["value"]])
            figure = f"{figure_text(domain, key, factor)} {prefix}J {what}"
            if is_mixed(summary):
                figure += ", of all labels mixed"
            text.append(figure, _headline_style(summary))
            break
    else:
        text.append("– J while running", "bold yellow")
    return text.append(*_word(summary))


def _cells_headline(summary: dict[str, Any], cells: Cells) -> Text:
    """The best and the worst of several labels, or the one label that there is."""
    channel = summary["headline"]
    text = Text()
    ends = list(dict.fromkeys((0, len(cells.ranked) - 1))) if cells.ranked else []
    what = dict(WHOLE_FIGURES)[cells.figure]
    words = ("best", "worst") if cells.figure == PER_INFERENCE else ("least", "most")
    factor, prefix = prefix_for(
        [g["domains"][channel][cells.figure]["value"] for g in (cells.ranked[n] for n in ends)]
    )
    for word, place in zip(words, ends, strict=False):
        group = cells.ranked[place]
        figure = figure_text(group["domains"][channel], cells.figure, factor)
        text.append(f"{word:6}" if len(ends) > 1 else "", "bold")
        text.append(f"{figure} {prefix}J {what}", _headline_style(summary))
        text.append(f"  {one_line(group['label'])}\n", "bold")
    if not ends:
        text.append("energy unknown\n", "bold yellow")
    unknown = cells.count - len(cells.ranked)
    said = f"{cells.count} label{'s' * (cells.count > 1)}"
    said += f", {unknown} unknown" if unknown and ends else ""
    text.append(f"{said}:", "dim")
    return text.append(*_word(summary))


def _headline_style(summary: dict[str, Any]) -> str:
    """Green is for a figure that nothing is missing from."""
    return "bold yellow" if summary["contents"] else "bold green"


def _word(summary: dict[str, Any]) -> tuple[str, str]:
    """Where the figure to quote comes from and what it contains, and the style of that."""
    channel, contents = one_line(summary["headline"]), one_line(summary["contents"])
    origin = summary["running"]["domains"][summary["headline"]]["origin"]
    if origin == "estimated":
        return "  ESTIMATED, not measured", _STYLES[origin]
    if contents:
        return f"  {origin}: {contents} (channel {channel})", "bold yellow"
    return f"  {origin} (channel {channel})", _STYLES[origin]


def _power_table(running: dict[str, Any], apart: bool) -> Table:
    """Watts and joules by channel; of several labels no power that would mix them."""
    keys = ("idle_w",) if apart else ("idle_w", "armed_w", "running_w")
    titles = [key.replace("_w", " W") for key in keys]
    table = _table("domain", *titles, "energy J, all labels" if apart else "energy J")
    for channel, domain in running["domains"].items():
        cells = [number(domain[key]) for key in keys]
        cells.append(figure_text(domain, "running_j", 1.0))
        table.add_row(_name(channel, domain), *cells, style=_STYLES[domain["origin"]])
    return table


def _inference_table(running: dict[str, Any]) -> Table | None:
    domains = running["domains"]
    factor, prefix, titles = _per_inference(domains.values())
    if not titles:
        return None
    table = _table(f"{prefix}J per inference", *titles)
    for channel, domain in domains.items():
        cells = [figure_text(domain, key, factor) for _, key in FIGURES]
        table.add_row(_name(channel, domain), *cells, style=_STYLES[domain["origin"]])
    return table


def _per_inference(domains: Iterable[dict[str, Any]]) -> tuple[float, str, tuple[str, ...]]:
    """Factor, prefix and titles of the figures per inference; no titles where nothing is known."""
    known = [domain[key]["value"] for domain in domains for _, key in FIGURES if domain[key]]
    factor, prefix = prefix_for(known)
    return factor, prefix, tuple(title for title, _ in FIGURES) if known else ()


def _name(channel: str, domain: dict[str, Any]) -> Text:
    name = Text(channel, "bold" if channel == TOTAL else "")
    return name if domain["origin"] == "measured" else name.append(f" ({domain['origin']})")


def _groups_table(
    groups: list[dict[str, Any]], channel: str, left_out: Sequence[str] = ()
) -> Table:
    """Labels and repeats with their rates, less those that are left out, and their figures."""
    factor, prefix, titles = _per_inference(group["domains"][channel] for group in groups)
    titles = tuple(f"{title} {prefix}J" for title in titles)
    if not titles:
        factor, titles = 1.0, ("energy J",)
    shown = [title for title in ("s", "inf/s", "W") if title not in left_out]
    table = _table(f"running, channel {channel}", *shown, *titles)
    for group in groups:
        domain = group["domains"][channel]
        rates = {
            "s": group["seconds"],
            "inf/s": group["inferences_per_s"],
            "W": domain["running_w"],
        }
        keys = [key for _, key in FIGURES] if len(titles) > 1 else ["running_j"]
        cells = [number(rates[title]) for title in shown]
        cells += [figure_text(domain, key, factor) for key in keys]
        name = group["label"] or f"repeat {group['repeat']}"
        name += " (shared)" if group.get("shared") else ""
        table.add_row(Text(name), *cells, style=_STYLES[domain["origin"]])
    return table


def _combined_table(summary: dict[str, Any]) -> Table:
    """What parts cost by difference, below zero too, and what they cost together."""
    channel = summary["headline"]
    origin = summary["running"]["domains"][channel]["origin"]
    rows = [
        *((f"{d['label']} − {d['minus']}", d["domains"][channel]) for d in summary["differences"]),
        *((f"{s['parts']} parts of {s['whole']}", s["domains"][channel]) for s in summary["sums"]),
    ]
    factor, prefix, titles = _per_inference(domain for _, domain in rows)
    what = "difference" if summary["differences"] else "sum"
    table = _table(f"{what}, channel {channel}", *(f"{title} {prefix}J" for title in titles))
    for name, domain in rows:
        cells = [figure_text({**domain, "origin": origin}, key, factor) for _, key in FIGURES]
        table.add_row(Text(name), *(cells if titles else []), style=_STYLES[origin])
    return table


def _repeated_line(summary: dict[str, Any], apart: bool) -> Text | None:
    """Mean, median and interval of the quotable figure over the repeats."""
    if apart:
        count = len(summary["repeats"])
        return Text(f"{count} repeats: ± is their 95 % interval") if count > 1 else None
    figure = summary["over_repeats"].get("total_j_per_inference")
    what = " per inference"
    if figure is None:
        figure, what = summary["over_repeats"].get("running_j"), " while running"
    if figure is None:
        return None
    factor, prefix = prefix_for([figure["mean"]])
    mean = with_uncertainty(figure["mean"], figure["interval95"], factor)
    return Text(
        f"{len(summary['repeats'])} repeats: mean {mean} {prefix}J{what} (95 % interval), "
        f"median {number(figure['median'] / factor)} {prefix}J"
    )


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if place else "left", no_wrap=True)
    return table


def figure_text(domain: dict[str, Any], key: str, factor: float) -> str:
    """A figure with its ±; `± ?` where a baseline was too short to tell its noise."""
    value = domain[key]
    if value is None:
        return "–"
    figure = with_uncertainty(value["value"], value["plus_minus"], factor)
    unknown = value["plus_minus"] is None and domain["origin"] != "estimated"
    return f"{figure} ± ?" if unknown else figure


def _sampling_line(run: dict[str, Any]) -> Text:
    sampling = run["sampling"]
    late = sampling["lateness_ms"]
    own_pct = sampling["own_cpu_pct_of_core"]
    readers = ", ".join(
        f"{source['name']} by {source['reader']}"
        for source in _right(run, "sources")
        if any(_is_power(channel) or channel["unit"] in "JW" for channel in source["channels"])
    )
    return Text(
        f"{number(sampling['rate_achieved_hz'], 3)} of {sampling['rate_asked_hz']:g} Hz"
        + (f" · late {late['p99_ms']:.1f} ms p99" if late else "")
        + (f" · recorder {own_pct:.1f} % of a core" if own_pct is not None else "")
        + (f" · {readers}" if readers else ""),
        "dim",
    )


def _missing_line(refusal: dict[str, str]) -> Text:
    text = Text.assemble(("– ", "dim"), (refusal["source"], "bold"), f"  {refusal['reason']}")
    if refusal["remedy"]:
        text.append(f"\n  mend: {refusal['remedy']}", "dim")
    return text


def _is_power(channel: dict[str, Any]) -> bool:
    return channel["unit"] in ("J", "W") and channel["origin"] == "measured"


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
