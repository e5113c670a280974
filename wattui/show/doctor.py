"""The report of `wattui doctor` as lines: what works, what is missing and why, and the fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from recorders.channels import kind_of
from recorders.held_back import HeldBack, text_of
from recorders.texts import OwnNote
from wattui.clean import texts

Entry = list[Text]
INDENT, FIX = "  ", "  fix: "
# Of the names of channels; of a source with longer ones, wider.
WIDTH = 14
# The groups of missing sources, their signs and their titles.
GROUPS = (
    ("right", ("!", "bold yellow"), "needs a right"),
    ("unread", ("✗", "bold red"), "on this machine, but not read"),
    ("absent", ("–", "dim"), "not on this machine"),
)
REMARKS = {
    OwnNote.INTEGRATED: "power, integrated",
    OwnNote.NO_RANGE: "range unknown",
    OwnNote.MIG: "all of a GPU in MIG mode",
}


def lines(report: Mapping[str, Any]) -> Iterator[Text]:
    """A report as lines for a person, the shortest entries of each group first."""
    report = texts(report)
    host, late = report["host"], report["lateness_ms"]
    yield Text.assemble(
        (host["processor"] or host["system"], "bold"), "  ", (host["system"], "dim")
    )
    works = (source for source in report["sources"] if _is_read(source))
    yield from _group("works", map(_source_entry, works))
    for kind, sign, title in GROUPS:
        refusals = [each for each in report["missing"] if each["kind"] == kind]
        yield from _group(title, _refusal_entries(refusals, sign))
    late_text = f", p99 {late['p99_ms']:.2f} ms late" if late else ""
    yield Text()
    yield Text(f"recorder   {report['scheduler']} scheduling{late_text}", "dim")
    yield Text(f"settings   {report['config']}", "dim")


def remedies(report: Mapping[str, Any]) -> list[str]:
    """The fixes of what is missing, each once, but not of what this machine does not have."""
    missing = texts(report)["missing"]
    return list(
        dict.fromkeys(r["remedy"] for r in missing if r["remedy"] and r["kind"] != "absent")
    )


def _group(title: str, entries: Iterator[Entry]) -> Iterator[Text]:
    found = sorted(entries, key=lambda entry: (len(entry), sum(map(len, entry))))
    if found:
        yield from (Text(), Text(title, "bold underline"))
        yield from (line for entry in found for line in entry)


def _refusal_entries(
    refusals: Sequence[Mapping[str, Any]], sign: tuple[str, str]
) -> Iterator[Entry]:
    """The reasons of refusals with the same fix, and the fix."""
    for remedy in dict.fromkeys(each["remedy"] for each in refusals):
        reasons = [
            Text.assemble(sign, " ", (each["source"], "bold"), f"  {each['reason']}")
            for each in refusals
            if each["remedy"] == remedy
        ]
        if remedy:
            yield [*reasons, Text.assemble((FIX, "dim"), remedy)]
        else:
            yield from ([reason] for reason in reasons)


def _is_read(source: Mapping[str, Any]) -> bool:
    """Whether it gives anything: a source whose servers are all unread is among what is missing."""
    facts = [fact for fact in source["devices"].values() if isinstance(fact, dict)]
    return not facts or any(not fact.get("why") for fact in facts)


def _source_entry(source: Mapping[str, Any]) -> Entry:
    made_up = any(reading["origin"] == "estimated" for reading in source["readings"])
    sign = ("~", "bold yellow") if made_up else ("✓", "bold green")
    read_by = (f"read by {source['reader']}", "dim")
    entry = [Text.assemble(sign, " ", (source["name"], "bold"), "  ", read_by)]
    width = max((len(each["channel"]) + 2 for each in source["readings"]), default=0)
    entry += (_reading_line(reading, max(width, WIDTH)) for reading in source["readings"])
    for name, fact in source["devices"].items():
        if name == "basis":
            entry.append(Text(f"  {fact}", "dim"))
        elif isinstance(fact, dict) and "vendor" in fact:
            entry.append(Text(f"  {name}: {', '.join(_device_words(fact))}", "dim"))
        elif isinstance(fact, dict) and fact.get("counts") and not fact["why"]:
            entry.append(Text(f"  {name}: {_server_words(fact)}", "dim"))
    return entry


def _device_words(fact: Mapping[str, Any]) -> Iterator[str]:
    """A GPU's identity, in the words of its own tools, and how it is read."""
    model, vendor = fact["model"] or fact.get("pci_id", ""), fact["vendor"]
    name = model if model.startswith(vendor) else f"{vendor} {model}"
    index = fact.get("nvidia_smi_index")
    yield name if index is None else f"{name} (nvidia-smi {index})"
    yield from filter(None, (fact["pci"], fact.get("uuid"), fact["reading"]))


def _server_words(fact: Mapping[str, Any]) -> str:
    """The counts of a server of language models, and when they move."""
    text = f"{fact['server'] or 'it'} counts {', '.join(fact['counts'])}"
    late = ", ".join(fact["at_request_end"])
    return f"{text}; {late} only when a request ends" if late else text


def _reading_line(reading: Mapping[str, Any], width: int) -> Text:
    line = Text(f"  {reading['channel']:<{width}}{_shown(reading)}")
    if period_s := reading["update_period_s"]:
        every = f"{period_s:.3g} s" if period_s >= 1 else f"{1000 * period_s:.3g} ms"
        line.append(f"  updated every {every}", "dim")
    elif kind_of(reading["channel"]).quantity == "energy":
        line.append("  update period – not measured", "dim")
    notes = [text for each in reading["remarks"] if (text := REMARKS.get(each, each))]
    notes += [reading["origin"]] if reading["origin"] != "measured" else []
    return line.append(f"  {', '.join(notes)}", "yellow") if notes else line


def _shown(reading: Mapping[str, Any]) -> str:
    value, channel = reading["value"], reading["channel"]
    if value is None:
        return _no_value(channel)
    if kind_of(channel).quantity == "reasons":
        return f"clocks held back {text_of(HeldBack(int(value)))}"
    return f"{value:8.1f} {'%' if reading['unit'] == 'pct' else reading['unit']}"


def _no_value(channel: str) -> str:
    if kind_of(channel).of_command:
        return "only while a command runs"
    return "– at rest" if kind_of(channel).may_rest else "– no reading yet"
