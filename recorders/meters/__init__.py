"""Meters outside the machine: plugs, inline meters, supplies, and other programs' readings.

A new kind of meter is a module with a `parse` function (see `specs`) and a row of `specs.SCHEMES`.
"""
