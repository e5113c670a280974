"""Accuracy of the keyword spotter, from logits computed by the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.kws.store import load_windows

# One letter for each output; `-` is the blank of connectionist temporal classification.
ALPHABET = "abcdefghijklmnopqrstuvwxyz' -"
BLANK = "-"
HITS = frozenset({"loha", "alha", "aloa", "aloh", "aoha", "aloha"})
_BATCH = 4096

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Counts of utterances: a positive was taken for the keyword, a true positive rightly so."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    # Blouw et al., "Benchmarking Keyword Spotting Efficiency on Neuromorphic Hardware",
    # arXiv 1812.01739: 192 utterances by people, not the ones shipped here.
    published_true_positive_rate: ClassVar[float] = 0.927
    published_true_negative_rate: ClassVar[float] = 0.979

    @property
    def true_positive_rate(self) -> float:
        """Share 0…1 of keyword utterances taken for the keyword; nan if there are none."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def true_negative_rate(self) -> float:
        """Share 0…1 of other utterances not taken for the keyword; nan if there are none."""
        return _share(self.true_negatives, self.false_positives)


def decode(logits: NDArray[np.float32]) -> str:
    """Text of one utterance from its logits (windows, 29).

    The most likely letter of each window; repeats merged, blanks dropped, repeats merged again.
    """
    letters = (ALPHABET[place] for place in logits.argmax(axis=1))
    return _merged(letter for letter in _merged(letters) if letter != BLANK)


def is_hit(text: str) -> bool:
    """Whether the text counts as the keyword: "aloha", or that without one of certain letters."""
    return text in HITS


def check(infer: Infer) -> Accuracy:
    """Accuracy over the shipped utterances of `infer`, from (n, 390) windows to (n, 29) logits."""
    windows, lengths, labels = load_windows()
    parts = [infer(windows[at : at + _BATCH]) for at in range(0, len(windows), _BATCH)]
    utterances = np.split(np.concatenate(parts), np.cumsum(lengths)[:-1])
    return tally(labels.tolist(), [is_hit(decode(logits)) for logits in utterances])


def tally(labels: Iterable[bool], hits: Iterable[bool]) -> Accuracy:
    """Counts from the true class of each utterance (`labels`) and the predicted one (`hits`)."""
    pairs = list(zip(labels, hits, strict=True))
    return Accuracy(
        true_positives=pairs.count((True, True)),
        false_positives=pairs.count((False, True)),
        true_negatives=pairs.count((False, False)),
        false_negatives=pairs.count((True, False)),
    )


def _merged(letters: Iterable[str]) -> str:
    text = ""
    for letter in letters:
        if not text.endswith(letter):
            text += letter
    return text


def _share(right: int, wrong: int) -> float:
    return right / (right + wrong) if right + wrong else float("nan")
