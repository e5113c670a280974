"""A paragraph on how a run was measured, for the methods section of a paper. Pure.

It says only what the run file states: what is not known is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from recorders.channels import kind_of
from recorders.counts import count_text, singular
from recorders.summary.bases import BASES
from recorders.summary.figures import Domain, PhaseFigures, Summary
from wattui.analysis.recorded_workload import asked_of
from wattui.clean import name_of, texts
from wattui.runs.run_json import RunJson
from wattui.show.quantities import number, prefix_for

# Options of a bundled workload that a reader needs to repeat it.
STATED = ("engine", "device", "threads", "seed")
BASELINES = ("idle", "armed")


def methods_text(about: RunJson, summary: Summary, domain: str | None) -> str:
    """The paragraph."""
    sentences = (
        _machine(about),
        _sensors(about),
        _sampling(about),
        _periods(about, domain),
        _baselines(summary.phases),
        _counted(summary),
        _figures(summary, domain),
        _command(about),
        _imported(about),
    )
    return " ".join(f"{text}." for text in sentences if text)


def _machine(about: RunJson) -> str:
    host, versions = texts(about.host, name_of), texts(about.versions, name_of)
    processor = host.get("processor", "")
    if processor and "logical_cpus" in host:
        processor += f" ({host['logical_cpus']} logical CPUs)"
    where = [
        processor,
        host.get("system", ""),
        "in a virtual machine" if "virtual_machine" in host else "",
        f"in a container ({host['container']})" if "container" in host else "",
        f"with the governor {host['governor']}" if "governor" in host else "",
    ]
    recorder = f"wattui {versions['wattui']}" if "wattui" in versions else "wattui"
    others = [f"{name} {text}" for name, text in versions.items() if name != "wattui"]
    tools = recorder + (f" ({', '.join(others)})" if others else "")
    stated = ", ".join(filter(None, where))
    return f"Energy was recorded with {tools}" + (f" on {stated}" if stated else "")


def _sensors(about: RunJson) -> str:
    """Each source of energy with its channels, and what kind of figure it gives."""
    found = []
    for source in about.sources:
        channels = [channel for channel in source.channels if channel.is_energy]
        if not channels:
            continue
        origins = {channel.origin for channel in channels} - {"measured"}
        how = f"{source.name}, read by {source.reader}"
        if origins:
            how = f"{' and '.join(sorted(origins))}, not measured: {source.reader}"
        found.append(f"{_listed([channel.name for channel in channels])} ({how})")
    return f"The sources of energy were {_listed(found)}" if found else ""


def _sampling(about: RunJson) -> str:
    sampling = about.sampling
    if sampling is None:
        return ""
    text = f"They were read at {sampling.rate_asked_hz:g} Hz and at every phase edge"
    details = []
    if sampling.rate_achieved_hz is not None:
        details.append(f"{number(sampling.rate_achieved_hz, 3)} Hz achieved")
    if sampling.late_p99_ms is not None:
        details.append(f"99 % of the readings at most {number(sampling.late_p99_ms, 2)} ms late")
    if sampling.own_cpu_pct_of_core is not None:
        details.append(f"the recorder used {number(sampling.own_cpu_pct_of_core, 2)} % of a core")
    return text + (f" ({'; '.join(details)})" if details else "")


def _periods(about: RunJson, domain: str | None) -> str:
    known = {
        name: period_s
        for name, period_s in about.update_periods_s.items()
        if period_s and kind_of(name).origin == "measured"
    }
    if domain in known:
        known = {domain: known[domain]}
    texts = []
    for name, period_s in known.items():
        factor, prefix = prefix_for([period_s])
        texts.append(f"{number(period_s / factor, 3)} {prefix}s ({name})")
    return f"Measured update periods: {', '.join(texts)}" if texts else ""


def _baselines(phases: Sequence[PhaseFigures]) -> str:
    found = []
    for name in BASELINES:
        own = [phase.seconds for phase in phases if phase.phase == name and not phase.left_out]
        if own:
            times = f" in {len(own)} phases" if len(own) > 1 else ""
            found.append(f"{name} for {number(sum(own), 3)} s{times}")
    return f"Baselines: {_listed(found)}" if found else "No baseline was recorded"


def _counted(summary: Summary) -> str:
    running = summary.running
    if running is None:
        return "Nothing was marked as running"
    n = running.inferences
    what = f"n = {count_text(n, summary.per)}" if n else "Inferences were not counted"
    text = f"{what} in {number(running.seconds)} s"
    if len(summary.labels) > 1:
        text += f", under {len(summary.labels)} labels"
    if len(summary.repeats) > 1:
        text += f"; {len(summary.repeats)} repeats"
    return text


def _figures(summary: Summary, domain: str | None) -> str:
    """The energies that are known and how their ± is made."""
    quoted = summary.running.domains.get(domain or "") if summary.running else None
    if quoted is None:
        return ""
    names = {basis.name: basis.meaning for basis in BASES if basis.of(quoted) is not None}
    energies = "; ".join(f"{name}: {meaning}" for name, meaning in names.items())
    of_one = f"Energy per {singular(summary.per)} is that of channel {domain} ({energies}). "
    text = of_one if names else ""
    if quoted.origin == "estimated":
        return f"{text}The error of the model of the estimate is unknown, and not in ±"
    return text + _uncertainty(summary, quoted)


def _uncertainty(summary: Summary, quoted: Domain) -> str:
    if quoted.running_j is None or quoted.running_j.plus_minus is None:
        return "The uncertainty is unknown"
    text = "± covers 95 %: the counter's resolution and the baseline's noise in quadrature"
    if len(summary.repeats) > 1:
        return f"{text}, and Student's interval of the mean of the repeats"
    return f"{text}; one run, so the variation between runs is not in it"


def _command(about: RunJson) -> str:
    if not about.argv:
        return ""
    text = f"The command was “{shlex.join(about.argv)}”"
    if about.commit:
        text += f" at commit {about.commit.id[:10]}"
        text += ", with uncommitted changes" if about.commit.changed else ""
    if asked := asked_of(about.argv):
        stated = [f"{n} {asked.values[n]}" for n in STATED if asked.values.get(n) is not None]
        text += f" ({', '.join(stated)})" if stated else ""
    if about.environment:
        text += f", with {', '.join(f'{k}={v}' for k, v in about.environment.items())}"
    return text


def _imported(about: RunJson) -> str:
    return f"The readings were imported from {about.imported_from}" if about.imported_from else ""


def _listed(texts: Sequence[str]) -> str:
    """a, b and c."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
