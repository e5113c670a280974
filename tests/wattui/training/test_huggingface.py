"""The callback for Transformers, called as its Trainer calls callbacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from wattui.training.huggingface import EnergyCallback

ARGS = {
    "train_batch_size": 4,
    "eval_batch_size": 8,
    "world_size": 1,
    "include_num_input_tokens_seen": True,
}
WITH = {"model": None, "processing_class": None, "optimizer": None, "lr_scheduler": None}


class Trainer:
    """The order of events of transformers 4 and 5; `evaluate` and `save` name the steps after which
    these follow. A batch of 4 samples has 40 tokens."""

    def __init__(self, callback: Any, samples: int = 10, **args: Any) -> None:
        self.callback, self.samples = callback, samples
        self.args = SimpleNamespace(**(ARGS | args))
        self.state = SimpleNamespace(num_input_tokens_seen=0, train_batch_size=None)
        self.control = SimpleNamespace(should_evaluate=False, should_save=False)

    def event(self, name: str, **more: Any) -> None:
        loaders = {
            "train_dataloader": SimpleNamespace(dataset=range(self.samples)),
            "eval_dataloader": SimpleNamespace(dataset=range(20)),
        }
        event = getattr(self.callback, name)
        event(self.args, self.state, self.control, **WITH, **loaders, **more)

    def evaluate(self) -> None:
        for _ in range(3):
            self.event("on_prediction_step")
        self.control.should_evaluate = False
        self.event("on_evaluate", metrics={})

    def train(self, evaluate: tuple[int, ...] = (), save: tuple[int, ...] = (), substeps: int = 0):
        self.event("on_train_begin")
        self.event("on_epoch_begin")
        for step in range(1, 4):
            self.event("on_step_begin")
            for _ in range(substeps):
                self.state.num_input_tokens_seen += 40 * self.args.world_size
                self.event("on_substep_end")
            self.state.num_input_tokens_seen += 40 * self.args.world_size
            self.event("on_pre_optimizer_step")
            self.event("on_optimizer_step")
            self.control.should_evaluate = step in evaluate
            self.control.should_save = step in save
            self.event("on_step_end")
            if self.control.should_evaluate:
                self.evaluate()
            if self.control.should_save:
                self.control.should_save = False
                self.event("on_save")
        self.event("on_epoch_end")
        self.event("on_train_end")


def test_phases_follow_what_the_trainer_is_about_to_do(marked: list[str]) -> None:
    Trainer(EnergyCallback()).train(evaluate=(2,), save=(2,))
    assert marked == [
        *("+train", "8", "-train"),
        *("+eval", "20", "-eval"),
        *("+save", "-save"),
        *("+train", "2", "-train"),
        "note train: 10 samples, 120 tokens",
        "note eval: 20 samples",
    ]


def test_batches_whose_gradients_are_accumulated_are_counted(marked: list[str]) -> None:
    Trainer(EnergyCallback(), samples=1000).train(substeps=1, save=(1,))
    assert marked[:5] == ["+train", "8", "-train", "+save", "-save"]
    assert marked[5:8] == ["+train", "16", "-train"]


def test_each_process_counts_its_share_of_samples_and_tokens(marked: list[str]) -> None:
    callback = EnergyCallback(count="tokens")
    Trainer(callback, samples=20, world_size=2).train()
    assert marked[:3] == ["+train", "120", "-train"]
    assert callback.phases.samples == {"train": 10}


def test_a_resumed_training_counts_only_its_own_tokens(marked: list[str]) -> None:
    trainer = Trainer(EnergyCallback(count="tokens"))
    trainer.state.num_input_tokens_seen = 5000
    trainer.train()
    assert marked[1] == "120"


def test_an_evaluation_by_itself_is_marked_from_its_second_batch_on(marked: list[str]) -> None:
    Trainer(EnergyCallback()).evaluate()
    assert marked == ["+eval", "12", "-eval"]


def test_tokens_that_the_trainer_does_not_count_are_refused_at_once() -> None:
    trainer = Trainer(EnergyCallback(count="tokens"), include_num_input_tokens_seen="no")
    with pytest.raises(ValueError, match="include_num_input_tokens_seen=True"):
        trainer.train()


def test_only_events_are_answered() -> None:
    with pytest.raises(AttributeError):
        _ = EnergyCallback().state_dict
    with pytest.raises(ValueError, match="one of samples, tokens"):
        EnergyCallback(count="steps")  # type: ignore[arg-type]
