import hashlib
import json
import os
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims import cli
from recclaims.amazon2023.prepare import LACKING, Preparation
from recclaims.amazon2023.source import POLICIES, AmazonReviews2023
from recclaims.data.preparation import PrepareRequest
from recclaims.data.reference import open_source
from recclaims.errors import DatasetError, NotAvailableError
from recclaims.plugin_manager import registry
from recclaims.testing import DatasetContract

from ..drawing import examples
from .raw import block_of, lines, product, review, write_category
from .test_images import picture
from .test_kcore import fixpoint

REFERENCE = "amazon2023:Toys"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("RECCLAIMS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def raw(tmp_path):
    return write_category(tmp_path / "raw")


@pytest.fixture
def command(tmp_path, capsys):
    def run(*options, reference=REFERENCE, code=0):
        assert cli.main(["prepare", reference, "--from", str(tmp_path / "raw"), *map(str, options)]) == code
        shown = capsys.readouterr()
        if code:
            assert shown.out == ""
            return shown.err.splitlines()[-1]
        return shown.out

    return run


def counts(output):
    return {what: int(n.replace(",", "")) for what, n in re.findall(r"^(\S.*?)  +([\d,]+)$", output, re.MULTILINE)}


@pytest.mark.parametrize(("mask", "rights"), [(0o022, 0o755), (0o002, 0o775), (0o077, 0o700)])
def test_a_prepared_folder_has_the_rights_that_the_umask_gives(raw, command, data, mask, rights):
    before = os.umask(mask)
    try:
        command()
    finally:
        os.umask(before)
    assert (data / "amazon2023" / "Toys-core5-keep").stat().st_mode & 0o777 == rights


def test_from_raw_files_to_a_dataset(raw, command, data):
    output = command()
    assert counts(output)["kept"] == 36
    assert output.endswith(f"{data}/amazon2023/Toys-core5-keep is ready.\n")
    dataset = open_source(REFERENCE, registry()).load()
    assert dataset.name == "amazon2023-Toys"
    assert (dataset.relevance, dataset.strategy, dataset.category) == (4, "random", "categories")
    assert [item.item_id for item in dataset.items] == [f"B{i}" for i in range(6)]
    assert dataset.items[0].text == "Product B0. A thing. It is soft."
    assert dataset.items[0].attributes == {"categories": ("Nursery", "Bedding")}
    assert dataset.user_ids == [f"U{i}" for i in range(6)]
    interactions = dataset.interactions
    assert interactions.ratings[:3].tolist() == [1, 2, 3]
    assert interactions.timestamps[:2].tolist() == [1_600_000_000.0, 1_600_000_001.0]
    assert open_source(REFERENCE, registry()).modalities == {"textual", "attributes"}


def test_the_folder_is_a_folder_dataset_too(raw, command, data):
    command()
    as_folder = open_source(f"{data}/amazon2023/Toys-core5-keep", registry()).load()
    assert as_folder.fingerprint == open_source(REFERENCE, registry()).load().fingerprint


def test_the_reference_changes_protocol_and_core(raw, command):
    command("--core", 6, "--lacking", "drop")
    source = open_source(f"{REFERENCE}?core=6&lacking=drop&split=temporal&relevance=none", registry())
    dataset = source.load()
    assert dataset.name == "amazon2023-Toys-core6-drop?split=temporal&relevance=none"
    assert (dataset.strategy, dataset.relevance) == ("temporal", None)


def test_a_folder_lays_content_over_it(raw, command, tmp_path):
    command()
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "dataset.toml").write_text(f'base = "{REFERENCE}?split=temporal"\n')
    (folder / "items.jsonl").write_text('{"item_id": "B1", "title": "Another", "lvlm": {"m": "Toy"}}\n')
    dataset = open_source(str(folder), registry()).load()
    assert dataset.items[1].title == "Another"
    assert dataset.strategy == "temporal"


