"""Answers and catalogues from files of their own, beside a data set of any kind."""

import csv
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from recclaims.data.answers_file import AnswersFile
from recclaims.data.beside import relocated, split_content, with_content
from recclaims.data.reference import located, open_source
from recclaims.data.source_spec import source_spec
from recclaims.errors import DatasetError, RecclaimsError
from recclaims.plugin_manager import registry
from recclaims.reporting.privacy import shareable

from ..foreign import N_ITEMS, write_cornac, write_elliot, write_mmrec, write_recbole
from ..toy import write_toy

ANSWER = "[Type] {{hat}}, [Color] {{c{}}}"


def write_answers(path, ids, header=("asin", "result"), answer=ANSWER.format):
    with path.open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writerows([header, *((item_id, answer(item_id)) for item_id in ids)])
    return path


def load(reference, *answers, items=None):
    return open_source(with_content(str(reference), answers, items, "--claims-answers"), registry()).load()


def answers_of(dataset, name="m_keyword"):
    return {item.item_id: item.answers[name] for item in dataset.items if name in item.answers}


def refusal(reference, *answers, items=None):
    with pytest.raises(RecclaimsError) as caught:
        load(reference, *answers, items=items)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def elliot(tmp_path):
    return write_elliot(tmp_path / "elliot")


@pytest.mark.parametrize(
    ("write", "item_id"),
    [
        (write_elliot, "{}"),
        (write_mmrec, "B{:03}"),
        (write_recbole, "i{}"),
        (write_cornac, "i{}"),
        (write_toy, "i{}"),
    ],
)
def test_answers_lie_beside_folders_of_all_formats(tmp_path, write, item_id):
    folder = write(tmp_path / "data")
    ids = [item_id.format(i) for i in range(N_ITEMS)]
    file = write_answers(tmp_path / "a.csv", ids)
    reference = with_content(str(folder), [f"m_keyword={file}"])
    source, alone = open_source(reference, registry()), open_source(str(folder), registry())
    assert (source.name, source.modalities) == (alone.name, alone.modalities | {"answers"})
    assert source_spec(source).answers == ("m_keyword",)
    assert source_spec(source).features == source_spec(alone).features
    dataset = source.load()
    assert answers_of(dataset) == {one: ANSWER.format(one) for one in ids}
    assert dataset.notes == (f"m_keyword (a.csv) for {N_ITEMS} of {N_ITEMS} items",)
    assert dataset.card()["notes"] == list(dataset.notes)
    assert dataset.fingerprint == alone.load().fingerprint
    assert dataset.catalogue_fingerprint != alone.load().catalogue_fingerprint


def test_answers_lie_beside_registered_datasets_and_their_protocol(tmp_path):
    alone = open_source("emoji?users=200", registry()).load()
    file = write_answers(tmp_path / "a.csv", [item.item_id for item in alone.items])
    source = open_source(with_content("emoji?users=200", [f"m_keyword={file}"]), registry())
    assert source.name == alone.name
    assert len(answers_of(source.load())) == len(alone.items)


@pytest.mark.parametrize(
    "header",
    [
        ("asin", "result"),
        ("Image Name", "Keywords"),
        ("item_id", "answer"),
        ("id", "whatever"),
        ("parent_asin", "text"),
    ],
)
def test_columns_are_known_by_their_names(elliot, header):
    file = write_answers(elliot / "a.csv", range(N_ITEMS), header)
    assert answers_of(load(elliot, f"m_keyword={file}"))["7"] == ANSWER.format(7)


def test_columns_can_be_said(elliot):
    (elliot / "a?.tsv").write_text(
        "n\tkey&words\tdescription\n" + "".join(f"{i}\tk{i}\td{i}\n" for i in range(N_ITEMS))
    )
    path = str(elliot / "a%3F.tsv")
    found = load(elliot, f"a_keyword={path}?id=n&answer=key%26words", f"a_descri={path}?id=n&answer=description")
    assert found.items[3].answers == {"a_keyword": "k3", "a_descri": "d3"}
    assert "column 'm' is missing; it has n, key&words, description" in refusal(elliot, f"a={path}?id=m")
    assert "say which one holds the ids and which the answers: a_keyword=" in refusal(elliot, f"a_keyword={path}")
    (elliot / "both.csv").write_text("id,keywords,description\n1,a,b\n")
    assert "?id=COLUMN&answer=COLUMN" in refusal(elliot, f"a_keyword={elliot / 'both.csv'}")


