"""The small GPT as a workload: batch sizes by prompt lengths by output lengths.

A call generates the output of a batch of prompts: a prefill, whose logits give the first token, and
a decode for each further one. With `--apart` both are also run alone, each for the whole time of a
cell: a phase around the milliseconds of one prefill would be shorter than the counters' updates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Literal

from workloads.engine import Work, magnitude
from workloads.errors import UsageError
from workloads.gpt.network import HEADS, POSITIONS, VOCABULARY, decode, prefill
from workloads.graph import FLOAT_BYTES
from workloads.plan import Bind, Cell, ModelCells, Plan, needed_bytes
from workloads.workload import Option, Values, Workload

if TYPE_CHECKING:
    from workloads.engine import Array, Engine
    from workloads.gpt.generate import Generator, State

DEFAULT_S = 10.0

Part = Literal["whole", "prefill", "decode"]


@dataclass(frozen=True, slots=True)
class Generation:
    """Sequences that are generated together: their number, and tokens of prompt and output each."""

    batch: int
    prompt: int
    output: int

    @property
    def label(self) -> str:
        """The label of its cell."""
        return f"b{self.batch} p{self.prompt} o{self.output}"

    @property
    def decode_macs(self) -> tuple[int, int]:
        """MACs of the first and the last decode of one sequence, if it has any."""
        return decode(self.prompt).macs, decode(self.prompt + self.output - 2).macs

    def macs(self, part: Part) -> int:
        """MACs of a part for one sequence; those of decodes are linear in the context."""
        if part == "prefill":
            return prefill(self.prompt).macs
        if part == "decode":
            return (self.output - 1) * sum(self.decode_macs) // 2
        return self.macs("prefill") + self.macs("decode")

    def counts(self, part: Part) -> dict[str, int]:
        """What a part counts for the whole batch: alone, a prefill counts no token out."""
        tokens_in, tokens_out = self.batch * self.prompt, self.batch * self.output
        if part == "prefill":
            return {"tokens_in": tokens_in}
        if part == "decode":
            return {"tokens_out": tokens_out - self.batch}
        return {"tokens_in": tokens_in, "tokens_out": tokens_out, "requests": self.batch}

    def cell(self, part: Part, values: Values) -> Cell:
        """The cell that runs a part."""
        return Cell(
            self.label if part == "whole" else f"{self.label} {part}",
            self.batch,
            self.macs(part),
            prefill(1).parameters,
            self._needed_bytes(),
            values["count"],
            values["seconds"],
            counts=self.counts(part),
        )

    def _needed_bytes(self) -> int:
        """Two loaded graphs; the prefill has the products of all pairs of tokens."""
        first, last = prefill(self.prompt), decode(max(self.prompt + self.output - 2, 1))
        scores = FLOAT_BYTES * HEADS * self.prompt * self.prompt
        peak = max(first.peak_bytes(1) + scores, last.peak_bytes(1))
        return needed_bytes(2 * first.weight_bytes, self.batch * peak)


def _plan(values: Values) -> Plan:
    seconds = values["seconds"]
    if seconds is None:
        values = {**values, "seconds": 0.0 if values["count"] else DEFAULT_S}
    sizes = product(values["batch"], values["prompt"], values["output"])
    found = tuple(dict.fromkeys(Generation(*each) for each in sizes))
    for each in found:
        _check(each)
    runs = [(each, part) for each in found for part in _parts(each, values["apart"])]
    cells = tuple(each.cell(part, values) for each, part in runs)
    runs_by_label = {cell.label: run for cell, run in zip(cells, runs, strict=True)}
    load = partial(_load, runs_by_label, values["seed"])
    return Plan("GPT, bytes", (ModelCells("GPT", cells, load),), remarks=tuple(_remarks(found)))


def _check(asked: Generation) -> None:
    positions = asked.prompt + asked.output
    if positions > POSITIONS:
        raise UsageError(
            f"--prompt {asked.prompt} --output {asked.output}: {positions:,} tokens, and the "
            f"network has {POSITIONS:,} positions: fix: make one of them shorter"
        )


def _parts(asked: Generation, apart: bool) -> Sequence[Part]:
    if not apart:
        return ("whole",)
    return ("whole", "prefill", "decode") if asked.output > 1 else ("whole", "prefill")


def _remarks(found: Sequence[Generation]) -> Iterator[str]:
    """MACs per token for each length of prompt and output."""
    for each in {(one.prompt, one.output): one for one in found}.values():
        line = f"p{each.prompt} o{each.output}: MACs per token: prefill "
        line += f"{each.macs('prefill') / each.prompt:,.0f}"
        first, last = each.decode_macs
        if each.output > 1:
            line += f", decode {first:,}"
        if each.output > 2:
            line += f" to {last:,} as the context grows"
        yield line


def _load(runs_by_label: Mapping[str, tuple[Generation, Part]], seed: int, engine: Engine) -> Bind:
    import numpy

    from workloads.gpt.generate import Generator

    generator = Generator(engine, seed)

    def bind(cell: Cell) -> Work:
        asked, part = runs_by_label[cell.label]
        numbers = numpy.random.default_rng(seed)
        prompts = numbers.integers(VOCABULARY, size=(asked.batch, asked.prompt))
        return _work(generator, prompts, asked.output, part)

    return bind


def _work(generator: Generator, prompts: Array, output: int, part: Part) -> Work:
    """Calls that run a part; they end when its last logits are known."""
    begun = generator.prefill(prompts) if part == "decode" else None
    decodes = 0 if part == "prefill" else output - 1
    last: list[State] = []

    def call() -> None:
        state = begun or generator.prefill(prompts)
        for _ in range(decodes):
            state = generator.decode(state, state.likeliest)
        last[:] = [state]

    return Work(call, checksum=lambda: magnitude(last[0].logits))


GPT = Workload(
    "gpt",
    "a byte-level GPT of 3.2 million parameters: batch sizes, prompt and output lengths",
    (
        Option("batch", "wholes", (1,), "sequences at a time, such as 1,4 (default: 1)"),
        Option("prompt", "wholes", (128,), "tokens of each prompt (default: 128)"),
        Option("output", "wholes", (64,), "tokens to generate after it (default: 64)"),
        Option("apart", "truth", False, "also run prefill and decode each alone"),
        Option("seconds", "seconds", None, "minimum time per cell (default: 10)", metavar="S"),
        Option("count", "whole", 0, "minimum sequences per cell", metavar="N"),
    ),
    _plan,
    {
        "quick": {"batch": (1, 4), "prompt": (32, 128), "output": (32,), "seconds": 2.0},
        "sweep": {
            "batch": (1, 2, 4, 8, 16),
            "prompt": (32, 128, 512),
            "output": (64,),
            "apart": True,
            "seconds": 5.0,
        },
    },
)