def test_without_preparation_it_says_the_command(data):
    source = open_source(f"{REFERENCE}?core=10&lacking=drop", registry())
    assert source.modalities == {"visual", "textual", "attributes"}
    with pytest.raises(NotAvailableError) as caught:
        source.load()
    assert f"{data}/amazon2023/Toys-core10-drop" in str(caught.value)
    assert str(caught.value).endswith("recclaims prepare amazon2023:Toys --core 10 --lacking drop")


@pytest.mark.parametrize("changes", [{}, {"core": "10"}, {"lacking": "drop"}])
def test_the_command_that_it_says_prepares_it(tmp_path, command, changes):
    write_category(tmp_path / "raw", block_of(11, 11), [product(f"B{i}") for i in range(11)])
    source = AmazonReviews2023("Toys", **{key: int(v) if v.isdecimal() else v for key, v in changes.items()})
    words = source.command().split()
    assert words[:2] == ["recclaims", "prepare"]
    command(*words[3:], reference=words[2])
    assert len(source.load().interactions) == 121


FAULTS = {
    ("amazon2023",): "recclaims: amazon2023: 'amazon2023' needs its CATEGORY, as in amazon2023:CATEGORY",
    ("amazon2023:",): "'amazon2023' needs its CATEGORY",
    ("amazon2023:../x",): "'../x' is not a category",
    ("amazon203:Toys",): "recclaims prepare: unknown dataset 'amazon203'; did you mean 'amazon2023'?",
    ("ml-100k",): "ml-100k needs no preparation: pytest suite --claims-data ml-100k",
    ("ml-100k:x",): "ml-100k:x: 'ml-100k' takes no argument",
    ("ml-100k", "--core", "5"): "unknown key 'core'",
    (REFERENCE, "--lacking", "dorp"): "unknown lacking 'dorp'; did you mean 'drop'?",
    (REFERENCE, "--core", "0"): "core is 0, not a whole number from 1",
    (f"{REFERENCE}?split=random",): "unknown key 'split'",
    ("amazon2023:Pets",): "has neither Pets.jsonl.gz nor Pets.jsonl",
}


