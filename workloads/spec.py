"""Model specs: a JSON list of layers, read into entries. Standard library only.

The format is DeepMeter's list of `{"type": "layer", "torch_module": "nn.Conv2d", …}` and `{"type":
"reshape", "reshape_dim": [N, C, H, W]}`, with more kinds of layer, a `name` on any of them, and
`{"type": "parallel", "join": "add" | "concat", "branches": [[…], […]]}`, in which every branch gets
the same input (an empty one passes it on). A spec with a head is an object with `name`,
`input_shape` (without the batch), `input_kind` ("float32" or "tokens") and `layers`.
`docs/adding-a-workload.md` has the whole table.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workloads.errors import UsageError, unreadable
from workloads.layers import KINDS, PLAIN_TYPES, Shape
from workloads.options import REQUIRED, Options, list_of, one_of, whole

InputKind = Literal["float32", "tokens"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its kind, its options with their defaults, and its place in the file."""

    kind: str
    options: Options
    name: str | None
    where: str


@dataclass(frozen=True, slots=True)
class Parallel:
    """Branches with the same input, and how their outputs are joined."""

    join: Literal["add", "concat"]
    branches: tuple[tuple[Entry, ...], ...]
    name: str | None
    where: str


Entry = Layer | Parallel


@dataclass(frozen=True, slots=True)
class Network:
    """A model as data; `input_shape` is None if only its user knows it."""

    name: str
    entries: tuple[Entry, ...]
    input_shape: Shape | None
    input_kind: InputKind


def read_spec(path: Path) -> Network:
    """Read a spec file; raises UsageError with file, position and key for anything wrong."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: JSON nested too deeply") from None
    return parse_spec(data, str(path), path.stem)


def parse_spec(data: Any, source: str, name: str) -> Network:
    """Check a spec that was read from `source`; raises UsageError as `read_spec` does."""
    head: dict[str, Any] = {"layers": data} if isinstance(data, list) else data
    if not isinstance(head, dict):
        raise UsageError(f"{source}: a spec must be a list of layers, or an object with 'layers'")
    _refuse_unknown(head, ("name", "input_shape", "input_kind", "layers"), source)
    if not isinstance(head.get("layers"), list) or not head["layers"]:
        raise UsageError(f"{source}: 'layers' must be a list of at least one layer")
    try:
        shape = list_of(whole)(head["input_shape"]) if "input_shape" in head else None
        kind = one_of("float32", "tokens")(head.get("input_kind", "float32"))
    except ValueError as error:
        raise UsageError(f"{source}: input: {error}") from None
    entries = _entries(head["layers"], source)
    return Network(str(head.get("name", name)), entries, shape or _told_shape(entries), kind)


def _told_shape(entries: Sequence[Entry]) -> Shape | None:
    """The input shape implied by a spec's first layer, if any."""
    first = entries[0]
    if isinstance(first, Layer):
        if first.kind == "reshape":
            return tuple(first.options["reshape_dim"][1:])
        if first.kind == "Linear":
            return (first.options["in_features"],)
    return None


def _entries(items: Sequence[Any], source: str, inside: str = "") -> tuple[Entry, ...]:
    return tuple(
        _entry(item, f"{source}: {inside}layer {place}") for place, item in enumerate(items, 1)
    )


def _entry(item: Any, where: str) -> Entry:
    if not isinstance(item, dict):
        raise UsageError(f"{where}: {item!r} is not an object with a 'type'")
    name = item.get("name")
    if name is not None and (not isinstance(name, str) or not name):
        raise UsageError(f"{where}: 'name': {name!r} is not a text")
    what = item.get("type", "layer")
    if what == "parallel":
        return _parallel(item, where, name)
    if what == "layer":
        if "torch_module" not in item:
            raise UsageError(f"{where}: 'torch_module' is missing")
        kind = str(item["torch_module"]).removeprefix("torch.").removeprefix("nn.")
        if kind not in KINDS or kind in PLAIN_TYPES:
            modules = {known.lower(): known for known in KINDS if known not in PLAIN_TYPES}
            near = difflib.get_close_matches(kind.lower(), modules, 1, 0.7)
            hint = f": did you mean nn.{modules[near[0]]}?" if near else ""
            raise UsageError(f"{where}: unknown torch_module {item['torch_module']!r}{hint}")
    elif isinstance(what, str) and what in PLAIN_TYPES:
        kind = PLAIN_TYPES[what]
    else:
        known = ", ".join(("layer", "parallel", *PLAIN_TYPES))
        raise UsageError(f"{where}: unknown type {what!r} (known: {known})")
    return Layer(kind, _options(kind, item, where), name, where)


def _parallel(item: dict[str, Any], where: str, name: str | None) -> Parallel:
    _refuse_unknown(item, ("type", "name", "join", "branches"), where)
    branches = item.get("branches")
    if not isinstance(branches, list) or len(branches) < 2:
        raise UsageError(f"{where}: 'branches' must be a list of at least two lists of layers")
    try:
        join = one_of("add", "concat")(item.get("join"))
    except ValueError as error:
        raise UsageError(f"{where}: 'join': {error}") from None
    found = []
    for place, branch in enumerate(branches, 1):
        if not isinstance(branch, list):
            raise UsageError(f"{where}, branch {place}: {branch!r} is not a list of layers")
        found.append(_entries(branch, where, f"branch {place}, "))
    return Parallel(join, tuple(found), name, where)


def _options(kind: str, item: dict[str, Any], where: str) -> dict[str, Any]:
    known = KINDS[kind].options
    _refuse_unknown(item, ("type", "torch_module", "name", *known), where)
    found: dict[str, Any] = {}
    for key, (check, default) in known.items():
        if key not in item:
            if default is REQUIRED:
                raise UsageError(f"{where} ({kind}): {key!r} is missing")
            found[key] = default
            continue
        try:
            found[key] = check(item[key])
        except ValueError as error:
            raise UsageError(f"{where} ({kind}): {key!r}: {error}") from None
    try:
        KINDS[kind].weights(found)
    except ValueError as error:
        raise UsageError(f"{where} ({kind}): {error}") from None
    return found


def _refuse_unknown(item: dict[str, Any], known: Sequence[str], where: str) -> None:
    for key in item:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f": did you mean {near[0]!r}?" if near else f" (known: {', '.join(known)})"
            raise UsageError(f"{where}: unknown key {key!r}{hint}")
