"""Summaries as Rich tables: the one renderer of joules per inference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from wattui.analysis.forms import PARTS, fits
from wattui.quantities import number, prefix_for, with_uncertainty

FIGURES = (
    ("total", "total_j_per_inference"),
    ("dynamic", "dynamic_j_per_inference"),
    ("marginal", "marginal_j_per_inference"),
)
MEANINGS = {
    "total": "all that was used while it ran",
    "dynamic": "beyond the idle machine",
    "marginal": "beyond the loaded, waiting model",
}
# Where something is measured, only what is missing beside it is told.
WHOLE_SOURCES = ("powercap", "nvml", "estimate")
MOST_COLUMNS = 1000
# Of a panel's edge, beside its subtitle.
FRAME_COLUMNS = 6
_STYLES = {"measured": "", "estimated": "yellow", "simulated": "magenta", "manual": "cyan"}


class Fitting:
    """The first of several tables that is whole in the width there is, or the last of them."""

    def __init__(self, *tables: Table | None) -> None:
        self._tables = [table for table in tables if table is not None]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table that fits."""
        unbounded = options.update(max_width=MOST_COLUMNS)
        for table in self._tables[:-1]:
            if Measurement.get(console, unbounded, table).maximum <= options.max_width:
                yield table
                return
        yield self._tables[-1]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as the narrowest, or as the widest."""
        widths = [Measurement.get(console, options, table) for table in self._tables]
        return Measurement(widths[-1].minimum, max(width.maximum for width in widths))


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


def print_summary(console: Console, summary: dict[str, Any], csv: Path) -> None:
    """Print a recomputed summary."""
    _print(console, str(csv), "", list(summary_parts(summary)))


def summary_parts(summary: dict[str, Any]) -> Iterator[Any]:
    """Headline, table of domains, tables of labels and repeats, and the flags in words."""
    if summary["running"]:
        yield headline(summary)
    yield from table_parts(summary)
    yield from map(flag_line, summary["flags"])


def table_parts(summary: dict[str, Any]) -> Iterator[Any]:
    """Tables of domains, of labels and repeats, and of differences and sums."""
    running = summary["running"]
    if not running:
        return
    yield Fitting(_power_table(running, True), _power_table(running, False))
    if table := _inference_table(running, True):
        yield Fitting(table, _inference_table(running, False))
    groups = [*_many(summary["labels"]), *_many(summary["repeats"])]
    if groups and summary["headline"]:
        yield Fitting(*(_groups_table(groups, summary["headline"], n) for n in (2, 1, 0)))
    if repeated := _repeated_line(summary):
        yield repeated
    if (summary["differences"] or summary["sums"]) and summary["headline"]:
        yield _combined_table(summary)


def flag_line(flag: dict[str, str]) -> Text:
    """A doubt by name, what it is about, and what it means."""
    where = f" {flag['where']}" if flag["where"] else ""
    return Text.assemble(
        ("! ", "bold yellow"), (f"{flag['name']}{where}", "bold"), f"  {flag['text']}"
    )


def machine_line(run: dict[str, Any]) -> Text:
    """The machine and the versions that made a recording, as far as they are known."""
    host, versions = _texts(run, "host"), _texts(run, "versions")
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
    for refusal in _right(run, "missing"):
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


def headline(summary: dict[str, Any]) -> Text:
    """The figure to quote, with its origin, and what it was made from."""
    running, name = summary["running"], summary["headline"]
    domain = running["domains"].get(name) if name else None
    text = Text()
    total = domain["total_j_per_inference"] if domain else None
    if domain and total:
        factor, prefix = prefix_for([total["value"]])
        figure = with_uncertainty(total["value"], total["plus_minus"], factor)
        text.append(f"{figure} {prefix}J per inference", "bold green")
        text.append(*_word(summary))
    elif domain and domain["running_j"]:
        energy = domain["running_j"]
        factor, prefix = prefix_for([energy["value"]])
        figure = with_uncertainty(energy["value"], energy["plus_minus"], factor)
        text.append(f"{figure} {prefix}J while running", "bold green")
        text.append(*_word(summary))
    elif domain:
        text.append("– J while running", "bold yellow")
        text.append(*_word(summary))
    if any(flag["name"] == "failed_command" for flag in summary["flags"]):
        text.append("  of a command that FAILED", "bold red")
    text.append(f"\n{number(running['seconds'])} s running", "dim")
    if running["inferences"]:
        rate = number(running["inferences_per_s"])
        text.append(f" · {running['inferences']:,} inferences · {rate} inferences/s", "dim")
    return text


def _word(summary: dict[str, Any]) -> tuple[str, str]:
    """Where the figure to quote comes from and what it contains, and the style of that."""
    channel, contents = summary["headline"], summary["contents"]
    origin = summary["running"]["domains"][channel]["origin"]
    if origin == "estimated":
        return "  ESTIMATED, not measured", _STYLES[origin]
    if contents:
        return f"  {origin}: {contents} (channel {channel})", "bold yellow"
    return f"  {origin} (channel {channel})", _STYLES[origin]


def _power_table(running: dict[str, Any], errors: bool) -> Table:
    table = _table("domain", "idle W", "armed W", "running W", "energy J")
    for channel, domain in running["domains"].items():
        cells = [number(domain[key]) for key in ("idle_w", "armed_w", "running_w")]
        cells.append(figure_text(domain, "running_j", 1.0, errors))
        table.add_row(_name(channel, domain), *cells, style=_STYLES[domain["origin"]])
    return table


def _inference_table(running: dict[str, Any], errors: bool) -> Table | None:
    domains = running["domains"]
    factor, prefix, titles = _per_inference(domains.values())
    if not titles:
        return None
    table = _table(f"{prefix}J per inference", *titles)
    for channel, domain in domains.items():
        cells = [figure_text(domain, key, factor, errors) for _, key in FIGURES]
        table.add_row(_name(channel, domain), *cells, style=_STYLES[domain["origin"]])
    return table


def _per_inference(domains: Iterable[dict[str, Any]]) -> tuple[float, str, tuple[str, ...]]:
    """Factor, prefix and titles of the figures per inference; no titles where nothing is known."""
    known = [domain[key]["value"] for domain in domains for _, key in FIGURES if domain[key]]
    factor, prefix = prefix_for(known)
    return factor, prefix, tuple(title for title, _ in FIGURES) if known else ()


def _name(channel: str, domain: dict[str, Any]) -> Text:
    name = Text(channel, "bold" if channel == "total" else "")
    return name if domain["origin"] == "measured" else name.append(f" ({domain['origin']})")


def _groups_table(groups: list[dict[str, Any]], channel: str, detail: int) -> Table:
    """With ± and rates (2), with rates (1), or the figures per inference alone (0)."""
    factor, prefix, titles = _per_inference(group["domains"][channel] for group in groups)
    titles = tuple(f"{title} {prefix}J" for title in titles)
    bare = detail == 0 and bool(titles)
    table = _table(f"running, channel {channel}", *(() if bare else ("s", "inf/s", "W")), *titles)
    for group in groups:
        domain = group["domains"][channel]
        rates = (group["seconds"], group["inferences_per_s"], domain["running_w"])
        cells = [] if bare else [number(value) for value in rates]
        cells += (
            [figure_text(domain, key, factor, detail > 1) for _, key in FIGURES] if titles else []
        )
        name = group["label"] or f"repeat {group['repeat']}"
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


def _repeated_line(summary: dict[str, Any]) -> Text | None:
    """Mean, median and interval of the quotable figure over the repeats."""
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
        table.add_column(title, justify="right" if place else "left", no_wrap=True)
    return table


def figure_text(domain: dict[str, Any], key: str, factor: float, errors: bool = True) -> str:
    """A figure with its ±; `± ?` where a baseline was too short to tell its noise."""
    value = domain[key]
    if value is None:
        return "–"
    if not errors:
        return number(value["value"] / factor)
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
            title=Text(title, "bold", overflow="ellipsis", no_wrap=True),
            subtitle=Text(subtitle, "dim") if subtitle else None,
            title_align="left",
            subtitle_align="left",
            border_style="dim",
            padding=(0, 1),
            expand=False,
        )
    )
