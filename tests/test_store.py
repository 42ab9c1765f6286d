import json
import multiprocessing
import os

import numpy as np
import pytest

from recclaims.errors import StoreError
from recclaims.store import Store, key_of

RECIPE = {"encoder": "sbert", "seed": 3}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_finds_what_was_saved_by_its_recipe(store):
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    saved = store.save("features", RECIPE, {"matrix": matrix, "facts": {"items": 2}})
    found = store.find("features", {"seed": 3, "encoder": "sbert"})
    assert found is not None
    assert found.key == saved.key == key_of("features", RECIPE)
    np.testing.assert_array_equal(found.array("matrix"), matrix)
    assert found.json("facts") == {"items": 2}


def test_any_difference_in_the_recipe_or_kind_is_another_artefact(store):
    store.save("features", RECIPE, {"facts": {}})
    assert store.find("features", {**RECIPE, "seed": 4}) is None
    assert store.find("cells", RECIPE) is None


def test_a_recipe_with_nan_is_refused(store):
    with pytest.raises(ValueError, match="Out of range float"):
        store.find("features", {"rate": float("nan")})


@pytest.mark.parametrize("name", ["matrix.npy", "facts.json", "manifest.json"])
def test_every_flipped_byte_is_noticed_and_the_artefact_is_removed(store, name, caplog):
    content = {"matrix": np.ones((3, 2), np.float32), "facts": {"a": 1}}
    size = (store.save("cells", RECIPE, content).path / name).stat().st_size
    # Not the time of creation, which nothing depends on.
    for position in range(0, size, 7):
        path = store.save("cells", RECIPE, content).path
        raw = bytearray((path / name).read_bytes())
        created = raw.find(b'"created"')
        if name == "manifest.json" and created <= position < created + 45:
            continue
        raw[position] ^= 0x01
        (path / name).write_bytes(raw)
        found = store.find("cells", RECIPE)
        if found is not None:  # a byte of the manifest that carries no meaning, such as its indentation
            assert name == "manifest.json"
            assert found.json("facts") == content["facts"]
            continue
        assert not path.exists()
    assert "will be computed again" in caplog.text


def test_a_missing_file_makes_the_artefact_absent(store):
    path = store.save("cells", RECIPE, {"facts": {}, "more": {}}).path
    (path / "more.json").unlink()
    assert store.find("cells", RECIPE) is None
    assert not path.exists()


def test_saving_again_replaces(store):
    store.save("cells", RECIPE, {"facts": {"a": 1}, "old": {}})
    store.save("cells", RECIPE, {"facts": {"a": 2}})
    found = store.find("cells", RECIPE)
    assert found.json("facts") == {"a": 2}
    assert not (found.path / "old.json").exists()


def test_a_failed_write_leaves_nothing(store):
    with pytest.raises(ValueError, match="Out of range float"):
        store.save("cells", RECIPE, {"good": {}, "bad": {"x": float("inf")}})
    assert store.find("cells", RECIPE) is None
    assert list((store.root / "drafts").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_place_is_one_clear_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be made"):
        Store(tmp_path / "store").save("cells", RECIPE, {"facts": {}})


def test_a_file_in_the_way_is_one_clear_error(tmp_path):
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made"):
        Store(tmp_path / "store").save("cells", RECIPE, {"facts": {}})


def _die_in_the_middle(root):
    store = Store(root)
    store._make(root / "drafts")

    class Bomb(dict):
        def items(self):
            yield "facts", {"written": True}
            os._exit(9)

    store.save("cells", RECIPE, Bomb())


def test_a_killed_writer_leaves_no_artefact_and_its_draft_is_swept(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_die_in_the_middle, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    store = Store(tmp_path)
    assert store.find("cells", RECIPE) is None
    assert len(list((tmp_path / "drafts").iterdir())) == 1
    assert store.sweep() == 1
    assert list((tmp_path / "drafts").iterdir()) == []


def test_sweeping_spares_the_drafts_of_the_living(store):
    store.save("cells", RECIPE, {"facts": {}})
    draft = store.root / "drafts" / f"{os.uname().nodename}-{os.getpid()}-mine"
    draft.mkdir()
    assert store.sweep() == 0
    assert draft.exists()


def _add_one(root, times):
    store = Store(root)
    for _ in range(times):
        with store.lock("cells", RECIPE):
            found = store.find("cells", RECIPE)
            count = found.json("facts")["count"] if found else 0
            store.save("cells", RECIPE, {"facts": {"count": count + 1}})


def test_the_lock_loses_no_update_between_processes(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_one, args=(tmp_path, 20)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert Store(tmp_path).find("cells", RECIPE).json("facts") == {"count": 40}


def test_the_manifest_says_what_made_the_artefact(store):
    path = store.save("cells", RECIPE, {"facts": {}}).path
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["recipe"] == RECIPE
    assert manifest["key"] == path.name


@pytest.mark.parametrize(("mask", "rights"), [(0o022, 0o755), (0o002, 0o775), (0o077, 0o700)])
def test_an_artefact_has_the_rights_that_the_umask_gives(tmp_path, mask, rights):
    old = os.umask(mask)
    try:
        path = Store(tmp_path).save("cells", RECIPE, {"x": [1]}).path
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == rights
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {rights & 0o666}


def test_a_path_that_is_no_utf8_is_kept_as_it_is(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    store = Store(tmp_path / name)
    store.save("cells", {"encoder": f"features:{name}.npy"}, {"facts": {"cell": name, "é": 1}})
    assert store.find("cells", {"encoder": f"features:{name}.npy"}).json("facts") == {"cell": name, "é": 1}
