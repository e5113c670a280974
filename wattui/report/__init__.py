"""Reports of runs for people and papers: a page, Markdown, or the figures alone.

What a report says is a list of blocks (`document.py`), made from runs by `sections.py` and
`overview.py`. `page.py`, `markdown.py` and `sheet.py` write them down. Only `drawing.py` and the
modules named `draw_…` know matplotlib; what they draw comes from pure functions beside them.
"""
