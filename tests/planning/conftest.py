"""What the claims on models that answer are tried with."""

import json

import numpy as np
import pytest
from PIL import Image

from ..lvlm.tiny import qwen2_vl
from ..toy import write_toy


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The toy, with a picture of each thing in its colour."""
    folder = write_toy(tmp_path_factory.mktemp("shop") / "data", domain="clothing")
    random = np.random.default_rng(0)
    records = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    for record in records:
        record["title"] = str(random.choice(["a cup", "the house", "some grass", "my cat", "two cars", "an opera"]))
        record["image"] = f"{record['item_id']}.png"
        Image.fromarray(random.integers(0, 255, (56, 56, 3)).astype(np.uint8)).save(folder / record["image"])
    (folder / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny checkpoint whose answers end by themselves: for it, every third token ends an answer."""
    folder = qwen2_vl(tmp_path_factory.mktemp("model") / "tiny")
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text())
    settings["eos_token_id"] = sorted({*settings["eos_token_id"], *range(10, 320, 3)})
    path.write_text(json.dumps(settings))
    return folder
