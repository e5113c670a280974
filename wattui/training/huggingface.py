"""A callback for the Trainer of Hugging Face Transformers, from version 4.40 on.

`Trainer(…, callbacks=[EnergyCallback()])`. It is told what follows a step by `control`, whose flags
are set by the trainer's own callbacks, which are called before it.
"""

from __future__ import annotations

from wattui.training.phases import TrainingPhases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wattui.training.phases import Unit

TOKENS_OFF = (None, False, "no")


class EnergyCallback:
    """Marks training, evaluation and saving; counts samples, or with `count="tokens"` tokens.

    Tokens are known if the training arguments have `include_num_input_tokens_seen=True`. After
    training, `phases` has both counts, for `wattui.training.energies.energies`.
    """

    def __init__(self, count: Unit = "samples") -> None:
        self.phases = TrainingPhases(count)
        self._tokens_seen = 0
        self._left: dict[str, int | None] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        # Every version of the trainer has more events, and calls them all.
        if name.startswith("on_"):
            return lambda *_, **__: None
        raise AttributeError(name)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take note of the tokens before a resumed training."""
        has_tokens = getattr(args, "include_num_input_tokens_seen", None) not in TOKENS_OFF
        if self.phases.unit == "tokens" and not has_tokens:
            raise ValueError(
                'count="tokens" needs the training argument include_num_input_tokens_seen=True'
            )
        self._tokens_seen = getattr(state, "num_input_tokens_seen", 0)

    def on_epoch_begin(
        self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any
    ) -> None:
        """Learn how many samples the epoch has at most."""
        self._left["train"] = _share(train_dataloader, args)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin training, or go on with it."""
        self.phases.enter("train")

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count a batch whose gradients are accumulated."""
        size = getattr(state, "train_batch_size", None) or args.train_batch_size
        seen = getattr(state, "num_input_tokens_seen", 0)
        new, self._tokens_seen = seen - self._tokens_seen, seen
        self._count(size, new // max(1, args.world_size))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count the last batch of a step."""
        self.on_substep_end(args, state, control)
        self._go_on(control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """An evaluation or a checkpoint may follow."""
        self._go_on(control)

    def on_prediction_step(
        self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **_: Any
    ) -> None:
        """Count a batch; of an evaluation outside training, this is the end of the first one."""
        size = args.eval_batch_size
        if "eval" not in self._left:
            self._left["eval"] = _share(eval_dataloader, args)
        if self.phases.label == "eval":
            self._count(size, 0)
        else:
            self.phases.enter("eval")
            self._take("eval", size)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End an evaluation; a checkpoint may follow."""
        self.phases.leave()
        self._left.pop("eval", None)
        self._go_on(control)

    on_predict = on_evaluate

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the writing of a checkpoint."""
        self.phases.leave()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the last phase."""
        self.phases.finish()

    def _go_on(self, control: Any) -> None:
        if getattr(control, "should_evaluate", False):
            self.phases.enter("eval")
        elif getattr(control, "should_save", False):
            self.phases.enter("save")

    def _count(self, size: int, tokens: int) -> None:
        self.phases.count(self._take(self.phases.label, size), tokens)

    def _take(self, label: str, size: int) -> int:
        """The samples of a batch: the last one has only those that are left."""
        left = self._left.get(label)
        if left is None:
            return size
        taken = min(size, left)
        self._left[label] = left - taken
        return taken


def _share(dataloader: Any, args: Any) -> int | None:
    """How many samples of a dataset each process gets; None if it has no length."""
    try:
        whole: int = len(dataloader.dataset)
    except (AttributeError, TypeError):
        return None
    processes: int = max(1, args.world_size)
    return -(-whole // processes)
