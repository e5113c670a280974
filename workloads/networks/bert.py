"""BERT, base size (Devlin et al. 2018, arXiv 1810.04805): the encoder and its pooler."""

from __future__ import annotations

from workloads.networks.entries import Entry, linear, module, parallel
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
    entries = [parallel("add", *embeddings), _NORM]
    for _ in range(LAYERS):
        entries += _residual([module("MultiheadAttention", embed_dim=WIDTH, num_heads=HEADS)])
        entries += _residual([linear(WIDTH, INNER), module("GELU"), linear(INNER, WIDTH)])
    entries += [{"type": "select", "token": 0}, linear(WIDTH, WIDTH), module("Tanh")]
    head = {
        "name": "BERT-base",
        "input_shape": [128],
        "input_kind": "tokens",
        "layers": entries,
    }
    return parse_spec(head, "bert", "BERT-base")


def _residual(branch: list[Entry]) -> list[Entry]:
    return [parallel("add", branch, []), _NORM]


def _embedding(count: int, index: str) -> Entry:
    return module("Embedding", num_embeddings=count, embedding_dim=WIDTH, index=index)


_NORM = module("LayerNorm", normalized_shape=WIDTH, eps=EPS)
