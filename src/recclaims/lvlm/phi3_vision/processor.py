"""Prompts and images of a batch as the input of Phi-3-vision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recclaims.lvlm.phi3_vision.images import SINGLE, Crops, cut, token_count

if TYPE_CHECKING:
    from PIL.Image import Image

#: Where the n-th image of a prompt stands, n from 1.
_MARK = re.compile(r"<\|image_\d+\|>")


class Phi3VisionProcessor:
    """Turn conversations into token ids and crops.

    Args:
        tokenizer: the checkpoint's, with its chat template.
        num_crops: the most crops of each of several images in a prompt. A single one has up to 16.
        mean: of each colour, see images.cut.
        std: likewise.
    """

    def __init__(self, tokenizer: Any, num_crops: int, mean: Sequence[float], std: Sequence[float]) -> None:
        self.tokenizer = tokenizer
        self.num_crops = num_crops
        self.mean, self.std = list(mean), list(std)

    def apply_chat_template(self, conversations: Sequence[Any], **_: Any) -> Any:
        """Return a batch's input as tensors; other arguments, which transformers' processors need, change nothing.

        Args:
            conversations: a batch of conversations, or one; each a list of messages with `role` and `content`, which
                is a list of parts: `type` `text` with `text`, or `image` with `image`.

        Returns:
            input_ids, int64 (b, length), padded on the left; where an image's tokens go, minus its number in its row.
            attention_mask, int64 (b, length). If there are images: pixel_values, float32 (crops, 3, 336, 336), those
            of all images in order, and image_sizes, int64 (images, 2), how many crops from top to bottom and from
            left to right each has.
        """
        import torch
        from transformers import BatchFeature

        if isinstance(conversations[0], Mapping):
            conversations = [conversations]
        rows, crops = [], []
        for conversation in conversations:
            prompt, images = self._prompt(conversation)
            most = max(SINGLE, self.num_crops) if len(images) == 1 else self.num_crops
            pieces = [cut(image, most, self.mean, self.std) for image in images]
            rows.append(self._ids(prompt, pieces))
            crops += pieces
        length = max(map(len, rows))
        pad = self.tokenizer.pad_token_id
        data: dict[str, Any] = {
            "input_ids": torch.tensor([[pad] * (length - len(row)) + row for row in rows]),
            "attention_mask": torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows]),
        }
        if crops:
            data["pixel_values"] = torch.cat([piece.pixels for piece in crops])
            data["image_sizes"] = torch.tensor([[piece.rows, piece.columns] for piece in crops])
        return BatchFeature(data)

    def _prompt(self, conversation: Sequence[Mapping[str, Any]]) -> tuple[str, list[Image]]:
        """A conversation by the chat template, which takes text only, with marks where images stand; the images."""
        images: list[Image] = []
        messages = []
        for message in conversation:
            content = ""
            for part in message["content"]:
                if part["type"] == "image":
                    images.append(part["image"])
                    content += f"<|image_{len(images)}|>\n"
                else:
                    # A mark in an item's text is no image.
                    content += _MARK.sub("", part["text"])
            messages.append({"role": message["role"], "content": content})
        prompt = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return str(prompt), images

    def _ids(self, prompt: str, images: Sequence[Crops]) -> list[int]:
        """A prompt's ids. What stands between images is tokenised by itself, each part with its own start token."""
        first, *others = (self.tokenizer(part)["input_ids"] for part in _MARK.split(prompt))
        ids = list(first)
        for number, (image, part) in enumerate(zip(images, others, strict=True), 1):
            ids += [-number] * token_count(image.rows, image.columns)
            ids += part
        return ids
