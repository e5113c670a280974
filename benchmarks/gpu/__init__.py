"""What a real GPU does: `python -m benchmarks gpu` writes docs/measured-gpu.md in 8 minutes."""
