"""The callback for Lightning, called as its Trainer calls callbacks."""

from __future__ import annotations

import pickle
import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from wattui import marks
from wattui.training.lightning import (
    Hooks,
    batch_samples,
    batch_tokens,
    energy_callback,
    lightning_callbacks,
    pytorch_lightning_callbacks,
)


class Callback:
    """As Lightning's: every hook is there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda *_: None
        raise AttributeError(name)

    @property
    def state_key(self) -> str:
        return type(self).__qualname__


@pytest.fixture(autouse=True)
def lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("lightning.pytorch")
    module.Callback = Callback  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)


def tensor(*shape: int) -> Any:
    return SimpleNamespace(shape=shape)


BATCH = {"ids": None, "input_ids": tensor(4, 10)}


class Trainer:
    """The order of hooks of lightning 2; checkpoints are written after the hook that asks."""

    def __init__(self, *callbacks: Any) -> None:
        self.callbacks = callbacks
        self.sanity_checking = False

    def hook(self, name: str, *more: Any) -> None:
        for each in self.callbacks:
            getattr(each, name)(self, None, *more)

    def validate(self) -> None:
        self.hook("on_validation_start")
        self.hook("on_validation_batch_end", None, BATCH, 0, 0)
        self.hook("on_validation_end")

    def fit(self, epochs: int = 2) -> None:
        self.hook("setup", "fit")
        self.sanity_checking = True
        self.validate()
        self.sanity_checking = False
        for _ in range(epochs):
            self.hook("on_train_epoch_start")
            for n in range(2):
                self.hook("on_train_batch_start", BATCH, n)
                self.hook("on_train_batch_end", None, BATCH, n)
            self.validate()
            self.hook("on_save_checkpoint", {})
            self.hook("on_train_epoch_end")
        self.hook("on_train_end")
        self.hook("teardown", "fit")


EPOCH = ["+train", "8", "-train", "+eval", "4", "-eval", "+save", "-save"]


def test_phases_follow_the_hooks_and_a_sanity_check_is_in_none(marked: list[str]) -> None:
    callback = energy_callback()
    assert isinstance(callback, Callback)
    Trainer(callback).fit()
    assert marked[:16] == EPOCH * 2
    assert marked[16:] == [
        "note train: 16 samples, 160 tokens",
        "note eval: 8 samples, 80 tokens",
    ]


def test_tokens_are_counted_instead_and_by_a_function_of_the_program(marked: list[str]) -> None:
    Trainer(energy_callback("tokens", tokens=lambda batch: 7)).fit(epochs=1)
    assert marked[:6] == ["+train", "14", "-train", "+eval", "7", "-eval"]


def test_of_two_callbacks_the_first_one_marks(marked: list[str]) -> None:
    Trainer(energy_callback(), energy_callback()).fit(epochs=1)
    assert marked[:8] == EPOCH
    assert len(marked) == 10


def test_an_error_ends_the_phase(marked: list[str]) -> None:
    trainer = Trainer(energy_callback())
    trainer.hook("on_train_batch_start", BATCH, 0)
    trainer.hook("on_exception", KeyboardInterrupt())
    assert marked == ["+train", "-train"]


@pytest.mark.parametrize(
    ("batch", "samples", "tokens"),
    [
        (tensor(3, 5), 3, None),
        ([tensor(6), tensor(7)], 6, None),
        ({"text": "abc", "x": (tensor(2, 2),)}, 2, None),
        (BATCH, 4, 40),
        ("text", None, None),
        (tensor(), None, None),
    ],
)
def test_a_batch_is_as_large_as_its_first_tensor(
    batch: Any, samples: int | None, tokens: int | None
) -> None:
    assert batch_samples(batch) == samples
    assert batch_tokens(batch) == tokens


def test_a_batch_of_unknown_size_is_said_once(marked: list[str]) -> None:
    trainer = Trainer(energy_callback())
    trainer.hook("on_train_batch_start", ["a"], 0)
    with pytest.warns(UserWarning, match="a list has"):
        trainer.hook("on_train_batch_end", None, ["a"], 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.hook("on_train_batch_end", None, ["a"], 1)


def test_every_trainer_has_it_only_where_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert lightning_callbacks() == []
    monkeypatch.setenv("WATTUI_LIGHTNING", "tokens")
    assert lightning_callbacks() == []
    monkeypatch.setattr(marks, "recording", lambda: True)
    (made,) = lightning_callbacks()
    assert isinstance(made, Hooks)
    assert made.phases.unit == "tokens"
    with pytest.raises(ImportError, match="import lightning"):
        pytorch_lightning_callbacks()


def test_it_can_be_sent_to_another_process() -> None:
    assert isinstance(pickle.loads(pickle.dumps(energy_callback("tokens"))), Hooks)
