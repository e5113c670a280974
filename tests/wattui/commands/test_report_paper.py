"""What `wattui report` writes for a paper: figures, LaTeX, BibTeX, money and published devices."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.made_runs import B1, B8, IDLE, finished
from wattui.commands import report as report_command
from wattui.errors import UsageError
from wattui.report.draw import style
from wattui.report.latex import latex

pytestmark = pytest.mark.needs_report


def report(*arguments: Any) -> int:
    return report_command.main(report_command.parser().parse_args([str(a) for a in arguments]))


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return finished(tmp_path / "kws.csv", [IDLE, B1, B8], versions={"wattui": "1.2"}).csv


def test_a_folder_has_one_figure_a_file_each_a_column_wide(csv: Path, tmp_path: Path) -> None:
    assert report(csv, "--figures", tmp_path / "figures") == 0
    files = sorted((tmp_path / "figures").iterdir())
    assert [re.sub(r"^\d+-", "", file.name) for file in files] == [
        "power.svg", "joules.svg", "uncertainty.svg", "uncertainty.svg", "rates.svg",
    ]  # fmt: skip
    for file in files:
        drawn = ElementTree.parse(file).getroot()
        assert float(drawn.attrib["width"].removesuffix("mm")) <= 89.01
        right_mm = float(drawn.attrib["viewBox"].split()[2]) / style.POINTS_PER_MM
        for text in drawn.iter("{http://www.w3.org/2000/svg}text"):
            low_mm, high_mm = ends_mm(text)
            assert low_mm >= -0.5, (file.name, text.text)
            assert high_mm <= right_mm + 0.5, (file.name, text.text)


def ends_mm(text: ElementTree.Element) -> tuple[float, float]:
    """Both ends of a horizontal text; a rotated one is narrow."""
    rotated = re.search(r"rotate\(-90", text.get("transform", ""))
    at = re.search(r"translate\(([-0-9.]+)", text.get("transform", ""))
    x_mm = float(at[1] if at else text.get("x", 0)) / style.POINTS_PER_MM
    width_mm = 0.0 if rotated else style.text_mm(text.text or "")
    anchor = re.search(r"text-anchor: (\w+)", text.get("style", ""))
    share = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor[1] if anchor else "start"]
    return x_mm - share * width_mm, x_mm + (1 - share) * width_mm


def test_a_page_has_a_figure_for_the_phone_beside_the_wide_one(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    report(csv, "-o", out)
    text = out.read_text()
    assert text.count('<div class="one-column">') == text.count('<div class="two-columns">') == 4
    assert "min-width:4" not in text, "nothing is wider than a phone"
    assert re.search(r"max-width: 40rem\) \{\s+\.two-columns \{ display: none; \}", text)


def test_each_figure_has_its_own_lane(csv: Path) -> None:
    from wattui.report.draw import joules
    from wattui.report.joules import rows_of
    from wattui.runs.recorded import load_run

    group = load_run(csv).summary.running
    assert group is not None
    found = rows_of([(f"label {n}", group) for n in range(40)], "total")
    assert found is not None
    with style.styled():
        (axes,) = joules.draw_joules(89.0, found).axes
    points = [line for line in axes.lines if line.get_marker() in ("o", "s", "^")]
    places = sorted(float(line.get_ydata()[0]) for line in points)  # type: ignore[index,arg-type]
    assert len(places) == 80, "total and dynamic of each"
    height_mm = points[0].get_markersize() / style.POINTS_PER_MM
    gaps = [after - before for before, after in pairwise(places)]
    assert min(gaps) >= 0.99 * height_mm


def test_tables_are_latex_with_booktabs(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.tex"
    assert report(csv, "--latex", out) == 0
    text = out.read_text()
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\begin{tabular}")
    assert r"b1 & 4.000 & 100 & 25.00 & 50.00 & 2.00000 $\pm$" in text
    assert "Energy was recorded with wattui 1.2 on Made-up 9000" in text
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert line.count(" & ") == text.split(line)[0].rsplit("@{}l", 1)[1].index("@"), line


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a_b & 5 %", r"a\_b \& 5 \%"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("1.0 ± 0.1 µJ", r"1.0 $\pm$ 0.1 $\mu$J"),
        ("run --x", "run {-}{-}x"),
        ("$x^2$~#", r"\$x\textasciicircum{}2\$\textasciitilde{}\#"),
    ],
)
def test_a_label_is_never_a_command_of_latex(given: str, shown: str) -> None:
    assert latex(given) == shown


def test_references_are_those_of_what_the_report_shows(csv: Path, tmp_path: Path) -> None:
    assert report(csv, "--bibtex", tmp_path / "a.bib") == 0
    alone = re.findall(r"@\w+\{(\w+),", (tmp_path / "a.bib").read_text())
    assert alone == ["wattui", "gum2008", "haehnel2012"]
    other = finished(tmp_path / "other.csv", [IDLE, B1], ["est_cpu"], sources=[]).csv
    report(other, csv, "--bibtex", tmp_path / "b.bib", "--published", "kws")
    text = (tmp_path / "b.bib").read_text()
    assert re.findall(r"@\w+\{(\w+),", text)[-4:] == [
        "welch1947", "fieller1954", "holm1979", "blouw2018",
    ]  # fmt: skip
    assert "version 1.2" in text
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    ("price", "why"),
    [("free", "'free': must begin with a number"), ("9" * 400, "must be at most 1e\\+12")],
)
def test_a_price_that_is_no_number_is_refused(
    csv: Path, tmp_path: Path, price: str, why: str
) -> None:
    with pytest.raises(UsageError, match=f"--price .*{why}"):
        report(csv, "-o", tmp_path / "r.md", "--price", price)


def test_all_outputs_are_written_or_none(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "t.tex").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"--latex .*t\.tex exists"):
        report(csv, "-o", tmp_path / "r.html", "--latex", tmp_path / "t.tex")
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(UsageError, match="nothing to write: fix: add -o"):
        report(csv)
    with pytest.raises(UsageError, match=r"--figures .*: no such folder"):
        report(csv, "--figures", tmp_path / "no" / "figures")
