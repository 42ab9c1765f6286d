"""Everything that is read, each as a function of a random source and a folder to write its input into."""

import argparse
import hashlib
import io
import json
import re
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors.numpy import save as safetensors

from recclaims._model.cell import Cell
from recclaims._pytest.options import add_options, settings_of
from recclaims._pytest.plugin import planner_of
from recclaims._pytest.session import SESSION, ClaimsSession
from recclaims.artefact import artefact_json
from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.interactions_file import read_table
from recclaims.data.items_file import peek, peek_answers, read_items
from recclaims.data.reference import open_source
from recclaims.data.splits import Split, check_relevant, make_split
from recclaims.engine.held_out import HeldOut
from recclaims.engine.settings import Mask
from recclaims.engine.stored_cell import read_cell
from recclaims.errors import RecclaimsError
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.features.vector_files import read_vectors
from recclaims.lvlm.parsing import parse_keywords
from recclaims.lvlm.prompts import _read as read_prompts
from recclaims.lvlm.prompts import domain_names, find_domain
from recclaims.packed import Packed
from recclaims.planning.builtin import NOISE
from recclaims.plugin_manager import registry
from recclaims.reporting import changes as changed
from recclaims.reporting.baseline import compare
from recclaims.reporting.results import read
from recclaims.store import Store

from .fuzz_inputs import WORDS, damaged, damaged_bytes, damaged_text, text
from .reporting.documents import card, case, cell, encoder, not_run, raw

ANSWERS = (
    "[Category] {Toys}, [Pet Type] {Dog}, [Purpose] {Fun}, [Material] {Rubber}, [Usage Context] {Outdoor}",
    "Category: Toys, Pet Type: Dog, Purpose: Fun, Material: Rubber, Usage Context: Outdoor",
    '["[Category] {Toys}, [Pet Type] {N/A}"]',
    '{"Category": "Toys", "Pet Type": ["Dog", "Cat"]}',
    "I'm sorry, but I cannot see an image.",
    "**Category**: Toys\n**Pet Type** - Dog\n| Purpose | Fun |",
)
SLOTS = ("Category", "Pet Type", "Purpose", "Material", "Usage Context")
ITEMS = (
    {"item_id": "a", "title": "A", "image": "images/a.png", "attributes": {"colour": ["red"]}},
    {"item_id": "b", "description": "B", "genres": ["x", "y"], "lvlm": {"qwen2_keyword": ANSWERS[0]}},
    {"item_id": 3, "title": "C"},
)
ROWS = [(f"u{user}", item, float(user % 5 + 1), 1e9 + user) for user in range(6) for item in "ab3"]
MANIFEST = 'name = "toy"\nrelevance = 2\nsplit = "temporal"\ncategory = "colour"\nmodalities = ["textual"]\n'


