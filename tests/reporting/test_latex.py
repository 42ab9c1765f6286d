"""The LaTeX tables: what they say, and that a LaTeX reads them whatever things are called."""

import re
import shutil
import subprocess

import pytest

from recclaims._model.results import ResultsDocument
from recclaims.reporting.latex import Latex, escape

from .documents import card, case, document, large, not_run
from .test_page import hostile


def render(*cases, **changes):
    return Latex().render(document(*cases, **changes))


def row(text, start):
    (found,) = re.findall(rf"^{re.escape(start)} & .*$", text, re.MULTILINE)
    return found


def test_the_best_is_bold_and_differences_are_marked():
    cases = [
        case(p_adjusted=0.04),
        case(control="gaussian", control_mean=0.35, p_adjusted=0.0009, verdict="contradicted"),
        case(control="uniform", control_mean=0.32, p_adjusted=0.2, verdict="inconclusive"),
        case(claim="content", control="twin", control_mean=0.329, p_adjusted=0.009, verdict="inadmissible"),
        not_run(control="constant"),
    ]
    text = render(*cases)
    heads = row(text, "recommender & features & real")
    assert heads == r"recommender & features & real & twin & permuted & gaussian & uniform & constant \\"
    assert r"& \multicolumn{1}{c}{content} & \multicolumn{4}{c}{noise} \\" in text
    assert r"\cmidrule(lr){4-4}\cmidrule(lr){5-8}" in text
    assert row(text, "vbpr & sbert & 0.3300").split(" & ")[2:] == [
        "0.3300", r"0.3290$^{\dagger}$", "0.3000$^{*}$", r"\textbf{0.3500}$^{***}$", "0.3200", r"-- \\",
    ]  # fmt: skip


def test_nothing_is_bold_where_nothing_differs():
    open_case = case(verdict="inconclusive", p_adjusted=0.2)
    body = render(open_case, case(control="gaussian", control_mean=0.35, verdict="inconclusive"))
    assert r"\textbf" not in body
    assert r"\textbf{0.3300}" in render(case(), case(control="gaussian", control_mean=0.31))
    assert r"\textbf" not in render(case(), case(control="gaussian", control_mean=0.31, verdict="no_difference"))


def test_an_equivalence_that_holds_has_a_mark_of_its_own():
    said = {"noise": {"version": 1, "statement": "", "source": "", "direction": "greater", "equivalence": True}}
    assert "0.3000$^{=}$" in render(case(p_adjusted=0.04), statements=said)
    assert "0.3000$^{*}$" in render(case(p_adjusted=0.04, verdict="contradicted"), statements=said)


def test_effects_stand_with_interval_p_and_verdict():
    text = render(case(p_adjusted=0.0004), not_run(treatment="resnet50"))
    expected = r"vbpr & sbert & permuted & $+10.0$ [$+5.0$, $+15.0$] & $<$0.001 & supported \\"
    assert expected in text
    assert r"vbpr & resnet50 & permuted &  &  & not run \\" in text


def test_planted_data_says_so_in_both_tables():
    text = render(case(), datasets=[card(planted=True)])
    assert "Recall@20 on toy (planted interactions), mean of 3 replicates" in text
    assert "Claim noise. On toy (planted interactions): effects" in text


def test_long_names_are_broken_where_their_parts_meet():
    name = "late_fusion-pca:efficientnet-lite0+sbert-shop"
    text = render(case(treatment=name), case(treatment="sbert", control="permuted-within-category"))
    parts = ["late\\_", "fusion-", "pca:", "efficientnet-", "lite0+", "sbert-", "shop"]
    broken = r"\raggedright " + r"\allowbreak{}".join(parts)
    assert text.count(f"{broken} &") == 2
    assert r"\begin{tabular}{lp{12em}rrr}" in text
    assert r"\begin{tabular}[b]{@{}r@{}}permuted-\\within-\\category\end{tabular}" in text


def test_more_controls_than_a_page_has_room_for_are_another_table():
    noise = [case(control=f"noise-{n}") for n in range(8)]
    text = render(*noise, case(claim="content", control="twin"), case(claim="baseline", control="bpr"))
    heads = re.findall(r"^recommender & features & real & (.*) ..$", text, re.MULTILINE)
    parts = [["bpr", "twin"], [f"noise-{n}" for n in range(6)], ["noise-6", "noise-7"]]
    assert heads == [" & ".join(part) for part in parts]


