"""Measurement: sources of power and energy, the recorder process, the run file, marks."""
