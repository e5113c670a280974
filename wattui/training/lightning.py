"""A callback for the Trainer of Lightning 2: `Trainer(callbacks=[energy_callback()])`.

A Trainer accepts instances of its own Callback only, so that the class is made from that of the
package which the program has imported: `lightning.pytorch` or `pytorch_lightning`.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Mapping

from wattui import marks
from wattui.training.phases import UNITS, TrainingPhases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from wattui.training.phases import Unit

PACKAGES = ("lightning.pytorch", "pytorch_lightning")
# Lets every Trainer of a recorded program have the callback: samples or tokens.
ENVIRONMENT = "WATTUI_LIGHTNING"


def energy_callback(
    count: Unit = "samples",
    samples: Callable[[Any], int] | None = None,
    tokens: Callable[[Any], int] | None = None,
    packages: Iterable[str] = PACKAGES,
) -> Any:
    """Make a callback that marks training, evaluation and saving, and counts samples or tokens.

    `samples` and `tokens` give the numbers of a batch; without them, samples are the first
    dimension of its first tensor, and tokens the size of `input_ids`, padding included. Afterwards
    its `phases` have both counts, for `wattui.training.energies.energies`. Raises ImportError if
    Lightning has not been imported.
    """
    base = next((sys.modules[name].Callback for name in packages if name in sys.modules), None)
    if base is None:
        raise ImportError("Lightning has not been imported: fix: import lightning.pytorch first")
    made = type("EnergyCallback", (Hooks, base), {})
    return made(count, samples, tokens)


def lightning_callbacks() -> list[Any]:
    """What every Trainer of `lightning.pytorch` gets (its entry point `callbacks_factory`)."""
    return _automatic(PACKAGES[:1])


def pytorch_lightning_callbacks() -> list[Any]:
    """The same for `pytorch_lightning`."""
    return _automatic(PACKAGES[1:])


def _automatic(packages: Iterable[str]) -> list[Any]:
    count = os.environ.get(ENVIRONMENT, "")
    if not count or not marks.recording():
        return []
    return [energy_callback("tokens" if count == UNITS[1] else "samples", packages=packages)]


class Hooks:
    """The hooks of the callback; see `energy_callback`."""

    def __init__(
        self,
        count: Unit,
        samples: Callable[[Any], int] | None,
        tokens: Callable[[Any], int] | None,
    ) -> None:
        self.phases = TrainingPhases(count)
        self._made_by = count, samples, tokens
        self._samples, self._tokens = samples or batch_samples, tokens or batch_tokens
        self._warned = False
        self._is_first = True

    def __reduce__(self) -> tuple[Any, ...]:
        return energy_callback, self._made_by

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Leave the work to another callback of this kind, if there is one before this."""
        own = [each for each in trainer.callbacks if isinstance(each, Hooks)]
        self._is_first = own[:1] in ([], [self])

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin training, or go on with it."""
        self._enter("train", trainer)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a batch."""
        self._count(batch)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """A checkpoint at the end of the last epoch is written."""
        if self.phases.label == "save":
            self.phases.leave()

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin an evaluation."""
        self._enter("eval", trainer)

    on_test_start = on_predict_start = on_validation_start

    def on_validation_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count a batch of an evaluation."""
        self._count(batch)

    on_test_batch_end = on_predict_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """End an evaluation."""
        self.phases.leave()

    on_test_end = on_predict_end = on_validation_end

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        """Begin to write a checkpoint; the next hook ends that."""
        self._enter("save", trainer)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """End the last phase."""
        if self._is_first:
            self.phases.finish()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End the phase in which it happened."""
        self.phases.leave()

    def _enter(self, label: Any, trainer: Any) -> None:
        if self._is_first and not getattr(trainer, "sanity_checking", False):
            self.phases.enter(label)

    def _count(self, batch: Any) -> None:
        if not self.phases.label:
            return
        samples = self._samples(batch)
        if samples is None and not self._warned:
            self._warned = True
            warnings.warn(
                f"wattui cannot tell how many samples a {type(batch).__name__} has: none are "
                "counted: fix: energy_callback(samples=lambda batch: …)",
                stacklevel=2,
            )
        self.phases.count(samples or 0, self._tokens(batch) or 0)


def batch_samples(batch: Any) -> int | None:
    """The first dimension of the first tensor in a batch; None if it has none."""
    if shape := getattr(batch, "shape", None):
        return int(shape[0])
    parts = batch.values() if isinstance(batch, Mapping) else batch
    if not isinstance(batch, Mapping | list | tuple):
        return None
    return next((n for n in map(batch_samples, parts) if n is not None), None)


def batch_tokens(batch: Any) -> int | None:
    """The size of `input_ids` of a batch, padding included; None if it has none."""
    ids = batch.get("input_ids") if isinstance(batch, Mapping) else None
    shape = getattr(ids, "shape", None)
    return math.prod(int(n) for n in shape) if shape else None
