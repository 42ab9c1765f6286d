"""Files go by their name and their content: in reports two of one name are two, and a moved one is the same."""

import re

import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.extraction import extract
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.features.shown import shown_name
from recclaims.lvlm.prompts import FOLDER
from recclaims.plugin_manager import registry


def vectors(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32))
    return path


def shown(reference):
    return facts_of(reference, registry()).shown


def test_two_files_of_one_name_are_two(tmp_path):
    real, noise = (vectors(tmp_path / kind / "clip.npy", seed) for seed, kind in enumerate(("real", "noise")))
    names = [shown(f"features:{path}") for path in (real, noise)]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"features:clip\.npy:[0-9a-f]{8}", name) for name in names)
    fused = [shown(f"late_fusion:features:{path}+attributes") for path in (real, noise)]
    assert fused == [f"late_fusion:{name}+attributes" for name in names]


def test_a_file_has_one_name_wherever_it_lies(tmp_path, monkeypatch):
    here, there = (vectors(tmp_path / place / "clip.npy") for place in ("here", "there"))
    monkeypatch.chdir(tmp_path)
    references = [f"features:{path}" for path in (here, there, "here/clip.npy", "./here/clip.npy")]
    assert len({shown(reference) for reference in references}) == 1
    link = tmp_path / "other.npy"
    link.symlink_to(here)
    assert shown("features:./other.npy") == shown(references[0])


def test_settings_and_the_ids_of_rows_make_a_difference(tmp_path):
    path = vectors(tmp_path / "clip.npy")
    plain, seen = shown(f"features:{path}"), shown(f"features:{path}?modality=visual")
    assert seen == f"{plain}?modality=visual"
    (tmp_path / "clip.ids.txt").write_text("a\nb\nc\nd\ne\n")
    assert shown(f"features:{path}") != plain


@pytest.mark.parametrize("encoder", ["sbert", "lvlm"])
def test_so_do_folders_of_models(tmp_path, encoder):
    for place, content in (("a", "1"), ("b", "2"), ("c", "1")):
        (tmp_path / place / "model").mkdir(parents=True)
        (tmp_path / place / "model" / "config.json").write_text(content)
    names = [shown(f"{encoder}:{tmp_path / place / 'model'}") for place in "abc"]
    assert names[0] == names[2] != names[1]
    assert all(name.startswith(f"{encoder}:model:") for name in names)


def test_what_is_no_path_stays_as_it_is(tmp_path):
    for name in ("sbert", "sbert:all-mpnet-base-v2", "features:image_feat", "late_fusion:attributes+sbert"):
        assert shown(name) == name
    vectors(tmp_path / "s" / "s.npy")
    assert shown(f"features:{tmp_path / 's'}").startswith("features:s:")  # not the first s of `features`


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    path = vectors(tmp_path / "clip.npy")
    monkeypatch.setattr("recclaims.features.shown.digest_of", refused)
    with pytest.raises(FeatureError, match=r"clip\.npy: cannot be read: Permission denied"):
        shown(f"features:{path}")


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_path_may_begin_at_home(at_home):
    path = vectors(at_home / "x" / "clip.npy")
    (at_home / "x" / "clip.ids.txt").write_text("a\nb\nc\nd\ne\n")
    assert shown("features:~/x/clip.npy") == shown(f"features:{path}")
    items = [Item(item_id) for item_id in "abcde"]
    np.testing.assert_array_equal(
        extract(make_encoder("features:~/x/clip.npy", registry()), items).matrix, np.load(path)
    )
    # A plus sign that belongs to a path that begins at home.
    vectors(at_home / "a+b" / "clip.npy")
    fusion = make_encoder("late_fusion:features:~/a+b/clip.npy+attributes", registry())
    assert [part.name for part in fusion.parts] == ["features:~/a+b/clip.npy", "attributes"]
    assert "~" not in shown(fusion.name)
    with pytest.raises(FeatureError, match=r"features:~/no\.npy: ~/no\.npy does not exist"):
        make_encoder("features:~/no.npy", registry())


@pytest.mark.parametrize("encoder", ["sbert", "lvlm"])
def test_so_may_that_of_a_model(at_home, encoder):
    (at_home / "model").mkdir()
    (at_home / "model" / "config.json").write_text("{}")
    homely, plain = (make_encoder(f"{encoder}:{place}", registry()) for place in ("~/model", at_home / "model"))
    assert homely.version == plain.version
    assert shown_name(homely) == shown_name(plain)


def test_so_may_those_of_weights_and_prompts(at_home):
    (at_home / "w.pth").write_bytes(b"weights")
    weights = make_encoder("resnet50:~/w.pth", registry())
    assert weights.unavailable() is None
    assert weights.version == make_encoder(f"resnet50:{at_home / 'w.pth'}", registry()).version
    (at_home / "mine.toml").write_text((FOLDER / "movies.toml").read_text())
    slots = [make_encoder(f"keywords:m?domain={place}", registry()).slots for place in ("movies", "~/mine.toml")]
    assert slots[0] == slots[1]
