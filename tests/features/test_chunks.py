"""Long encodings: kept in chunks, shared by processes, gone on with after a kill."""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.chunks import Chunks
from recclaims.features.encoded import Encoded
from recclaims.features.extraction import extract
from recclaims.store import Store

from .. import warm
from ..patience import PATIENCE

ROOT = Path(__file__).parents[2]
ITEMS = [Item(str(i), "text") for i in range(10)]
SPANS = [(0, 4), (4, 8), (8, 10)]


class Numbers:
    """Encodes an item as its number, four at a time, and remembers what it was given."""

    name, modality, version, chunk = "numbers", "textual", "1", 4

    def __init__(self, fail_at=None, pause=0.0):
        self.given, self.fail_at, self.pause = [], fail_at, pause

    def encode(self, items):
        time.sleep(self.pause)
        numbers = [int(item.item_id) for item in items]
        if self.fail_at in numbers:
            raise RuntimeError("power cut")
        self.given.append(numbers)
        records = [{"error": "seven"} if i == 7 else {"text": f"answer {i}"} for i in numbers]
        return Encoded(np.array([[i, 1] for i in numbers], dtype=np.float32), records)


@pytest.fixture
def chunks(tmp_path):
    return Chunks(Store(tmp_path), {"encoder": "numbers"})


def test_the_whole_is_put_together_from_chunks(chunks):
    encoder, told = Numbers(), []
    features = extract(encoder, ITEMS, chunks=chunks, tell=told.append)
    assert [given[0] for given in encoder.given] == [0, 4, 8]
    kept = [i for i in range(10) if i != 7]
    np.testing.assert_array_equal(features.matrix[kept, 0], kept)
    assert features.matrix[7, 0] == pytest.approx(np.mean(kept))
    assert features.filled.tolist() == [i == 7 for i in range(10)]
    assert features.records[3] == {"text": "answer 3"}
    assert [progress.done for progress in told] == [0, 4, 8, 10]
    assert told[-1].seconds_left == 0
    assert all(chunks.find(span) for span in SPANS)


def test_what_is_done_is_not_done_again(chunks):
    with pytest.raises(FeatureError, match="encoder 'numbers' failed: RuntimeError: power cut"):
        extract(Numbers(fail_at=5), ITEMS, chunks=chunks)
    again = Numbers()
    features = extract(again, ITEMS, chunks=chunks)
    assert again.given == [[4, 5, 6, 7], [8, 9]]
    np.testing.assert_array_equal(features.matrix, extract(Numbers(), ITEMS).matrix)


def test_a_damaged_chunk_is_computed_again(chunks, caplog):
    extract(Numbers(), ITEMS, chunks=chunks)
    path = chunks.store.path("chunks", chunks._recipe(SPANS[1])) / "matrix.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    again = Numbers()
    extract(again, ITEMS, chunks=chunks)
    assert again.given == [[4, 5, 6, 7]]
    assert "checksum does not match" in caplog.text


def test_a_faulty_chunk_is_not_kept(chunks):
    class Faulty(Numbers):
        def encode(self, items):
            encoded = super().encode(items)
            encoded.matrix[0, 0] = np.nan
            return encoded

    with pytest.raises(FeatureError, match="NaN or inf, the first for item '0'"):
        extract(Faulty(), ITEMS, chunks=chunks)
    assert chunks.find(SPANS[0]) is None


