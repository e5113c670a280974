"""Draws the pictures of a report. Knows matplotlib."""
