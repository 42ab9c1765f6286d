"""What researchers paste: figures, a paragraph on methods, and what it cites."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recclaims.cli import main
from recclaims.reporting.latex import Latex
from recclaims.reporting.methods import BibTeX, Methods, cited
from recclaims.reporting.paper_figures import LINES, WIDTHS, write_figures
from recclaims.reporting.results import write_baseline

from .documents import card, case, document, not_run
from .test_page import hostile

SAID = {"version": 1, "statement": "A.", "source": "arXiv 2508.04571, RQ1"}
PLANNED = {"planned": [4, 6], "n_seeds": 6}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    twin = case(claim="content", control="twin", verdict="inconclusive", ci=[None, None])
    return write_figures(document(case(), case(control="gaussian"), twin, not_run(case="n")), folder)


def test_each_claim_is_drawn_in_two_widths_as_pdf_and_svg(figures):
    stems = {"noise-toy-column", "noise-toy-page", "content-toy-column", "content-toy-page"}
    assert {path.name for path in figures} == {f"{stem}.{kind}" for stem in stems for kind in ("pdf", "svg")}


def test_figures_are_as_wide_as_a_column_or_a_page_and_text_stays_text(figures):
    for path in figures:
        width = WIDTHS["column" if "column" in path.name else "page"]
        if path.suffix == ".pdf":
            content = path.read_bytes()
            assert float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", content)[1]) == pytest.approx(72 * width)
            assert b"/FontFile2" in content  # a TrueType font, embedded
        else:
            root = ElementTree.fromstring(path.read_text())  # noqa: S314 - our own drawing
            assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(72 * width)
            assert "vbpr" in [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
            assert "#0a56a6" in path.read_text() or "content" in path.name


def test_a_figure_is_no_higher_than_a_page_and_a_name_is_no_path(tmp_path):
    cases = [case(case=f"c{n}", treatment=f"t{n}", dataset="../../x") for n in range(LINES + 1)]
    written = write_figures(document(*cases, datasets=[card(dataset="../../x")]), tmp_path)
    assert {path.parent for path in written} == {tmp_path}
    assert {path.stem.rpartition("-")[0] for path in written} == {"noise-..-..-x-1", "noise-..-..-x-2"}


def test_the_command_writes_them(tmp_path, capsys):
    write_baseline(document(case()), tmp_path / "results.json")
    assert main(["report", str(tmp_path / "results.json"), "--figures", str(tmp_path / "figures")]) == 0
    assert capsys.readouterr().out == f"4 figures written to {tmp_path / 'figures'}.\n"


def test_the_paragraph_has_the_numbers_of_the_run():
    full = document(
        case(**PLANNED),
        case(case="b", verdict="inconclusive", planned=[4, 6], n_seeds=4),
        statements={"noise": SAID},
        environment={"cpu": "x", "device": "cpu", "python": "3.11.7", "versions": {"recclaims": "1.2", "torch": "2.7"}},
    )
    text = Methods().render(full)
    for part in (
        "We judged 2 cases of 1 claim (noise) with recclaims 1.2~\\cite{recclaims}, profile quick.",
        "toy has 9 users, 5 items and 30 interactions; split: random; relevant: every interaction.",
        "on 4 to 6 replicates",
        "looked at after 4, 6 replicates",
        "The metric is recall@20; at test time the items of train+valid were excluded",
        "within 2\\,\\% of the control's mean",
        "Verdicts: 1 supported, 1 inconclusive.",
        "Computed on cpu with Python 3.11.7, PyTorch 2.7.",
    ):
        assert part in text, text


@pytest.mark.parametrize("split", ["cold", "given, cold"])
def test_the_paragraph_says_what_was_ranked_where_items_are_held_out(split):
    text = Methods().render(document(case(), datasets=[card(split=split)]))
    assert f"split: {split}, test items ranked among each other; relevant: every interaction." in text


@pytest.mark.parametrize("content", [hostile, document, lambda: document(case(**PLANNED), statements={"noise": SAID})])
def test_what_is_cited_is_in_the_bibliography_and_nothing_else(content):
    full = content()
    keys = [key for group in re.findall(r"\\cite\{([\w,]+)\}", Methods().render(full)) for key in group.split(",")]
    entries = re.findall(r"^@\w+\{(\w+),$", BibTeX().render(full), re.MULTILINE)
    assert set(keys) == set(entries) == set(cited(full))
    assert BibTeX().render(full).count("{") == BibTeX().render(full).count("}")


def test_a_run_of_one_look_cites_no_sequential_test():
    assert "kim1987" not in cited(document(case(planned=[5])))
    assert "kim1987" in cited(document(case(**PLANNED)))


@pytest.mark.skipif(not (shutil.which("pdflatex") and shutil.which("bibtex")), reason="no pdflatex and bibtex here")
def test_the_article_of_the_documentation_compiles(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "reports.md"
    (article,) = re.findall(r"```latex\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    of = {"dataset": "ml-100k", "case": "vbpr-sbert-permuted-ml-100k"}
    known = {"noise": SAID}
    run = document(case(**of, **PLANNED), datasets=[card(dataset="ml-100k")], statements=known)
    write_figures(run, tmp_path / "figures")
    for report in (Latex(), Methods(), BibTeX()):
        latest = tmp_path / "reports" / "latest" / report.filename
        latest.parent.mkdir(parents=True, exist_ok=True)
        latest.write_text(report.render(run), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(article, encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for command in (latex, ["bibtex", "paper"], latex, latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    assert "undefined" not in done.stdout
    assert "Overfull" not in done.stdout
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
