"""The last screen: what was found, what is open, what did not run, and that it fits."""

import itertools

import pytest

from recclaims._model.results import Headline
from recclaims.reporting.baseline import compare
from recclaims.reporting.console import WIDTH, fitted, wrapped
from recclaims.reporting.ending import Ending, summary
from recclaims.reporting.terminal import details, findings
from recclaims.reporting.words import counted

from .documents import card, case, cell, document, encoder, large, not_run


def undecided(replicates, probability, minutes=5.0, **changes):
    plan = {"replicates": replicates, "minutes": minutes, "probability": probability}
    return case(verdict="inconclusive", chance=plan if replicates else None, planned=[3, 6], **changes)


def told(full, **ending):
    return list(summary(full, Ending(**ending)))


def test_what_is_open_stands_with_what_would_decide_it():
    cases = [
        undecided(12, 0.9, case="a"),
        undecided(12, 0.6, case="b"),
        undecided(30, 0.95, case="c"),
        undecided(30, 0.2, case="d"),
        undecided(None, 0, case="e"),
        case(),
    ]
    lines = told(document(*cases), command=("pytest", "suite", "-k", "a or b", "--claims-budget", "5m"))
    at = lines.index("Not decided: 5 of 6 cases")
    assert lines[at + 1 : at + 5] == [
        "  probably decided by 12 replicates: a, b; 30 replicates: c",
        "  hardly even by 30 replicates: d",
        "  no forecast for e",
        "  To go on: pytest suite -k 'a or b' --claims-budget 30m",
    ]


def test_many_open_cases_are_counted():
    lines = told(document(*(undecided(12, 0.9, case=f"c{n}") for n in range(4))))
    assert "  probably decided by 12 replicates: 4 cases" in lines


def test_a_run_of_so_many_replicates_goes_on_with_more_of_them():
    one = undecided(20, 0.9) | {"planned": [16], "n_seeds": 16}
    lines = told(document(one, seeds=16), command=("pytest", "suite", "--claims-seeds=16"))
    assert "  To go on: pytest suite --claims-seeds 20" in lines


def test_nothing_hinders_the_command_that_goes_on():
    """A fixed number of replicates overrules a budget, and a baseline of other replicates is refused."""
    one = undecided(10, 0.9) | {"planned": [2], "n_seeds": 2}
    command = ("pytest", "suite", "--claims-seeds", "2", "--claims-baseline=b.json", "--claims-update-baseline")
    lines = told(document(one, seeds=2), command=command, changes=[])
    assert "  To go on: pytest suite --claims-budget 10m" in lines


def test_where_more_would_hardly_help_no_command_is_given():
    assert not [line for line in told(document(undecided(30, 0.1))) if "To go on" in line]


def test_what_did_not_run_stands_with_the_reason_once():
    lines = told(document(not_run(case="x"), not_run(case="y"), case()), without_cases={"it needs images": ["fusion"]})
    at = lines.index("Not run")
    assert lines[at + 1 : at + 3] == ["  noise, 2 cases: the weights are not here", "  fusion: it needs images"]


def test_a_claim_without_a_case_stands_with_the_command_that_gives_it_some():
    giving = {"it needs answers": ("--claims-answers", "m_keyword=FILE"), "it needs a reader": ()}
    lines = told(
        document(case()),
        without_cases={"it needs answers": ["keywords", "ours"], "it needs a reader": ["fusion"]},
        giving=giving,
        command=("pytest", "suite", "-m", "not noise", "--claims-data", "a b"),
    )
    at = lines.index("Not run")
    assert lines[at + 1 : at + 4] == [
        "  keywords, ours: it needs answers",
        "    To run: pytest suite --claims-data 'a b' -m 'keywords or ours' --claims-answers m_keyword=FILE",
        "  fusion: it needs a reader",
    ]


