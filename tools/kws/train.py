"""Training of the 390-256-256-29 network by connectionist temporal classification, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.kws.features import COEFFICIENTS, WINDOW_FRAMES
from workloads.kws.accuracy import ALPHABET, BLANK

INPUTS = WINDOW_FRAMES * COEFFICIENTS
HIDDEN = 256
_THREADS = 2
_BATCH = 64
_PEAK_RATE = 3e-3
_WEIGHT_DECAY = 0.02
_DROP = 0.2
_LARGEST_GRADIENT = 5.0


class Network(nn.Module):
    """Two hidden layers of rectifiers; raw logits come out. Dropout acts in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(INPUTS, HIDDEN)
        self.linear2 = nn.Linear(HIDDEN, HIDDEN)
        self.linear3 = nn.Linear(HIDDEN, len(ALPHABET))
        self.drop = nn.Dropout(_DROP)

    def forward(self, windows: Tensor) -> Tensor:
        """Logits (…, 29) of windows (…, 390)."""
        hidden = self.drop(torch.relu(self.linear1(windows)))
        hidden = self.drop(torch.relu(self.linear2(hidden)))
        logits: Tensor = self.linear3(hidden)
        return logits


def train(
    utterances: Sequence[NDArray[np.float32]], texts: Sequence[str], epochs: int, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Weights and biases by name, from normalised frames (f, 26) and the text of each utterance."""
    torch.set_num_threads(_THREADS)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    network = Network()
    batches = _batches(utterances, texts)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _PEAK_RATE, total_steps=epochs * len(batches)
    )
    for epoch in range(epochs):
        total = 0.0
        for place in torch.randperm(len(batches)).tolist():
            optimiser.zero_grad()
            loss = _loss(network, *batches[place])
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / len(batches):.3f}", flush=True)
    return {name: value.numpy() for name, value in network.state_dict().items()}


def spelled(text: str) -> list[int]:
    """Places in the alphabet of the text's letters; doubled ones once, as the decoder reads."""
    once = [letter for letter, before in zip(text, " " + text, strict=False) if letter != before]
    return [ALPHABET.index(letter) for letter in once]


Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def _batches(utterances: Sequence[NDArray[np.float32]], texts: Sequence[str]) -> list[Batch]:
    """Batches of similar length: frames, windows of each, spellings, their lengths."""
    order = sorted(range(len(utterances)), key=lambda place: len(utterances[place]))
    groups = [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]
    return [
        _batch([utterances[i] for i in group], [spelled(texts[i]) for i in group])
        for group in groups
    ]


def _batch(utterances: list[NDArray[np.float32]], spellings: list[list[int]]) -> Batch:
    frames = nn.utils.rnn.pad_sequence([torch.from_numpy(u) for u in utterances], batch_first=True)
    windows = torch.tensor([len(u) - WINDOW_FRAMES + 1 for u in utterances])
    letters = torch.tensor([place for spelling in spellings for place in spelling])
    return frames, windows, letters, torch.tensor([len(spelling) for spelling in spellings])


def _loss(
    network: Network, frames: Tensor, windows: Tensor, letters: Tensor, letter_counts: Tensor
) -> Tensor:
    cut = frames.unfold(1, WINDOW_FRAMES, 1).transpose(2, 3).flatten(2)
    likelihoods = functional.log_softmax(network(cut), dim=2).transpose(0, 1)
    return functional.ctc_loss(
        likelihoods, letters, windows, letter_counts, blank=ALPHABET.index(BLANK)
    )
