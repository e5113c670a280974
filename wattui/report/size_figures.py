"""Pictures, captions and table of a report's section "Against size"."""

from __future__ import annotations

from collections.abc import Iterator

from recorders.counts import singular
from wattui.analysis.published import published
from wattui.analysis.sizes import DeviceSum, Sizes
from wattui.clean import name_of
from wattui.report.document import Block, PageTable, Picture
from wattui.report.draw.sizes import count_curves, draw_energies, draw_latency, energy_curves
from wattui.report.pictures import drawn, suffix
from wattui.show.fit import quantity
from wattui.show.quantities import energy_unit, minus, number, prefix_for

MOST_TOLD = 12
# The network whose latency and energy AIPowerMeter correlated.
PUBLISHED_NETWORK = "alexnet"


def size_blocks(found: Sizes) -> Iterator[Block]:
    """Energy against size, latency beside it, and the medians as a table."""
    if found.devices:
        yield energy_picture(found)
        if found.of_what == "size":  # of several requests at once, the time of each is not known
            yield latency_picture(found)
    yield size_table(found)


def energy_picture(found: Sizes) -> Picture:
    """Energy of each device against size."""
    curves = energy_curves(found)
    caption = (
        f"{found.figure.capitalize()} energy per {singular(found.per)} against {found.against}: "
        f"{_medians(found)}{', joined by lines' if found.families[0].joined else ''}"
    )
    if found.repeats[1] > 1:
        caption += "; each repeat is a faint point"
    caption += f". {_devices(found)}"
    if len(curves) < (every := count_curves(found)):
        caption += f" The {len(curves)} costliest of {every} curves are drawn."
    origins = {device.origin for device in found.devices}
    title = f"Energy per {singular(found.per)} against {found.of_what}{suffix(origins)}"
    svg = drawn(lambda width_mm: draw_energies(width_mm, found))
    instead = "; ".join(
        f"{curve.name} from {_joules(min(curve.medians))} to {_joules(max(curve.medians))}"
        for curve in curves
    )
    return Picture("size-energy", svg, title, caption, f"{instead}.")


def latency_picture(found: Sizes) -> Picture:
    """Latency and energy against size, with their correlation."""
    family = found.costliest
    caption = f"Latency (left axis) and {found.figure} energy (right axis) against {found.against}"
    caption += f": {_medians(found)}."
    if len(found.families) > 1:
        caption += (
            f" Only {family.name or 'the unnamed one'} of {len(found.families)} layers is drawn."
        )
    said = correlation_text(found)
    origins = {device.origin for device in found.devices}
    title = f"Latency and energy against {found.of_what}{suffix(origins)}"
    svg = drawn(lambda width_mm: draw_latency(width_mm, found))
    return Picture("size-latency", svg, title, f"{caption} {said}", said)


def correlation_text(found: Sizes) -> str:
    """Pearson's r of latency and energy by device, its value as evidence, and published ones."""
    said = [f"{device.title}: {_r(found, device)}" for device in found.devices]
    text = f"Pearson's r of latency and energy over the sizes: {'; '.join(said)}."
    if any(device.origin == "estimated" for device in found.devices):
        text += (
            " An estimate is computed from utilisation, the time that the processor is busy, so "
            "it must follow latency: its r is not evidence."
        )
    if any(device.origin == "simulated" for device in found.devices):
        text += " A simulated curve is not a measurement: its r is not evidence."
    if found.network == PUBLISHED_NETWORK:
        wanted = published("aipowermeter")
        r = wanted[PUBLISHED_NETWORK]["pearson_latency_energy"]
        text += f" Published by {wanted['source']}: {r}."
    return text


def size_table(found: Sizes) -> PageTable:
    """Medians over the repeats: latency, and energy of each device."""
    sizes = [size for family in found.families for size in family.sizes]
    medians = [[size.repeats.median_j(d.domains) for d in found.devices] for size in sizes]
    factor, unit = energy_unit([joules for row in medians for joules in row])
    time_factor, prefix = prefix_for([size.repeats.median_s for size in sizes])
    titles = (f"{device.title} {unit}" for device in found.devices)
    rows = tuple(
        (
            name_of(size.label),
            _place(size.x, found),
            str(len(size.repeats.latency_s)),
            number(size.repeats.median_s / time_factor),
            *(number(None if joules is None else joules / factor) for joules in row),
        )
        for size, row in zip(sizes, medians, strict=True)
    )
    time = "latency" if found.of_what == "size" else f"time per {singular(found.per)}"
    head = ("label", found.against, "repeats", f"{time} {prefix}s", *titles)
    caption = f"Medians over repeats, {found.figure} energy per {singular(found.per)}"
    return PageTable(caption, head, rows)


def _place(x: float, found: Sizes) -> str:
    return quantity(x, found.against).strip() if found.against == "macs" else f"{x:,.0f}"


def _r(found: Sizes, device: DeviceSum) -> str:
    r = found.costliest.correlation(device)
    return "unknown (three different sizes are needed)" if r is None else f"r = {minus(f'{r:.3f}')}"


def _medians(found: Sizes) -> str:
    few, most = found.repeats
    if most == 1:
        return "one value per size"
    return f"medians over {few if few == most else f'{few} to {most}'} repeats"


def _devices(found: Sizes) -> str:
    """The devices of the curves."""
    return f"{'; '.join(device.title for device in found.devices)}."


def _joules(value_j: float) -> str:
    factor, unit = energy_unit([value_j])
    return f"{number(value_j / factor)} {unit}"
