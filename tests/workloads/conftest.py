"""Property tests without a deadline; a skip for want of torch is a failure where it is required."""

from __future__ import annotations

import importlib.util
import os

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

if os.environ.get("WATTUI_TORCH") == "required" and importlib.util.find_spec("torch") is None:
    raise RuntimeError("WATTUI_TORCH=required, and torch is not installed")
