"""AIPowerMeter's AlexNet protocol: medians over the repeats of every size, and their correlation.

    wattui --headless --csv alexnet.csv -- wattui workloads alexnet --preset quick --repeats 3
    python examples/alexnet_protocol.py alexnet.csv

For every size it prints the medians over the repeats: seconds per inference, and joules per
inference for every channel (`gpu0`, `package0`, `total`, `est_cpu` …). Then it prints Pearson's
r of latency and energy per inference over the sizes; the published value is 0.98. `wattui
workloads alexnet --preset paper` uses the published sizes and counts, and 10 repeats. `wattui
report alexnet.csv -o alexnet.html` plots the same medians, under "Against size".
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from recorders.channels import kind_of
from recorders.summary.summary import summarise
from wattui.analysis.published import published
from wattui.analysis.repeats import Repeats, correlation, repeats_of
from wattui.runs.reduce import reduce_csv
from wattui.runs.run_file import NotARunFileError
from wattui.show.quantities import minus


def channels(found: Mapping[str, Repeats]) -> list[str]:
    """The channels whose energy is known at some size."""
    return list(dict.fromkeys(name for each in found.values() for name in each.energy_j))


def table(found: Mapping[str, Repeats], names: list[str]) -> Iterable[str]:
    """One line of medians per size."""
    width = max(map(len, ("size", *found)))
    yield f"{'size':{width}} " + " ".join(f"{name:>14}" for name in ("latency s", *with_j(names)))
    for label, each in found.items():
        cells = [f"{each.median_s:14.6g}"]
        for name in names:
            joules = each.median_j((name,))
            cells.append(f"{'–':>14}" if joules is None else f"{joules:14.6g}")
        yield f"{label:{width}} " + " ".join(cells)


def with_j(names: Iterable[str]) -> list[str]:
    return [f"{name} J" for name in names]


def correlations(found: Mapping[str, Repeats], names: Iterable[str]) -> Iterable[str]:
    """Pearson's r of latency and the energy of each channel."""
    for name in names:
        kind: str = kind_of(name).origin
        if kind == "estimated":  # from processor utilisation, which follows the time it is busy
            kind += ", so it has to correlate"
        r = correlation(found, (name,))
        value = "unknown (needs three sizes)" if r is None else minus(f"{r:.3f}")
        yield f"Pearson's r of latency and {name} J, {kind}: {value}"


def lines(found: Mapping[str, Repeats]) -> Iterable[str]:
    counts = [len(each.latency_s) for each in found.values()]
    few, many = min(counts), max(counts)
    names = channels(found)
    yield f"medians of {few if few == many else f'{few} to {many}'} repeats, per inference"
    yield from table(found, names)
    yield ""
    yield from correlations(found, names)
    wanted = published("aipowermeter")
    yield f"published by {wanted['source']}: {wanted['alexnet']['pearson_latency_energy']}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Print medians over the repeats of every label.")
    parser.add_argument("run", type=Path, help="a run file, such as alexnet.csv")
    path = parser.parse_args().run
    try:
        summary = summarise(reduce_csv(path))
    except (OSError, NotARunFileError) as error:
        raise SystemExit(f"{path} cannot be read: {error}") from None
    found = repeats_of(summary)
    if not found:
        raise SystemExit(f"{path} has no labelled phase with inferences")
    print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
