"""Measures wattui's overhead and accuracy: `python -m benchmarks [NAME ...]` prints the tables."""
