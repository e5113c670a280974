"""Reads what is new at the end of a run file that another process writes."""

from __future__ import annotations

import os
from pathlib import Path

from wattui.runs.lines import TAIL_BYTES

# At most so much is read at a time.
PIECE_BYTES = 2**22
# A tail begins so far before the end of a file.
NEAR_BYTES = 2**16


class Tail:
    """The end of a CSV that grows. `header` is its first line; `is_whole`: it was read from its
    first row on; `starts` counts the files that have had this name since the first look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = ""
        self.is_whole = False
        self.starts = 0
        self._identity: tuple[int, int, bytes] | None = None
        self._position = 0

    def read(self) -> list[str]:
        """The whole lines that are new since the last call, the first time some of the last ones.

        Raises OSError.
        """
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            header = file.readline(TAIL_BYTES)
            # A new column replaces the file, perhaps under the number that an earlier one had.
            identity = status.st_dev, status.st_ino, header
            if identity != self._identity or status.st_size < self._position:
                if not header.endswith(b"\n"):
                    return []
                self._begin(header, identity)
                if status.st_size > len(header) + NEAR_BYTES:
                    self.is_whole = False
                    file.seek(status.st_size - NEAR_BYTES)
                    file.readline()
                    self._position = file.tell()
            elif status.st_size == self._position:
                return []
            file.seek(self._position)
            data = file.read(PIECE_BYTES)
        data = data[: data.rfind(b"\n") + 1]
        self._position += len(data)
        return data.decode("utf-8", "replace").splitlines(keepends=True)

    def _begin(self, header: bytes, identity: tuple[int, int, bytes]) -> None:
        self.header, self._identity = header.decode("utf-8", "replace"), identity
        self._position, self.is_whole = len(header), True
        self.starts += 1
