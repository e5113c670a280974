"""The phases of a training run: running, with the labels train, eval and save."""

from __future__ import annotations

from wattui import marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Label = Literal["train", "eval", "save"]
    Unit = Literal["samples", "tokens"]

UNITS = ("samples", "tokens")


class TrainingPhases:
    """The phase that is open, and how many samples and tokens each had in this process.

    `unit` is what an inference of the recording is; the other is counted under its name. Raises
    ValueError for any other.
    """

    def __init__(self, unit: Unit = "samples") -> None:
        if unit not in UNITS:
            raise ValueError(f"count={unit!r}: one of {', '.join(UNITS)}")
        self.unit = unit
        self.samples: dict[str, int] = {}
        self.tokens: dict[str, int] = {}
        self.label = ""
        self._mark: marks.phase | None = None

    def enter(self, label: Label) -> None:
        """Begin a phase, unless it is open; the one before it ends."""
        if label != self.label:
            self.leave()
            self._mark = marks.phase("running", label=label)
            self._mark.__enter__()
            self.label = label

    def leave(self) -> None:
        """End the open phase, if there is one."""
        if self._mark is not None:
            self._mark.__exit__(None, None, None)
        self._mark, self.label = None, ""

    def count(self, samples: int, tokens: int = 0) -> None:
        """Count what was done in the open phase."""
        for counts, n in ((self.samples, samples), (self.tokens, tokens)):
            counts[self.label] = counts.get(self.label, 0) + n
        counted = {"samples": samples, "tokens": tokens}
        marks.count(counted.pop(self.unit))
        for name, n in counted.items():
            if n:
                marks.count(n, of=name)

    def finish(self) -> None:
        """End the training; a note says what was counted."""
        self.leave()
        for label, samples in self.samples.items():
            tokens = self.tokens[label]
            also = f", {tokens:,} tokens" if tokens else ""
            marks.note(f"{label}: {samples:,} samples{also}")
