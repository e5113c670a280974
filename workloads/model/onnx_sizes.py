"""Fills in an ONNX model's open sizes from a batch size and a shape given by the user. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from workloads.graph import text
from workloads.layers import Shape

# A size as stored in a file: a number, a name, or nothing.
Size = int | str | None


def resolve(
    inputs: Mapping[str, Sequence[Size]],
    shape: Shape | None,
    batch: int,
    given: Mapping[str, Shape] = MappingProxyType({}),
) -> tuple[dict[str, Shape], dict[str, int]]:
    """Shapes of all inputs with the batch in front, and the values of named sizes.

    `shape` is that of the first input, and of others with open sizes that it fits; `given` has the
    whole shapes of others by name. Raises ValueError, in words, if a size stays open or two
    conflict.
    """
    if unknown := [name for name in given if name not in inputs]:
        raise ValueError(f"it has no input {unknown[0]}: it has {', '.join(inputs)}")
    named: dict[str, int] = {}
    found: dict[str, Shape] = {}
    for name, sizes in inputs.items():
        known = [named.get(size, size) if isinstance(size, str) else size for size in sizes]
        if name in given and not _fits(known, given[name]):
            raise ValueError(
                f"input {name} is {shown(sizes)}, which {text(given[name])} does not fit"
            )
        if not found and name not in given:
            _refuse_first(name, known, shape, batch)
        told = given.get(name) or _told(known, shape, batch)
        whole = tuple(size for size in told if isinstance(size, int))
        if len(whole) < len(told):
            raise ValueError(
                f"input {name} is {shown(sizes)}: fix: set its open sizes with "
                + (
                    "--input, without the batch (example: 3,224,224)"
                    if not found
                    else f"--input {name}={','.join(str(size or 'N') for size in told)}"
                )
            )
        found[name] = whole
        named |= {s: size for s, size in zip(sizes, whole, strict=True) if isinstance(s, str)}
    return found, named


def shown(sizes: Sequence[Size]) -> str:
    """Sizes as people write them; ? for an unnamed one."""
    return "×".join("?" if size is None else str(size) for size in sizes) or "a single number"


def _refuse_first(name: str, sizes: Sequence[Size], shape: Shape | None, batch: int) -> None:
    if shape is not None and not _fits(sizes[1:], shape):
        raise ValueError(f"input {name} is {shown(sizes)}, which batch×{text(shape)} does not fit")
    if sizes and isinstance(sizes[0], int) and sizes[0] != batch:
        raise ValueError(f"input {name} is fixed to a batch of {sizes[0]}: fix: --batch {sizes[0]}")


def _told(sizes: Sequence[Size], shape: Shape | None, batch: int) -> list[Size]:
    """Sizes with open ones filled in as far as possible."""
    if not sizes:
        return []
    rest = sizes[1:] if shape is None or not _fits(sizes[1:], shape) else shape
    return [sizes[0] if isinstance(sizes[0], int) else batch, *rest]


def _fits(sizes: Sequence[Size], shape: Shape) -> bool:
    return len(sizes) == len(shape) and all(
        size == wanted or not isinstance(size, int)
        for size, wanted in zip(sizes, shape, strict=True)
    )
