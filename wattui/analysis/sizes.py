"""Energy and latency per inference against the size in the labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recorders.channels import kind_of, total_parts
from recorders.counts import INFERENCES
from recorders.source import Origin
from recorders.summary.figures import INVENTED
from wattui.analysis.fit import FigureName, FitRequest, read_points
from wattui.analysis.label_numbers import Against
from wattui.analysis.repeats import Domains, Repeats, correlation, repeats_of
from wattui.analysis.run_fits import FitSource
from wattui.clean import name_of

# A line takes two points.
LEAST_SIZES = 2
MOST_NAMED = 4
CPU = "CPU"


@dataclass(frozen=True, slots=True)
class DeviceSum:
    """The device of one curve: channels whose energies are added, and their origin."""

    name: str
    origin: str
    domains: Domains

    @property
    def title(self) -> str:
        """The device with its channels, and its origin in words if it is not measured."""
        if self.origin != "measured":
            return f"{self.name}, {'read by hand' if self.origin == 'manual' else self.origin}"
        if self.domains == (self.name,):
            return self.name
        more = " …" if len(self.domains) > MOST_NAMED else ""
        return f"{self.name} ({' + '.join(self.domains[:MOST_NAMED])}{more})"


@dataclass(frozen=True, slots=True)
class Size:
    """A label at its x: pixels, tokens, MACs or another requested quantity."""

    label: str
    x: float
    repeats: Repeats


@dataclass(frozen=True, slots=True)
class Family:
    """Sizes of one thing, such as a layer, in order; `joined` if a line goes through them.

    Different things, each at its own MACs, are not joined.
    """

    name: str
    sizes: tuple[Size, ...]
    joined: bool = True

    def correlation(self, device: DeviceSum) -> float | None:
        """Pearson's r of the medians of latency and of a device's energy; None if unknown."""
        return correlation({size.label: size.repeats for size in self.sizes}, device.domains)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Families against a quantity; `network` is the recorded workload, if known, and `per` the
    count in the place of inferences."""

    against: Against
    figure: FigureName
    network: str
    devices: tuple[DeviceSum, ...]
    families: tuple[Family, ...]
    per: str = INFERENCES

    @property
    def of_what(self) -> str:
        """What the numbers in the labels are, in titles."""
        return "concurrency" if self.against == "concurrency" else "size"

    @property
    def repeats(self) -> tuple[int, int]:
        """The least and the largest number of values behind a median."""
        counts = [len(s.repeats.latency_s) for each in self.families for s in each.sizes]
        return min(counts), max(counts)

    @property
    def costliest(self) -> Family:
        """The family with the largest energy, or the slowest if no energy is known."""
        return max(self.families, key=lambda each: max(map(self._cost, each.sizes)))

    def _cost(self, size: Size) -> tuple[float, float]:
        known = [size.repeats.median_j(device.domains) or 0.0 for device in self.devices]
        return max(known, default=0.0), size.repeats.median_s


def sizes_of(
    source: FitSource, against: Against, figure: FigureName, domain: str | None
) -> Sizes | None:
    """A run by size; None if there are fewer than two sizes.

    `domain` is drawn if there is neither a GPU nor a processor.
    """
    summary = source.summary
    if summary.running is None:
        return None
    labels = repeats_of(summary, figure)
    asked = FitRequest(against, "seconds", "")
    points, _ = read_points(source.network, source.run, summary, asked, source.macs)
    places = [point for point in points if point.label in labels]
    joined = against != "macs" or len({point.family for point in places}) == 1
    families: dict[str, list[Size]] = {}
    for point in sorted(places, key=lambda point: point.x):
        of_family = families.setdefault(point.family if joined else "", [])
        of_family.append(Size(point.label, point.x, labels[point.label]))
    found = tuple(
        Family(name_of(name), tuple(of_family), joined)
        for name, of_family in families.items()
        if len({size.x for size in of_family}) >= LEAST_SIZES
    )
    if not found:
        return None
    sizes = [size for family in found for size in family.sizes]
    origins = {name: each.origin for name, each in summary.running.domains.items()}
    devices = tuple(devices_of(origins, sizes, domain))
    return Sizes(against, figure, source.network, devices, found, summary.per)


def devices_of(
    origins: Mapping[str, Origin], sizes: Sequence[Size], quoted: str | None
) -> Iterator[DeviceSum]:
    """The devices in the total by kind, processors with their memory last; estimates if no
    processor is measured, the headline channel if nothing is. `origins` are those of channels."""
    known = [name for name in origins if any(name in size.repeats.energy_j for size in sizes)]
    parts: dict[str, list[str]] = {}
    for name in total_parts(known):
        kind = kind_of(name)
        parts.setdefault(kind.device or kind.nouns[0], []).append(name)
    cpus = parts.pop(CPU, [])
    for device, names in parts.items():
        several = f"{len(names)} {kind_of(names[0]).nouns[1]}"
        yield DeviceSum(device if len(names) == 1 else several, "measured", tuple(names))
    if any(kind_of(name).is_processor for name in cpus):
        yield DeviceSum(CPU, "measured", tuple(cpus))
    elif estimate := next((name for name in known if origins[name] in INVENTED), None):
        yield DeviceSum(CPU, origins[estimate], (estimate,))
    elif not parts and quoted in known:
        yield DeviceSum(quoted, origins[quoted], (quoted,))
