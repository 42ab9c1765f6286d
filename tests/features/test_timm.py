"""Image backbones of timm, with small ones that are made here."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError, RecclaimsError
from recclaims.features.encoders import timm_backbone
from recclaims.features.encoders.timm_backbone import TimmBackbone
from recclaims.features.extraction import extract
from recclaims.features.resolve import make_encoder
from recclaims.plugin_manager import registry
from recclaims.testing import EncoderContract

from .test_hub import COMMIT, cached

#: How far a row may be from that of its item alone, relative to the largest entry.
TOLERANCE = 1e-4
MODELS = ("test_vit", "test_resnet", "test_efficientnet")


def encoder(argument):
    return make_encoder(f"timm:{argument}", registry())


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    made = []
    for number, shape in enumerate([(40, 30), (64, 64), (30, 80), (200, 100)]):
        path = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 255, (*shape, 3), dtype=np.uint8)).save(path)
        made.append(Item(str(number), image_path=path))
    return made


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    """By architecture: a folder as timm saves one, and the same weights in a file."""
    timm = pytest.importorskip("timm")
    from timm.models._hub import save_for_hf

    folder = tmp_path_factory.mktemp("backbones")
    found = {}
    for name in MODELS:
        torch.manual_seed(0)
        model = timm.create_model(name, pretrained=False).eval()
        # Unlike ImageNet's: the checkpoint's own preprocessing must be used.
        config = {**model.pretrained_cfg, "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7), "input_size": (3, 96, 96)}
        if name == "test_vit":
            del config["input_size"]
        save_for_hf(model, folder / name, model_config={"pretrained_cfg": config}, safe_serialization=True)
        save_file(model.state_dict(), folder / f"{name}.safetensors")
        found[name] = folder / name, folder / f"{name}.safetensors", model
    return found


def off(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_what_the_classifier_would_read(backbones, items, name):
    """Through the whole model: its classifier on these rows gives what the model gives on the prepared image."""
    from timm.data import create_transform, resolve_data_config

    folder, _, model = backbones[name]
    rows = encoder(folder).encode(items)
    assert rows.shape == (4, model.num_features)
    assert rows.dtype == np.float32
    config = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    prepare = create_transform(**resolve_data_config({}, pretrained_cfg=config), is_training=False)
    with torch.inference_mode():
        expected = torch.stack([model(prepare(item.image())[None])[0] for item in items])
        found = model.get_classifier()(torch.from_numpy(rows))
    assert off(found.numpy(), expected.numpy()) < TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_a_row_is_the_same_in_any_batch_and_in_any_order(backbones, items, name):
    folder = backbones[name][0]
    alone = encoder(folder).encode(items)
    assert off(encoder(f"{folder}?batch=4").encode(items), alone) < TOLERANCE
    assert off(encoder(f"{folder}?batch=3").encode(items[::-1])[::-1], alone) < TOLERANCE


def test_a_file_of_weights_for_an_architecture(backbones, items):
    """With that architecture's own preprocessing."""
    from timm.data import create_transform, resolve_model_data_config

    _, file, model = backbones["test_vit"]
    one = encoder(f"test_vit?checkpoint={file}")
    prepare = create_transform(**resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        expected = torch.stack([model(prepare(item.image())[None])[0] for item in items])
        found = model.get_classifier()(torch.from_numpy(one.encode(items)))
    assert off(found.numpy(), expected.numpy()) < TOLERANCE
    before = one.version
    changed = {key: value + 1 for key, value in model.state_dict().items() if value.is_floating_point()}
    save_file({**model.state_dict(), **changed}, other := file.with_name("other.safetensors"))
    assert encoder(f"test_vit?checkpoint={other}").version != before


def test_a_file_of_weights_for_other_classes(backbones, items, tmp_path):
    import timm

    model = timm.create_model("test_resnet", num_classes=7).eval()
    save_file(model.state_dict(), file := tmp_path / "seven.safetensors")
    with pytest.raises(FeatureError, match=r"timm cannot load it: .*size mismatch"):
        encoder(f"test_resnet?checkpoint={file}").encode(items)
    rows = encoder(f"test_resnet?checkpoint={file}&classes=7").encode(items)
    # The backbone is the file's.
    model.reset_classifier(0)
    from timm.data import create_transform, resolve_model_data_config

    prepare = create_transform(**resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        expected = torch.stack([model(prepare(item.image())[None])[0] for item in items])
    assert off(rows, expected.numpy()) < TOLERANCE


def test_a_folder_is_known_by_its_content_and_timm_s_release(backbones):
    version = encoder(backbones["test_vit"][0]).version
    assert re.fullmatch(r"1;timm-[\d.]+\w*;sha256-[0-9a-f]{16}", version)
    assert version != encoder(backbones["test_resnet"][0]).version


def test_weights_of_another_architecture_are_one_line(backbones, items):
    with pytest.raises(FeatureError, match=r"timm cannot load it: .*") as caught:
        extract(encoder(f"test_resnet?checkpoint={backbones['test_vit'][1]}"), items)
    assert "\n" not in str(caught.value)
    with pytest.raises(FeatureError, match=r"timm cannot load it: .*no_such_net"):
        extract(encoder(f"no_such_net?checkpoint={backbones['test_vit'][1]}"), items)


def test_a_broken_image_is_recorded(backbones, items, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"nothing")
    made = extract(encoder(backbones["test_resnet"][0]), [items[0], Item("x", image_path=path), items[1]])
    assert made.filled.tolist() == [False, True, False]
    assert "broken.png" in made.records[1]["error"]


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("resnet50", "write the tag of the weights, too, as in timm:resnet50.a1_in1k"),
        ("?batch=2", "write the model before the question mark"),
        ("./absent", "there is no folder ./absent"),
        ("resnet50?checkpoint=absent.pth", "there is no file absent.pth"),
        ("resnet50?checkpoint={}&revision=main", "local weights have no revision"),
        ("org/model?checkpoint={}", "write timm's name of an architecture"),
        ("{}", "is no model of timm's: it has no config.json"),
        ("resnet50.a1_in1k?classes=7", "classes goes with ?checkpoint=FILE alone"),
        ("resnet50.a1_in1k?pool=avg", "unknown key 'pool'"),
        ("resnet50.a1_in1k?batch=0", "batch is '0', not a number from 1"),
    ],
)
def test_bad_input_is_one_line(tmp_path, argument, said):
    file = tmp_path / "file.pth"
    file.write_bytes(b"")
    place = file if "checkpoint" in argument else tmp_path
    with pytest.raises(RecclaimsError, match=re.escape(said)):
        encoder(argument.format(place))


