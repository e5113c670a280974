"""Assigns labels that are layers to the network that ran as a whole beside them. Pure.

The recording's notes `part LABEL of WHOLE` made the summary's sums. A label `NETWORK/LAYER` is a
layer of NETWORK; if a recording has only one whole, all its other labels are its layers.
"""

from __future__ import annotations

from typing import NamedTuple

from recorders.summary.figures import Summary

BETWEEN = "/"


class LayerName(NamedTuple):
    """The network that a label is a layer of, and the layer's name in it."""

    whole: str
    layer: str


def wholes_of(summary: Summary) -> list[str]:
    """Labels of networks that ran as a whole beside their layers."""
    return [each.whole for each in summary.sums]


def parts_of(summary: Summary) -> dict[str, LayerName]:
    """The labels that are layers; none if no whole was noted."""
    sums = {each.whole: each.parts for each in summary.sums}
    labels = [group.label for group in summary.labels if group.label not in sums]
    found = {}
    for label in labels:
        whole, between, layer = label.partition(BETWEEN)
        if between and whole in sums:
            found[label] = LayerName(whole, layer)
    if not found and list(sums.values()) == [len(labels)]:
        (whole,) = sums
        return {label: LayerName(whole, label) for label in labels}
    return found
