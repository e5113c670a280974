"""The version of wattui."""

__version__ = "0.1.0"
