"""No path leads out of a dataset or of the store."""

import json
import os

import numpy as np
import pytest

from recclaims.data.reference import open_source
from recclaims.errors import RecclaimsError, StoreError
from recclaims.plugin_manager import Registry
from recclaims.store import Store
from recclaims.store_check import check, prune


@pytest.fixture
def folder(tmp_path):
    """A dataset of three items beside a file that is none of its business."""
    (tmp_path / "secret.jsonl").write_text('{"item_id": "secret"}\n')
    made = tmp_path / "dataset"
    (made / "images").mkdir(parents=True)
    (made / "dataset.toml").write_text('name = "toy"\n')
    (made / "items.jsonl").write_text("".join(f'{{"item_id": "{i}"}}\n' for i in "abc"))
    (made / "interactions.csv").write_text("user_id,item_id\n" + "".join(f"u,{i}\n" for i in "abc"))
    return made


def refused(folder):
    with pytest.raises(RecclaimsError) as caught:
        open_source(f"{folder}/", Registry()).load()
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("name", ["items.jsonl", "interactions.csv", "dataset.toml", "train.csv"])
def test_a_file_that_is_a_link_out_is_refused(folder, name):
    (folder / name).unlink(missing_ok=True)
    if name == "train.csv":
        (folder / "interactions.csv").unlink()
    (folder / name).symlink_to(folder.parent / "secret.jsonl")
    assert "leads out of the folder" in refused(folder)


@pytest.mark.parametrize("key", ["items", "interactions", "domain"])
@pytest.mark.parametrize("path", ["../secret.jsonl", "/etc/passwd", "images/../../secret.jsonl", "link/secret.jsonl"])
def test_a_path_of_the_manifest_that_leads_out_is_refused(folder, key, path):
    (folder / "link").symlink_to("..")
    path = f"{path}.toml" if key == "domain" else path
    (folder / "dataset.toml").write_text(f"{key} = {json.dumps(path)}\n")
    assert "leads out of the folder" in refused(folder)


@pytest.mark.parametrize(
    "image", ["link/secret.jsonl", "images/link.png", "../secret.jsonl", "images/../../secret.jsonl"]
)
def test_an_image_that_leads_out_is_refused(folder, image):
    (folder / "link").symlink_to("..")
    (folder / "images" / "link.png").symlink_to("../../secret.jsonl")
    (folder / "items.jsonl").write_text(json.dumps({"item_id": "a", "image": image}))
    assert f"{image!r} leads out of the folder" in refused(folder)


def test_what_is_no_file_is_no_image(folder):
    os.mkfifo(folder / "images" / "pipe.png")
    (folder / "items.jsonl").write_text('{"item_id": "a", "image": "images/pipe.png"}')
    assert "does not exist in the folder" in refused(folder)


def test_a_ring_of_links_is_refused(folder):
    (folder / "items.jsonl").unlink()
    (folder / "items.jsonl").symlink_to("items.jsonl")
    said = refused(folder)
    # Before Python 3.13 resolving it fails, and from then on opening it.
    assert "items.jsonl is not a file name" in said or "items.jsonl: cannot be read: Too many levels" in said


def test_a_manifest_of_the_store_names_no_file_elsewhere(tmp_path, caplog):
    store = Store(tmp_path / "store")
    path = store.save("cells", {"a": 1}, {"facts": {}}).path
    (tmp_path / "outside").write_text("x")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] = {"../../../../outside": {"sha256": "0"}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert store.find("cells", {"a": 1}) is None
    assert "not a file name" in caplog.text
    assert (tmp_path / "outside").exists()


def test_an_array_of_the_store_is_never_unpickled(tmp_path):
    store = Store(tmp_path)
    kept = store.save("cells", {"a": 1}, {"x": np.zeros(3)})
    np.save(kept.path / "x.npy", np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    with pytest.raises(StoreError, match=r"x\.npy: not an array: ValueError"):
        kept.array("x")


FOREIGN = {
    "file": "x.npy: is a link, not a file that the store wrote",
    "manifest": "manifest.json: is a link, not a file that the store wrote",
    "pipe": "x.npy: is not a regular file",
    "manifest pipe": "manifest.json: is not a regular file",
    "dangling file": "x.npy: is a link, not a file that the store wrote",
    "folder": "is a link, not a folder of the store",
    "dangling folder": "is a link, not a folder of the store",
    "omitted": "y.npy",
}


def replace_part(path, what, elsewhere):
    """Put something that the store never writes in the place of an artefact's file or folder; equal bytes behind it."""
    if what == "omitted":
        np.save(path / "y.npy", np.ones(2))
        return
    place = path if "folder" in what else path / ("manifest.json" if "manifest" in what else "x.npy")
    place.rename(elsewhere)
    if "pipe" in what:
        os.mkfifo(place)
    else:
        place.symlink_to(elsewhere if "dangling" not in what else elsewhere.with_name("nowhere"))


@pytest.mark.parametrize("what", FOREIGN)
def test_an_artefact_is_made_of_what_the_store_wrote(tmp_path, what, caplog):
    """What lies outside of a store may change after it was checked; a pipe would hold the run up for ever."""
    store = Store(tmp_path / "store")
    path = store.save("cells", {"a": 1}, {"x": np.zeros(2), "facts": {}}).path
    replace_part(path, what, tmp_path / "elsewhere")
    findings = check(store)
    assert list(findings.damaged) == [path]
    assert FOREIGN[what] in findings.damaged[path]
    assert store.find("cells", {"a": 1}) is None
    assert FOREIGN[what] in caplog.text
    again = store.save("cells", {"a": 1}, {"x": np.zeros(2), "facts": {}})
    assert store.find("cells", {"a": 1}).array("x").tolist() == [0, 0]
    assert not again.path.is_symlink()
    assert what in ("omitted", "pipe", "manifest pipe") or (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("what", FOREIGN)
def test_pruning_removes_the_link_and_not_what_it_leads_to(tmp_path, what):
    store = Store(tmp_path / "store")
    path = store.save("cells", {"a": 1}, {"x": np.zeros(2), "facts": {}}).path
    replace_part(path, what, tmp_path / "elsewhere")
    assert prune(store, check(store)) == 1
    assert not os.path.lexists(path)
    assert what == "omitted" or (tmp_path / "elsewhere").exists()


def test_a_file_that_the_manifest_omits_is_not_read(tmp_path):
    store = Store(tmp_path / "store")
    artefact = store.save("cells", {"a": 1}, {"x": np.zeros(2)})
    np.save(artefact.path / "y.npy", np.ones(2))
    (artefact.path / "z.json").write_text("{}")
    for read in (lambda: artefact.array("y"), lambda: artefact.json("z")):
        with pytest.raises(StoreError, match="does not belong to the artefact"):
            read()


def test_what_a_file_system_leaves_beside_is_borne(tmp_path):
    store = Store(tmp_path / "store")
    path = store.save("cells", {"a": 1}, {"x": np.zeros(2)}).path
    (path / ".nfs000000001").write_text("")
    assert store.find("cells", {"a": 1}) is not None
