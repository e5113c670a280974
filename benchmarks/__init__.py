"""Cost and accuracy of wattui: `python -m benchmarks [NAME ...]` prints the tables."""
