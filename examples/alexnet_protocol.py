"""AIPowerMeter's AlexNet protocol: medians over the repeats of every size, and what correlates.

    wattui --headless --csv alexnet.csv -- python -m workloads alexnet --preset quick --repeats 3
    python examples/alexnet_protocol.py alexnet.csv

For every size it prints the medians over the repeats: seconds of an inference, and joules of every
channel (`gpu0`, `package0`, `total`, `est_cpu` …). Then it prints Pearson's r of latency and energy
per inference over the sizes, which was published as 0.98. `python -m workloads alexnet --preset
paper` has the published sizes, counts and 10 repeats.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from recorders.spans import Span, spans
from recorders.summary import origin
from wattui.analysis.correlation import pearson
from wattui.analysis.published import published
from wattui.analysis.runs import reduce_csv

LATENCY = "latency s"
# By label and repeat: how many inferences, and the sums of seconds and joules.
Repeats = dict[tuple[str, int], tuple[int, dict[str, float]]]


def repeats(every: Iterable[Span]) -> Repeats:
    """Inferences, seconds and joules of every repeat of every label."""
    found: Repeats = {}
    for span in every:
        if span.phase != "running" or not span.label or not span.inferences:
            continue
        key = span.label, span.repeat or 1
        count, sums = found.get(key, (0, {}))
        known = {f"{name} J": j for name, j in span.energy_j.items() if j is not None}
        more = {LATENCY: span.seconds, **known}
        total = {name: sums.get(name, 0.0) + value for name, value in more.items()}
        found[key] = count + span.inferences, total
    return found


def medians(found: Repeats) -> dict[str, dict[str, float]]:
    """Medians over the repeats of what one inference took, by label and quantity."""
    by_label: dict[str, dict[str, list[float]]] = {}
    for (label, _), (count, sums) in found.items():
        for name, value in sums.items():
            by_label.setdefault(label, {}).setdefault(name, []).append(value / count)
    return {
        label: {name: median(values) for name, values in quantities.items()}
        for label, quantities in by_label.items()
    }


def correlations(table: dict[str, dict[str, float]]) -> dict[str, float | None]:
    """Pearson's r of latency and each channel's energy, over the labels that have both."""
    names = dict.fromkeys(name for row in table.values() for name in row if name != LATENCY)
    found = {}
    for name in names:
        rows = [row for row in table.values() if name in row]
        found[name] = pearson([row[LATENCY] for row in rows], [row[name] for row in rows])
    return found


def lines(table: dict[str, dict[str, float]], counts: Sequence[int]) -> Iterable[str]:
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    width = max(map(len, ("size", *table)))
    few, many = min(counts), max(counts)
    yield f"medians of {few if few == many else f'{few} to {many}'} repeats, per inference"
    yield f"{'size':{width}} " + " ".join(f"{name:>14}" for name in names)
    for label, row in table.items():
        cells = (f"{row[name]:14.6g}" if name in row else f"{'–':>14}" for name in names)
        yield f"{label:{width}} " + " ".join(cells)
    yield ""
    wanted = published("aipowermeter")
    for name, r in correlations(table).items():
        kind: str = origin(name.removesuffix(" J"))
        if kind == "estimated":  # from the processor's use, which is the time that it is busy
            kind += ", so that it has to"
        value = "unknown: it takes three sizes" if r is None else f"{r:.3f}"
        yield f"Pearson's r of latency and {name}, {kind}: {value}"
    yield f"published by {wanted['source']}: {wanted['alexnet']['pearson_latency_energy']}"


def main() -> None:
    parser = argparse.ArgumentParser(description="medians over the repeats of every label")
    parser.add_argument("run", type=Path, help="a run file, such as alexnet.csv")
    found = repeats(spans(reduce_csv(parser.parse_args().run)))
    if not found:
        raise SystemExit("no labelled phase with inferences was recorded")
    counts = [sum(label == other for other, _ in found) for label, _ in found]
    print("\n".join(lines(medians(found), counts)))


if __name__ == "__main__":
    main()
