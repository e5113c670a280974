"""A tiny model for llama.cpp, written as its GGUF format asks (ggml/docs/gguf.md, version 3).

The architecture is llama's, the vocabulary has a token for each byte, and the weights are random.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

VERSION, ALIGNMENT, F32 = 3, 32, 0
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9
FORMATS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f"}
UNKNOWN, CONTROL, BYTE = 2, 3, 6
CONTEXT, WIDTH, HEADS, BLOCKS, INNER = 65536, 64, 4, 2, 128
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
KINDS = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256]


def write_model(path: Path, seed: int = 1) -> Path:
    """Write a model of 115,392 parameters, 0.5 MB; returns its path."""
    random = np.random.default_rng(seed)
    head, data = b"", b""
    for name, shape in _shapes().items():
        scale = shape[-1] ** -0.5
        made = np.ones(shape) if len(shape) == 1 else random.normal(0, scale, shape)
        head += _text(f"{name}.weight") + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        head += struct.pack("<IQ", F32, len(data))
        data += _aligned(made.astype("<f4").tobytes())
    facts = list(_facts())
    begin = b"GGUF" + struct.pack("<IQQ", VERSION, len(_shapes()), len(facts))
    path.write_bytes(_aligned(begin + b"".join(facts) + head) + data)
    return path


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (len(TOKENS), WIDTH),
        "output": (len(TOKENS), WIDTH),
        "output_norm": (WIDTH,),
    }
    for block in range(BLOCKS):
        own: dict[str, tuple[int, ...]] = {"attn_norm": (WIDTH,), "ffn_norm": (WIDTH,)}
        own |= {f"attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
        own |= {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
        shapes |= {f"blk.{block}.{name}": shape for name, shape in own.items()}
    return shapes


def _facts() -> Iterable[bytes]:
    yield _fact("general.architecture", STRING, "llama")
    yield _fact("general.name", STRING, "tiny")
    sizes = {
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "block_count": BLOCKS,
        "feed_forward_length": INNER,
        "attention.head_count": HEADS,
        "rope.dimension_count": WIDTH // HEADS,
    }
    for name, size in sizes.items():
        yield _fact(f"llama.{name}", UINT32, size)
    yield _fact("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5)
    yield _fact("tokenizer.ggml.model", STRING, "llama")
    yield _array("tokenizer.ggml.tokens", STRING, TOKENS)
    yield _array("tokenizer.ggml.scores", FLOAT32, [0.0] * len(TOKENS))
    yield _array("tokenizer.ggml.token_type", INT32, KINDS)
    for place, name in enumerate(("unknown", "bos", "eos")):
        yield _fact(f"tokenizer.ggml.{name}_token_id", UINT32, place)


def _fact(name: str, kind: int, value: object) -> bytes:
    return _text(name) + struct.pack("<I", kind) + _value(kind, value)


def _array(name: str, kind: int, values: list[str] | list[int] | list[float]) -> bytes:
    head = _text(name) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + b"".join(_value(kind, value) for value in values)


def _value(kind: int, value: object) -> bytes:
    return _text(str(value)) if kind == STRING else struct.pack(FORMATS[kind], value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _aligned(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)
