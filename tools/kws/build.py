"""Rebuilds the keyword spotter and its test set: `python -m tools.kws.build`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from shutil import which

import numpy as np
from numpy.typing import NDArray

from tools.kws.augment import TEST_ROOM, TRAINING_ROOM
from tools.kws.corpus import Utterance, make, takes_for_test, takes_for_training
from tools.kws.files import sizes, write_utterances, write_weights
from tools.kws.network import logits
from tools.kws.scale import STEP, quantise, scale_of
from tools.kws.synthesise import Take, absent
from tools.kws.voices import FAMILIES, HEARD, NEVER_HEARD
from tools.kws.words import KEYWORD
from workloads.kws.accuracy import decode, is_hit, tally
from workloads.kws.store import slide

EPOCHS = 10
TRAINING_COPIES = 2
TRAINING_SEED, HEARD_SEED, NEVER_HEARD_SEED = 1, 3, 5


def main() -> int:
    """Build everything, print both accuracies, write the files; returns the exit status."""
    if lack := _lack():
        print(lack, file=sys.stderr)
        return 1
    takes = takes_for_training(HEARD, TRAINING_SEED)
    print(f"training: {len(takes)} utterances, each recorded {TRAINING_COPIES} times", flush=True)
    training = make(takes, TRAINING_ROOM, TRAINING_COPIES, TRAINING_SEED)
    scale = scale_of([utterance.frames for utterance in training])
    weights = _train(training, [scale.normalise(utterance.frames) for utterance in training])

    heard = _test(takes_for_test(HEARD, HEARD_SEED, set(takes)), HEARD_SEED)
    never = _test(takes_for_test(NEVER_HEARD, NEVER_HEARD_SEED), NEVER_HEARD_SEED)
    shipped = [quantise(scale.normalise(utterance.frames)) for utterance in never]
    _report("voices heard in training", heard, [scale.normalise(u.frames) for u in heard], weights)
    _report("voices never heard, as shipped", never, [frames * STEP for frames in shipped], weights)

    write_weights(weights)
    write_utterances(shipped, [_is_keyword(utterance.take) for utterance in never], scale)
    for name, size in sizes().items():
        print(f"{name}: {size / 1000:.0f} kB")
    return 0


def _lack() -> str | None:
    """A missing requirement of the build, and how to install it."""
    if which("espeak-ng") is None:
        return "espeak-ng is not installed; on Debian or Ubuntu: apt install espeak-ng"
    if find_spec("torch") is None:
        return "torch is not installed: python -m pip install torch"
    if voices := absent([voice for family in FAMILIES for voice in family]):
        return f"espeak-ng lacks the voices {', '.join(voices)}: install espeak-ng 1.51 or later"
    return None


def _train(
    training: Sequence[Utterance], normalised: Sequence[NDArray[np.float32]]
) -> dict[str, NDArray[np.float16]]:
    # Loading torch takes seconds, and it must not be loaded before the synthesis forks.
    from tools.kws.train import train

    texts = [utterance.take.text for utterance in training]
    weights = train(normalised, texts, EPOCHS, TRAINING_SEED)
    return {name: values.astype(np.float16) for name, values in weights.items()}


def _test(takes: Sequence[Take], seed: int) -> list[Utterance]:
    return make(takes, TEST_ROOM, 1, seed)


def _is_keyword(take: Take) -> bool:
    return take.text == KEYWORD


def _report(
    title: str,
    utterances: Sequence[Utterance],
    normalised: Sequence[NDArray[np.float32]],
    weights: dict[str, NDArray[np.float16]],
) -> None:
    """Print the accuracy and each mistake."""
    used = {name: values.astype(np.float32) for name, values in weights.items()}
    texts = [decode(logits(used, slide(frames))) for frames in normalised]
    keyword = [_is_keyword(utterance.take) for utterance in utterances]
    hits = [is_hit(text) for text in texts]
    accuracy = tally(keyword, hits)
    print(
        f"{title}: true positives {accuracy.true_positive_rate:.1%}, "
        f"true negatives {accuracy.true_negative_rate:.1%}"
    )
    for utterance, text, said, hit in zip(utterances, texts, keyword, hits, strict=True):
        if said != hit:
            print(f"  {utterance.take} read as {text!r}")


if __name__ == "__main__":
    sys.exit(main())
