"""What wattui costs and how exact it is: `python -m benchmarks [NAME ...]` prints the tables."""
