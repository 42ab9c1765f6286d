"""Vision-language encoding, measured by one command: python -m tests.benchmarks.gpu_answers (or tox -e gpu).

Qwen2-VL's architecture with random weights, made on the device, asked about made-up posters as `lvlm` asks. A row a
batch size: items a second, peak memory, and the cosine of its embeddings to those of the smallest batch. Random weights
end no answer, so every one has all tokens; and they flip more easily than real ones, so real cosines are higher.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import (
    GenerationConfig,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from recclaims import AnsweringEncoder, Encoded, Item
from recclaims.features.encoded import made_on, shown_made
from tests.lvlm.tiny import QWEN_SPECIALS, QWEN_TEMPLATE, tokenizer

from .gpu import memory, show, wait


@dataclasses.dataclass(frozen=True)
class Size:
    """Layers, width, inner width, heads and key heads of the language model; words; layers and width of the tower."""

    layers: int
    width: int
    inner: int
    heads: int
    key_heads: int
    words: int
    tower: int
    tower_width: int


SIZES = {
    "tiny": Size(2, 64, 128, 4, 2, 400, 2, 64),
    "2b": Size(28, 1536, 8960, 12, 2, 151_936, 32, 1280),
    "7b": Size(28, 3584, 18_944, 28, 4, 152_064, 32, 1280),
}
#: Pixels of a poster, as MovieLens' small ones have.
POSTER = 92, 138


def random_model(size: Size, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    """A model of that size with random weights, and a processor whose few words are the first of the model's."""
    words = tokenizer(QWEN_SPECIALS, "<|im_end|>", "<|endoftext|>")
    ids = words.convert_tokens_to_ids
    axes = size.width // size.heads // 2
    config = Qwen2VLConfig(
        text_config={
            "hidden_size": size.width,
            "intermediate_size": size.inner,
            "num_hidden_layers": size.layers,
            "num_attention_heads": size.heads,
            "num_key_value_heads": size.key_heads,
            "vocab_size": size.words,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [axes - 2 * (3 * axes // 8), 3 * axes // 8, 3 * axes // 8],
            },
            "bos_token_id": None,
            "eos_token_id": ids("<|im_end|>"),
            "pad_token_id": ids("<|endoftext|>"),
        },
        vision_config={
            "depth": size.tower,
            "embed_dim": size.tower_width,
            "hidden_size": size.width,
            "num_heads": max(2, size.tower_width // 80),
            "mlp_ratio": 4,
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = Qwen2VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.generation_config = GenerationConfig(eos_token_id=ids("<|im_end|>"), pad_token_id=ids("<|endoftext|>"))
    pixels = {"min_pixels": 56 * 56, "max_pixels": 28 * 28 * 1280}
    images, videos = Qwen2VLImageProcessor(**pixels), Qwen2VLVideoProcessor(**pixels)
    return model.eval(), Qwen2VLProcessor(images, words, videos, chat_template=QWEN_TEMPLATE)


class RandomQwen(AnsweringEncoder):
    """Such a model as an encoder."""

    name = "random-qwen"
    model_version = "random"
    own_domain = "movies"
    loaded_once: tuple[Any, Any]

    def load(self) -> tuple[Any, Any]:
        """What was made before the clock began."""
        return self.loaded_once


def posters(n: int, folder: Path) -> list[Item]:
    """Items with images of noise."""
    random = np.random.default_rng(0)
    made = []
    for number in range(n):
        path = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 255, (*POSTER[::-1], 3), dtype=np.uint8)).save(path)
        made.append(Item(str(number), f"film {number}", image_path=path))
    return made


def cosines(a: Encoded, b: Encoded) -> np.ndarray:
    """Row by row, (n,)."""
    products = (a.matrix * b.matrix).sum(axis=1)
    return products / np.linalg.norm(a.matrix, axis=1) / np.linalg.norm(b.matrix, axis=1)


def rows(items: list[Item], batches: list[str], tokens: int, device: torch.device) -> Iterator[str]:
    """A row a batch size."""
    first: Encoded | None = None
    for batch in batches:
        encoder = RandomQwen(f"?batch={batch}&max_new_tokens={tokens}")
        encoder.encode(items[:8])  # what is done once
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        wait(device)
        began = time.perf_counter()
        made = encoder.encode(items)
        wait(device)
        pace = len(items) / (time.perf_counter() - began)
        first = first or made
        alike = cosines(first, made)
        yield (
            f"batch {batch:>4}: {pace:8.1f} items/s, {memory(device):6.1f} GB; cosine to batch {batches[0]}: median "
            f"{np.median(alike):.4f}, least {alike.min():.4f}; {shown_made(made_on(made.records))}"
        )


def main(given: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", choices=SIZES, action="append", help="default: 2b and 7b; tiny without a GPU")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--batch", action="append", help="a number or auto (default: 8, 32, 96, auto)")
    parser.add_argument("--items", type=int, default=384)
    parser.add_argument("--tokens", type=int, default=40, help="of an answer")
    asked = parser.parse_args(given)
    device, dtype = torch.device(asked.device), getattr(torch, asked.dtype)
    for name in asked.size or (["2b", "7b"] if device.type == "cuda" else ["tiny"]):
        with TemporaryDirectory() as folder:
            RandomQwen.loaded_once = random_model(SIZES[name], device, dtype)
            items = posters(asked.items, Path(folder))
            title = f"Qwen2-VL, size {name}, {asked.dtype}, {asked.tokens} tokens, {asked.items} items"
            show(title, rows(items, asked.batch or ["8", "32", "96", "auto"], asked.tokens, device))


if __name__ == "__main__":
    main()
