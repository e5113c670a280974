"""Computes: the place of the bundled workloads."""