def written(path, content):
    """Write a text or bytes."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    return path


def keywords(random, place):
    """The keyword answers of a vision-language model."""
    answer = damaged_text(random, random.choice(ANSWERS)) if random.random() < 0.9 else text(random, 400)
    slots = SLOTS if random.random() < 0.8 else tuple(dict.fromkeys(text(random) or "x" for _ in range(3)))
    found = parse_keywords(answer, slots)
    assert bool(found.values) == (found.failure is None)


def lines(random):
    """An items.jsonl, damaged in its records or in its letters."""
    records = [damaged(random, record) if random.random() < 0.4 else record for record in ITEMS]
    whole = "\n".join(json.dumps(record, ensure_ascii=random.random() < 0.7) for record in records)
    return damaged_text(random, whole) if random.random() < 0.3 else whole


def items(random, place):
    """items.jsonl."""
    with_image(place)
    whole = lines(random)
    content = damaged_bytes(random, whole.encode(errors="surrogatepass")) if random.random() < 0.2 else whole
    path = written(place / "items.jsonl", content)
    peek(path)
    peek_answers(path)
    for item in read_items(path):
        assert item.item_id
        assert item.text is not None
        "".join([item.item_id, item.text, *item.answers.values()]).encode()


def with_image(place):
    """Put the one image that ITEMS name."""
    if not (place / "images" / "a.png").exists():
        (place / "images").mkdir()
        Image.new("RGB", (4, 4)).save(place / "images" / "a.png")


@cache
def tables():
    """Interactions as bytes of every format."""
    table = pl.DataFrame(ROWS, schema=["user_id", "item_id", "rating", "timestamp"], orient="row")
    parquet = io.BytesIO()
    table.write_parquet(parquet)
    return {
        "csv": table.write_csv().encode(),
        "tsv": table.write_csv(separator="\t").encode(),
        "parquet": parquet.getvalue(),
    }


def table(random, place):
    """interactions.csv, .tsv and .parquet."""
    ending = random.choice(("csv", "tsv", "parquet"))
    whole = tables()[ending]
    if ending == "parquet" or random.random() < 0.3:
        content = damaged_bytes(random, whole)
    else:
        content = damaged_text(random, whole.decode())
    found = read_table(written(place / f"interactions.{ending}", content))
    assert {"user_id", "item_id"} <= set(found.columns)


@cache
def matrices():
    """Features as bytes of every format of one file."""
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
    frame = pl.DataFrame({"item_id": list("abcd"), **{f"d{i}": column for i, column in enumerate(matrix.T)}})
    array, parquet = io.BytesIO(), io.BytesIO()
    np.save(array, matrix)
    frame.write_parquet(parquet)
    return {
        "npy": array.getvalue(),
        "safetensors": safetensors({"matrix": matrix}, metadata={"ids": '["a", "b", "c", "d"]'}),
        "parquet": parquet.getvalue(),
        "csv": frame.write_csv().encode(),
        "tsv": frame.write_csv(separator="\t").encode(),
    }


def vectors(random, place):
    """A file that `features:PATH` names."""
    ending, whole = random.choice(list(matrices().items()))
    if ending in ("csv", "tsv") and random.random() < 0.7:
        content = damaged_text(random, whole.decode())
    else:
        content = damaged_bytes(random, whole)
    found = read_vectors(written(place / f"features.{ending}", content), None, "abcd")
    assert found.matrix.ndim == 2


def folder(random, place):
    """A whole dataset: dataset.toml, items.jsonl and interactions, to its card, its digests and its split."""
    with_image(place)
    written(place / "dataset.toml", damaged_text(random, MANIFEST) if random.random() < 0.7 else "")
    written(place / "items.jsonl", lines(random) if random.random() < 0.4 else "\n".join(map(json.dumps, ITEMS)))
    rows = tables()["csv"]
    rows = damaged_text(random, rows.decode()).encode() if random.random() < 0.4 else rows
    written(place / "interactions.csv", rows)
    source = open_source(f"{place}/", registry())
    assert source.modalities is not None
    data = source.load()
    json.dumps(data.card(), allow_nan=False)
    assert data.fingerprint != data.catalogue_fingerprint
    check_relevant(data, make_split(data, 0))


def references(random, place):
    """NAME?key=value, as --claims-data takes it."""
    known = (
        "ml-100k?split=temporal&relevance=none",
        "emoji?users=50&items=40&dose=0.5&channel=visual&seed=1",
        "ml-100k",
    )
    source = open_source(
        damaged_text(random, random.choice(known)) if random.random() < 0.9 else text(random), registry()
    )
    assert source.name


def encoders(random, place):
    """NAME:ARGUMENT?key=value, as --claims-encoder takes it."""
    known = (
        "sbert:all-mpnet-base-v2", "late_fusion:attributes+sbert", "keywords:qwen2_keyword?domain=pets&distance=0.4",
        "lvlm:qwen2-vl-2b?prompt=description&max_new_tokens=64&temperature=0.5", "answers:x", "resnet50:weights.pth",
    )  # fmt: skip
    name = damaged_text(random, random.choice(known)) if random.random() < 0.9 else text(random)
    facts_of(name, registry())
    getattr(make_encoder(name, registry()), "unavailable", lambda: None)()


def prompts(random, place):
    """A file of prompts."""
    shipped = find_domain(random.choice(domain_names()))
    whole = f'domain = "pets"\nversion = 1\nslots = {json.dumps(list(shipped.slots))}\n\n[prompts]\n'
    whole += "".join(f"{name} = {json.dumps(asked)}\n" for name, asked in shipped.prompts.items())
    path = written(place / "prompts.toml", damaged_text(random, whole))
    read_prompts.cache_clear()
    assert find_domain(str(path)).slots


@cache
def pictures():
    """One picture as bytes of every format that is read."""
    noise = Image.effect_noise((9, 7), 90)
    found = []
    for mode, kind, options in (
        ("RGBA", "PNG", {}), ("P", "PNG", {"transparency": 0}), ("RGB", "JPEG", {}), ("RGB", "WEBP", {}),
        ("P", "GIF", {"save_all": True, "append_images": [noise.convert("P")]}), ("RGB", "BMP", {}),
        ("CMYK", "JPEG", {}), ("I;16", "PNG", {}), ("RGB", "TIFF", {}),
    ):  # fmt: skip
        file = io.BytesIO()
        noise.convert(mode).save(file, kind, **options)
        found.append(file.getvalue())
    return found


def images(random, place):
    """An image of a catalogue."""
    whole = random.choice(pictures())
    path = written(place / "image", damaged_bytes(random, whole) if random.random() < 0.95 else whole)
    assert Item("a", image_path=path).image().mode == "RGB"


DOCUMENT = raw(
    case(),
    not_run(case="b"),
    case(case="c", claim="content", control="twin", flavour="mmrec", treatment_noise=None),
    cells=[cell()],
    encoders=[encoder()],
    datasets=[card(parameters={"dose": 0.5})],
    statements={
        "noise": {
            "version": 1,
            "statement": "A.",
            "source": "B",
            "direction": "greater",
            "equivalence": False,
            "planted": True,
        }
    },
    references={"toy": "path/to/toy"},
    keywords=[
        {
            "encoder": "keywords:m",
            "dataset": "toy",
            "slot": "Genre",
            "answers": 12,
            "compliance": 0.5,
            "refusals": 3,
            "missing": 2,
            "distinct": 5,
            "entropy": 3.4,
            "other": 0.25,
            "examples": ["comedy", "drama"],
        },
    ],
)


def results(random, place):
    """results.json, as `recclaims report` and `recclaims compare` read it."""
    whole = json.dumps(damaged(random, DOCUMENT), ensure_ascii=random.random() < 0.7)
    whole = damaged_text(random, whole) if random.random() < 0.1 else whole
    path = written(place / "results.json", whole)
    found = read(path)
    for name, reporter in registry().reporters.items():
        if name != "html" or random.random() < 0.1:  # it draws, which takes its time
            reporter().render(found).encode()
    good = read(written(place / "good.json", json.dumps(DOCUMENT)))
    for old, new in ((found, found), (good, found), (found, good)):
        try:
            made = changed.plain(compare(old, new, "old")) + changed.markdown(compare(old, new, "old"))
        except RecclaimsError:
            continue
        assert made.encode()


RECIPE = {"encoder": "sbert", "seed": 3}
RANKINGS = {
    "ranks": np.array([1, 3, 2, 4], np.uint8),
    "fewer": np.array([0, 1, 0, 0], np.uint8),
    "top": np.array([[0, 4, 1, 5, 5], [3, 2, 4, 1, 0], [1, 3, 4, 2, 5], [4, 3, 1, 0, 5]], np.uint8),
    "more": np.array([5], np.uint8),
    "candidates": np.array([[3, 5, 4, 4], [2, 5, 4, 4]], np.uint8),
}


@cache
def held_out():
    """Four users and five items; of the first user's, one is in validation."""
    pairs = np.array([(0, 2), (0, 3), (0, 4), (0, 0), (1, 4), (2, 3), (3, 0), (2, 0), (3, 2)])
    labels = np.array([0, 0, 1, 2, 2, 2, 2, 0, 0], dtype=np.int8)
    interactions = Interactions(pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32))
    users, items = tuple("abcd"), tuple(Item(str(number), "") for number in range(5))
    return HeldOut(Dataset("fuzzed", users, items, interactions), Split(labels))


