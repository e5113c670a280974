"""A byte-level GPT-2 (Radford et al. 2019), small: 6 blocks of 192 features, 3,161,088 parameters.

Every block keeps the keys and values of all tokens so far: they come out of one pass and go into
the next (the KV cache). `prefill` takes a whole prompt, `decode` one token after it. With L blocks
of d features, a vocabulary of V and a context of c tokens, including the new one, a token of decode
costs 12·L·d² + V·d + 2·L·d·c multiply-accumulates: those of Kaplan et al. 2020 (arXiv 2001.08361,
table 1), with attention as Chowdhery et al. 2022 (arXiv 2204.02311, appendix B) count it: queries
by keys, and by values.
"""

from __future__ import annotations

from typing import Any

from workloads.graph import Graph, Node
from workloads.layers import KINDS, Shape, attend_macs

VOCABULARY, POSITIONS = 256, 2048
LAYERS, WIDTH, HEADS = 6, 192, 6
EPS = 1e-5


def prefill(prompt: int) -> Graph:
    """The logits after `prompt` tokens, and each block's keys and values."""
    network = _Network("prefill", {"tokens": (prompt,)})
    return network.whole(network.embedding("position", POSITIONS, "tokens", "position"), ())


def decode(past: int) -> Graph:
    """The logits after one more token, at `position`, and the keys and values with its own."""
    cache = tuple(f"past {kind} {block}" for block in range(LAYERS) for kind in ("keys", "values"))
    rows = dict.fromkeys(cache, (past, WIDTH))
    network = _Network("decode", {"tokens": (1,), "position": (1,), **rows})
    return network.whole(network.embedding("position", POSITIONS, "position", "token"), cache)


class _Network:
    """Adds nodes to a graph; each method returns the name of its value."""

    def __init__(self, name: str, inputs: dict[str, Shape]) -> None:
        self._name = name
        self._inputs = inputs
        self._shapes = dict(inputs)
        self._nodes: list[Node] = []

    def whole(self, position: str, past: tuple[str, ...]) -> Graph:
        """The graph, after the embedding of positions; `past` names the inputs of the cache."""
        token = self.embedding("token", VOCABULARY, "tokens", "token")
        x, kept = self._join("embedded", "add", token, position), list[str]()
        for block in range(LAYERS):
            x, cache = self._block(block, x, past[2 * block : 2 * block + 2])
            kept += cache
        last = self._layer("last", "select", x, token=-1)
        self._linear("head", self._norm("norm", last), VOCABULARY, bias=False)
        return Graph(f"GPT {self._name}", self._inputs, "tokens", tuple(self._nodes), tuple(kept))

    def embedding(self, name: str, count: int, x: str, index: str) -> str:
        return self._layer(
            name, "Embedding", x, num_embeddings=count, embedding_dim=WIDTH, index=index
        )

    def _block(self, block: int, x: str, past: tuple[str, ...]) -> tuple[str, tuple[str, str]]:
        normal = self._norm(f"{block} norm", x)
        query, keys, values = (
            self._linear(f"{block} {each}", normal, WIDTH) for each in ("query", "key", "value")
        )
        if past:
            keys = self._append(f"{block} keys", past[0], keys)
            values = self._append(f"{block} values", past[1], values)
        mixed = self._attend(f"{block} attend", query, keys, values, causal=not past)
        attended = self._linear(f"{block} attended", mixed, WIDTH)
        x = self._join(f"{block} with attention", "add", attended, x)
        inner = self._linear(f"{block} inner", self._norm(f"{block} inner norm", x), 4 * WIDTH)
        outer = self._linear(f"{block} outer", self._layer(f"{block} gelu", "GELU", inner), WIDTH)
        return self._join(f"{block} out", "add", outer, x), (keys, values)

    def _norm(self, name: str, x: str) -> str:
        return self._layer(name, "LayerNorm", x, normalized_shape=WIDTH, eps=EPS)

    def _linear(self, name: str, x: str, outputs: int, bias: bool = True) -> str:
        inputs = self._shapes[x][-1]
        return self._layer(name, "Linear", x, in_features=inputs, out_features=outputs, bias=bias)

    def _layer(self, name: str, kind: str, x: str, **options: Any) -> str:
        given, layer = self._shapes[x], KINDS[kind]
        result = layer.shape(options, given)
        macs = layer.macs(options, given, result)
        return self._add(name, kind, (x,), result, macs, options, layer.weights(options))

    def _attend(self, name: str, query: str, keys: str, values: str, causal: bool) -> str:
        shape = self._shapes[query]
        macs = attend_macs(shape[0], self._shapes[keys][0], WIDTH)
        options = {"num_heads": HEADS, "causal": causal}
        return self._add(name, "attend", (query, keys, values), shape, macs, options)

    def _append(self, name: str, past: str, new: str) -> str:
        shape = (self._shapes[past][0] + self._shapes[new][0], WIDTH)
        return self._add(name, "append", (past, new), shape)

    def _join(self, name: str, kind: str, *values: str) -> str:
        return self._add(name, kind, values, self._shapes[values[0]])

    def _add(
        self,
        name: str,
        kind: str,
        inputs: tuple[str, ...],
        shape: Shape,
        macs: int = 0,
        options: dict[str, Any] | None = None,
        weights: dict[str, Shape] | None = None,
    ) -> str:
        given = tuple(self._shapes[each] for each in inputs)
        self._nodes.append(
            Node(name, kind, options or {}, inputs, given, shape, weights or {}, macs)
        )
        self._shapes[name] = shape
        return name