def test_what_is_missing_is_named_with_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(timm_backbone, "_installed", lambda: False)
    assert "pip install 'recclaims[timm]'" in encoder("resnet50.a1_in1k").unavailable()
    assert TimmBackbone().unavailable() == "timm needs a model: timm:NAME.TAG, or timm:FOLDER"
    assert encoder("resnet50.a1_in1k").version == "1;timm-absent;timm/resnet50.a1_in1k"
    monkeypatch.setattr(timm_backbone, "_installed", lambda: True)
    monkeypatch.setattr(timm_backbone, "library_version", lambda _: "1.0")
    assert "hf download timm/resnet50.a1_in1k" in encoder("resnet50.a1_in1k").unavailable()
    cached(tmp_path, "timm/resnet50.a1_in1k")
    one = encoder("resnet50.a1_in1k")
    assert one.unavailable() is None
    assert one.version == f"1;timm-1.0;timm/resnet50.a1_in1k@{COMMIT[:12]}"


class TestBackbone(EncoderContract):
    """Any of them."""

    @pytest.fixture(autouse=True)
    def _folder(self, backbones):
        self.folder = backbones["test_resnet"][0]

    def make(self):
        return TimmBackbone(str(self.folder))


def test_the_suite_judges_it(backbones, tmp_path):
    """As a user asks for it, from the command to verdicts."""
    asked = [f"timm:{backbones['test_efficientnet'][0]}", f"timm:test_vit?checkpoint={backbones['test_vit'][1]}"]
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "suite", "-p", "no:cacheprovider", "--claims-data", "emoji",
         "--claims-profile", "smoke", *(part for one in asked for part in ("--claims-encoder", one)),
         "--claims-store", str(tmp_path / "store"), "--claims-report", str(tmp_path / "report"),
         "-k", "test_noise and content-knn and permuted"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert told.returncode in (0, 1), told.stdout + told.stderr
    document = json.loads((tmp_path / "report" / "results.json").read_text())
    verdicts = [case["verdict"] for case in document["claims"]]
    assert len(verdicts) == len(asked)
    assert set(verdicts) <= {"supported", "contradicted", "no_difference", "inconclusive"}
    assert {(row["items"], row["imputed"], row["failed"]) for row in document["encoders"]} == {(857, 0, 0)}