HOLDER = """
import sys, time
from tests.features.test_chunks import *
with Chunks(Store(Path(sys.argv[1])), {"encoder": "numbers"}).lock(SPANS[0]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_chunk_in_other_hands_is_left_for_the_end_and_taken_over(chunks):
    """Its holder dies without a result: the chunk is then computed here."""
    command = [sys.executable, "-c", HOLDER, str(chunks.store.root)]
    holder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    timer = threading.Timer(0.5, holder.kill)
    timer.start()
    encoder, started = Numbers(), time.monotonic()
    features = extract(encoder, ITEMS, chunks=chunks)
    timer.join()
    holder.communicate()
    assert [given[0] for given in encoder.given] == [4, 8, 0]
    assert time.monotonic() - started >= 0.4
    np.testing.assert_array_equal(features.matrix[[0, 9], 0], [0, 9])


def test_all_failed_is_an_error():
    class Never(Numbers):
        def encode(self, items):
            return Encoded(np.zeros((len(items), 1), np.float32), [{"error": "no such image"} for _ in items])

    with pytest.raises(FeatureError, match="encoder 'numbers' failed for every item: no such image"):
        extract(Never(), ITEMS)


def test_records_must_be_as_many_as_items():
    class Short(Numbers):
        def encode(self, items):
            return Encoded(np.zeros((len(items), 1), np.float32), [{}])

    with pytest.raises(FeatureError, match="returned 1 records for 4 items"):
        extract(Short(), ITEMS)


RECORDS = {
    "no list": (7, "returned records of type int, not a list of one dict an item"),
    "no dict": (["a cat"], "returned for item '0' a record of type str, not a dict"),
    "no error": ([{"error": None}], "returned for item '0' a record whose 'error' is None, not a text; leave it out"),
    "tokens": ([{"tokens": "5"}], "returned for item '0' a record whose 'tokens' is '5', not a whole number"),
    "a truth as a number": ([{"batch": True}], "whose 'batch' is True, not a whole number"),
    "truncated": ([{"truncated": "no"}], "whose 'truncated' is 'no', not True or False"),
    "device": ([{"device": {"cuda"}, "batch": 4}], "whose 'device' is {'cuda'}, not a text"),
    "NaN": ([{"score": float("nan")}], "returned for item '0' a record that JSON cannot hold: 'score' is nan"),
    "an object": ([{"model": object}], "returned for item '0' a record that JSON cannot hold: 'model' is <class"),
    "a key": ([{3: 1}], "returned for item '0' a record that JSON cannot hold: 3 is 1"),
}


@pytest.mark.parametrize(("records", "message"), RECORDS.values(), ids=RECORDS)
def test_a_record_of_a_wrong_type_ends_the_encoding_with_its_first_chunk(records, message):
    class Wrong(Numbers):
        def encode(self, items):
            encoded = super().encode(items)
            given = records * len(items) if isinstance(records, list) else records
            return Encoded(encoded.matrix, given)

    encoder = Wrong()
    with pytest.raises(FeatureError) as caught:
        extract(encoder, ITEMS)
    assert str(caught.value).startswith("encoder 'numbers' returned ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(encoder.given) == 1


def test_numbers_of_numpy_in_records_are_numbers():
    class Plain(Numbers):
        def encode(self, items):
            matrix = super().encode(items).matrix
            return Encoded(
                matrix, [{"tokens": np.int64(3), "truncated": np.bool_(False), "score": np.float32(0.5)}] * len(items)
            )

    assert extract(Plain(), ITEMS).records[9] == {"tokens": 3, "truncated": False, "score": 0.5}


def test_a_chunk_of_another_width_ends_the_encoding():
    class Wider(Numbers):
        def encode(self, items):
            return np.ones((len(items), 2 + len(self.given)), dtype=np.float32) if super().encode(items) else None

    encoder = Wider()
    with pytest.raises(FeatureError, match="returned 4 columns from item '4' on, and 3 before"):
        extract(encoder, ITEMS)
    assert len(encoder.given) == 2


SHARED = """
import sys
from tests.features.test_chunks import *
encoder = Numbers(pause=0.15)
items = [Item(str(i), "text") for i in range(40)]
extract(encoder, items, chunks=Chunks(Store(Path(sys.argv[1])), {"encoder": "numbers"}))
print([number for given in encoder.given for number in given])
"""


def test_two_processes_share_the_work(tmp_path):
    command = [sys.executable, "-c", SHARED, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shares = [eval(process.communicate(timeout=PATIENCE)[0]) for process in both]  # noqa: S307 - a list of numbers
    assert sorted(shares[0] + shares[1]) == list(range(40))
    assert all(shares)


KILLED = """
import sys
from recclaims.lvlm import vision_language
from recclaims.plugin_manager import registry
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Profile, Settings
from recclaims.store import Store
from pathlib import Path

store, data, encoder, log = sys.argv[1:]

class Logged(vision_language.VisionLanguage):
    def encode(self, items):
        with open(log, "a") as file:
            print(*(item.item_id for item in items), file=file)
        return super().encode(items)

found = registry()
found.encoders["lvlm"] = Logged
pipeline = Pipeline(Settings(Profile.named("smoke"), replicates=1), found, Store(Path(store)))
pipeline.encode(data, encoder)
print(len(Path(log).read_text().split()), flush=True)
"""


def test_a_killed_encoding_goes_on_where_it_stopped(tmp_path):
    """A vision-language model in a process of its own, killed without warning, then run again."""
    from PIL import Image

    from recclaims.engine.pipeline import Pipeline
    from recclaims.engine.settings import Profile, Settings
    from recclaims.plugin_manager import registry

    from ..lvlm.tiny import qwen2_vl
    from ..toy import N_ITEMS, write_toy

    data = write_toy(tmp_path / "data", domain="pets")
    random = np.random.default_rng(0)
    lines = (data / "items.jsonl").read_text().splitlines()
    for i in range(N_ITEMS):
        Image.fromarray(random.integers(0, 255, (56, 56, 3)).astype(np.uint8)).save(data / f"{i}.png")
    lines = [line[:-1] + f', "image": "{i}.png"}}' for i, line in enumerate(lines)]
    (data / "items.jsonl").write_text("\n".join(lines))
    (data / "5.png").write_bytes(b"broken")
    encoder = f"lvlm:{qwen2_vl(tmp_path / 'model')}?max_new_tokens=40&chunk=3&batch=3"
    store, log = tmp_path / "store", tmp_path / "log"
    process = warm.begin(KILLED, tmp_path, store, data, encoder, log)
    kept = store / "chunks"
    deadline = time.monotonic() + PATIENCE
    while len(list(kept.glob("*/*/manifest.json"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    before = log.read_text().splitlines()
    finished = len(list(kept.glob("*/*/manifest.json")))
    assert 4 <= finished < N_ITEMS / 3, "it was killed on its way"
    assert len(before) - finished in (0, 1), "at most one chunk was in flight"
    again = warm.begin(KILLED, tmp_path, store, data, encoder, log)
    assert again.wait(PATIENCE) == 0, again.communicate()
    encoded = Counter(log.read_text().split())
    twice = {item for item, times in encoded.items() if times > 1}
    assert set(encoded) == {f"i{i}" for i in range(N_ITEMS)}
    assert twice <= set(before[-1].split())
    assert len(twice) == 3 * (len(before) - finished)

    def pipeline(where):
        return Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(where))

    resumed = pipeline(store).encode(str(data), encoder)
    undisturbed = pipeline(tmp_path / "other").encode(str(data), encoder)
    np.testing.assert_array_equal(resumed.array("matrix"), undisturbed.array("matrix"))
    assert resumed.json("records") == undisturbed.json("records")
    assert "5.png: image of item 'i5' cannot be read" in resumed.json("records")[5]["error"]
    facts = resumed.json("facts")
    assert (facts["failed"], facts["imputed"], facts["truncated"]) == (1, 1, undisturbed.json("facts")["truncated"])
