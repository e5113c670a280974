"""What the callbacks marked, as a list of words."""

from __future__ import annotations

import pytest

from wattui import marks


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Phases (+ begins, - ends), counts and notes, in order; counts in a row are added up."""
    found: list[str] = []

    class Phase:
        def __init__(self, name: str, label: str) -> None:
            assert name == "running"
            self.label = label

        def __enter__(self) -> None:
            found.append(f"+{self.label}")

        def __exit__(self, *_: object) -> None:
            found.append(f"-{self.label}")

    def count(n: int, of: str | None = None) -> None:
        if of is not None:
            return
        before = int(found.pop()) if found and found[-1].isdigit() else 0
        found.append(str(before + n))

    monkeypatch.setattr(marks, "phase", Phase)
    monkeypatch.setattr(marks, "count", count)
    monkeypatch.setattr(marks, "note", lambda text: found.append(f"note {text}"))
    return found
