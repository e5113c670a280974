"""BERT, base size (Devlin et al. 2018, arXiv 1810.04805): the encoder and its pooler."""

from __future__ import annotations

from typing import Any

from workloads.spec import Network, parse_spec

VOCABULARY, POSITIONS, SEGMENTS = 30_522, 512, 2
LAYERS, WIDTH, HEADS, INNER = 12, 768, 12, 3072
EPS = 1e-12


def bert() -> Network:
    """A sentence of up to 512 tokens → 768 features, 109,482,240 parameters."""
    embeddings = [
        [_embedding(VOCABULARY, "token")],
        [_embedding(POSITIONS, "position")],
        [_embedding(SEGMENTS, "zero")],
    ]
    entries = [{"type": "parallel", "join": "add", "branches": embeddings}, _NORM]
    for _ in range(LAYERS):
        entries += _residual([_module("MultiheadAttention", embed_dim=WIDTH, num_heads=HEADS)])
        entries += _residual([_linear(WIDTH, INNER), _module("GELU"), _linear(INNER, WIDTH)])
    entries += [{"type": "select", "token": 0}, _linear(WIDTH, WIDTH), _module("Tanh")]
    head = {
        "name": "BERT-base",
        "input_shape": [128],
        "input_kind": "tokens",
        "layers": entries,
    }
    return parse_spec(head, "bert", "BERT-base")


def _residual(branch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "parallel", "join": "add", "branches": [branch, []]}, _NORM]


def _embedding(count: int, index: str) -> dict[str, Any]:
    return _module("Embedding", num_embeddings=count, embedding_dim=WIDTH, index=index)


def _linear(inputs: int, outputs: int) -> dict[str, Any]:
    return _module("Linear", in_features=inputs, out_features=outputs)


def _module(kind: str, **options: Any) -> dict[str, Any]:
    return {"torch_module": f"nn.{kind}", **options}


_NORM = _module("LayerNorm", normalized_shape=WIDTH, eps=EPS)
