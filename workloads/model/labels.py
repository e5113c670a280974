"""Turns layer names into labels of cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def unique(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, with `#2`, `#3` … appended to repeated ones."""
    seen, labels = set(taken), []
    for name in names:
        label, number = name, 1
        while label in seen:
            number += 1
            label = f"{name}#{number}"
        seen.add(label)
        labels.append(label)
    return labels
