"""Encoders whose rows are states of a model that answers: what is asked, of whom, and how answers are kept."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from recclaims import DatasetError, Encoded, EncoderSpec, FeatureError, RecclaimsError, UnknownNameError
from recclaims.errors import one_line
from recclaims.features.arguments import join_argument, split_argument
from recclaims.features.devices import has_gpu
from recclaims.features.spec import ANSWERING
from recclaims.lvlm.batch_size import BatchSize
from recclaims.lvlm.generation import POOLINGS, AnswerSettings, Question, Reply, ask
from recclaims.lvlm.prompts import TEXT, digest, find_domain

if TYPE_CHECKING:
    from recclaims import Item

#: As many at once as memory bears.
AUTO = "auto"


class AnsweringEncoder(ABC):
    """The hidden state at the end of a model's answer about an item's image; see generation for how it is read.

    A base class: an encoder of yours has a `name`, a `model_version` and `load`, and may have an `unavailable`. It then
    has the settings below, behind its name (`mine:?prompt=description`), and so joins the claims `fusion` and
    `stability`. Beside the embedding, the answer, its number of tokens and whether it was cut off are kept for every
    item. An image that cannot be read or asked about is recorded and left out.

    Settings:
        prompt: `keyword` (default), `description`, `misaligned`, or another of the domain's prompts;
        domain: whose prompts, by name or path; default: `own_domain`, else the items' own (`domain` in dataset.toml);
        pooling, max_new_tokens, temperature, top_p: see generation.AnswerSettings; seed: where sampling begins;
        batch: items at once, or `auto` (default): 8, and on a GPU as many as fit; halved where memory does not suffice;
        chunk: items kept at a time (default 64, and 256 where there is a GPU).

    Args:
        argument: settings behind a question mark, as in `?prompt=description&max_new_tokens=64`.
        logits_processors: makes further logits processors for the questions of a batch.

    Attributes:
        name: the encoder's; with its argument once it has one.
        model_version: what its weights are known by.
        own_domain: the domain whose prompts it is asked, where none is named: a name, or the path of a file.
        default_model: what stands before the settings where no model was named, if it can name one.
        keys: the settings that it has.
    """

    name = ""
    modality = "multimodal"
    spec = EncoderSpec(requires=frozenset({"visual"}), generative=True)
    own_domain: ClassVar[str] = ""
    default_model: ClassVar[str] = ""
    keys: ClassVar[tuple[str, ...]] = (
        "prompt", "domain", "pooling", "max_new_tokens", "temperature", "top_p", "seed", "batch", "chunk",
    )  # fmt: skip

    def __init__(
        self, argument: str = "", logits_processors: Callable[[Sequence[Question]], Sequence[Any]] | None = None
    ) -> None:
        self.family = self.name
        model, settings = split_argument(argument, self.keys, self.family)
        self.use_model(model)
        if argument:
            self.name = f"{self.family}:{argument}"
        self.argument = model, settings
        self.prompt, self.domain = settings.get("prompt", "keyword"), settings.get("domain", self.own_domain)
        self.settings = AnswerSettings(
            pooling=self._one_of("pooling", settings.get("pooling", POOLINGS[0]), POOLINGS),
            max_new_tokens=self._number("max_new_tokens", settings.get("max_new_tokens", "128"), int, 1),
            temperature=self._number("temperature", settings.get("temperature", "0"), float, 0),
            top_p=self._number("top_p", settings.get("top_p", "1"), float, 1e-6, 1),
        )
        self.seed = self._number("seed", settings.get("seed", "0"), int, 0)
        self.batch = self._number("batch", settings.get("batch", AUTO), int, 1, word=AUTO)
        self._at_once = BatchSize(self.batch)
        self.spec = replace(
            self.spec,
            chunk=self._number("chunk", settings.get("chunk", "256" if has_gpu() else "64"), int, 1),
            answering=self._answering(),
        )
        self.logits_processors = logits_processors
        if self.domain:
            find_domain(self.domain).prompt(self.prompt)

    def use_model(self, model: str) -> None:
        """See what stands before the question mark, which only an encoder of several models has.

        Raises:
            RecclaimsError: it is nothing that this encoder can take.
        """
        if model:
            raise RecclaimsError(f"encoder '{self.name}' is one model and takes settings only: {self.name}:?prompt=...")

    @property
    @abstractmethod
    def model_version(self) -> str:
        """What the weights are known by: a name with a revision, or a digest of files."""

    @abstractmethod
    def load(self) -> tuple[Any, Any]:
        """Model and processor, as generation.ask takes them; called once, before the first question."""

    @cached_property
    def version(self) -> str:
        """The way of reading states, the weights, and what is asked."""
        asked = digest(self.prompt)
        if self.domain:
            asked = hashlib.sha256(find_domain(self.domain).prompt(self.prompt).encode()).hexdigest()[:12]
        return f"1;{self.model_version};{self.prompt}-{asked}"

    def _answering(self) -> dict[str, str]:
        """How an answer comes about, by the keys of the argument; empty where nothing is generated."""
        if self.settings.pooling == "last_prompt_token":
            return {}
        known = {**asdict(self.settings), "seed": self.seed}
        return {key: f"{known[key]:g}" for key in ANSWERING} | {"batch": str(self.batch or AUTO)}

    def variant(self, settings: Mapping[str, str | None]) -> str:
        """The reference of the same encoder with other settings; None leaves one out, for its default."""
        model, mine = self.argument
        changed = {key: value for key, value in {**mine, **settings}.items() if value is not None}
        if changed == mine:
            return self.name
        if not changed and not model:
            return self.family
        return f"{self.family}:{join_argument(model or self.default_model, changed)}"

    def covers(self, item: Item) -> bool:
        """Say whether the item has an image."""
        return item.image_path is not None

    def prepare(self, items: Sequence[Item]) -> None:
        """Look the prompts up, before a model is loaded for nothing."""
        for domain in {item.domain for item in items if self.covers(item)}:
            self._prompt_for(domain)

    def _prompt_for(self, domain: str) -> str:
        chosen = self.domain or domain
        if not chosen:
            raise RecclaimsError(
                f"encoder '{self.name}': the domain of the items is unknown; set `domain` in dataset.toml, "
                "or ?domain= after the name"
            )
        return find_domain(chosen).prompt(self.prompt)

    def _prompt(self, item: Item) -> str:
        """What is asked about an item, with its own text where the prompt reads that."""
        prompt = self._prompt_for(item.domain)
        if TEXT not in prompt:
            return prompt
        text = item.text
        # In a text they would end a turn, or stand for an image that is not there.
        for token in self._special_tokens:
            text = text.replace(token, "")
        return prompt.replace(TEXT, text).strip()

    @cached_property
    def _special_tokens(self) -> tuple[str, ...]:
        return tuple(self.loaded[1].tokenizer.get_added_vocab())

    def encode(self, items: Sequence[Item]) -> Encoded:
        """Return the embeddings, float32 (n, d), with text, tokens and truncated, or error, for every item."""
        questions: dict[int, Question] = {}
        records: list[dict[str, Any]] = [{} for _ in items]
        for place, item in enumerate(items):
            prompt = self._prompt(item)
            try:
                image = item.image()
                if image is None:
                    raise FeatureError(f"item '{item.item_id}' has no image")
                questions[place] = Question(prompt, image, _seed(self.seed, item.item_id))
            except (DatasetError, FeatureError) as error:  # a broken image
                records[place]["error"] = str(error)
        # Prompts of about one length share a batch, and the longest come first: they show what memory bears.
        order = sorted(questions, key=lambda place: -len(questions[place].prompt))
        answers = self._at_once.replies([questions[place] for place in order], self._ask)
        rows: dict[int, Any] = {}
        for place, reply in zip(order, answers, strict=True):
            if isinstance(reply, Reply):
                rows[place] = reply.embedding
                records[place] = {"text": reply.text, "tokens": reply.tokens, "truncated": reply.truncated}
                records[place] |= {"batch": reply.batch, "device": reply.device}
            else:
                records[place]["error"] = reply
        if len(questions) > 1 and not rows:  # not the images' fault, and not to be kept as if it were
            raise FeatureError(f"encoder '{self.name}' failed: {records[next(iter(questions))]['error']}")
        size = len(next(iter(rows.values()))) if rows else self._size
        matrix = np.zeros((len(items), size), dtype=np.float32)
        for place, row in rows.items():
            matrix[place] = row
        return Encoded(matrix, records)

    def _ask(self, questions: Sequence[Question]) -> list[Reply | str]:
        """Ask a batch; where it cannot be asked, ask one by one, and say of each that cannot why."""
        import torch

        model, processor = self.loaded
        try:
            more = self.logits_processors(questions) if self.logits_processors else ()
            return list(ask(model, processor, questions, self.settings, more))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a processor that refuses an image says so in many ways
            if len(questions) == 1:
                return [one_line(error)]
        return [reply for question in questions for reply in self._ask([question])]

    @property
    def _size(self) -> int:
        return int(self.loaded[0].config.get_text_config().hidden_size)

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and processor, loaded when they are first needed."""
        return self.load()

    def _one_of(self, key: str, value: str, known: Sequence[str]) -> str:
        if value not in known:
            raise UnknownNameError.of(key, value, known, self.family)
        return value

    def _number(
        self, key: str, text: str, kind: Callable[[str], Any], least: float, most: float = math.inf, word: str = ""
    ) -> Any:
        """A setting that is a number, or None for a word that stands for none."""
        if word and text == word:
            return None
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (least <= value <= most and math.isfinite(value)):
            upto = f" to {most:g}" if math.isfinite(most) else ""
            otherwise = f" or '{word}'" if word else ""
            raise RecclaimsError(f"{self.family}: {key} is '{text}', not a number from {least}{upto}{otherwise}")
        return value


def _seed(seed: int, item_id: str) -> int:
    """A seed of the item's own, 63 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{item_id}".encode()).digest()[:8], "big") >> 1
