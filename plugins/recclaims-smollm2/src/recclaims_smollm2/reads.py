"""SmolLM2 as it comes: the hidden state at the end of its answer about an item's title and description."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

import recclaims
from recclaims_smollm2 import language

PROMPT = "Classify in one or two words: {text}"
BATCH = 16


class ChatTokenizer:
    """A tokenizer with the interface of a vision-language processor: parts of a message become one text."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def apply_chat_template(self, conversations: Sequence[Any], processor_kwargs: dict[str, Any], **settings: Any):
        """Tokenize conversations of texts."""
        from transformers import BatchFeature

        texts = [
            [
                {"role": message["role"], "content": "".join(part["text"] for part in message["content"])}
                for message in one
            ]
            for one in conversations
        ]
        return BatchFeature(dict(self.tokenizer.apply_chat_template(texts, **settings, **processor_kwargs)))


class SmolLM2:
    """576 features: the state of the stop token behind a short, greedy answer."""

    name, modality, version = "smollm2", "textual", "1;SmolLM2-135M-Instruct.Q4_1"
    spec = recclaims.EncoderSpec(generative=True, chunk=64)  # joins the claim `fusion`

    def unavailable(self) -> str | None:
        """Say how to get the weights, without loading anything."""
        return language.unavailable(self.name)

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer."""
        model, tokenizer = language.load()
        return model, ChatTokenizer(tokenizer)

    def encode(self, items: Sequence[recclaims.Item]) -> recclaims.Encoded:
        """One float32 row of 576 columns per item, and its answer."""
        settings = recclaims.AnswerSettings(max_new_tokens=64)
        questions = [recclaims.Question(PROMPT.format(text=item.text[:600]), None) for item in items]
        # Texts of like length together: what pads is computed for nothing.
        order = sorted(range(len(items)), key=lambda i: len(questions[i].prompt))
        replies: list[Any] = [None] * len(items)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            answered = recclaims.ask(*self.loaded, [questions[i] for i in part], settings)
            for place, reply in zip(part, answered, strict=True):
                replies[place] = reply
        records = [{"text": r.text, "tokens": r.tokens, "truncated": r.truncated} for r in replies]
        return recclaims.Encoded(np.stack([reply.embedding for reply in replies]), records)