def test_json_lines(elliot):
    lines = [{"item_id": i, "answer": [f"k{i}"] if i % 2 else f"k{i}"} for i in range(N_ITEMS)]
    (elliot / "a.jsonl").write_text("".join(json.dumps(line) + "\n\n" for line in lines))
    found = answers_of(load(elliot, f"m_keyword={elliot / 'a.jsonl'}"))
    assert found == {str(i): f"k{i}" for i in range(N_ITEMS)}


def test_a_cell_may_hold_lines_and_commas(elliot):
    file = write_answers(elliot / "a.csv", range(N_ITEMS), answer=lambda i: f'Type: "hat", red\nColor: c{i}\n')
    assert answers_of(load(elliot, f"m_keyword={file}"))["5"] == 'Type: "hat", red\nColor: c5\n'


@pytest.mark.parametrize(
    ("name", "file", "found"),
    [
        ("qwen2", "movies_qwen2_keyword.csv", "qwen2_keyword"),
        ("qwen2", "Baby_QWEN2VL_Keywords.csv", "qwen2_keyword"),
        ("qwen2", "descriptive.csv", "qwen2_description"),
        ("qwen2", "answers.csv", "qwen2"),
        ("qwen2_keywords", "description.csv", "qwen2_keywords"),
    ],
)
def test_a_name_without_a_kind_gets_that_of_the_file(name, file, found):
    assert AnswersFile.parse(f"{name}=some/{file}", "here").name == found


def test_ids_that_are_spelt_otherwise_are_found_and_said(tmp_path):
    folder = write_mmrec(tmp_path / "baby")
    lines = (folder / "i_id_mapping.csv").read_text().replace("B0", "0")
    (folder / "i_id_mapping.csv").write_text(lines)
    file = write_answers(tmp_path / "a.csv", [*range(3), "images/0003.JPG", *(f"{i:03}" for i in range(4, N_ITEMS))])
    found = load(folder, f"m_keyword={file}")
    assert len(answers_of(found)) == N_ITEMS
    assert answers_of(found)["001"] == ANSWER.format(1)
    assert "4 written differently: '0' and '000', '1' and '001', '2' and '002'" in found.notes[0]


@pytest.mark.parametrize("more", [["7", "07"], ["07", "007"]])
def test_ids_that_could_be_either_are_refused(elliot, more):
    ids = [i for i in range(N_ITEMS) if i != 7]
    said = refusal(elliot, f"m_keyword={write_answers(elliot / 'a.csv', [*ids, *more])}")
    assert f"'{more[0]}' and '{more[1]}' differ only in spelling" in said


def test_what_does_not_match_is_counted_with_examples(elliot):
    file = write_answers(elliot / "a.csv", [*range(40), "B1", "B2", "B3", "B4"])
    dataset = load(elliot, f"m_keyword={file}")
    assert dataset.notes == (
        "m_keyword (a.csv) for 40 of 48 items, none for '40', '41', '42'; 4 of its ids are no items: 'B1', 'B2', 'B3'",
    )


@pytest.mark.parametrize("ids", [["B1", "B2", "B3", "B4"], [1, 2, "B1", "B2", "B3"]])
def test_few_matches_are_refused(elliot, ids):
    said = refusal(elliot, f"m_keyword={write_answers(elliot / 'a.csv', ids)}")
    assert f"has an answer for {len([i for i in ids if isinstance(i, int)])} of 48 items" in said
    assert "the file's like 'B1', 'B2', 'B3'" in said
    assert "the catalogue's ids are like '0', " in said


