"""A file of claims, run as the page on it says."""

import json
import os
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from . import warm
from .test_pytest_face import Session
from .toy import COLOURS, N_ITEMS

PAGE = (Path(__file__).parents[1] / "docs" / "claims-file.md").read_text()
TOML = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
JUDGED = {"supported", "contradicted", "no_difference", "inconclusive", "inadmissible"}


def absolute():
    """The environment, its PYTHONPATH readable from any folder."""
    paths = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A team's folder: their data, and their vectors, which know what users like."""
    place = tmp_path_factory.mktemp("team")
    made = Session(place)
    np.savez(
        place / "our.npz",
        ids=np.array([f"i{item}" for item in range(N_ITEMS)]),
        vectors=np.eye(len(COLOURS), dtype=np.float32)[np.arange(N_ITEMS) % len(COLOURS)],
    )
    return made


def run(session, *arguments, data=None, code=None):
    """Run the suite by its name from the team's folder; the output, and the cases by claim and name."""
    command = session.command(*arguments, data=data, path="--pyargs")
    done = warm.run("pytest", "--pyargs", "recclaims.suite", *command[1:], cwd=session.place, env=absolute())
    assert code is None or done.returncode == code, done.stdout + done.stderr
    found = session.results["claims"] if (session.report / "results.json").exists() else []
    return done.stdout + done.stderr, {(case["claim"], case["case"]): case for case in found}


def write(session, text, name="claims.toml"):
    (session.place / name).write_text(text)


def test_the_first_example_of_the_page_gives_a_verdict_for_each_recommender(session):
    write(session, TOML[0])
    assert len([line for line in TOML[0].splitlines() if line]) < 10
    output, found = run(session, "--claims-file", "claims.toml", "-m", "ours")
    assert [case["recommender"] for case in found.values()] == ["vbpr", "freedom"]
    assert {case["verdict"] for case in found.values()} <= JUDGED
    assert {(case["metric"], case["threshold"]) for case in found.values()} == {("ndcg@10", 0.05)}
    assert "ours: Ours beats sbert by at least 5 % on cold items." in output
    assert session.results["statements"]["ours"]["file"] == "claims.toml"


def test_the_other_examples_run_as_they_are_written(session):
    write(session, "\n".join(TOML[1:]))
    asked = "ours-on-emoji or needed or text-is-enough or any-fusion or tail or colder"
    _, found = run(session, "--claims-file", "claims.toml", "-m", asked, data=EMOJI)
    said = {name: [case["control"] for (claim, _), case in found.items() if claim == name] for name, _ in found}
    parts = "efficientnet-lite0+sbert"
    assert said == {
        "ours-on-emoji": ["sbert"],
        "needed": ["twin", "permuted", "bpr"],
        "text-is-enough": [f"late_fusion:{parts}"],
        "any-fusion": [f"late_fusion-concat:{parts}"],
        "tail": ["twin"],
        "colder": ["permuted"],
    }
    (tail,) = (case for (claim, _), case in found.items() if claim == "tail")
    assert tail["population"] == "items of the long tail, users with at most 30 train interactions"
    assert 0 < tail["n_users"] < tail["n_tested"] <= 120
    assert f"{tail['n_users']} of {tail['n_tested']} users tested on {tail['population']}" in tail["reason"]
    columns = pl.read_parquet(session.report / "per_user.parquet").columns
    assert f"smooth_recall of {tail['population']}" in columns
    assert {case["verdict"] for case in found.values()} <= JUDGED


def test_the_page_s_command_on_items_that_nobody_has_had_is_judged(session):
    (shown,) = re.findall(r"^    pytest --pyargs recclaims\.suite (.*split=cold.*)$", PAGE, re.MULTILINE)
    *words, option, data = shlex.split(shown)
    assert option == "--claims-data"
    write(session, "\n".join(TOML))
    _, found = run(session, *words, data=data, code=0)
    assert [case["recommender"] for case in found.values()] == ["content-knn", "vbpr"]
    assert {case["verdict"] for case in found.values()} <= {"supported", "inconclusive"}
    assert all(case["relative_effect"] > 0.3 for case in found.values())
    (card,) = session.results["datasets"]
    assert card["split"] == "cold"