FACTS = {
    "cell": "x",
    "epochs": 1,
    "best_epoch": 1,
    "seconds": 1.0,
    "peak_mb": 1.0,
    "valid_score": 0.5,
    "trials": 0,
    "tuned": {},
    "content": None,
    "derived": None,
    "scores": "",
}


def store(random, place):
    """An artefact of the store: its manifest, or its files with a manifest that vouches for them."""
    shutil.rmtree(place / "store", ignore_errors=True)
    kept = Store(place / "store")
    path = kept.save("cells", RECIPE, {"rankings": Packed(RANKINGS), "facts": FACTS}).path
    name = random.choice(("manifest.json", "facts.json", "rankings.npz"))
    whole = (path / name).read_bytes()
    if name.endswith("json") and random.random() < 0.7:
        written(path / name, json.dumps(damaged(random, json.loads(whole))))
    else:
        written(path / name, damaged_bytes(random, whole))
    if name != "manifest.json":  # vouched for, by whoever wrote it
        manifest = json.loads((path / "manifest.json").read_text())
        content = (path / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        written(path / "manifest.json", artefact_json(manifest))
    found = kept.find("cells", RECIPE)
    if found is not None:
        read_cell(Cell("d", "r"), found, held_out(), Mask.TRAIN_VALID)


class Options:
    """Stands for pytest's parser and its config: the options as add_options declares them."""

    def __init__(self):
        self.parser = argparse.ArgumentParser(exit_on_error=False)
        add_options(self)

    def getgroup(self, *_):
        """One group is all there is."""
        return self

    def addoption(self, *names, **attributes):
        """See argparse."""
        self.parser.add_argument(*names, **attributes)

    def parse(self, arguments):
        """Read a command line; None where argparse refuses it."""
        try:
            self.read = self.parser.parse_args(arguments)
        except (argparse.ArgumentError, SystemExit):
            return None
        self.stash, self.rootpath, self.args = pytest.Stash(), Path(), ["suite"]
        self.stash[SESSION] = ClaimsSession()
        return self

    def getoption(self, name):
        """What was read; of pytest's own -k and -m, nothing."""
        return "" if name in {"keyword", "markexpr"} else getattr(self.read, name)


COMMAND = (
    ("--claims-data", ("ml-100k", "emoji?dose=0", "nowhere/x")),
    ("--claims-encoder", ("sbert", "late_fusion:attributes+sbert")),
    ("--claims-profile", ("smoke", "quick", "paper")),
    ("--claims-flavour", ("mmrec", "all")),
    ("--claims-control", ("permuted", "all", "uniform")),
    ("--claims-seeds", ("3", "1")),
    ("--claims-reuse", ("missing",)),
    ("--claims-device", ("cpu", "auto", "cuda:0")),
    ("--claims-executor", ("local",)),
    ("--claims-mask", ("train",)),
    ("--claims-workers", ("0", "2")),
    ("--claims-store", ("x",)),
    ("--claims-baseline", ("x.json",)),
)


def options(random, place):
    """The command line of `pytest suite`, to the cases it asks for."""
    arguments = []
    for name, values in random.sample(COMMAND, random.randrange(1, 4)):
        kind = random.random()
        value = random.choice(values)
        value = random.choice(WORDS) if kind < 0.2 else damaged_text(random, value) if kind < 0.7 else value
        arguments.append(f"{name}={re.sub(chr(0), '', value)}")  # no command line holds a zero byte
    config = Options().parse(arguments)
    if config is None:
        raise RecclaimsError("refused by argparse")
    made = settings_of(config)
    assert made.seeds >= 1
    for _ in planner_of(config).cases(NOISE):
        break


#: Each reader, and its share of all inputs.
READERS = {
    keywords: 30,
    items: 15,
    table: 8,
    vectors: 6,
    folder: 6,
    references: 15,
    encoders: 6,
    prompts: 6,
    images: 8,
    results: 6,
    store: 4,
    options: 6,
}
