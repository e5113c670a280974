"""Colours of graphs and phases, for screens and eyes of several kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as hexadecimal texts. The first series colours are those of Okabe and Ito (2008),
    which people with colour-blindness can tell apart, lightened or darkened for the background.
    They are for two packages, eight GPUs, the processor's gauges, the command and the DRAM of two
    sockets."""

    background: str
    text: str
    dim: str
    grid: str
    accent: str
    alarm: str
    series: tuple[str, ...]
    estimated: str
    phases: Mapping[str, str]
    other_phase: str
    # Without colours: things are told apart by their shape.
    plain: bool = False

    def of_series(self, number: int, estimated: bool) -> str:
        """The colour of a graph's series; estimates have their own."""
        return self.estimated if estimated else self.series[number % len(self.series)]

    def of_phase(self, phase: str) -> str:
        """The colour of a phase in the ribbon."""
        return self.phases.get(phase, self.other_phase)

    def tint(self, colour: str, share: float) -> str:
        """The background with a share of a colour in it."""
        under, over = _channels(self.background), _channels(colour)
        mixed = (round(u + share * (o - u)) for u, o in zip(under, over, strict=True))
        return "#" + "".join(f"{value:02x}" for value in mixed)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


DARK = Palette(
    background="#16161e",
    text="#d5d9e8",
    dim="#838ba5",
    grid="#33374c",
    accent="#8f7ee7",
    alarm="#f2727f",
    series=(
        "#62b0ec",
        "#f5a55a",
        "#4fd6a8",
        "#d98fd6",
        "#f0e05a",
        "#6fd0e8",
        "#ee7d5c",
        "#b9bfd4",
        "#a9d655",
        "#ff9db5",
        "#9d86ff",
        "#ffffff",
        "#5cb850",
        "#c49a78",
    ),
    estimated="#e8c66a",
    phases={
        "running": "#7cc576",
        "armed": "#f5a55a",
        "warmup": "#d9a441",
        "loading": "#9aa0b8",
        "idle": "#658dcb",
        "cooldown": "#4f9fb3",
        "latency": "#8a93b5",
    },
    other_phase="#b48ee0",
)
LIGHT = Palette(
    background="#fbfbf8",
    text="#1b1e2e",
    dim="#63677a",
    grid="#d8dae3",
    accent="#6954cf",
    alarm="#c2283b",
    series=(
        "#0e6bb1",
        "#a45008",
        "#097756",
        "#a04397",
        "#786800",
        "#09718a",
        "#b63f1c",
        "#555b75",
        "#467303",
        "#b02a63",
        "#5a1fd6",
        "#22242e",
        "#003c8f",
        "#6e1414",
    ),
    estimated="#835a00",
    phases={
        "running": "#30752c",
        "armed": "#985917",
        "warmup": "#84630e",
        "loading": "#626677",
        "idle": "#3c67ac",
        "cooldown": "#286f82",
        "latency": "#5e6686",
    },
    other_phase="#814ec0",
)
# Black and white with the strongest colours between them, for bad screens and tired eyes.
HIGH_CONTRAST = Palette(
    background="#000000",
    text="#ffffff",
    dim="#c8c8c8",
    grid="#6e6e6e",
    accent="#ffff00",
    alarm="#ff6060",
    series=(
        "#59c2ff",
        "#ffb02e",
        "#3dffa0",
        "#ff8cf0",
        "#ffff66",
        "#66f0ff",
        "#ff8a66",
        "#ffffff",
        "#b8ff3d",
        "#ffb3c7",
        "#9a8cff",
        "#ff4dff",
        "#6fbf2f",
        "#b0b0b0",
    ),
    estimated="#ffd75f",
    phases={
        "running": "#5fff5f",
        "armed": "#ffaf3f",
        "warmup": "#ffd700",
        "loading": "#d0d0d0",
        "idle": "#7fb2ff",
        "cooldown": "#5fe0e8",
        "latency": "#bfc8ff",
    },
    other_phase="#e0a0ff",
)
# Phases in the colours of Okabe and Ito as well: no pair differs in red and green alone.
COLOUR_BLIND = Palette(
    background="#14161c",
    text="#e2e6f0",
    dim="#8a90a6",
    grid="#363b4d",
    accent="#56b4e9",
    alarm="#e8743b",
    series=(
        "#56b4e9",
        "#e69f00",
        "#f0e442",
        "#cc79a7",
        "#0aa279",
        "#a6cfe8",
        "#da7321",
        "#c9ccd6",
        "#b8d66b",
        "#f0a0b8",
        "#8f96ff",
        "#ffffff",
        "#fff3b0",
        "#8c9a6a",
    ),
    estimated="#f2d16b",
    phases={
        "running": "#e69f00",
        "armed": "#f0e442",
        "warmup": "#b59a2a",
        "loading": "#9aa0b0",
        "idle": "#4f9bd9",
        "cooldown": "#7fb0c8",
        "latency": "#a88fb8",
    },
    other_phase="#cc79a7",
)
