"""The command beside a case runs that case and no other."""

import shlex
from pathlib import Path

import pytest

from recclaims.reporting.reproduce import command, selection

from .. import warm
from ..toy import write_toy
from .documents import case, document, judged

ROOT = Path(__file__).parents[2]


def collected(line):
    words = shlex.split(line)
    assert words[0] == "pytest"
    done = warm.run("pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.parametrize(
    ("claim", "treatment", "control"),
    [("noise", "attributes", "permuted"), ("content", "late_fusion:attributes+sbert", "twin")],
)
def test_it_selects_one_case(tmp_path, claim, treatment, control):
    folder = write_toy(tmp_path / "a folder")
    one = judged(claim=claim, treatment=treatment, control=control, case=f"vbpr-{treatment}-{control}-toy")
    (found,) = collected(command(document(references={"toy": str(folder)}), one))
    assert found.endswith(f"[vbpr-{treatment}-{control}-toy]")
    assert f"test_{claim}.py" in found


def test_it_repeats_the_runs_options():
    line = command(document(case(), profile="paper", seeds=7, mask="train"), judged())
    assert line.endswith(
        "--claims-data toy --claims-control permuted --claims-profile paper --claims-seeds 7 --claims-mask train"
    )
    assert "--claims-encoder" not in line
    own = {"file": "my own.toml", "tables": {}}
    assert shlex.split(command(document(hyperparameters=own), judged()))[-4:-2] == [
        "--claims-hyperparameters",
        own["file"],
    ]


def test_an_arm_of_noise_needs_no_encoder_of_its_own():
    assert "--claims-encoder" not in command(document(), judged(treatment="sbert/permuted", treatment_noise="permuted"))
    assert "--claims-encoder sbert:mpnet " in command(
        document(), judged(treatment="sbert:mpnet/permuted", treatment_noise="permuted")
    )
    filled = judged(treatment="sbert:mpnet/neighbours/permuted", treatment_noise="permuted")
    assert "--claims-encoder sbert:mpnet " in command(document(), filled)
    both = judged(treatment="sbert/permuted", treatment_noise="permuted", control_noise="permuted")
    assert command(document(), both).count("--claims-control permuted") == 1


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("bpr-sbert-permuted-toy", "[bpr-sbert-permuted-toy]"),
        ("bpr-sbert/permuted-twin-toy", "[bpr-sbert/permuted-twin-toy]"),
        ("bpr-x-y-toy?split=temporal", "[bpr-x-y-toy and split and temporal]"),
        ("bpr-x-y-$(rm) 🎬", "[bpr-x-y- and rm and ]"),
    ],
)
def test_a_name_becomes_an_expression_that_pytest_reads(name, expression):
    assert selection(name) == expression


def test_nothing_of_a_name_reaches_the_shell():
    line = command(document(), judged(claim="a;b", case="x'; rm -rf /; '", dataset="$(ls)"))
    assert shlex.split(line)[:5] == ["pytest", "suite", "-m", "a;b", "-k"]
    assert "'$(ls)'" in line
