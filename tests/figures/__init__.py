"""Every number that the commands and the dashboard give of known recordings, kept from before.

`WATTUI_GOLDEN=write python -m pytest tests/figures` keeps them anew, after a change that is meant.
"""
