"""The last screen: what was found, what is open, what did not run, and that it fits."""

import pytest

from recclaims._model.results import Headline
from recclaims.reporting.console import WIDTH, fitted, wrapped
from recclaims.reporting.terminal import Ending, details, findings, summary
from recclaims.reporting.words import counted

from .documents import card, case, document, encoder, large, not_run


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


def test_many_headlines_leave_their_figures_to_the_table():
    found = [
        Headline(recommender=f"r{n}", dataset="toy", features="sbert", replicates=3,
                 sentence=f"r{n} uses sbert on toy: +3.2 % [+0.9, +5.7] over its own twin")
        for n in range(9)
    ]  # fmt: skip
    full, few = (document(case()).model_copy(update={"headlines": tuple(some)}) for some in (found, found[:3]))
    assert told(full)[1:3] == ["  r0 uses sbert on toy", "  r1 uses sbert on toy"]
    assert "+3.2 % [+0.9, +5.7]" in told(few)[1]
    assert any("+3.2 %" in line for line in summary(full, Ending(), quiet=True))


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
