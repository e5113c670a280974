"""Every number that the commands and the dashboard give for known recordings, kept for comparison.

`WATTUI_GOLDEN=write python -m pytest tests/figures` rewrites them after an
intended change.
"""