def test_repeated_and_empty_answers_are_counted(elliot):
    file = write_answers(elliot / "a.csv", [*range(N_ITEMS), 1, 2], answer=lambda i: "" if i == 5 else f"a{i}")
    dataset = load(elliot, f"m_keyword={file}")
    assert dataset.notes[0].endswith("48 of 48 items; 1 empty; 2 rows repeated")
    assert answers_of(dataset)["5"] == ""


def test_a_last_row_that_is_cut_off_is_left_out_and_said(elliot):
    file = write_answers(elliot / "a.csv", range(N_ITEMS))
    file.write_text(file.read_text() + 'x,"Type: hat\nColor: ')
    assert load(elliot, f"m_keyword={file}").notes[0].endswith("48 of 48 items; its last row is cut off and left out")
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:3], '2,"open', *(f"{i},a" for i in range(40))]))
    assert f"{file}:4: a cell begins with a quote that is not closed" in refusal(elliot, f"m_keyword={file}")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"asin,result\n1,a\n1,b\n2,c\n", "1 rows give an id another answer: '1' (rows 1 and 2)"),
        ("a.csv", b"asin,result\n1,\n2, \n", "holds no answer"),
        ("a.csv", b"asin,result\n", "has no rows"),
        ("a.csv", b"", "has no rows"),
        ("a.csv", b"asin,result\n1,caf\xe9\n", "is not UTF-8 (invalid continuation byte); save it as UTF-8"),
        ("a.csv", "asin,result\n1,a\n".encode("utf-16"), "is not UTF-8"),
        ("a.csv", b"asin,result\n1,a\n2,b,c\n", "row 2 (line 3) has 3 cells for 2 columns"),
        ("a.csv", b'asin,result\n1,"a"b\n2,c\n', "a.csv:2: cannot be read"),
        ("a.csv", b"asin,asin,result\n1,1,a\n", "duplicate column 'asin'"),
        ("a.csv", b"asin,result\n,a\n", "row 1: asin is empty"),
        ("a.jsonl", b'{"id": 1.5, "answer": "a"}\n', "row 1: id is '1.5', not an id"),
        ("a.jsonl", b'{"id": 1, "answer": {"a": 1}}\n', "row 1: answer is \"{'a': 1}\", not a text"),
        ("a.jsonl", b'{"id": 1, "answer": "a"\n', "a.jsonl:1: not JSON"),
        ("a.jsonl", b'{"id": 1, "answer": "\\ud83d"}\n', "a.jsonl:1: the escape \\ud83d is a lone surrogate"),
        ("a.jsonl", b"[1]\n", "a.jsonl:1: not a JSON object, but a list"),
        ("a.xlsx", b"", "rows are read from .csv, .tsv, .jsonl, .ndjson, not from '.xlsx'"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(elliot, name, content, message):
    (elliot / name).write_bytes(content)
    said = refusal(elliot, f"m_keyword={elliot / name}")
    assert message in said
    assert name in said


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (["a.csv"], "--claims-answers: 'a.csv' is not NAME=FILE, as in qwen2_keyword=answers.csv"),
        (["=a.csv"], "is not NAME=FILE"),
        (["m="], "is not NAME=FILE"),
        (["a b=a.csv"], "'a b' cannot name answers"),
        (["m_keyword=nowhere.csv"], "nowhere.csv: cannot be read: No such file or directory"),
        (["m_keyword=a.csv?idd=x"], "unknown key 'idd'; did you mean 'id'?"),
        (["m_keyword=a.csv", "m_keyword=b.csv"], "'m_keyword' is given twice"),
    ],
)
def test_what_is_wrong_with_an_option_is_one_line(elliot, answers, message):
    assert message in refusal(elliot, *answers)


