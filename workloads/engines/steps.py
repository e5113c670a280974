"""Evaluates a graph node by node and frees every value after its last use. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from workloads.graph import Graph, Node

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Step(Generic[Value]):
    """One node: its function, its input values, and the values not needed after it."""

    name: str
    compute: Callable[..., Value]
    inputs: tuple[str, ...]
    done: tuple[str, ...]


def steps_of(
    graph: Graph, compute: Callable[[Node], Callable[..., Value]], keep: bool = False
) -> list[Step[Value]]:
    """The steps of a graph; with `keep` no value is freed."""
    last_use = {node.name: step for step, node in enumerate(graph.nodes)}
    last_use |= {name: step for step, node in enumerate(graph.nodes) for name in node.inputs}
    for name in graph.outputs:
        del last_use[name]
    done: list[list[str]] = [[] for _ in graph.nodes]
    for name, step in last_use.items():
        if not keep:
            done[step].append(name)
    return [
        Step(node.name, compute(node), node.inputs, tuple(names))
        for node, names in zip(graph.nodes, done, strict=True)
    ]


def run(steps: Sequence[Step[Value]], inputs: Mapping[str, Value]) -> dict[str, Value]:
    """The values left after all steps, by name."""
    values = dict(inputs)
    for step in steps:
        values[step.name] = step.compute(*[values[name] for name in step.inputs])
        for name in step.done:
            del values[name]
    return values