def headline(recommender="r0", verb="uses", features="sbert", dataset="toy"):
    sentence = f"{recommender} {verb} {features} on {dataset}: +3.2 % [+0.9, +5.7] over its own twin"
    return Headline(recommender=recommender, dataset=dataset, features=features, replicates=3, sentence=sentence)


def short(*headlines, verbosity=0):
    full = document(case()).model_copy(update={"headlines": headlines})
    lines = list(summary(full, Ending(), verbosity))
    return [line for line in lines[: lines.index("") if "" in lines else None] if " questions, " not in line]


def test_many_headlines_share_a_line_for_each_recommender_and_leave_their_figures_to_the_table():
    many = [
        headline("freedom", "uses", "sbert"),
        headline("freedom", "uses", "attributes"),
        headline("freedom", "reads, but gains nothing from,", "images"),
        headline("bm3", "may or may not use", "sbert"),
        headline("bm3", "is better without than with", "attributes"),
        headline("bm3", "uses", "images"),
        headline("bm3", "uses", "sbert", "baby"),
    ]
    assert short(*many) == [
        "In short, on toy",
        "  freedom  uses sbert and attributes; reads, but gains nothing from, images",
        "  bm3      may or may not use sbert; is better without than with attributes; uses images",
        "On baby",
        "  bm3      uses sbert",
    ]
    assert "+3.2 % [+0.9, +5.7]" in short(*many[:3])[1]
    assert sum("+3.2 %" in line for line in short(*many, verbosity=-1)) == 7


def test_of_very_many_headlines_the_findings_are_counted():
    verbs = {"toy": "uses", "baby": "reads"}
    many = [headline(f"r{n}", verbs[dataset], features, dataset) for n in range(7) for dataset in verbs
            for features in ("sbert", "attributes")]  # fmt: skip
    lines = short(*many)
    assert lines[0] == "In short, on 2 data sets: with how many of their features"
    assert lines[1] == "  r0  uses 2 of 4; reads 2 of 4"
    assert len(lines) == 8


def whole_run():
    """A run of all recommenders on a data set, as it ends where no image and no vision-language model is."""
    names = ("vbpr", "lattice", "freedom", "bm3", "content-knn", "attribute-knn", "attribute-knn-content")
    verbs = {"sbert": "may or may not use", "attributes": "is better with other items' than with"}
    found = [headline(name, verb, features, "ml-100k") for name in names for features, verb in verbs.items()]
    looks = itertools.product((10, 15, 25, 50), (0.2, 0.9), range(3))
    open_cases = [undecided(n, chance, case=f"c{n}-{chance}-{i}") for n, chance, i in looks]
    weights = (
        "resnet50 needs torchvision's ImageNet weights (IMAGENET1K_V2): set RECCLAIMS_ALLOW_DOWNLOADS=1 to download "
        "them, or name a file, resnet50:PATH"
    )
    absent = [not_run(case=f"x{n}") | {"reason": why} for n, why in enumerate((weights, "lvlm needs a model " * 9))]
    cells = [cell(best_is_last=True, recommender=name) for name in names[:4]]
    full = document(case(), case(case="z", verdict="contradicted"), *open_cases, *absent, cells=cells)
    needs = ("images " * 20, "answers", "more", "most")
    why = {f"no case on ml-100k: {need}": [f"claim-{n}"] for n, need in enumerate(needs)}
    giving = dict.fromkeys(why, ("--claims-items", "FILE"))
    return full.model_copy(update={"headlines": tuple(found)}), {"without_cases": why, "giving": giving}


def is_copied(line):
    return line.startswith(("  To go on:", "  To run:", "    To run:", "Report:"))