def test_an_answer_that_the_items_have_is_not_replaced(tmp_path):
    folder = write_toy(tmp_path / "toy")
    lines = (folder / "items.jsonl").read_text().splitlines()
    records = [json.loads(line) | {"lvlm": {"m_keyword": "x"}} for line in lines]
    (folder / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    file = write_answers(tmp_path / "a.csv", [f"i{i}" for i in range(N_ITEMS)])
    assert "have answers called 'm_keyword' already; choose another name" in refusal(folder, f"m_keyword={file}")
    both = open_source(with_content(str(folder), [f"n_keyword={file}"]), registry())
    assert source_spec(both).answers == ("m_keyword", "n_keyword")


def test_a_reference_says_the_same_to_every_process(tmp_path, monkeypatch):
    folder = write_elliot(tmp_path / "what?")
    write_answers(tmp_path / "a&b %3F+.csv", range(N_ITEMS), ("Item No", "Said"))
    answers = ["m_keyword=a&b %3F+.csv?id=Item%20No&answer=Said"]
    (tmp_path / "a&b %3F+.csv").rename(tmp_path / "a&b ?+.csv")
    monkeypatch.chdir(tmp_path)
    reference = with_content("what%3F", answers, where="here")
    reference = reference.replace("what%3F", "./what%3F")
    assert split_content(reference)[1].answers == (AnswersFile.parse(answers[0], "here"),)
    monkeypatch.chdir(folder)
    dataset = open_source(located(reference, registry(), tmp_path), registry()).load()
    assert len(answers_of(dataset)) == N_ITEMS


def test_a_report_shows_no_folders_of_files_beside():
    reference = with_content(
        "/home/me/baby?split=random", ["a_keyword=/home/me/a.csv", "b_keyword=b.csv"], "/x/i.jsonl"
    )
    assert shareable(reference) == (
        "path/to/baby?split=random&with-answers=a_keyword=path/to/a.csv&with-answers=b_keyword=b.csv"
        "&with-items=path/to/i.jsonl"
    )
    assert relocated("ml-100k?split=temporal", lambda path: path / "x") == "ml-100k?split=temporal"


@pytest.mark.parametrize("write", [write_toy, write_recbole])
def test_dataset_toml_names_files_in_its_folder(tmp_path, write):
    folder = write(tmp_path / "data")
    write_answers(folder / "a.csv", [f"i{i}" for i in range(N_ITEMS)], ("code", "said"))
    manifest = 'name = "other"\n[answers]\nm_keyword = "a.csv?id=code"\n'
    (folder / "dataset.toml").write_text(manifest)
    source = open_source(str(folder), registry())
    assert source_spec(source).answers == ("m_keyword",)
    assert "answers" in source.modalities
    assert len(answers_of(source.load())) == N_ITEMS
    for line, message in (
        ('m_keyword = "../a.csv"', "leads out of the folder"),
        ("m_keyword = 1", "key 'answers': m_keyword is 1, not the name of a file"),
        ('m_keyword = "b.csv"', "b.csv: cannot be read: No such file"),
    ):
        (folder / "dataset.toml").write_text(f'name = "other"\n[answers]\n{line}\n')
        with pytest.raises(DatasetError, match=message.replace("(", r"\(")):
            open_source(str(folder), registry()).load()


def write_catalogue(folder, ids):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (4, 4), "blue").save(folder / "a.png")
    records = [{"item_id": one, "title": f"thing {one}", "image": "a.png", "colour": ["blue"]} for one in ids]
    (folder / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(folder / "items.jsonl")


@pytest.mark.parametrize(
    ("write", "item_id", "has"),
    [(write_mmrec, "B{:03}", set()), (write_elliot, "{}", {"map"}), (write_recbole, "i{}", {"class", "year"})],
)
def test_a_catalogue_lies_beside_a_folder_that_has_none(tmp_path, write, item_id, has):
    folder = write(tmp_path / "data")
    items = write_catalogue(tmp_path / "more", [item_id.format(i) for i in range(1, N_ITEMS)] + ["stranger"])
    source = open_source(with_content(str(folder), items=items), registry())
    assert {"visual", "textual", "attributes"} <= source.modalities
    dataset, alone = source.load(), open_source(str(folder), registry()).load()
    by_id = {item.item_id: item for item in dataset.items}
    second = by_id[item_id.format(2)]
    assert second.title == f"thing {second.item_id}"
    assert second.image().size == (4, 4)
    assert {"colour", *has} == set(second.attributes)
    assert by_id[item_id.format(0)] == next(item for item in alone.items if item.item_id == item_id.format(0))
    assert (dataset.listed, dataset.features, dataset.fingerprint) == (alone.listed, alone.features, alone.fingerprint)
    assert dataset.notes == (
        f"items.jsonl describes 47 of 48 items, none for '{item_id.format(0)}'; 1 of its ids is no item: 'stranger'",
    )


def test_a_catalogue_of_other_items_is_refused(tmp_path, elliot):
    items = write_catalogue(tmp_path / "more", ["B1", "B2", "B3", "B4"])
    said = refusal(elliot, items=items)
    assert "0 of its 4 items are in 'elliot'" in said
    assert "the catalogue's ids are like '0', '1', '2', the file's like 'B1', 'B2', 'B3'" in said
    assert "nowhere.jsonl: does not exist" in refusal(elliot, items="nowhere.jsonl")


def test_a_small_folder_adds_content_to_another_programs(tmp_path):
    mmrec = write_mmrec(tmp_path / "baby")
    small = tmp_path / "small"
    write_catalogue(small, [f"B{i:03}" for i in range(N_ITEMS // 2)])
    (small / "dataset.toml").write_text('base = "../baby"\ndomain = "baby"\n[answers]\nm_keyword = "a.csv"\n')
    write_answers(small / "a.csv", [f"B{i:03}" for i in range(N_ITEMS)])
    source = open_source(str(small), registry())
    assert source.name == "small"
    assert source.modalities == {"visual", "textual", "attributes", "answers"}
    dataset, alone = source.load(), open_source(str(mmrec), registry()).load()
    assert dataset.name == "small"
    assert (dataset.items[3].title, dataset.items[40].title) == ("thing B003", "")
    assert dataset.items[3].domain == "baby"
    assert len(answers_of(dataset)) == N_ITEMS
    assert set(dataset.features) == {"image_feat", "text_feat"}
    assert (dataset.fingerprint, dataset.listed) == (alone.fingerprint, alone.listed)
    assert dataset.given_split is not None
    (mmrec / "dataset.toml").write_text('base = "../small"\n')
    with pytest.raises(DatasetError, match="has a base itself"):
        open_source(str(small), registry())


def test_data_without_files_beside_keep_their_fingerprints(tmp_path):
    toy, mmrec = write_toy(tmp_path / "toy"), write_mmrec(tmp_path / "mm")
    known = {
        str(toy): ("d4eace3ccec2859e", "e44b3ad21c851c9c"),
        str(mmrec): ("f57b2bf4a5c880c9", "736533fca409a280"),
        "ml-100k": ("a1f5903481c6e330", "d4762b087e21d686"),
        "emoji?users=200": ("1604f0ee9a4c9447", "ad5cdb6fb3c3fd91"),
    }
    for reference, fingerprints in known.items():
        found = load(reference)
        assert (found.fingerprint[:16], found.catalogue_fingerprint[:16]) == fingerprints
        assert "notes" not in found.card()


REAL = Path(os.environ.get("RECCLAIMS_DATA_DIR", "nowhere")) / "answers"


@pytest.mark.skipif(not REAL.is_dir(), reason="needs released answer files under RECCLAIMS_DATA_DIR")
@pytest.mark.parametrize("path", sorted(REAL.glob("*.csv")), ids=lambda path: path.stem)
def test_released_files_are_read_as_they_are(tmp_path, path):
    answers = AnswersFile.parse(f"m={path}", "here").read()
    ids = [*answers.texts, *(f"x{i}" for i in range(10))]
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [f"u{user}\t{ids[(7 * user + k) % len(ids)]}\t5\t{k}" for user in range(60) for k in range(6)]
    (folder / "dataset.tsv").write_text("\n".join(dict.fromkeys(rows)) + "\n")
    dataset = load(folder, f"m={path}")
    assert answers_of(dataset) == answers.texts
