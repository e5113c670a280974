"""The commands that were launched before, the latest first, in a file of this user's state."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from recorders.drafts import replace_file

# A longer command is not remembered.
MOST_COMMANDS, MOST_CHARACTERS = 50, 2000


@dataclass(frozen=True, slots=True)
class Recall:
    """The commands that are remembered in a file; None remembers nothing.

    A file that cannot be read or written loses the memory, and nothing else.
    """

    path: Path | None = None

    def commands(self) -> list[str]:
        """The commands, the latest first."""
        found: object = None
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.path.read_bytes()) if self.path else None
        listed = found if isinstance(found, list) else []
        return [each for each in listed if isinstance(each, str) and each][:MOST_COMMANDS]

    def remember(self, command: str) -> None:
        """Put a command first; the file is readable by this user alone."""
        if self.path is None or len(command) > MOST_CHARACTERS:
            return
        kept = [command, *(each for each in self.commands() if each != command)][:MOST_COMMANDS]
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            replace_file(self.path, json.dumps(kept, indent=1).encode(), like=self.path)
