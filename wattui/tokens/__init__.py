"""Loads servers of language models, and counts their tokens."""
