"""Claims on answers that lie in a file beside a data set, as a person runs them."""

import csv
import os
from pathlib import Path

import pytest

import recclaims
from recclaims.cli.program import main

from ..foreign import N_ITEMS, write_elliot
from ..test_pytest_face import Session
from ..toy import write_toy

WORDS = ("opera", "granite", "lion", "winter")  # too unlike to be merged, one a group of items


def write_answers(path, ids, word=WORDS.__getitem__):
    with path.open("w", newline="") as file:
        rows = [(one, f"[Genre] {{{word(n % 4)}}}, [Audience] {{people}}") for n, one in enumerate(ids)]
        csv.writer(file).writerows([("asin", "result"), *rows])
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    place = tmp_path_factory.mktemp("beside")
    made = Session(place)
    made.data = write_elliot(place / "ml")
    made.answers = write_answers(place / "movies_keywords.csv", range(N_ITEMS))
    return made


def asked(output):
    return " ".join(output.split())


def test_answers_beside_another_programs_folder_come_to_verdicts(session):
    option = "--claims-answers", f"qwen2={session.answers}"
    output = session("-m", "keywords", *option, code=1)  # its users interact so densely that groups add nothing
    assert "qwen2_keyword (movies_keywords.csv) for 48 of 48 items" in asked(output)
    document = session.results
    verdicts = {case["case"]: case["verdict"] for case in document["claims"]}
    assert verdicts["attribute-knn-keywords:qwen2_keyword-permuted-ml"] == "no_difference"
    assert {entry["answers"] for entry in document["keywords"]} == {N_ITEMS}
    # Whoever has the report finds the same cells by what it says, and from a program.
    assert document["references"]["ml"].endswith("/ml?with-answers=qwen2_keyword=path/to/movies_keywords.csv")
    again = session("-m", "keywords", data=f"{session.data}?with-answers=qwen2_keyword={session.answers}", code=1)
    assert "0 trained" in again
    results = recclaims.evaluate(
        session.data,
        answers={"qwen2": session.answers},
        claims="keywords",
        profile="smoke",
        workers=0,
        store=session.place / "store",
        progress=False,
    )
    assert {case.case: str(case.verdict) for case in results.document.claims} == verdicts


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ((), "it needs what keywords reads, the answers of a vision-language model: --claims-answers qwen2_keyword="),
        (("llava={}",), "nothing says what 'llava' was asked; call it llava_keyword, llava_description"),
    ],
)
def test_a_claim_without_answers_says_what_gives_it_some(session, answers, line):
    file = session.place / "some.csv"
    file.write_bytes(session.answers.read_bytes())
    options = [word for one in answers for word in ("--claims-answers", one.format(file))]
    output = session("-m", "keywords", *options, code=0)
    assert line in asked(output)
    command = next(one.strip() for one in output.splitlines() if one.startswith("    To run: pytest suite "))
    assert command.endswith("-m keywords --claims-answers qwen2_keyword=FILE")
    assert command.count("--claims-answers") == command.count("-m ") == 1


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([f"B{i}" for i in range(N_ITEMS)], "has an answer for 0 of 48 items: the catalogue's ids are like '0', "),
        ([*range(8)], "40 of 48 items are imputed"),
    ],
)
def test_answers_of_other_items_come_to_no_verdict_and_the_reason(session, tmp_path, ids, words):
    file = write_answers(tmp_path / "b_keywords.csv", ids)
    output = asked(session("-m", "keywords", "--claims-answers", f"b={file}"))
    assert words in output
    assert "Traceback" not in output


def test_a_catalogue_beside_gives_encoders_their_input(session, tmp_path):
    rows = "".join(f'{{"item_id": "{i}", "title": "{WORDS[i % 4]}"}}\n' for i in range(N_ITEMS))
    (tmp_path / "i.jsonl").write_text(rows)
    output = session("--collect-only", "-q", "-m", "content", "--claims-items", str(tmp_path / "i.jsonl"), code=0)
    assert "[freedom-sbert-twin-ml]" in output


def test_bad_answers_end_the_session_with_one_line(session):
    for options, line in (
        (("--claims-answers", "a.csv"), "--claims-answers: 'a.csv' is not NAME=FILE"),
        (("--claims-answers", "a=no.csv"), "no.csv: cannot be read: No such file or directory"),
        (("--claims-items", "no.jsonl"), "no.jsonl: does not exist"),
    ):
        output = session("-m", "keywords", *options, code=4)
        assert len([one for one in output.splitlines() if line in one]) == 1
        assert "Traceback" not in output


def test_the_command_keywords_reads_a_file(session, capsys):
    assert main(["keywords", str(session.data), "--answers", f"qwen2={session.answers}", "--domain", "movies"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("qwen2_keyword (movies_keywords.csv) for 48 of 48 items\n")
    assert tuple(
        next(line for line in output.splitlines() if line.startswith("qwen2_keyword ") and "%" in line).split()[:5]
    ) == ("qwen2_keyword", "48", "0.0%", "0.0%", "48")


def judged(data, answers, tmp_path):
    return recclaims.evaluate(
        data,
        answers=f"a_keyword={answers}",
        claims="keywords",
        profile="smoke",
        replicates=2,
        workers=0,
        store=tmp_path / "store",
        progress=False,
    )


@pytest.mark.parametrize(("rate", "inadmissible"), [(8, False), (4, True)])
def test_answers_to_another_prompt_are_inadmissible_above_a_tenth(tmp_path, rate, inadmissible):
    data = recclaims.FolderDataset(write_toy(tmp_path / "toy")).load()
    answers = write_answers(tmp_path / "a.csv", [item.item_id for item in data.items])
    lines = answers.read_text().splitlines()
    drift = ",".join(f"[{slot}] {{x}}" for slot in ("Dish Type", "Cuisine", "Flavor Profile"))
    planted = range(1, 1 + N_ITEMS // rate - 2)
    for n in planted:
        lines[n] = f'{lines[n].partition(",")[0]},"{drift}"'
    answers.write_text("\n".join(lines))
    results = judged(data, answers, tmp_path)
    assert {record.drifted for record in results.document.keywords} == {len(planted)}
    told = f"{len(planted)} of 48 answers name the slots of another prompt (at most 10 %)"
    assert {told in case.reason for case in results.document.claims} == {inadmissible}
    if inadmissible:
        assert {str(case.verdict) for case in results.document.claims} == {"inadmissible"}


def test_a_dataset_in_memory_takes_answers_too(tmp_path):
    data = recclaims.FolderDataset(write_toy(tmp_path / "toy")).load()
    answers = write_answers(tmp_path / "a.csv", [item.item_id for item in data.items])
    results = judged(data, answers, tmp_path)
    assert {case.treatment for case in results.document.claims} == {"keywords:a_keyword"}


REAL = Path(os.environ.get("RECCLAIMS_DATA_DIR", "nowhere"))


@pytest.mark.skipif(not (REAL / "ml100k").is_dir(), reason="needs ml100k under RECCLAIMS_DATA_DIR")
def test_real_answers_in_a_catalogue_are_found_as_before(session):
    output = session("--collect-only", "-q", "-m", "keywords or prompt", data=REAL / "ml100k", code=0)
    assert "keywords:qwen2_keyword-twin-ml-100k-posters" in output
    assert "answers:phi_35vl_descriptive-misaligned-ml-100k-posters" in output