def test_no_float_is_longer_than_a_page():
    """A table of 70 rows was cut off at the foot of the page."""
    few = [case(recommender=f"r{r}", treatment=f"encoder-{e}") for r in range(7) for e in range(10)]
    long = [case(recommender="r", treatment="a-very-long-name-of-an-encoder/" * 3 + str(e)) for e in range(12)]
    for cases in (few, long):
        floats = re.findall(r"\\begin\{table\}.*?\\end\{table\}", render(*cases), re.DOTALL)
        assert len(floats) > 1
        rows = [re.findall(r"^.*0\.3300.*$", one, re.MULTILINE) for one in floats]
        assert sum(map(len, rows)) == len(cases)
        assert all(len(some) <= 30 for some in rows)
        # Who is looked at stands at the head of every table.
        assert all(re.match(r"r\d? & ", some[0]) for some in rows)
    assert max(map(len, rows)) < 12


def test_metrics_are_not_mixed_in_one_table():
    text = render(case(), case(metric="ndcg@20", claim="content", control="twin"))
    assert text.count(r"\begin{tabular}") == 2
    assert "nDCG@20 on toy" in text


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("late_fusion", r"late\_fusion"),
        (r"50 % \input{x} $y^2$ a&b #1 ~", None),
        ("é ü", "é ü"),
        ("星🎬", "{[}U+661F]{[}U+1F3AC]"),
        ("a\nb", "a b"),
        ("a--b", "a-{}-b"),
    ],
)
def test_names_are_text(name, printed):
    text = escape(name)
    assert printed is None or text == printed
    commands = re.sub(r"\\(text\w+\{\}|[&%$#_{}])", "", text)
    assert not set("\\&%$#_~^") & set(commands)


@pytest.mark.parametrize("content", [hostile, lambda: large(2, 2), document], ids=["hostile", "large", "empty"])
def test_environments_close_and_rows_are_as_wide_as_their_table(content):
    text = Latex().render(content())
    opened = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if word == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    text = re.sub(r"\\begin\{tabular\}\[b\].*?\\end\{tabular\}", "", text)
    text = re.sub(r"@\{\}|p\{[\d.]+em\}", lambda found: found.group()[0].strip("@"), text)
    for columns, body in re.findall(r"\\begin\{(?:tabular|longtable)\}\{(\w+)\}(.*?)\\end", text, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert rows
        for line in rows:
            spanned = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d)\}", line))
            assert len(re.findall(r"(?<!\\)&", line)) + 1 + spanned == len(columns), line


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
@pytest.mark.parametrize("content", [hostile, lambda: large(3, 3)], ids=["hostile", "large"])
def test_latex_reads_it(tmp_path, content):
    found = content()
    cases = [one.as_json() for one in found.claims]
    cases.append(case(treatment="".join(map(chr, range(0x20, 0x17F))), case="every letter", reason=""))
    cases += [case(recommender=start, dataset="toy", claim=start) for start in ("[2pt]", "*", "-", "🎬")]
    latex(tmp_path, Latex().render(ResultsDocument.of(found.as_json() | {"claims": cases})))
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_tables_are_no_wider_than_a_page(tmp_path):
    treatments = ["sbert", "late_fusion-concat:efficientnet-lite0+sbert-shop", "lvlm:qwen2-vl-2b/description/sampled"]
    controls = ["permuted", "permuted-within-category", "gaussian-covariance", *(f"other-noise-{n}" for n in range(5))]
    cases = [
        case(recommender=r, treatment=t, control=c, p_adjusted=0.0001, verdict=v)
        for r, v in (("vbpr", "no_difference"), ("attribute-knn-content", "inadmissible"))
        for t in treatments
        for c in controls
    ]
    text = render(*cases, case(claim="fusion", treatment=treatments[2], control=treatments[1]))
    latex(tmp_path, text)
    second = latex(tmp_path, text)
    assert "Overfull" not in second, re.findall("Overfull.*", second)


def latex(folder, tables):
    """Read the tables in a paper, and return what LaTeX said."""
    (folder / "results.tex").write_text(tables, encoding="utf-8")
    packages = r"\documentclass{article}\usepackage{booktabs,graphicx,longtable}"
    (folder / "paper.tex").write_text(packages + r"\begin{document}\input{results}\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout
