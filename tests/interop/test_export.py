import json

import numpy as np
import pytest

from recclaims.cli import main
from recclaims.data.reference import open_source
from recclaims.data.splits import LEFT_OUT, make_split
from recclaims.features.extraction import extract
from recclaims.features.resolve import bind, make_encoder
from recclaims.plugin_manager import registry

from ..foreign import write_mmrec
from ..toy import write_toy

BOTH = pytest.mark.parametrize("form", ["mmrec", "recbole"])


@pytest.fixture
def export(tmp_path):
    def run(reference, form, *arguments, to="out"):
        store = ["--store", str(tmp_path / "store")]
        return main(["export", str(reference), "--format", form, "--to", str(tmp_path / to), *arguments, *store])

    return run


def load(place):
    return open_source(str(place), registry()).load()


def assert_equal(before, after, seed):
    assert [item.item_id for item in before.items] == [item.item_id for item in after.items]
    assert before.user_ids == after.user_ids
    assert before.relevance == after.relevance
    for (name, column), (_, other) in zip(before.interactions.columns(), after.interactions.columns(), strict=True):
        np.testing.assert_array_equal(column, other, err_msg=name)
    np.testing.assert_array_equal(make_split(before, seed).labels, make_split(after, 0).labels)


@BOTH
def test_a_round_trip_keeps_interactions_split_and_features(tmp_path, export, form, capsys):
    data = write_toy(tmp_path / "toy", relevance=3)
    assert export(data, form, "--encoder", "attributes", "--seed", "2") == 0
    assert "text_feat.npy" in capsys.readouterr().out
    before, after = load(data), load(tmp_path / "out")
    assert_equal(before, after, seed=2)
    features = extract(bind(make_encoder("features:text_feat", registry()), after), after.items).matrix
    np.testing.assert_array_equal(features, extract(make_encoder("attributes", registry()), before.items).matrix)
    if form == "recbole":
        assert [item.title for item in after.items] == [item.title for item in before.items]
        assert [item.attributes for item in after.items] == [item.attributes for item in before.items]


@BOTH
def test_a_foreign_folder_goes_out_as_it_came(tmp_path, export, form):
    data = write_mmrec(tmp_path / "baby")
    assert export(data, form, "--encoder", "features:image_feat", "features:text_feat") == 0
    before, after = load(data), load(tmp_path / "out")
    assert_equal(before, after, seed=0)
    for name in ("image_feat", "text_feat"):
        np.testing.assert_array_equal(
            np.load(tmp_path / "out" / f"{name}.npy"), np.load(data / f"{name}.npy").astype(np.float32)
        )
    record = json.loads((tmp_path / "out" / "export.json").read_text())
    assert record["features"]["image_feat.npy"]["encoder"] == "features:image_feat"
    assert str(tmp_path) not in json.dumps(record)


def test_numbers_of_every_kind_come_back(tmp_path, export):
    data = write_toy(tmp_path / "toy")
    text = (data / "interactions.csv").read_text().splitlines()
    odd = ["0.1", "1e-7", "3.3333333", "-2", "123456789"]
    rows = [line.split(",") for line in text[1:]]
    rows = [[user, item, odd[n % 5], f"{time}.{n}"] for n, (user, item, _, time) in enumerate(rows)]
    (data / "interactions.csv").write_text("\n".join([text[0], *map(",".join, rows)]) + "\n")
    for form in ("mmrec", "recbole"):
        assert export(data, form, to=form) == 0
        assert_equal(load(data), load(tmp_path / form), seed=0)


@BOTH
def test_items_held_out_altogether_stay_so(tmp_path, export, form):
    """What takes no part, of users whose every item is held out, is in neither format."""
    data = write_toy(tmp_path / "toy", split="cold")
    with (data / "interactions.csv").open("a") as file:
        file.writelines(f"w{item},i{item},1,5\n" for item in range(48))
    assert export(data, form, "--seed", "2") == 0
    before, after = load(data), load(tmp_path / "out")
    assert (before.card()["split"], after.card()["split"]) == ("cold", "given, cold")
    ids = [item.item_id for item in before.items]
    drawn, given = make_split(before, 2), make_split(after, 0)
    parted = drawn.labels != LEFT_OUT
    assert 0 < (~parted).sum() < 20
    assert [item.item_id for item in after.items] == ids
    sides = []
    for one, rows, labels in ((before, parted, drawn.labels), (after, slice(None), given.labels)):
        users, items = one.interactions.users[rows], one.interactions.items[rows]
        sides.append({(one.user_ids[u], ids[i], int(p)) for u, i, p in zip(users, items, labels[rows], strict=True)})
    assert sides[0] == sides[1]


def test_simulated_data_says_so_wherever_it_goes(tmp_path, export):
    assert export("emoji?users=60", "mmrec") == 0
    assert open_source(str(tmp_path / "out"), registry()).name == "out-planted"


def test_nothing_is_written_over(tmp_path, export, capsys):
    data = write_toy(tmp_path / "toy")
    (tmp_path / "out").mkdir()
    assert export(data, "mmrec") == 0
    (tmp_path / "file").write_text("x")
    for to in ("out", "file"):
        before = sorted(tmp_path.rglob("*"))
        assert export(data, "mmrec", to=to) == 2
        assert f"{to}: already exists" in capsys.readouterr().err
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mmrek"], "--format: unknown format 'mmrek'; did you mean 'mmrec'?"),
        (["mmrec", "--encoder", "attributes", "sbert"], "--encoder sbert: attributes is also textual"),
        (["mmrec", "--encoder", "sbrt"], "--encoder: unknown encoder 'sbrt'; did you mean 'sbert'?"),
        (["mmrec", "--seed", "-1"], "--seed -1: replicates are counted from 0"),
        (["mmrec", "--encoder", "efficientnet-lite0"], "none of 48 items has visual content"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(tmp_path, export, capsys, arguments, message):
    data = write_toy(tmp_path / "toy")
    assert export(data, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


@BOTH
def test_an_id_that_a_table_cannot_hold_is_refused(tmp_path, export, form, capsys):
    data = write_toy(tmp_path / "toy")
    for name in ("items.jsonl", "interactions.csv"):
        text = (data / name).read_text()
        (data / name).write_text(
            text.replace('"i1"', '"i\\t1"') if name == "items.jsonl" else text.replace(",i1,", ',"i\t1",')
        )
    assert export(data, form) == 2
    assert "1 ids of items are empty or contain a tab or a line break: 'i\\t1'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_begins_with_a_quote_comes_back_from_recbole(tmp_path, export):
    folder = write_toy(tmp_path / "toy")
    path = folder / "items.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    titles = ['"Weird Al" Yankovic', '"open', '"', 'a 5" disk', '""']
    for record, title in zip(records, titles, strict=False):
        record["title"] = title
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert export(folder, "recbole") == 0
    found = {item.item_id: item.title for item in load(tmp_path / "out").items}
    assert found == {record["item_id"]: record["title"] for record in records}
