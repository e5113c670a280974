"""The utterances to synthesise, and their features."""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tools.kws import words
from tools.kws.augment import Room, record
from tools.kws.features import mfcc
from tools.kws.synthesise import Take, draw_take, speak
from tools.kws.voices import ACCENTS

Frames = NDArray[np.float32]
Families = Sequence[Sequence[str]]

_KEYWORD_TAKES = 48
_FAR_TAKES = 24
_TEST_TAKES = 96


@dataclass(frozen=True)
class Utterance:
    """An utterance and its features (frames, 26)."""

    take: Take
    frames: Frames


def takes_for_training(families: Families, seed: int) -> list[Take]:
    """Each voice's words in training: the keyword often, near words once, some others."""
    rng = random.Random(seed)
    takes = []
    for voice in (voice for family in families for voice in family):
        texts = [words.KEYWORD] * _KEYWORD_TAKES + list(words.TRAINING_NEAR)
        texts += rng.sample(words.TRAINING_FAR, _FAR_TAKES)
        takes += [draw_take(rng, text, voice, ACCENTS) for text in texts]
    return takes


def takes_for_test(families: Families, seed: int, apart_from: Container[Take] = ()) -> list[Take]:
    """96 takes of the keyword and 96 of the test's words, the families taking turns."""
    rng = random.Random(seed)
    texts = [words.KEYWORD] * _TEST_TAKES
    texts += [words.TEST[turn % len(words.TEST)] for turn in range(_TEST_TAKES)]
    order = rng.sample(families, len(families))
    takes = []
    for turn, text in enumerate(texts):
        voice = rng.choice(order[turn % len(order)])
        take = draw_take(rng, text, voice, ACCENTS)
        while take in apart_from:
            take = draw_take(rng, text, voice, ACCENTS)
        takes.append(take)
    return takes


def make(takes: Sequence[Take], room: Room, copies: int, seed: int) -> list[Utterance]:
    """Each take spoken once and recorded `copies` times in the room."""
    work = partial(_record_take, room, copies, seed)
    with ProcessPoolExecutor() as pool:
        made = pool.map(work, range(len(takes)), takes, chunksize=32)
        return [utterance for group in made for utterance in group]


def _record_take(room: Room, copies: int, seed: int, place: int, take: Take) -> list[Utterance]:
    rng = np.random.default_rng((seed, place))
    speech = speak(take)
    return [Utterance(take, mfcc(record(speech, room, rng))) for _ in range(copies)]
