"""Selecting a span of time with the mouse. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wattui.show.history import History


@dataclass(frozen=True, slots=True)
class Drag:
    """A drag from the character column where the button was pressed to the mouse."""

    start: int
    end: int | None = None

    def to(self, number: int) -> Drag:
        """With the mouse moved to this column; dragging back gives a span of one column."""
        return self if self.end is None and number == self.start else replace(self, end=number)

    def span_s(self, column_s: float, history: History) -> tuple[float | None, float | None]:
        """The columns dragged over, limited to the readings; None without a drag."""
        if self.end is None or history.first_s is None or history.last_s is None:
            return None, None
        start_s = max(min(self.start, self.end) * column_s, history.first_s)
        end_s = min((max(self.start, self.end) + 1) * column_s, history.last_s)
        return (start_s, end_s) if start_s < end_s else (None, None)