@pytest.mark.parametrize(("arguments", "message"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_refusal_is_one_line_and_exit_code_2(raw, command, arguments, message):
    reference, *options = arguments
    assert message in command(*options, reference=reference, code=2)


ANY = st.builds(
    lambda u, i, r, t: review(f"U{u}", f"B{i}", r, t),
    st.integers(0, 6), st.integers(0, 8), st.integers(1, 5), st.integers(0, 5),
)  # fmt: skip
PRODUCTS = st.lists(
    st.builds(
        lambda i, n, text: product(f"B{i}", n, **({} if text else {"title": "", "description": [], "features": []})),
        st.integers(0, 7), st.integers(0, 1), st.booleans(),
    ),
    min_size=5,
)  # fmt: skip


@pytest.mark.minutes  # seconds by itself
@examples(60)
@given(
    st.lists(ANY | st.sampled_from(["{", "[]", '{"user_id": "U"}']), min_size=20, max_size=80),
    PRODUCTS, st.sampled_from(POLICIES), st.integers(1, 3),
)  # fmt: skip
def test_every_line_is_kept_or_accounted_for(tmp_path_factory, reviews, products, policy, core):
    place = tmp_path_factory.mktemp("any")
    write_category(place / "raw", reviews, products)
    source = AmazonReviews2023("Toys", core, policy)
    sound = [one for one in reviews if isinstance(one, dict)]
    first = {}
    for one in products:
        first.setdefault(one["parent_asin"], one)
    needs = LACKING[policy]
    admitted = {
        item for item, one in first.items()
        if ("text" not in needs or one["title"]) and ("image" not in needs or one["images"])
    }  # fmt: skip
    pairs = {(one["user_id"], one["parent_asin"]) for one in sound}
    expected = fixpoint({pair for pair in pairs if pair[1] in admitted}, core)
    request = PrepareRequest(place / "raw", place / "data", max_bad=len(reviews), tell=lambda _: None)
    if not expected:
        with pytest.raises(DatasetError, match="nothing is left of"):
            source.prepare(request)
        return
    prepared = source.prepare(request)
    table = pl.read_parquet(prepared.path / "interactions.parquet")
    assert set(table.select("user_id", "item_id").rows()) == expected
    assert len(table) == len(expected)
    (_, read), *left_out, (what, kept) = prepared.rows
    assert (read, what, kept) == (len(reviews), "kept", len(expected))
    assert read == kept + sum(count for _, count in left_out)
    assert dict(left_out)["earlier reviews of the same user and item"] == len(sound) - len(pairs)
    assert dict(left_out)["of items without metadata"] == sum(item not in first for _, item in pairs)


def test_bad_lines_are_borne_up_to_a_number(tmp_path, command):
    sound = block_of()
    write_category(tmp_path / "raw", [*sound[:9], "{", *sound[9:], review("U1", "B77"), json.dumps(review(3, ["x"]))])
    message = command(code=2)
    assert message.startswith(
        "recclaims: 2 bad lines so far, and --max-bad is 0: Toys.jsonl.gz: corrupt line (first: line 10, "
    )
    assert "line with a field of the wrong type (first: line 39, parent_asin): 1" in message
    assert "3 bad lines so far" in command("--max-bad", 2, code=2)
    assert not (tmp_path / "data" / "amazon2023" / "Toys-core5-keep").exists()
    output = command("--max-bad", 3)
    assert counts(output) == {
        "reviews read": 39, "bad lines": 2, "earlier reviews of the same user and item": 0,
        "of items without metadata": 1, "of items that lack content (policy keep)": 0, "outside the 5-core": 0,
        "kept": 36,
    }  # fmt: skip
    assert "left out: Toys.jsonl.gz: review of an unknown parent_asin (first: B77): 1" in output


def test_truncated_gzip_is_never_taken_for_a_whole_file(raw, command):
    path = raw / "Toys.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert "truncated gzip, so that the rest is lost" in command(code=2)
    meta = raw / "meta_Toys.jsonl.gz"
    write_category(raw)
    meta.write_bytes(meta.read_bytes()[:-9])
    assert "meta_Toys.jsonl.gz: truncated gzip" in command(code=2)


def test_it_is_there_already_until_the_files_change(raw, command, data):
    first = command()
    folder = data / "amazon2023" / "Toys-core5-keep"
    time = (folder / "items.jsonl").stat().st_mtime_ns
    assert command() == first.replace("is ready", "already exists")
    assert (folder / "items.jsonl").stat().st_mtime_ns == time
    write_category(raw, [*block_of(), review("U9", "B1")])
    output = command()
    assert output.endswith("is ready.\n")
    assert counts(output)["reviews read"] == 37
    assert sorted(path.name for path in folder.parent.iterdir()) == [".Toys.lock", "Toys-core5-keep"]


def test_a_text_of_the_same_size_is_another_text(raw, command):
    command()
    edited = [product("B0", title="Produkt B0"), *(product(f"B{i}") for i in range(1, 6))]
    meta = raw / "meta_Toys.jsonl"
    (raw / "meta_Toys.jsonl.gz").unlink()
    times = []
    for products in ([product(f"B{i}") for i in range(6)], edited):
        meta.write_bytes(lines(products))
        os.utime(meta, ns=(10**18, 10**18))
        times.append(meta.stat())
        assert command().endswith("is ready.\n")
    assert times[0].st_size == times[1].st_size
    assert open_source(REFERENCE, registry()).load().items[0].title == "Produkt B0"
    assert command().endswith("already exists.\n")


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_what_is_recorded_is_what_was_read(tmp_path, command, data, monkeypatch, ending):
    """A file that is replaced behind the reader's back is not what the folder was made of."""
    raw = write_category(tmp_path / "raw", ending=ending)
    paths = [raw / f"Toys{ending}", raw / f"meta_Toys{ending}"]
    was = [(path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
    count = Preparation._kept

    def later(*arguments):
        for path in paths:
            path.write_bytes(b"another")
        count(*arguments)

    monkeypatch.setattr(Preparation, "_kept", later)
    command()
    record = json.loads((data / "amazon2023" / "Toys-core5-keep" / "prepare.json").read_text())
    assert [(facts["bytes"], facts["sha256"]) for facts in record["inputs"]] == was


def test_what_lies_behind_broken_gzip_is_part_of_the_file(raw, command, data):
    path = raw / "meta_Toys.jsonl.gz"
    path.write_bytes(path.read_bytes() + b"garbage" * 1_000_000)
    command("--max-bad", 1)
    record = json.loads((data / "amazon2023" / "Toys-core5-keep" / "prepare.json").read_text())
    assert record["inputs"][1]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert command("--max-bad", 1).endswith("already exists.\n")


def test_a_folder_of_an_earlier_version_is_made_anew(raw, command, data):
    command()
    path = data / "amazon2023" / "Toys-core5-keep" / "prepare.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 1}))
    with pytest.raises(NotAvailableError, match=r"was prepared by another version of recclaims.*recclaims prepare ama"):
        open_source(REFERENCE, registry()).load()
    assert command().endswith("is ready.\n")
    assert open_source(REFERENCE, registry()).load().items


def test_texts_are_those_that_a_browser_shows(tmp_path, command):
    first = product(
        "B0", title="Salt &amp; Pepper", description=["<p>It is <b>soft</b>.</p>", "5&#39; 6&quot;<br>warm"],
        categories=["Baby &amp; Toddler", "Bath &amp; Potty", "<b></b>"],
    )  # fmt: skip
    bare = product("B1", title="<br>", description=["&nbsp;"], features=[])
    write_category(tmp_path / "raw", products=[first, bare, *(product(f"B{i}") for i in range(2, 6))])
    assert "of which 1 have no text" in command()
    items = open_source(REFERENCE, registry()).load().items
    assert (items[0].title, items[0].description) == ("Salt & Pepper", "It is soft . 5' 6\" warm".replace(" .", "."))
    assert items[0].attributes == {"categories": ("Bath & Potty",)}
    assert not items[1].text


def test_the_same_files_give_the_same_bytes(raw, command, tmp_path):
    folders = []
    for place in ("one", "two"):
        command("--to", tmp_path / place)
        folders.append(tmp_path / place / "amazon2023" / "Toys-core5-keep")
    files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    assert files[0] == files[1]
    assert set(files[0]) == {"dataset.toml", "items.jsonl", "interactions.parquet", "prepare.json"}


def test_a_crash_while_writing_leaves_what_was_there(raw, command, data, monkeypatch):
    command()
    before = open_source(REFERENCE, registry()).load().fingerprint
    write_category(raw, block_of(7, 6))
    real = Path.write_text
    monkeypatch.setattr(
        Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert "cannot be written: No space left on device" in command(code=2)
    monkeypatch.setattr(Path, "write_text", real)
    assert open_source(REFERENCE, registry()).load().fingerprint == before
    # Killed: nothing cleans up.
    (data / "amazon2023" / ".Toys-core5-keep.killed").mkdir()
    assert counts(command())["kept"] == 42
    assert sorted(path.name for path in (data / "amazon2023").iterdir()) == [".Toys.lock", "Toys-core5-keep"]


def test_two_at_once_are_one_too_many(raw, command, data):
    from filelock import FileLock

    (data / "amazon2023").mkdir(parents=True)
    with FileLock(data / "amazon2023" / ".Toys.lock"):
        assert "another process is preparing Toys at this moment" in command(code=2)


def test_a_folder_that_cannot_be_made_is_one_line(raw, command, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be used: Not a directory" in command("--to", tmp_path / "file", code=2)


@pytest.fixture
def shop(server, tmp_path):
    """A server that has raw files and images."""
    place = tmp_path / "served"
    products = [product(f"B{i}", images=[{"variant": "MAIN", "large": f"{server.url}/{i}.jpg"}]) for i in range(6)]
    write_category(place, products=products, category="Software")
    server.files |= {
        "/raw/review_categories/Software.jsonl.gz": (place / "Software.jsonl.gz").read_bytes(),
        "/raw/meta_categories/meta_Software.jsonl.gz": (place / "meta_Software.jsonl.gz").read_bytes(),
        **{f"/{i}.jpg": picture((i, 0, 0)) for i in range(6)},
    }

    def run(core=5, lacking="keep", **changes):
        source = AmazonReviews2023("Software", core, lacking)
        request = PrepareRequest(None, tmp_path / "data", images=True, tell=lambda _: None)
        folder = source.folder(request.data)
        prepared = Preparation("Software", source.name, core, lacking, folder, request, server.web(**changes)).run()
        return prepared, source.load()

    server.run = run
    return server


def test_fetched_from_the_web_with_images(shop, tmp_path):
    prepared, dataset = shop.run()
    assert "images: 6 available, 6 of them downloaded now; none missing" in prepared.notes
    assert [item.image().getpixel((0, 0))[0] for item in dataset.items] == pytest.approx(range(6), abs=2)
    assert open_source("amazon2023:Software", registry()).modalities == {"visual", "textual", "attributes"}
    record = json.loads((prepared.path / "prepare.json").read_text())
    assert [len(facts["sha256"]) for facts in record["inputs"]] == [64, 64]
    n_requests = len(shop.requests)
    assert shop.run()[0].already
    # Another core of the same files fetches nothing again.
    assert not shop.run(core=6)[0].already
    assert len(shop.requests) == n_requests


def test_images_that_may_come_are_tried_by_the_same_command(shop):
    shop.script = {"/2.jpg": [503] * 3}
    del shop.files["/3.jpg"]
    prepared, dataset = shop.run()
    assert "images: 4 available, 4 of them downloaded now; missing: answer 404: 1, answer 503: 1" in prepared.notes
    assert "run the same command to try 1 missing images again" in prepared.notes
    assert [item.image() is not None for item in dataset.items] == [True, True, False, False, True, True]
    prepared, dataset = shop.run()
    assert not prepared.already
    assert sum(item.image() is not None for item in dataset.items) == 5
    assert shop.run()[0].already


def test_items_whose_image_cannot_be_had_are_dropped_where_the_policy_says_so(shop):
    del shop.files["/3.jpg"]
    with pytest.raises(DatasetError, match=r"nothing is left of 36 reviews, for want of images"):
        shop.run(core=6, lacking="drop")
    prepared, dataset = shop.run(core=5, lacking="drop")
    assert [item.item_id for item in dataset.items] == ["B0", "B1", "B2", "B4", "B5"]
    rows = dict(prepared.rows)
    assert rows["of items whose image could not be downloaded"] == 6
    assert rows["reviews read"] == sum(rows.values()) - rows["reviews read"]


def test_a_folder_with_images_serves_where_none_were_asked_for(shop, tmp_path):
    shop.run()
    request = PrepareRequest(tmp_path / "data" / "amazon2023" / "raw", tmp_path / "data", tell=lambda _: None)
    assert AmazonReviews2023("Software").prepare(request).already


def test_the_policies_that_a_reference_names_are_those_that_there_are():
    assert set(POLICIES) == set(LACKING)


class TestContract(DatasetContract):
    @pytest.fixture(autouse=True)
    def _prepared(self, tmp_path_factory, monkeypatch):
        place = tmp_path_factory.getbasetemp() / "contract"
        if not place.exists():
            write_category(place / "raw", block_of(12, 12), [product(f"B{i}") for i in range(12)])
            AmazonReviews2023("Toys").prepare(PrepareRequest(place / "raw", place / "data", tell=lambda _: None))
        monkeypatch.setenv("RECCLAIMS_DATA_DIR", str(place / "data"))

    def make(self):
        return AmazonReviews2023("Toys")
