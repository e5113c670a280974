"""Reads run files of any size."""
