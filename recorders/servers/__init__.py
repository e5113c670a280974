"""Servers of language models: their counters of tokens and requests, read while they work.

A new kind of server is a row of `dialects.DIALECTS`.
"""