def test_a_whole_run_ends_on_one_screen():
    full, rest = whole_run()
    lines = told(full, exit_code=1, **rest)
    assert len(lines) < 30  # pytest adds a line
    assert max(len(line) for line in lines if not is_copied(line)) <= WIDTH
    assert lines[0] == "In short, on ml-100k"
    start = "  probably decided: 3 by 10 replicates, 3 by 15, 3 by 25, 3 by 50; hardly: 3 by 10, 3 by 15"
    assert any(line.startswith(start) for line in lines)
    assert "  noise, 1 case: resnet50 needs torchvision's ImageNet weights (IMAGENET1K_V2)" in lines
    assert any(line.startswith("  noise, 1 case: lvlm needs") and line.endswith(" ...") for line in lines)
    assert sum(line.startswith("  To run: pytest suite -m claim-") for line in lines) == 4
    verbose = list(summary(full, Ending(**rest), verbosity=1))
    assert "set RECCLAIMS_ALLOW_DOWNLOADS=1" in " ".join(" ".join(verbose).split())
    assert sum("c10-0.9-" in line for line in verbose) >= 1


def test_what_got_worse_stands_between_the_answer_and_the_counts():
    full, rest = whole_run()
    old = document(*(one.model_dump() | {"verdict": "supported"} for one in full.claims if one.case == "z"))
    failed = [("FAILED", "suite/test_noise.py::t[z]", "worse than the baseline: " + "verdict was supported, " * 8)]
    lines = told(full, exit_code=1, changes=compare(old, full, "old"), failed=failed, **rest)
    at = lines.index("FAILED suite/test_noise.py::t[z]")
    assert lines[at - 2] == "Not run: 2 cases, and 4 claims without a case here (-v says why)"
    assert lines[at + 1].startswith("  worse than the baseline: verdict was supported")
    assert any(line.startswith("1 case compared, 1 changed, 1 worse; ") for line in lines[at:])
    assert len(lines) < 30
    many = told(full, exit_code=1, changes=compare(old, full, "old"), failed=failed * 9, **rest)
    assert not any(line.startswith("FAILED") for line in many)  # told before the answer


def test_a_failure_stands_with_effect_and_reason():
    lines = list(findings([("FAILED", "suite/test_noise.py::t[a]", "contradicted: +1.0 % [+0.2, +2.0]; " + "x " * 80)]))
    assert lines[:2] == ["FAILED suite/test_noise.py::t[a]", "  contradicted: +1.0 % [+0.2, +2.0]; " + "x " * 31 + "x"]


@pytest.mark.parametrize("verbose", [False, True])
def test_nothing_is_wider_than_the_screen(verbose):
    full = large(3, 4).model_copy(update={"headlines": ()})
    lines = [*details(full, verbose), *told(full)]
    assert max(map(len, lines)) <= WIDTH
    named = [case(recommender="a-recommender-with-a-name", treatment="late_fusion:efficientnet-lite0+sbert")]
    wide = document(*named, datasets=[card()], encoders=[encoder(encoder="late_fusion:efficientnet-lite0+sbert")])
    assert max(map(len, details(wide, verbose))) <= WIDTH


def test_a_table_that_is_too_wide_goes_on_below_with_its_names():
    lines = fitted(["who", *(f"column {n}" for n in range(12))], [["me", *("1" * 10 for _ in range(12))]], labels=1)
    heads = [line.split() for line in lines if line.startswith("who")]
    assert len(heads) == 2
    assert sum(line.count("column") for line in lines) == 12
    assert [line.split()[0] for line in lines if line.startswith("me")] == ["me", "me"]


def test_an_interval_stays_on_one_line():
    for blanks in range(60, 100):
        (text,) = [line for line in wrapped("x" * blanks + " +3.2 % [+0.9, +5.7] y") if "+3.2" in line]
        assert "+3.2 % [+0.9, +5.7]" in text


def test_a_terminal_without_symbols_gets_letters():
    lines = list(details(document(case()), symbols=False))
    assert any("S +10.0 [+5.0,+15.0]" in line for line in lines)
    assert "S supported, - not compared" in lines


def test_one_is_singular():
    assert [counted(n, "case") for n in (0, 1, 2, 1200)] == ["0 cases", "1 case", "2 cases", "1,200 cases"]
    assert counted(2, "process", "processes") == "2 processes"
