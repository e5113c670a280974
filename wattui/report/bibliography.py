"""References for a report as BibTeX: the recorder, and what its figures rest on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wattui.report.loaded import ReportRun

ENTRIES = {
    "gum2008": """@techreport{gum2008,
  title = {Evaluation of measurement data: Guide to the expression of uncertainty in measurement},
  author = {{Joint Committee for Guides in Metrology}},
  institution = {BIPM},
  number = {JCGM 100:2008},
  year = {2008}
}""",
    "haehnel2012": """@article{haehnel2012,
  title = {Measuring energy consumption for short code paths using {RAPL}},
  author = {H{\\"a}hnel, Marcus and D{\\"o}bel, Bj{\\"o}rn and V{\\"o}lp, Marcus and
            H{\\"a}rtig, Hermann},
  journal = {ACM SIGMETRICS Performance Evaluation Review},
  volume = {40},
  number = {3},
  pages = {13--17},
  year = {2012}
}""",
    "welch1947": """@article{welch1947,
  title = {The generalization of `{S}tudent's' problem when several different population variances
           are involved},
  author = {Welch, B. L.},
  journal = {Biometrika},
  volume = {34},
  number = {1--2},
  pages = {28--35},
  year = {1947}
}""",
    "fieller1954": """@article{fieller1954,
  title = {Some problems in interval estimation},
  author = {Fieller, E. C.},
  journal = {Journal of the Royal Statistical Society: Series B},
  volume = {16},
  number = {2},
  pages = {175--185},
  year = {1954}
}""",
    "holm1979": """@article{holm1979,
  title = {A simple sequentially rejective multiple test procedure},
  author = {Holm, Sture},
  journal = {Scandinavian Journal of Statistics},
  volume = {6},
  number = {2},
  pages = {65--70},
  year = {1979}
}""",
    "blouw2018": """@misc{blouw2018,
  title = {Benchmarking keyword spotting efficiency on neuromorphic hardware},
  author = {Blouw, Peter and Choo, Xuan and Hunsberger, Eric and Eliasmith, Chris},
  eprint = {1812.01739},
  archiveprefix = {arXiv},
  year = {2018}
}""",
}
PUBLISHED = {"kws": "blouw2018"}
COMPARED = ("welch1947", "fieller1954", "holm1979")
RAPL = ("powercap", "perf")


def bibtex(runs: Sequence[ReportRun], compared: bool, published: str | None) -> str:
    """The entries that a report of these runs should cite."""
    parts = [_recorder(runs), *(ENTRIES[key] for key in _cited(runs, compared, published))]
    return "\n\n".join(parts) + "\n"


def _recorder(runs: Iterable[ReportRun]) -> str:
    versions = sorted({v for run in runs if (v := run.run.about.versions.get("wattui"))})
    note = f"\n  note = {{version {', '.join(versions)}}}," if versions else ""
    return (
        "@misc{wattui,\n  title = {wattui: joules per inference, with error bars},"
        f"{note}\n  author = {{{{The wattui developers}}}}\n}}"
    )


def _cited(runs: Sequence[ReportRun], compared: bool, published: str | None) -> Iterator[str]:
    yield "gum2008"
    if any(source.name in RAPL for run in runs for source in run.run.about.sources):
        yield "haehnel2012"
    if compared:
        yield from COMPARED
    if published in PUBLISHED:
        yield PUBLISHED[published]
