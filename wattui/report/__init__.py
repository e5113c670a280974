"""Reports of runs for people and papers: a page, Markdown, or only the figures.

A report is a list of blocks (`document.py`), made from runs by `sections.py` and `overview.py`.
`page.py`, `markdown.py` and `svg.py` write them. Only `draw/` knows matplotlib; the data it draws
comes from pure functions beside it.
"""
