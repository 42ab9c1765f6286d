"""What a model answered, from `recclaims encode --answers` to a catalogue that a claim reads."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recclaims.cli import main
from recclaims.data.reference import open_source
from recclaims.lvlm.vision_language import VisionLanguage
from recclaims.plugin_manager import registry
from tests.toy import write_toy

from .tiny import BUILDERS

DOCS = Path(__file__).parents[2] / "docs"
#: The model of somebody who reads docs/write-an-encoder.md: one that transformers could load as well.
MY_MODEL = """
from transformers import AutoProcessor, LlavaForConditionalGeneration

class Model:
    @staticmethod
    def from_pretrained(path):
        return LlavaForConditionalGeneration.from_pretrained(FOLDER)

def Processor():
    return AutoProcessor.from_pretrained(FOLDER)
"""


@pytest.fixture
def shop(tmp_path):
    """Garments, each with a picture."""
    data = write_toy(tmp_path / "shop", domain="clothing")
    random = np.random.default_rng(0)
    records = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    for record in records:
        record["image"] = f"{record['item_id']}.png"
        Image.fromarray(random.integers(0, 255, (56, 56, 3)).astype(np.uint8)).save(data / record["image"])
    (data / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return data


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model").mkdir()
    return BUILDERS["llava"](tmp_path / "model")


def test_answers_are_written_once_and_read_as_content(shop, model, tmp_path, capsys):
    file = tmp_path / "said_description.jsonl"
    encoder = f"lvlm:{model}?max_new_tokens=3&prompt=description"
    arguments = ["encode", encoder, "--data", str(shop), "--store", str(tmp_path / "store"), "--answers", str(file)]
    assert main(arguments) == 0
    assert f"{file}: 48 answers, to be read by --claims-answers NAME={file}" in capsys.readouterr().out
    rows = {row["item_id"]: row["answer"] for row in map(json.loads, file.read_text().splitlines())}
    items = open_source(f"{shop}?with-answers=said={file}", registry()).load().items
    assert {item.item_id: item.answers["said_description"] for item in items} == rows
    assert len(set(rows.values())) > 1
    assert main(arguments) == 2
    assert "already exists" in capsys.readouterr().err


def test_the_model_of_the_documentation_answers(shop, model, importable):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "write-an-encoder.md").read_text(), re.DOTALL)
    (importable / "answering.py").write_text(next(block for block in blocks if "AnsweringEncoder" in block))
    (importable / "my_model.py").write_text(MY_MODEL.replace("FOLDER", repr(str(model))))
    import answering

    (kind,) = answering.recclaims_encoders()
    items = open_source(str(shop), registry()).load().items[:3]
    settings = "?prompt=description&max_new_tokens=3"
    mine, ours = kind(settings).encode(items), VisionLanguage(f"{model}{settings}").encode(items)
    np.testing.assert_array_equal(mine.matrix, ours.matrix)
    assert kind(settings).name == f"my-model:{settings}"
