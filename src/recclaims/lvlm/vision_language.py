"""Vision-language models as encoders: one embedding of an image, read where the model has finished its answer."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from recclaims import trust
from recclaims.data.reference import is_folder
from recclaims.features.hub import downloads_allowed, quiet
from recclaims.features.whole import watched
from recclaims.lvlm import phi3_vision
from recclaims.lvlm.answering import AnsweringEncoder
from recclaims.lvlm.checkpoints import CAUSAL, DEFAULT, Checkpoint, missing_package

if TYPE_CHECKING:
    from recclaims.lvlm.generation import Question

DTYPES = ("checkpoint", "bfloat16", "float16", "float32", "int4")


class VisionLanguage(AnsweringEncoder):
    """The hidden state at the end of the answer of a checkpoint that transformers can load.

    Args:
        argument: a model (a short name, `org/name` of the hub, or a folder) and settings behind a question mark, as
            in `lvlm:qwen2-vl-2b?prompt=description&max_new_tokens=64`; empty: qwen2-vl-7b, the paper's. Settings are
            those of AnsweringEncoder, and

            dtype: `checkpoint` (default), bfloat16, float16, float32, or int4 (bitsandbytes);
            device: `auto` (default: all GPUs, or the CPU), cpu, cuda, cuda:n.
        logits_processors: makes further logits processors for the questions of a batch.
    """

    name = "lvlm"
    default_model = DEFAULT
    keys: ClassVar[tuple[str, ...]] = (*AnsweringEncoder.keys, "dtype", "device")

    def __init__(
        self, argument: str = "", logits_processors: Callable[[Sequence[Question]], Sequence[Any]] | None = None
    ) -> None:
        super().__init__(argument, logits_processors)
        model, settings = self.argument
        self.dtype = self._one_of("dtype", settings.get("dtype", DTYPES[0]), DTYPES)
        self.device = settings.get("device", "auto")
        self.spec = replace(self.spec, place=model if is_folder(self.checkpoint.model) else "")

    def use_model(self, model: str) -> None:
        """Find the checkpoint; raises UnknownNameError with the nearest short name."""
        self.checkpoint = Checkpoint.of(model or self.default_model)

    @property
    def model_version(self) -> str:
        """The checkpoint's files."""
        return self.checkpoint.version

    @cached_property
    def version(self) -> str:
        """See AnsweringEncoder; a model of our own can change where the checkpoint does not."""
        is_own = self.checkpoint.model_type == phi3_vision.MODEL_TYPE
        return f"{super().version};{phi3_vision.VERSION}" if is_own else super().version

    def unavailable(self) -> str | None:
        """Say why the model cannot run here and how to mend that, without loading anything."""
        reason = self.checkpoint.unavailable(trust.is_given())
        if not reason and self.dtype == "int4":
            reason = missing_package("bitsandbytes", "dtype=int4") or missing_package("accelerate", "dtype=int4")
        return f"{self.name}: {reason}" if reason else None

    def load(self) -> tuple[Any, Any]:
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
