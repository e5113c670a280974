"""Analyses recordings. Functions take data and return data: no clock, no printing."""
