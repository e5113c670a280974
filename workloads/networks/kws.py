"""The keyword spotter of the ABR benchmark (arXiv 1812.01739), at any width and depth."""

from __future__ import annotations

from workloads.networks.entries import RELU, Entry, linear, parallel
from workloads.spec import Network, parse_spec

FRAMES, COEFFICIENTS, CLASSES = 15, 26, 29
INPUTS, WIDTH = FRAMES * COEFFICIENTS, 256


def kws(neurons: int = 1, layers: int = 10, copies: int = 0) -> Network:
    """390 → 256·neurons → 256·neurons → 29 features.

    `copies` puts that many branches of `layers` hidden layers each, all fed by the first hidden
    layer and joined before the second, between the two. 0 copies: the original network.
    """
    width = WIDTH * neurons
    branch = _hidden(width, width) * layers
    deep = [parallel("concat", *[branch] * copies)] if copies > 1 else branch * copies
    joined = width * max(copies, 1)
    entries = [
        *_hidden(INPUTS, width),
        *deep,
        *_hidden(joined, width),
        linear(width, CLASSES),
    ]
    return parse_spec(entries, "kws", _name(neurons, layers, copies))


def _name(neurons: int, layers: int, copies: int) -> str:
    name = "KWS" if neurons == 1 else f"KWS {neurons}x neurons"
    return f"{name} {copies} copies of {layers} layers" if copies else name


def _hidden(inputs: int, outputs: int) -> list[Entry]:
    return [linear(inputs, outputs), RELU]
