"""The argument parser of every command."""

from __future__ import annotations

import argparse
from typing import NoReturn

from wattui.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{' '.join(message.split())}: see `{self.prog} --help`")
