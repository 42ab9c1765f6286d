"""Vision-language models as encoders: one embedding of an image, read where the model has finished its answer."""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from recclaims import DatasetError, Encoded, EncoderSpec, FeatureError, RecclaimsError, UnknownNameError, trust
from recclaims.data.reference import is_folder
from recclaims.errors import one_line
from recclaims.features.arguments import join_argument, split_argument
from recclaims.features.hub import downloads_allowed, quiet
from recclaims.features.spec import ANSWERING
from recclaims.features.whole import watched
from recclaims.lvlm import phi3_vision
from recclaims.lvlm.checkpoints import CAUSAL, DEFAULT, Checkpoint, missing_package
from recclaims.lvlm.generation import POOLINGS, AnswerSettings, Question, Reply, ask, in_batches
from recclaims.lvlm.prompts import digest, find_domain

if TYPE_CHECKING:
    from recclaims import Item

KEYS = (
    "prompt", "domain", "pooling", "max_new_tokens", "temperature", "top_p", "seed", "dtype", "device", "batch",
    "chunk",
)  # fmt: skip
DTYPES = ("checkpoint", "bfloat16", "float16", "float32", "int4")


class VisionLanguage:
    """The hidden state at the end of a model's answer about an item's image; see generation for how it is read.

    Beside the embedding, the answer, its number of tokens and whether it was cut off are kept for every item. An
    image that cannot be read or asked about is recorded and left out.

    Args:
        argument: a model (a short name, `org/name` of the hub, or a folder) and settings behind a question mark, as
            in `lvlm:qwen2-vl-2b?prompt=description&max_new_tokens=64`; empty: qwen2-vl-7b, the paper's.

            prompt: `keyword` (default), `description`, `misaligned`, or another of the domain's prompts;
            domain: whose prompts, by name or path; default: the items' own (`domain` in dataset.toml);
            pooling, max_new_tokens, temperature, top_p: see generation.AnswerSettings; seed: where sampling begins;
            dtype: `checkpoint` (default), bfloat16, float16, float32, or int4 (bitsandbytes);
            device: `auto` (default: all GPUs, or the CPU), cpu, cuda, cuda:n;
            batch: items at once (default 8; halved where memory does not suffice); chunk: items kept at a time.
        logits_processors: makes further logits processors for the questions of a batch.
    """

    name, modality = "lvlm", "multimodal"
    spec = EncoderSpec(requires=frozenset({"visual"}), generative=True)

    def __init__(
        self, argument: str = "", logits_processors: Callable[[Sequence[Question]], Sequence[Any]] | None = None
    ) -> None:
        model, settings = split_argument(argument, KEYS, self.name)
        if argument:
            self.name = f"lvlm:{argument}"
        self._argument = model, settings
        self.checkpoint = Checkpoint.of(model or DEFAULT)
        self.prompt, self.domain = settings.get("prompt", "keyword"), settings.get("domain", "")
        self.settings = AnswerSettings(
            pooling=_one_of("pooling", settings.get("pooling", POOLINGS[0]), POOLINGS),
            max_new_tokens=_number("max_new_tokens", settings.get("max_new_tokens", "128"), int, 1),
            temperature=_number("temperature", settings.get("temperature", "0"), float, 0),
            top_p=_number("top_p", settings.get("top_p", "1"), float, 1e-6, 1),
        )
        self.seed = _number("seed", settings.get("seed", "0"), int, 0)
        self.dtype = _one_of("dtype", settings.get("dtype", DTYPES[0]), DTYPES)
        self.device = settings.get("device", "auto")
        self.batch = _number("batch", settings.get("batch", "8"), int, 1)
        self.spec = replace(
            self.spec,
            place=model if is_folder(self.checkpoint.model) else "",
            chunk=_number("chunk", settings.get("chunk", "64"), int, 1),
            answering=self._answering(),
        )
        self.logits_processors = logits_processors
        if self.domain:
            find_domain(self.domain).prompt(self.prompt)

    @cached_property
    def version(self) -> str:
        """The way of reading states, the checkpoint's files, and what is asked."""
        asked = digest(self.prompt)
        if self.domain:
            asked = hashlib.sha256(find_domain(self.domain).prompt(self.prompt).encode()).hexdigest()[:12]
        # A model of our own can change where the checkpoint does not.
        own = f";{phi3_vision.VERSION}" if self.checkpoint.model_type == phi3_vision.MODEL_TYPE else ""
        return f"1;{self.checkpoint.version};{self.prompt}-{asked}{own}"

    def _answering(self) -> dict[str, str]:
        """How an answer comes about, by the keys of the argument; empty where nothing is generated."""
        if self.settings.pooling == "last_prompt_token":
            return {}
        known = {**asdict(self.settings), "seed": self.seed}
        return {key: f"{known[key]:g}" for key in ANSWERING}

    def variant(self, settings: Mapping[str, str | None]) -> str:
        """The reference of the same encoder with other settings; None leaves one out, for its default."""
        model, mine = self._argument
        changed = {key: value for key, value in {**mine, **settings}.items() if value is not None}
        if changed == mine:
            return self.name
        if not changed and not model:
            return "lvlm"
        return f"lvlm:{join_argument(model or DEFAULT, changed)}"

    def covers(self, item: Item) -> bool:
        """Say whether the item has an image."""
        return item.image_path is not None

    def unavailable(self) -> str | None:
        """Say why the model cannot run here and how to mend that, without loading anything."""
        reason = self.checkpoint.unavailable(trust.is_given())
        if not reason and self.dtype == "int4":
            reason = missing_package("bitsandbytes", "dtype=int4") or missing_package("accelerate", "dtype=int4")
        return f"{self.name}: {reason}" if reason else None

    def prepare(self, items: Sequence[Item]) -> None:
        """Look the prompts up, before a model is loaded for nothing."""
        for domain in {item.domain for item in items if self.covers(item)}:
            self._ask_for(domain)

    def _ask_for(self, domain: str) -> str:
        chosen = self.domain or domain
        if not chosen:
            raise RecclaimsError(
                f"encoder '{self.name}': the domain of the items is unknown; set `domain` in dataset.toml, "
                "or ?domain= after the name"
            )
        return find_domain(chosen).prompt(self.prompt)

    def encode(self, items: Sequence[Item]) -> Encoded:
        """Return the embeddings, float32 (n, d), with text, tokens and truncated, or error, for every item."""
        questions: dict[int, Question] = {}
        records: list[dict[str, Any]] = [{} for _ in items]
        for place, item in enumerate(items):
            prompt = self._ask_for(item.domain)
            try:
                image = item.image()
                if image is None:
                    raise FeatureError(f"item '{item.item_id}' has no image")
                questions[place] = Question(prompt, image, _seed(self.seed, item.item_id))
            except (DatasetError, FeatureError) as error:  # a broken image
                records[place]["error"] = str(error)
        answers = in_batches(list(questions.values()), self.batch, self._ask)
        rows: dict[int, Any] = {}
        for place, reply in zip(questions, answers, strict=True):
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

        model, processor = self._loaded
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
        return int(self._loaded[0].config.get_text_config().hidden_size)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Model and processor, in evaluation mode; nothing is fetched unless the user allowed it."""
        import transformers

        quiet()
        path = self.checkpoint.model
        common = {"local_files_only": not downloads_allowed(), "trust_remote_code": trust.is_given()}
        placement, device = self._placement()
        with watched(self.name) as gaps:
            if self.checkpoint.model_type == phi3_vision.MODEL_TYPE:
                from recclaims.lvlm.phi3_vision.loading import load

                model, processor = load(path, not downloads_allowed(), placement)
            else:
                kind = "AutoModelForCausalLM" if self.checkpoint.model_type in CAUSAL else "AutoModelForImageTextToText"
                loader, processors = getattr(transformers, kind), cast(Any, transformers.AutoProcessor)
                # safetensors alone: a checkpoint in pickles is a program.
                model = loader.from_pretrained(path, use_safetensors=True, **common, **placement)
                processor = processors.from_pretrained(path, **common)
        # All of them: what makes the next token leaves no trace in the rows.
        gaps.refuse()
        if "device_map" not in placement:
            model.to(device)
        return model.eval(), processor

    def _placement(self) -> tuple[dict[str, Any], str]:
        """As what the weights are loaded, over how many GPUs, and the device of a model on one."""
        import torch

        found = torch.cuda.device_count() if self.device == "auto" else 0
        device = self.device if self.device != "auto" else "cuda" if found else "cpu"
        placement: dict[str, Any] = {"dtype": "auto"}
        if self.dtype == "int4":
            import transformers

            quantised: Any = transformers.BitsAndBytesConfig
            placement["quantization_config"] = quantised(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
            )
        elif self.dtype != "checkpoint":
            placement["dtype"] = getattr(torch, self.dtype)
        if device != "cpu" and importlib.util.find_spec("accelerate"):
            placement["device_map"] = "auto" if found > 1 else {"": device}
        return placement, device


def _seed(seed: int, item_id: str) -> int:
    """A seed of the item's own, 63 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{item_id}".encode()).digest()[:8], "big") >> 1


def _one_of(key: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise UnknownNameError.of(key, value, known, "lvlm")
    return value


def _number(key: str, text: str, kind: Callable[[str], Any], least: float, most: float = math.inf) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not (least <= value <= most and math.isfinite(value)):
        upto = f" to {most:g}" if math.isfinite(most) else ""
        raise RecclaimsError(f"lvlm: {key} is '{text}', not a number from {least}{upto}")
    return value