def test_few_interactions_in_train_leave_nobody_to_compare(session):
    """Every item of the toy has more than five: said in so many words, not as an effect of nothing."""
    write(session, PROBE)
    output, found = run(session, "--claims-file", "claims.toml", "-m", "ours", code=1)
    (case,) = found.values()
    assert (case["verdict"], case["n_users"]) == ("inadmissible", 0)
    said = "no user of the claim's population (items with at most 5 train interactions) has a relevant"
    assert said in " ".join(output.split())  # whatever the width of a line


EMOJI = "emoji?users=120&items=100"
PROBE = TOML[0].replace('["freedom", "vbpr"]', '["content-knn"]').replace('encoder = "sbert"', 'noise = "permuted"')
#: The same of all items.
ALL = PROBE.replace("items = { train_at_most = 5 }\n", "")


def test_a_claim_has_the_same_verdict_alone_and_among_others(session):
    write(session, ALL + ALL.replace('"ours"', '"theirs"').replace("at_least = 0.05", "at_least = 9.0"))
    _, both = run(session, "--claims-file", "claims.toml", "-m", "ours or theirs or noise", "-k", "content-knn")
    assert {claim for claim, _ in both} == {"ours", "theirs", "noise"}
    _, alone = run(session, "--claims-file", "claims.toml", "-m", "ours", code=0)
    ((name, case),) = alone.items()
    assert (case["verdict"], both[name]) == ("supported", case)
    assert {case["verdict"] for (claim, _), case in both.items() if claim == "theirs"} == {"contradicted"}


def test_it_fails_against_a_baseline_only_where_it_got_worse(session):
    write(session, ALL)
    options = ("--claims-file", "claims.toml", "-m", "ours", "--claims-baseline", "baseline.json")
    run(session, *options, "--claims-update-baseline", code=0)
    output, _ = run(session, *options, code=0)
    assert "1 case compared, 0 changed, 0 worse" in output
    path = session.place / "baseline.json"
    earlier = json.loads(path.read_text())
    earlier["claims"][0]["ci"] = [9.0, 9.9]
    path.write_text(json.dumps(earlier))
    run(session, *options, code=1)


def test_a_project_s_claims_join_without_an_option(session):
    project = session.place / "pyproject.toml"
    project.write_text(ALL.replace("[[claim]]", "[[tool.recclaims.claim]]"))
    try:
        _, found = run(session, "-m", "ours", code=0)
    finally:
        project.unlink()
    assert [claim for claim, _ in found] == ["ours"]


def test_a_mistake_ends_the_session_with_one_line(session):
    write(session, ALL.replace("content-knn", "content-nn"))
    output, _ = run(session, "--claims-file", "claims.toml", "-m", "ours", code=4)
    assert "ERROR: claims.toml: claim 'ours': unknown recommender 'content-nn'; did you mean 'content-knn'?" in output
    output, _ = run(session, "--claims-file", "nowhere.toml", code=4)
    assert "ERROR: nowhere.toml: no such file" in output


def test_a_program_takes_the_file(session):
    write(session, ALL)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    place = session.place / "path" / "to"
    place.mkdir(parents=True)
    (place / "folder").symlink_to(session.data)
    (session.place / "judge.py").write_text(code.replace('profile="smoke"', 'profile="smoke", workers=0'))
    done = warm.run("judge", cwd=session.place, env=absolute())
    assert re.search(r"\{'content-knn-features:our.npz:\w+-permuted-toy': 'supported'\}", done.stdout), done.stderr


def test_the_page_s_tables_name_every_key():
    from dataclasses import fields

    from recclaims._model.reads import Reads

    keys = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert {one.name for one in fields(Reads)} <= {word.strip("`, ") for key in keys for word in key.split()}
    assert all(tomllib.loads(block) for block in TOML)


def test_what_stands_in_for_missing_names_is_asked_as_it_is_written(session):
    """Also that names count, and not who likes what alone: 40 % of the emoji have lost theirs."""
    write(session, next(text for text in TOML if "filled-in" in text))
    (data,) = re.findall(r'-m filled-in --claims-data "(.*)"', PAGE)
    _, found = run(session, "--claims-file", "claims.toml", "-m", "filled-in", "--claims-seeds", "4", data=data)
    assert [case["control"] for case in found.values()] == ["propagated", "neighbours/permuted"]
    assert {case["treatment"] for case in found.values()} == {"sbert/neighbours"}
    assert {case["verdict"] for case in found.values()} <= JUDGED - {"inadmissible"}
